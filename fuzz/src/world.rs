//! What the targets of mechanisms share: one user, one server, one client, and answers without a costly hash.

use sasl_core::{
    catalogue,
    channel::{
        Channel,
        binding::{BindingType, ChannelBinding},
    },
    client::Client,
    credentials::Credentials,
    host::Host,
    identity::{Login, Realm},
    layer::Layer,
    secret::Secret,
    server::Server,
    step::{Ask, Reply, Step, Verdict},
    verifier::{
        Verifier, Verifiers,
        cram_md5::CramMd5,
        digest_md5::DigestMd5,
        scram::{Hash, Scram},
    },
};
use std::sync::LazyLock;

/// The user's name.
pub(crate) const USER: &str = "tim@example.com";
/// The user's password.
pub(crate) const PASSWORD: &[u8] = b"tanstaaftanstaaf";
/// A channel on which every mechanism may be used.
pub(crate) static CHANNEL: LazyLock<Channel> =
    LazyLock::new(|| Channel::tls(256).with_binding(ChannelBinding::new(BindingType::TlsExporter, "a channel")));
/// The server.
pub(crate) static SERVER: LazyLock<Server> = LazyLock::new(|| {
    let realm = Realm::parse("example.com").expect("a realm");
    Server::builder(catalogue::STANDARD, host()).default_realm(realm).build()
});
static LOGIN: LazyLock<Login> = LazyLock::new(|| Login::parse(USER).expect("a name"));
static VERIFIERS: LazyLock<Verifiers> = LazyLock::new(|| {
    let realm = Realm::parse("example.com").expect("a realm");
    let scram = [Hash::Sha1, Hash::Sha256, Hash::Sha512].map(|hash| Scram::derive_with(hash, PASSWORD, b"salt", 1));
    let digest = Verifier::DigestMd5(DigestMd5::derive(&LOGIN, &[realm], PASSWORD));
    let cram = Verifier::CramMd5(CramMd5::derive(PASSWORD));
    scram.map(Verifier::Scram).into_iter().chain([digest, cram]).collect()
});

/// A client that knows the user's name, and `password`.
pub(crate) fn client(password: &[u8]) -> Client {
    let credentials = Credentials::new(USER, Secret::new(password));
    Client::new(catalogue::STANDARD, host(), credentials).with_iterations(1..=64)
}

/// Answers every question, truthfully, until only a reply is left.
pub(crate) fn answered(mut step: Step) -> Reply {
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
pub(crate) fn stranger<'a>(
    mechanism: &str,
    initial: Option<&[u8]>,
    responses: impl IntoIterator<Item = &'a [u8]>,
) -> bool {
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

/// Sends something through a layer, and reads a stranger's packets.
pub(crate) fn use_layer<'a>(mut layer: Layer, packets: impl Iterator<Item = &'a [u8]>) {
    let (mut wire, mut plain, mut read) = (Vec::new(), Vec::new(), 0);
    layer.encode(b"MAIL FROM:<tim@example.com>", &mut wire);
    assert!(wire.len() > 27 && wire.len() <= 27 * 64, "{} octets on the wire", wire.len());
    for packet in packets {
        let decoded = layer.decode(packet, &mut plain);
        read += packet.len();
        assert!(plain.len() <= read, "more than was sent");
        assert!(decoded.is_ok() || layer.decode(b"", &mut plain).is_err(), "a layer that failed once fails");
    }
}

fn host() -> Host {
    Host::new("smtp", "mail.example.com")
}
