//! What holds a secret shows none, and cannot be compared but in constant time.

use sasl_core::{
    auth_info::AuthInfo,
    catalogue,
    channel::{
        Channel,
        binding::{BindingType, ChannelBinding},
    },
    client::Client,
    client_step::{Response, Resumption},
    credentials::Credentials,
    guarantees::Guarantees,
    host::Host,
    identity::Login,
    layer::{Decoder, Encoder, Layer},
    line::{Incoming, Outgoing},
    policy::Policy,
    prepare::{self, Prepared},
    reauth::Reauth,
    secret::Secret,
    server::{Server, ServerBuilder},
    step::{Ask, AskPassword, AskToken, AskVerifier, Reply, Step, TokenVerdict, Verdict},
    verifier::{
        Scheme, Verifier, Verifiers,
        argon2id::{Argon2id, Memory},
        cram_md5::CramMd5,
        digest_md5::{DigestMd5, Ha1},
        scram::{Hash, Scram},
    },
};
use std::{fmt::Debug, sync::Arc, time::Duration};

/// Does not compile where one of the types has `==`: then it would not be clear which of two traits is meant.
macro_rules! cannot_be_compared {
    ($($type:ty),* $(,)?) => {
        trait Unclear<A> {
            const IS: () = ();
        }
        struct HasPartialEq;
        impl<T> Unclear<()> for T {}
        impl<T: PartialEq> Unclear<HasPartialEq> for T {}
        $(const _: () = <$type as Unclear<_>>::IS;)*
    };
}

cannot_be_compared!(
    Secret,
    Ha1,
    CramMd5,
    DigestMd5,
    Scram,
    Argon2id,
    Verifier,
    Verifiers,
    Memory,
    Credentials,
    AuthInfo,
    Prepared<'static>,
    ChannelBinding,
    Channel,
    Client,
    Response,
    Resumption,
    Server,
    ServerBuilder,
    Reauth,
    AskPassword,
    AskVerifier,
    AskToken,
    Ask,
    Step,
    Layer,
    Encoder,
    Decoder,
    Incoming,
    Outgoing,
);

/// Long enough that no other text has it by chance.
const PASSWORD: &str = "tanstaaftanstaaf";

/// Each in one line and in several.
fn shown(value: &dyn Debug) -> String {
    format!("{value:?} {value:#?}")
}

/// Whether `text` has a run of octets of `secret`, as they are, in decimal, or in hexadecimal.
fn shows(text: &str, secret: &[u8]) -> bool {
    let forms = |octets: &[u8]| {
        let join = |each: fn(&u8) -> String, between: &str| octets.iter().map(each).collect::<Vec<_>>().join(between);
        [
            String::from_utf8_lossy(octets).into_owned(),
            join(u8::to_string, ", "),
            join(u8::to_string, ",\n    "),
            join(|octet| format!("{octet:02x}"), ""),
        ]
    };
    secret.windows(6).flat_map(forms).any(|form| text.contains(&form))
}

#[test]
fn what_is_looked_for_would_be_found() {
    assert!(shows(&shown(&PASSWORD), PASSWORD.as_bytes()) && shows(&shown(&PASSWORD.as_bytes()), PASSWORD.as_bytes()));
    assert!(shows(&shown(&Some(PASSWORD.as_bytes())), PASSWORD.as_bytes()) && !shows("tanst", PASSWORD.as_bytes()));
}

#[test]
fn verifiers_show_their_kind_alone() {
    let login = Login::parse("tim@example.com").unwrap();
    let schemes = [Scheme::Argon2id, Scheme::CramMd5, Scheme::DigestMd5, Scheme::Plaintext];
    let kept = Verifiers::derive(&schemes, &login, &[], PASSWORD.as_bytes(), &mut Memory::default()).unwrap();
    let scram = Verifier::Scram(Scram::derive_with(Hash::Sha1, PASSWORD.as_bytes(), b"salt", 1));
    let kept: Verifiers = kept.iter().cloned().chain([scram]).collect();
    assert_eq!(
        format!("{kept:?}"),
        "Verifiers([Verifier(argon2id, ..), Verifier(cram-md5, ..), Verifier(digest-md5, ..), Verifier(plaintext, ..), \
         Verifier(scram-sha-1, ..)])"
    );
    for verifier in kept.iter() {
        let inner: &dyn Debug = match verifier {
            Verifier::Argon2id(kept) => kept,
            Verifier::CramMd5(kept) => kept,
            Verifier::DigestMd5(kept) => kept,
            Verifier::Scram(kept) => kept,
            Verifier::Plaintext(kept) => kept,
            _ => panic!("a kind that is not looked at: {verifier:?}"),
        };
        let (text, inner) = (verifier.to_text(), shown(inner));
        // The text form ends in what must not be seen.
        let end = text.expose().split_at(text.expose().len().saturating_sub(20)).1;
        assert!(!shows(&inner, end) && !shows(&inner, PASSWORD.as_bytes()), "{inner}");
        assert!(inner.contains("..)") && inner.lines().count() == 1, "{inner}");
    }
}

