//! Clients that come back by DIGEST-MD5 with one message (RFC 2831 section 2.2), and choose from what is offered.

use crate::{
    case::{Case, DIGEST, END, End, Kept, Party, TIM},
    layers::pairings,
    play::{client_of, server_of},
    sides::{Client, Server, converse},
    tally::Tally,
};
use sasl_core::catalogue;

/// With a layer, so that the keys are seen to fit each time.
fn returns(library: Party) -> Case {
    let bits = if library == Party::Gsasl { 1 } else { 128 };
    let end = End { strength: (bits, bits), ..END };
    Case { mechanisms: DIGEST, reauth: Some(8), client: end, server: end, ..TIM }
}

/// How many challenges each of four exchanges takes. gsasl remembers nothing.
pub(crate) fn returning(library: Party, tally: &mut Tally) {
    let remembered = Case { data: false, ..returns(library) };
    let with_data = Case { data: true, ..remembered };
    let not_let = Case { reauth: None, ..remembered };
    let forgotten = Case { reauth: Some(0), ..remembered };
    for pairing in pairings(library) {
        let remembers = pairing.0 != Party::Gsasl && pairing.1 != Party::Gsasl;
        for (what, case, expected) in [
            ("remembered", remembered, if remembers { "2 1 1 1" } else { "2 2 2 2" }),
            ("remembered, data with the success", with_data, if remembers { "1 0 0 0" } else { "1 1 1 1" }),
            ("not let back", not_let, "2 2 2 2"),
            ("forgotten", forgotten, "2 2 2 2"),
        ] {
            if case.reauth == Some(0) && pairing.1 != Party::Ours {
                tally.leave_out("their servers cannot be made to forget a nonce".into());
                continue;
            }
            let mut client = client_of(pairing.0, &case, "DIGEST-MD5");
            let mut server = server_of(pairing.1, &case, "DIGEST-MD5", Kept::AsVerifiers).unwrap();
            let got = (0..4).map(|_| once(&mut *client, &mut *server)).collect::<Result<Vec<_>, _>>();
            tally.compare((what, "returning", pairing), (Some(expected), None), &got.map(|counts| counts.join(" ")));
        }
    }
}

/// An exchange, and a word in each direction.
fn once(client: &mut dyn Client, server: &mut dyn Server) -> Result<String, String> {
    let challenges = converse(client, server)?.challenges;
    let there = server.unwrap(&client.wrap(b"there")?)?;
    let and_back = client.unwrap(&server.wrap(b"and back")?)?;
    client.again();
    server.again();
    match (&*there, &*and_back) {
        (b"there", b"and back") => Ok(challenges.to_string()),
        _ => Err("the layer of the new exchange is another".into()),
    }
}

/// What a client chooses of what a server offers, with nothing to bind to and with something: ours of theirs, theirs of ours,
/// and theirs of theirs.
pub(crate) fn choosing(library: Party, expected: [[&str; 3]; 2], tally: &mut Tally) {
    let bound = End { binding: Some(("tls-exporter", &[7; 32])), ..END };
    for ((what, end), expected) in [("nothing to bind to", END), ("tls-exporter", bound)].into_iter().zip(expected) {
        for (pairing, expected) in pairings(library).into_iter().zip(expected) {
            if pairing.0 == Party::Gsasl && pairing.1 == Party::Gsasl && end.binding.is_none() {
                tally.leave_out("gsasl's server offers -PLUS, and its client takes it, with nothing to bind to".into());
                continue;
            }
            let case = Case { client: end, server: end, ..TIM };
            let mut server = server_of(pairing.1, &case, "", Kept::AsPlaintext).unwrap();
            let offer = server.offer().unwrap();
            let known = |name: &&str| catalogue::ALL.iter().any(|mechanism| mechanism.name.as_str() == *name);
            let offer: Vec<_> = offer.split(' ').filter(known).collect();
            let mut client = client_of(pairing.0, &case, &offer.join(" "));
            let got = converse(&mut *client, &mut *server).map(|played| played.mechanism);
            tally.compare((what, "choosing", pairing), (Some(expected), None), &got);
        }
    }
}
