//! SCRAM: what a server says of users who are not there, and what a client agrees to.

use crate::play::{builder, client, play, tim, users};
use sasl_core::{
    channel::Channel,
    credentials::Credentials,
    failure::Reason,
    identity::{Login, Realm},
    secret::Secret,
    server::Server,
    step::{Reply, Verdict},
    store::{Store, Unavailable},
    verifier::{Verifier, Verifiers, scram::Hash, scram::Scram},
};
use std::collections::HashMap;

const NAMES: [&str; 2] = ["SCRAM-SHA-1", "SCRAM-SHA-256"];

fn first_challenge(server: &Server, user: &str, store: &impl Store) -> Vec<u8> {
    let message = format!("n,,n={user},r=nonce");
    let step = server.start(&Channel::plain(), "SCRAM-SHA-256", Some(message.as_bytes()));
    let Reply::Continue(challenge) = step.answered_by(store) else { panic!("{user} gets no challenge") };
    challenge.message().to_vec()
}

/// Salt and count.
fn cost(challenge: &[u8]) -> String {
    let text = String::from_utf8(challenge.to_vec()).unwrap();
    text[text.find(",s=").unwrap()..].to_owned()
}

#[test]
fn a_right_password_gets_in_and_a_wrong_one_fails_as_an_unknown_user_does() {
    for name in NAMES {
        let (server, channel) = (builder().build(), Channel::plain());
        let with = |credentials: Credentials| {
            let response = client(credentials).start(&channel, name).unwrap();
            play(&server, &channel, (name, response), &users())
        };
        assert_eq!(with(tim()).unwrap().0.identity().login().to_bytes(), b"tim");
        for (user, password) in [("tim", "wrong"), ("nobody", "tanstaaf")] {
            let failure = with(Credentials::new(user, Secret::new(password))).unwrap_err();
            assert_eq!((failure.reason(), failure.cause()), (Reason::BadCredentials, "proof does not fit"), "{user}");
        }
    }
}

#[test]
fn users_who_are_not_there_have_one_salt_each_however_often_and_wherever_one_asks() {
    let site = |secret: &str| builder().decoy_secret(Secret::new(secret)).build();
    let ask = |server: &Server, user: &str| cost(&first_challenge(server, user, &users()));
    let nobody = ask(&site("of the site"), "nobody");
    assert_eq!(nobody, ask(&site("of the site"), "nobody"), "after a restart, on another machine");
    let in_realm = |user| ask(&builder().decoy_secret(Secret::new("s")).default_realm(realm()).build(), user);
    assert_eq!(in_realm("nobody"), in_realm("nobody@mail.example.com"), "one user, where there is a default realm");
    assert_ne!(nobody, ask(&site("of the site"), "nobody2"));
    assert_ne!(nobody, ask(&site("another"), "nobody"));
    assert_eq!(nobody.len(), ask(&site("of the site"), "tim").len());
    let (one, two) = (builder().build(), builder().build());
    assert_eq!(ask(&one, "nobody"), ask(&one, "nobody"));
    assert_ne!(ask(&one, "nobody"), ask(&two, "nobody"), "without a secret each server makes one");
}

#[test]
fn who_has_no_keys_for_a_hash_function_is_challenged_all_the_same() {
    let server = builder().build();
    let step = server.start(&Channel::plain(), "SCRAM-SHA-512", Some(b"n,,n=tim,r=nonce"));
    assert!(matches!(step.answered_by(&users()), Reply::Continue(_)));
    let response = client(tim()).start(&Channel::plain(), "SCRAM-SHA-512").unwrap();
    let failure = play(&server, &Channel::plain(), ("SCRAM-SHA-512", response), &users()).unwrap_err();
    assert_eq!(failure.reason(), Reason::BadCredentials);
}

#[test]
fn a_password_that_saslprep_changes_gets_in_prepared_and_as_it_was_typed() {
    let typed = "\u{2168}".as_bytes();
    let keys = |password: &[u8]| Verifier::Scram(Scram::derive_with(Hash::Sha1, password, b"salt", 4096));
    let users = HashMap::from([(Login::parse("tim").unwrap(), [keys(typed)].into_iter().collect::<Verifiers>())]);
    let server = builder().build();
    for password in ["\u{2168}", "IX"] {
        let response = client(Credentials::new("tim", Secret::new(password)));
        let response = response.start(&Channel::plain(), "SCRAM-SHA-1").unwrap();
        play(&server, &Channel::plain(), ("SCRAM-SHA-1", response), &users).expect(password);
    }
}

