//! Recorded servers against our client, with one octet of theirs changed. Nothing panics, and where the server has to prove
//! itself, no other proof does, nor the same one of something else.

use super::{
    Exchange, Message,
    client::{client, converse},
    exchanges,
    mutants::mutants,
    server::set_up_with,
};
use crate::{
    client::Client,
    mechanisms::digest_md5::Directives,
    name::MechanismName,
    step::{Ask, Reply, Step},
    verifier::{
        Verifier,
        scram::{Hash, Scram},
    },
};

/// How many mutants there were, and how many of them the client took for its server.
#[derive(Debug, Default)]
struct Tally {
    tried: usize,
    taken: usize,
}

impl Tally {
    /// Tries every `step`th mutant of what the server says. One that is taken must be excused.
    fn try_each(
        &mut self,
        step: usize,
        (exchange, recorded): (Exchange, &[Message]),
        client: &Client,
        excused: impl Fn(&[Message], &[Vec<u8>]) -> bool,
    ) {
        let places = (0..recorded.len()).filter(|place| recorded[*place].0 == "S");
        let all = places.flat_map(|place| mutants(&recorded[place].2).map(move |mutant| (place, mutant)));
        for (place, mutant) in all.step_by(step) {
            let (mut messages, mut sent) = (recorded.to_vec(), Vec::new());
            messages[place].2 = mutant;
            self.tried += 1;
            if converse(client, exchange, &messages, &mut sent).is_ok() {
                self.taken += 1;
                assert!(excused(&messages, &sent), "{}: took\n{}", exchange.id(), messages[place].2.escape_ascii());
            }
        }
    }
}

fn of_scram() -> impl Iterator<Item = Exchange> {
    exchanges().filter(|exchange| exchange.mechanism().starts_with("SCRAM-"))
}

#[test]
fn no_mutant_of_a_first_message_is_too_much_for_a_scram_client() {
    let mut tally = Tally::default();
    for exchange in of_scram() {
        // Whatever the count is, it will not do: nothing slow is begun.
        #[expect(clippy::reversed_empty_ranges, reason = "no count is in it")]
        let client = client(exchange).with_iterations(1..=0);
        tally.try_each(1, (exchange, &exchange.messages()), &client, |_, _| false);
    }
    assert!(tally.tried > 80_000 && tally.taken == 0, "{tally:?}");
}

/// Of most recordings some mutants alone: each takes 4096 rounds of PBKDF2.
#[test]
fn mutants_of_a_scram_server_are_taken_if_they_prove_the_same() {
    let mut tally = Tally::default();
    for exchange in of_scram() {
        let recorded = exchange.messages();
        let client = client(exchange).with_iterations(4096..=4096);
        tally.try_each(11, (exchange, &recorded), &client, |messages, _| signature(messages) == signature(&recorded));
    }
    for id in ["rfc5802", "rfc7677", "cy-scram-sha-512", "cy-sha-256-plus-tls-unique"] {
        let exchange = of_scram().find(|exchange| exchange.id().starts_with(id)).unwrap();
        let recorded = with_one_round(exchange);
        let client = client(exchange).with_iterations(1..=1);
        tally.try_each(1, (exchange, &recorded), &client, |_, _| false);
    }
    assert!(tally.tried > 5_000 && tally.taken < 10, "{tally:?}");
}

fn signature(messages: &[Message]) -> Option<Vec<u8>> {
    let last = &last_of_server(messages).2;
    last.split(|octet| *octet == b',').next().filter(|first| first.starts_with(b"v=")).map(<[u8]>::to_vec)
}

/// The exchange as it would be if the server asked for one round of PBKDF2.
fn with_one_round(exchange: Exchange) -> Vec<Message> {
    let (server, ..) = set_up_with(exchange, |builder| builder);
    let hash = Hash::of_mechanism(MechanismName::parse(exchange.mechanism()).unwrap()).unwrap();
    let keys = Scram::derive_with(hash, &exchange.param("password").unwrap(), b"salt", 1);
    let client = client(exchange).with_iterations(1..=1);
    let mut response = client.start(&exchange.channel(), exchange.mechanism()).unwrap();
    let mut messages = vec![("C", "initial-response", response.message().unwrap().to_vec())];
    let mut step = server.start(&exchange.servers_channel(), exchange.mechanism(), response.message());
    loop {
        step = match step {
            Step::Ask(Ask::Verifier(ask)) => ask.answer(Some(Verifier::Scram(keys.clone()))),
            Step::Ask(ask) => panic!("{ask:?}"),
            Step::Reply(Reply::Continue(challenge)) => {
                response = response.challenge(challenge.message()).unwrap();
                messages.push(("S", "challenge", challenge.message().to_vec()));
                messages.push(("C", "response", response.message().unwrap().to_vec()));
                challenge.respond(response.message().unwrap())
            }
            Step::Reply(Reply::Done(_)) => return messages,
            Step::Reply(Reply::Fail(failure)) => panic!("{}: {failure:?}", exchange.id()),
        }
    }
}

#[test]
fn mutants_of_a_digest_md5_server_are_taken_if_they_prove_the_same() {
    let mut tally = Tally::default();
    for exchange in exchanges().filter(|exchange| exchange.mechanism() == "DIGEST-MD5") {
        let (client, recorded, mut ours) = (client(exchange), exchange.messages(), Vec::new());
        let _ = converse(&client, exchange, &recorded, &mut ours);
        let theirs = recorded.iter().filter(|(from, ..)| *from == "C").map(|(.., message)| message);
        let right: Vec<_> = theirs.chain(&ours).filter_map(|message| value("response", message)).collect();
        let proof = value("rspauth", &last_of_server(&recorded).2);
        tally.try_each(1, (exchange, &recorded), &client, |messages, sent| {
            let said = sent.iter().find_map(|message| value("response", message));
            value("rspauth", &last_of_server(messages).2) == proof && said.is_some_and(|said| right.contains(&said))
        });
    }
    assert!(tally.tried > 140_000 && tally.taken < 10_000, "{tally:?}");
}

fn last_of_server(messages: &[Message]) -> &Message {
    messages.iter().rfind(|(from, ..)| *from == "S").expect("a server that said something")
}

fn value(name: &str, message: &[u8]) -> Option<Vec<u8>> {
    Directives::parse(message).ok()?.one(name).ok()?.map(<[u8]>::to_vec)
}

/// Those whose server proves nothing.
#[test]
fn no_mutant_is_too_much_for_the_other_clients() {
    let mut tally = Tally::default();
    for exchange in exchanges().filter(|exchange| !exchange.mechanism().starts_with("SCRAM-")) {
        if exchange.mechanism() != "DIGEST-MD5" {
            tally.try_each(1, (exchange, &exchange.messages()), &client(exchange), |_, _| true);
        }
    }
    assert!(tally.tried > 10_000 && tally.taken < tally.tried / 2, "{tally:?}");
}
