//! The rules that all mechanisms share, and each mechanism's own client against its server.

use super::*;
use crate::{
    catalogue,
    client::Client,
    credentials::Credentials,
    guarantees::Guarantees,
    identity::Login,
    policy::Proxy,
    prepare::{self, Prepared},
    secret::Secret,
    step::{Ask, Challenge, Reply, Success, Verdict},
    store::{Store, Unavailable},
    verifier::{Scheme, Verifier, Verifiers, argon2id::Memory, cram_md5::CramMd5, scram::Scram},
};
use proptest::prelude::*;
use std::{collections::HashMap, sync::LazyLock};

type Users = HashMap<Login, Verifiers>;

static USERS: LazyLock<Users> = LazyLock::new(|| {
    let host = Realm::parse("mail.example.com").unwrap();
    ["tim", "tim@example.com", "josé"]
        .map(|name| {
            let login = Login::parse(name).unwrap();
            let password = "pässwörd".as_bytes();
            let kept = Verifiers::derive(
                &Scheme::DERIVED,
                &login,
                std::slice::from_ref(&host),
                password,
                &mut Memory::default(),
            );
            (login, kept.unwrap())
        })
        .into()
});

fn host() -> Host {
    Host::new("SMTP", "Mail.Example.COM")
}

fn server_with(policy: Policy) -> Server {
    Server::builder(catalogue::STANDARD, host()).policy(policy).build()
}

fn server() -> Server {
    server_with(Policy::default())
}

fn reply(server: &Server, channel: &Channel, name: &str, initial: Option<&[u8]>) -> Reply {
    server.start(channel, name, initial).answered_by(&*USERS)
}

fn challenged(reply: Reply) -> Challenge {
    match reply {
        Reply::Continue(challenge) => challenge,
        other => panic!("{other:?}"),
    }
}

fn reason(reply: Reply) -> Reason {
    match reply {
        Reply::Fail(failure) => failure.reason(),
        other => panic!("{other:?}"),
    }
}

/// Plays a whole exchange of our client with our server; `Err` is whoever ended it.
fn play(server: &Server, mechanism: &str, credentials: Credentials, store: &impl Store) -> Result<Success, Failure> {
    let channel = Channel::tls(256);
    let client = Client::new(catalogue::STANDARD, host(), credentials);
    let mut response = client.start(&channel, mechanism)?;
    let mut step = server.start(&channel, mechanism, response.message());
    loop {
        match step.answered_by(store) {
            Reply::Fail(failure) => return Err(failure),
            Reply::Done(success) => return response.succeeded(success.data()).map(|_| success),
            Reply::Continue(challenge) => {
                response = response.challenge(challenge.message())?;
                step = challenge.respond(response.message().unwrap());
            }
        }
    }
}

fn credentials(name: &str, password: &str) -> Credentials {
    Credentials::new(name, Secret::new(password))
}

const ALL: [&str; 7] = ["PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"];

#[test]
fn right_passwords_get_in_with_and_without_a_realm_and_in_utf_8() {
    for mechanism in ALL {
        for name in ["tim", "tim@example.com", "josé"] {
            let success = play(&server(), mechanism, credentials(name, "pässwörd"), &*USERS).expect(mechanism);
            assert_eq!(success.identity().login().to_bytes(), name.as_bytes(), "{mechanism}");
            assert_eq!(success.identity().mechanism().as_str(), mechanism);
        }
    }
}

#[test]
fn wrong_passwords_and_unknown_users_are_one_reason_and_one_text() {
    for mechanism in ALL {
        let failures = [("tim", "wrong"), ("nobody", "pässwörd"), ("tim@example.org", "pässwörd"), ("TIM", "pässwörd")]
            .map(|(name, password)| play(&server(), mechanism, credentials(name, password), &*USERS).unwrap_err());
        assert!(failures.iter().all(|failure| failure.reason() == Reason::BadCredentials), "{mechanism}");
        assert!(failures.iter().all(|failure| failure.to_string() == "authentication failed"), "{mechanism}");
    }
}

#[test]
fn a_challenge_does_not_tell_who_is_known() {
    let (known, unknown) = ("tim", "nobody");
    for mechanism in ["CRAM-MD5", "DIGEST-MD5", "LOGIN"] {
        let shape = |name: &str| {
            let first = challenged(reply(&server(), &Channel::tls(256), mechanism, None));
            let client = Client::new(catalogue::STANDARD, host(), credentials(name, "wrong"));
            let response = client.start(&Channel::tls(256), mechanism).unwrap().challenge(first.message()).unwrap();
            let second = first.respond(response.message().unwrap());
            matches!(second, Step::Ask(_))
        };
        assert_eq!(shape(known), shape(unknown), "{mechanism}");
    }
}

