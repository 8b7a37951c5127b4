//! What the targets of mechanisms share: one user, one server, one client, and answers without a costly hash.

use sasl_core::{
    catalogue,
    channel::Channel,
    client::Client,
    credentials::Credentials,
    host::Host,
    identity::{Login, Realm},
    secret::Secret,
    server::Server,
    step::{Ask, Reply, Step, Verdict},
    verifier::{Scheme, Verifiers, argon2id::Memory},
};
use std::sync::LazyLock;

/// The user's name.
pub const USER: &str = "tim@example.com";
/// The user's password.
pub const PASSWORD: &[u8] = b"tanstaaftanstaaf";
/// A channel on which every mechanism may be used.
pub static CHANNEL: LazyLock<Channel> = LazyLock::new(|| Channel::tls(256));
/// The server.
pub static SERVER: LazyLock<Server> = LazyLock::new(|| {
    let realm = Realm::parse("example.com").expect("a realm");
    Server::builder(catalogue::STANDARD, host()).default_realm(realm).build()
});
static LOGIN: LazyLock<Login> = LazyLock::new(|| Login::parse(USER).expect("a name"));
static VERIFIERS: LazyLock<Verifiers> = LazyLock::new(|| {
    let schemes = [Scheme::CramMd5, Scheme::DigestMd5];
    let realm = Realm::parse("example.com").expect("a realm");
    Verifiers::derive(&schemes, &LOGIN, &[realm], PASSWORD, &mut Memory::default()).expect("verifiers")
});

/// A client that knows the user's name, and `password`.
pub fn client(password: &[u8]) -> Client {
    Client::new(catalogue::STANDARD, host(), Credentials::new(USER, Secret::new(password)))
}

/// Answers every question, truthfully, until only a reply is left.
pub fn answered(mut step: Step) -> Reply {
    loop {
        step = match step {
            Step::Reply(reply) => return reply,
            Step::Ask(Ask::Password(ask)) => {
                let right = *ask.login() == *LOGIN && ask.password().matches(PASSWORD);
                ask.answer(if right { Verdict::Accept } else { Verdict::Reject })
            }
            Step::Ask(Ask::Verifier(ask)) => {
                let known = (*ask.login() == *LOGIN).then(|| VERIFIERS.of(ask.scheme()).cloned());
                ask.answer(known.flatten())
            }
            Step::Ask(ask) => ask.defer(),
        }
    }
}

/// Runs a server to the end over the messages of a stranger, who gets in with the right password alone, and only as the
/// one whose password it is.
pub fn stranger<'a>(mechanism: &str, initial: Option<&[u8]>, responses: impl IntoIterator<Item = &'a [u8]>) -> bool {
    let mut reply = answered(SERVER.start(&CHANNEL, mechanism, initial));
    for response in responses {
        let Reply::Continue(challenge) = reply else { break };
        reply = answered(challenge.respond(response));
    }
    match reply {
        Reply::Done(success) => {
            assert!(*success.identity().login() == *LOGIN && *success.identity().acts_as() == *LOGIN);
            true
        }
        _ => false,
    }
}

fn host() -> Host {
    Host::new("smtp", "mail.example.com")
}