#[test]
fn what_a_client_is_handed_shows_nothing() {
    let secret = || Secret::new(PASSWORD);
    let info = AuthInfo::new("tim", secret());
    let prepared = format!("{PASSWORD}\u{ad}");
    let binding = ChannelBinding::new(BindingType::TlsExporter, PASSWORD);
    let all: [&dyn Debug; 9] = [
        &secret(),
        &info,
        &info.credentials(),
        &Credentials::with_token("tim", secret()),
        &prepare::password(prepared.as_bytes()),
        &prepare::password(PASSWORD.as_bytes()),
        &Channel::tls(256).with_binding(binding.clone()),
        &Client::new(catalogue::ALL, host(), info.credentials()),
        &binding,
    ];
    for value in all {
        assert!(!shows(&shown(value), PASSWORD.as_bytes()), "{value:?}");
    }
}

/// Every step of both halves, over all mechanisms with a secret.
#[test]
fn no_step_of_an_exchange_shows_a_secret() {
    let binding = ChannelBinding::new(BindingType::TlsExporter, "a channel");
    let channel = Channel::tls(1).with_binding(binding);
    let mut steps = 0;
    for mechanism in catalogue::ALL {
        let credentials = match mechanism.name.as_str() {
            "EXTERNAL" | "ANONYMOUS" => continue,
            "OAUTHBEARER" | "XOAUTH2" => Credentials::with_token("tim", Secret::new(PASSWORD)),
            _ => Credentials::new("tim", Secret::new(PASSWORD)),
        };
        steps += exchange(mechanism.name.as_str(), &channel, credentials);
    }
    assert!(steps > 60, "{steps} steps");
}

/// Shows all that there is between the start and the end; tells how much that was.
fn exchange(mechanism: &str, channel: &Channel, credentials: Credentials) -> usize {
    let mut shown_so_far = 0;
    let mut look = |value: &dyn Debug| {
        shown_so_far += 1;
        assert!(!shows(&shown(value), PASSWORD.as_bytes()), "{mechanism}: {value:?}");
    };
    let policy = Policy::default().with_strength(0, 256).demanding(Guarantees::NONE);
    let client = Client::new(catalogue::ALL, host(), credentials).with_policy(policy.clone());
    let reauth = Arc::new(Reauth::new(9, Duration::MAX, || Duration::ZERO));
    let builder =
        Server::builder(catalogue::ALL, host()).policy(policy).reauth(reauth).decoy_secret(Secret::new(PASSWORD));
    look(&builder);
    let server = builder.build();
    look(&server);
    let mut response = client.start(channel, mechanism).expect("a client begins");
    let mut step = server.start(channel, mechanism, response.message());
    loop {
        look(&response);
        look(&step);
        step = match step {
            Step::Ask(ask) => answered(ask),
            Step::Reply(Reply::Continue(challenge)) => {
                response = response.challenge(challenge.message()).expect("our own challenge");
                challenge.respond(response.message().unwrap_or_default())
            }
            Step::Reply(Reply::Done(success)) => {
                let mut established = response.succeeded(success.data()).expect("our own server");
                look(&established);
                look(&established.take_resumption());
                let (encoder, decoder) = success.into_layer().map(Layer::split).unzip();
                look(&encoder);
                look(&decoder);
                return shown_so_far;
            }
            Step::Reply(Reply::Fail(failure)) => panic!("{mechanism}: {failure:?}"),
        };
    }
}

fn answered(ask: Ask) -> Step {
    match ask {
        Ask::Password(ask) => ask.answer(Verdict::Accept),
        Ask::Verifier(ask) => ask.answer(Some(Verifier::Plaintext(Secret::new(PASSWORD)))),
        Ask::Token(ask) => ask.answer(TokenVerdict::Accept(Login::parse("tim").expect("a name"))),
        ask => ask.defer(),
    }
}

fn host() -> Host {
    Host::new("smtp", "mail.example.com")
}