#[test]
fn a_response_is_good_for_its_own_challenge_alone() {
    for mechanism in ["CRAM-MD5", "DIGEST-MD5"] {
        let server = server();
        let first = challenged(reply(&server, &Channel::plain(), mechanism, None));
        let client = Client::new(catalogue::STANDARD, host(), credentials("tim", "pässwörd"));
        let response = client.start(&Channel::plain(), mechanism).unwrap().challenge(first.message()).unwrap();
        let response = response.message().unwrap().to_vec();
        let again = challenged(reply(&server, &Channel::plain(), mechanism, None));
        assert_ne!(again.message(), first.message());
        assert_eq!(reason(again.respond(&response).answered_by(&*USERS)), Reason::BadCredentials, "{mechanism}");
        assert!(!matches!(first.respond(&response).answered_by(&*USERS), Reply::Fail(_)), "{mechanism}");
    }
}

/// The mechanisms that do not show the password.
const UNSHOWN: [&str; 5] = ["SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1", "DIGEST-MD5", "CRAM-MD5"];

#[test]
fn plaintext_needs_tls_whether_offered_or_started() {
    let plain = b"\0tim\0p\xc3\xa4ssw\xc3\xb6rd";
    let offer = |channel: &Channel| server().offer(channel).map(|name| name.to_string()).collect::<Vec<_>>();
    for bits in [0, 1] {
        let channel = Channel::tls(bits);
        assert_eq!(offer(&channel), UNSHOWN);
        assert_eq!(reason(reply(&server(), &channel, "PLAIN", Some(plain))), Reason::EncryptionRequired);
        assert_eq!(reason(reply(&server(), &channel, "login", None)), Reason::EncryptionRequired);
    }
    assert_eq!(offer(&Channel::tls(128)), [&UNSHOWN[..], &["PLAIN", "LOGIN"]].concat());
    assert!(matches!(reply(&server(), &Channel::tls(128), "plain", Some(plain)), Reply::Done(_)));
    let bare = server_with(Policy::default().demanding(Guarantees::NONE));
    assert!(matches!(reply(&bare, &Channel::plain(), "PLAIN", Some(plain)), Reply::Done(_)));
}

#[test]
fn what_is_not_offered_cannot_be_started() {
    let channel = Channel::tls(256);
    let two = Server::builder(catalogue::STANDARD, host()).mech_list(["login", "BOGUS", "Plain"]).build();
    assert_eq!(two.offer(&channel).map(|name| name.to_string()).collect::<Vec<_>>(), ["LOGIN", "PLAIN"]);
    for name in ["CRAM-MD5", "BOGUS", "", "NAME-OF-MORE-THAN-20-CHARACTERS", "PLA\nIN"] {
        assert_eq!(reason(reply(&two, &channel, name, None)), Reason::NoMechanism, "{name}");
    }
    let strong = server_with(Policy::default().with_strength(185, 256));
    assert_eq!(strong.offer(&Channel::tls(56)).count(), 0);
    assert_eq!(reason(reply(&strong, &Channel::tls(56), "DIGEST-MD5", None)), Reason::TooWeak);
}