#[test]
fn a_client_agrees_to_neither_too_little_nor_too_much_work() {
    let respond = |client: &sasl_core::client::Client, count: u32| {
        let response = client.start(&Channel::plain(), "SCRAM-SHA-1").unwrap();
        let sent = String::from_utf8(response.message().unwrap().to_vec()).unwrap();
        let nonce = sent.split_once("r=").unwrap().1.to_owned();
        response.challenge(format!("r={nonce}server,s=c2FsdA==,i={count}").as_bytes()).map(drop)
    };
    let careful = client(tim());
    for (count, agrees) in [(1, false), (4095, false), (4096, true), (1_000_001, false), (u32::MAX, false)] {
        assert_eq!(respond(&careful, count).is_ok(), agrees, "{count}");
    }
    let lax = client(tim()).with_iterations(1..=10);
    assert!(respond(&lax, 1).is_ok() && respond(&lax, 4096).is_err());
}

#[test]
fn success_before_the_server_proved_itself_is_none() {
    let response = client(tim()).start(&Channel::plain(), "SCRAM-SHA-1").unwrap();
    assert_eq!(response.succeeded(None).unwrap_err().reason(), Reason::ServerNotAuthenticated);
}

/// A store that is down, and one that lets users act as others.
struct Odd(Result<Verdict, Unavailable>);

impl Store for Odd {
    fn verifiers(&self, login: &Login) -> Result<Option<Verifiers>, Unavailable> {
        self.0.map(|_| users().remove(login))
    }

    fn may_act_as(&self, _: &Login, _: &Login) -> Verdict {
        self.0.unwrap_or(Verdict::Defer)
    }
}

#[test]
fn a_store_that_is_down_is_no_wrong_password() {
    let (server, response) = (builder().build(), client(tim()).start(&Channel::plain(), "SCRAM-SHA-1").unwrap());
    let failure = play(&server, &Channel::plain(), ("SCRAM-SHA-1", response), &Odd(Err(Unavailable))).unwrap_err();
    assert_eq!(failure.reason(), Reason::Unavailable);
}

#[test]
fn who_acts_as_whom_is_asked_after_the_proof_alone() {
    use sasl_core::policy::{Policy, Proxy};
    let server = builder().policy(Policy::default().with_proxy(Proxy::Ask)).default_realm(realm()).build();
    let act = |credentials: Credentials, verdict| {
        let response = client(credentials.acting_as("a,d=min")).start(&Channel::plain(), "SCRAM-SHA-256").unwrap();
        play(&server, &Channel::plain(), ("SCRAM-SHA-256", response), &InRealm(Odd(Ok(verdict))))
    };
    let (success, _) = act(tim(), Verdict::Accept).unwrap();
    assert_eq!(success.identity().login().to_bytes(), b"tim@mail.example.com");
    assert_eq!(success.identity().acts_as().to_bytes(), b"a,d=min@mail.example.com");
    assert_eq!(act(tim(), Verdict::Reject).unwrap_err().reason(), Reason::NotAuthorized);
    assert_eq!(act(tim(), Verdict::Defer).unwrap_err().reason(), Reason::Unavailable);
    let wrong = Credentials::new("tim", Secret::new("wrong"));
    assert_eq!(act(wrong, Verdict::Accept).unwrap_err().reason(), Reason::BadCredentials);
}

fn realm() -> Realm {
    Realm::parse("mail.example.com").unwrap()
}

/// Knows users by their realm.
struct InRealm(Odd);

impl Store for InRealm {
    fn verifiers(&self, login: &Login) -> Result<Option<Verifiers>, Unavailable> {
        self.0.verifiers(&Login::new(login.user().clone(), None))
    }

    fn may_act_as(&self, login: &Login, other: &Login) -> Verdict {
        self.0.may_act_as(login, other)
    }
}