#[test]
fn the_list_of_an_applications_configuration_is_offered() {
    let offer = |text: &str| {
        let conf = AppConf::parse(text.as_bytes()).unwrap();
        let server = Server::builder(catalogue::STANDARD, host()).app_conf(&conf).build();
        server.offer(&Channel::tls(256)).map(|name| name.to_string()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(offer("pwcheck_method: saslauthd\nmech_list: plain login\n"), "PLAIN LOGIN");
    assert_eq!(offer("mech_list: CRAM-MD5 \tBOGUS digest-md5"), "CRAM-MD5 DIGEST-MD5");
    assert_eq!(offer("pwcheck_method: saslauthd").split(' ').count(), UNSHOWN.len() + 2);
}

#[test]
fn no_initial_response_is_not_an_empty_one() {
    let channel = Channel::tls(256);
    let empty = challenged(reply(&server(), &channel, "PLAIN", None));
    assert_eq!(empty.message(), b"");
    assert_eq!(reason(reply(&server(), &channel, "PLAIN", Some(b""))), Reason::Malformed);
    assert_eq!(reason(reply(&server(), &channel, "CRAM-MD5", Some(b""))), Reason::Malformed);
    assert_eq!(challenged(reply(&server(), &channel, "LOGIN", Some(b""))).message(), b"Username:");
    assert_eq!(challenged(reply(&server(), &channel, "LOGIN", Some(b"tim"))).message(), b"Password:");
}

#[test]
fn acting_as_another_is_asked_of_the_application_after_the_proof_alone() {
    struct Proxies;
    impl Store for Proxies {
        fn verifiers(&self, login: &Login) -> Result<Option<Verifiers>, Unavailable> {
            USERS.verifiers(login)
        }
        fn may_act_as(&self, login: &Login, other: &Login) -> Verdict {
            assert_eq!(login.to_bytes(), b"tim");
            if other.to_bytes() == b"admin" { Verdict::Accept } else { Verdict::Reject }
        }
    }
    let asking = server_with(Policy::default().with_proxy(Proxy::Ask));
    for mechanism in ["PLAIN", "DIGEST-MD5"] {
        let acting_as = |other: &str, password: &str| credentials("tim", password).acting_as(other);
        let success = play(&asking, mechanism, acting_as("admin", "pässwörd"), &Proxies).unwrap();
        assert_eq!(
            (success.identity().login().to_string(), success.identity().acts_as().to_string()),
            ("tim".into(), "admin".into())
        );
        let refusals = [(&asking, "root", "pässwörd"), (&server(), "admin", "pässwörd")];
        for (server, other, password) in refusals {
            assert_eq!(
                play(server, mechanism, acting_as(other, password), &Proxies).unwrap_err().reason(),
                Reason::NotAuthorized
            );
        }
        let unproved = play(&asking, mechanism, acting_as("admin", "wrong"), &Proxies).unwrap_err();
        assert_eq!(unproved.reason(), Reason::BadCredentials);
        assert!(play(&server(), mechanism, acting_as("tim", "pässwörd"), &Proxies).is_ok());
    }
}

#[test]
fn a_name_without_a_realm_is_in_the_default_one() {
    let server =
        Server::builder(catalogue::STANDARD, host()).default_realm(Realm::parse("example.com").unwrap()).build();
    for mechanism in ALL {
        let success = play(&server, mechanism, credentials("tim", "pässwörd"), &*USERS).expect(mechanism);
        assert_eq!(success.identity().login().to_bytes(), b"tim@example.com", "{mechanism}");
    }
}

#[test]
fn what_cannot_be_told_now_is_not_a_wrong_password() {
    struct Down;
    impl Store for Down {
        fn verifiers(&self, _: &Login) -> Result<Option<Verifiers>, Unavailable> {
            Err(Unavailable)
        }
    }
    for mechanism in ALL {
        let failure = play(&server(), mechanism, credentials("tim", "pässwörd"), &Down).unwrap_err();
        assert_eq!(failure.reason(), Reason::Unavailable, "{mechanism}");
    }
    let Step::Ask(Ask::Password(ask)) = server().start(&Channel::tls(256), "PLAIN", Some(b"\0tim\0pw")) else {
        panic!()
    };
    let Step::Reply(Reply::Fail(failure)) = ask.answer(Verdict::Defer) else { panic!() };
    assert_eq!(failure.reason(), Reason::Unavailable);
}

#[test]
fn a_client_does_not_believe_a_server_that_proves_nothing() {
    let client = Client::new(catalogue::STANDARD, host(), credentials("tim", "pässwörd"));
    let first = challenged(reply(&server(), &Channel::plain(), "DIGEST-MD5", None));
    let start = || client.start(&Channel::plain(), "DIGEST-MD5").unwrap().challenge(first.message()).unwrap();
    let not_proved = |failure: Failure| assert_eq!(failure.reason(), Reason::ServerNotAuthenticated);
    not_proved(start().succeeded(None).unwrap_err());
    not_proved(start().succeeded(Some(b"rspauth=00000000000000000000000000000000")).unwrap_err());
    not_proved(start().challenge(b"rspauth=00000000000000000000000000000000").unwrap_err());
}

#[test]
fn a_client_keeps_its_password_to_itself_without_tls() {
    let client = Client::new(catalogue::STANDARD, host(), credentials("tim", "pässwörd"));
    assert_eq!(client.start(&Channel::plain(), "PLAIN").unwrap_err().reason(), Reason::EncryptionRequired);
    assert_eq!(client.choose(&Channel::plain(), ["LOGIN", "PLAIN"]).unwrap_err().reason(), Reason::NoMechanism);
    assert_eq!(client.choose(&Channel::plain(), ["PLAIN", "cram-md5"]).unwrap().name().as_str(), "CRAM-MD5");
    assert_eq!(client.choose(&Channel::tls(256), ["LOGIN", "PLAIN"]).unwrap().name().as_str(), "PLAIN");
}

#[test]
fn bounds() {
    let long = vec![b'x'; MAX_RESPONSE + 1];
    assert_eq!(reason(reply(&server(), &Channel::tls(256), "PLAIN", Some(&long))), Reason::Malformed);
    for mechanism in ALL {
        let first = challenged(reply(&server(), &Channel::tls(256), mechanism, None));
        assert_eq!(reason(first.respond(&long).answered_by(&*USERS)), Reason::Malformed, "{mechanism}");
    }
    let names = [vec![b'x'; 1025], b"a\0b".to_vec()];
    for name in names {
        let first = challenged(reply(&server(), &Channel::tls(256), "LOGIN", None));
        assert_eq!(reason(first.respond(&name).answered_by(&*USERS)), Reason::Malformed);
    }
}

#[test]
fn a_step_can_cross_threads() {
    fn send<T: Send>() {}
    fn shared<T: Send + Sync>() {}
    send::<Step>();
    shared::<Server>();
    shared::<Client>();
}

/// The one user that there is, under whatever name and password.
struct Only {
    login: Login,
    password: Vec<u8>,
}

impl Store for Only {
    fn verifiers(&self, login: &Login) -> Result<Option<Verifiers>, Unavailable> {
        let cram = Verifier::CramMd5(CramMd5::derive(&self.password));
        Ok((*login == self.login).then(|| [cram].into_iter().collect()))
    }

    fn verifier(&self, login: &Login, scheme: Scheme) -> Result<Option<Verifier>, Unavailable> {
        let verifier = match scheme {
            Scheme::Scram(hash) => Verifier::Scram(Scram::derive_with(hash, &self.password, b"salt", 4096)),
            _ => Verifier::Plaintext(Secret::new(&*self.password)),
        };
        Ok((*login == self.login).then_some(verifier))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_name_and_any_password_come_through(
        mechanism in 0..ALL.len(),
        name in "[^\0@]{1,20}",
        password in proptest::collection::vec(1..=255_u8, 1..80),
    ) {
        let prepared = prepare::query(name.as_bytes()).filter(|_| ALL[mechanism].starts_with("SCRAM-"));
        let login = Login::parse(prepared.as_ref().map_or(name.as_bytes(), Prepared::expose)).unwrap();
        let only = Only { login, password };
        let played = |password: &[u8]| {
            play(&server(), ALL[mechanism], Credentials::new(&name, Secret::new(password)), &only)
        };
        prop_assert!(*played(&only.password).unwrap().identity().login() == only.login);
        let wrong = [&only.password, &b"x"[..]].concat();
        prop_assert_eq!(played(&wrong).unwrap_err().reason(), Reason::BadCredentials);
    }

    #[test]
    fn no_responses_of_a_client_panic_the_server(
        mechanism in 0..ALL.len(),
        initial in proptest::option::of(any::<Vec<u8>>()),
        responses in proptest::collection::vec(prop_oneof![any::<Vec<u8>>(), "[a-z\\-]{1,8}=\"?[a-z0-9]{0,8}\"?(,[a-z\\-]{1,8}=[a-z0-9]{1,8}){0,3}".prop_map(Vec::from)], 4),
    ) {
        let nobody: Users = HashMap::new();
        let mut step = server().start(&Channel::tls(256), ALL[mechanism], initial.as_deref());
        for response in responses {
            step = match step {
                Step::Reply(Reply::Continue(challenge)) => challenge.respond(&response),
                Step::Ask(Ask::Password(ask)) => ask.answer(Verdict::Reject),
                Step::Ask(ask) => Step::Reply(Step::Ask(ask).answered_by(&nobody)),
                Step::Reply(Reply::Done(_)) => panic!("let in"),
                Step::Reply(Reply::Fail(_)) => return Ok(()),
            };
        }
    }

    #[test]
    fn no_challenges_of_a_server_panic_the_client(mechanism in 0..ALL.len(), challenges in proptest::collection::vec(any::<Vec<u8>>(), 3)) {
        let client = Client::new(catalogue::STANDARD, host(), credentials("tim", "pw"));
        let mut response = client.start(&Channel::tls(256), ALL[mechanism]);
        for challenge in challenges {
            response = response.and_then(|response| response.challenge(&challenge));
        }
    }
}
