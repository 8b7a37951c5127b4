//! Our server, with whatever policy, channel and store, and a stranger.
//!
//! In turn, an octet each: the mechanism, two for the channel, three for the policy, one for the server, one for the store, one for
//! the client. Then what the client says, with 0xff between its messages.

use crate::{
    choices::{Choices, out_of_reach},
    world::{PASSWORD, use_layer},
};
use sasl_core::{
    catalogue,
    channel::Channel,
    failure::Reason,
    guarantees::Guarantees,
    host::Host,
    identity::{Login, Realm},
    mechanism::{Proof, SuccessData},
    policy::{Binding, Policy, Proxy},
    reauth::Reauth,
    secret::Secret,
    server::Server,
    step::{Ask, Reply, Step, Success, TokenError, TokenVerdict, Verdict},
    verifier::{
        Scheme, Verifier,
        cram_md5::CramMd5,
        digest_md5::DigestMd5,
        scram::{Hash, Scram},
    },
};
use std::{sync::Arc, time::Duration};

/// More moves than these no mechanism has.
const MAX_MOVES: usize = 6;

/// More octets than these no challenge has.
const MAX_CHALLENGE: usize = 2048;

pub(super) fn run(input: &[u8]) {
    assert_eq!(play(input), play(input), "the same input, the same outcome");
}

/// All that the server says, and how it ends.
fn play(input: &[u8]) -> Vec<String> {
    let mut choices = Choices::of(input);
    let names: Vec<&str> = catalogue::ALL.iter().map(|mechanism| mechanism.name.as_str()).chain(["NONE"]).collect();
    let name = choices.one_of(&names);
    let (channel, policy) = (choices.channel(), choices.policy());
    let server = server(&policy, choices.octet());
    let (store, client) = (choices.octet(), choices.octet());
    let out_of_reach = out_of_reach(input);
    let within_reach = client & 2 == 0;
    let password = if within_reach { PASSWORD } else { out_of_reach.as_bytes() };
    let mut store = Store { choice: store, password, yes: Vec::new(), proxies: Vec::new(), deferred: false };

    let mut messages = choices.messages();
    let initial = if client & 1 == 0 { messages.next() } else { None };
    let mut said = Vec::new();
    let mut step = server.start(&channel, name, initial);
    loop {
        step = match step {
            Step::Ask(ask) => store.answer(ask),
            Step::Reply(Reply::Continue(challenge)) => {
                assert!(challenge.message().len() <= MAX_CHALLENGE && said.len() < MAX_MOVES);
                said.push(challenge.message().escape_ascii().to_string());
                challenge.respond(messages.next().unwrap_or_default())
            }
            Step::Reply(Reply::Done(success)) => {
                assert!(
                    server.offer(&channel).any(|name| name == success.identity().mechanism()),
                    "{name}: not offered"
                );
                check(&success, &channel, &policy, &store);
                assert!(within_reach || !takes_password(&success), "{name}: in without the password");
                said.push(format!("{success:?}"));
                if let Some(layer) = success.into_layer() {
                    use_layer(layer, messages);
                }
                return said;
            }
            Step::Reply(Reply::Fail(failure)) => {
                assert!(failure.reason() != Reason::Unavailable || store.deferred, "{failure:?}");
                said.push(format!("{failure:?}"));
                return said;
            }
        }
    }
}

fn server(policy: &Policy, choice: u8) -> Server {
    let host = Host::new("smtp", "mail.example.com");
    let data = if choice & 1 == 0 { SuccessData::AsChallenge } else { SuccessData::Carried };
    let mut server = Server::builder(catalogue::ALL, host).policy(policy.clone()).success_data(data);
    if choice & 2 != 0 {
        server = server.default_realm(realm("example.com"));
    }
    if choice & 4 != 0 {
        server = server.reauth(Arc::new(Reauth::new(1, Duration::MAX, || Duration::ZERO)));
    }
    if choice & 8 != 0 {
        server = server.oauth_hints(Some("mail"), Some("https://example.com/.well-known/openid-configuration"));
    }
    if choice & 16 != 0 {
        server = server.digest_realms([realm("another")]);
    }
    server.build()
}

fn realm(name: &str) -> Realm {
    Realm::parse(name).expect("a realm")
}

/// Knows every name, and one password.
struct Store<'a> {
    choice: u8,
    password: &'a [u8],
    /// To whom it gave a verifier, or said yes.
    yes: Vec<Login>,
    /// Of whom it said that they may act as whom.
    proxies: Vec<(Login, Login)>,
    deferred: bool,
}

impl Store<'_> {
    fn answer(&mut self, ask: Ask) -> Step {
        match ask {
            Ask::Password(ask) => {
                let right = ask.password().matches(self.password);
                let verdict = if right { self.verdict(self.choice & 3) } else { Verdict::Reject };
                self.yes.extend((verdict == Verdict::Accept).then(|| ask.login().clone()));
                ask.answer(verdict)
            }
            Ask::Verifier(ask) if self.choice & 3 == 2 => {
                self.deferred = true;
                Ask::Verifier(ask).defer()
            }
            Ask::Verifier(ask) => {
                let found = self.verifier(ask.scheme(), ask.login());
                self.yes.extend(found.as_ref().map(|_| ask.login().clone()));
                ask.answer(found)
            }
            Ask::Proxy(ask) => {
                let verdict = self.verdict(self.choice >> 2 & 3);
                self.proxies.extend((verdict == Verdict::Accept).then(|| (ask.login().clone(), ask.acts_as().clone())));
                ask.answer(verdict)
            }
            Ask::Token(ask) => {
                let login = Login::parse("tim@example.com").expect("a name");
                ask.answer(match self.choice >> 4 & 3 {
                    0 => {
                        self.yes.push(login.clone());
                        TokenVerdict::Accept(login)
                    }
                    1 => TokenVerdict::Reject(TokenError::InvalidToken),
                    2 => TokenVerdict::Reject(TokenError::InsufficientScope),
                    _ => {
                        self.deferred = true;
                        TokenVerdict::Defer
                    }
                })
            }
            ask => ask.defer(),
        }
    }

    fn verdict(&mut self, choice: u8) -> Verdict {
        self.deferred |= choice == 2;
        match choice {
            1 => Verdict::Reject,
            2 => Verdict::Defer,
            _ => Verdict::Accept,
        }
    }

    fn verifier(&self, scheme: Scheme, login: &Login) -> Option<Verifier> {
        let realms = ["example.com", "mail.example.com", "another"].map(realm);
        match (self.choice >> 6, scheme) {
            (0, Scheme::Scram(hash)) => Some(Verifier::Scram(Scram::derive_with(hash, self.password, b"salt", 1))),
            (0, Scheme::CramMd5) => Some(Verifier::CramMd5(CramMd5::derive(self.password))),
            (0, Scheme::DigestMd5) => Some(Verifier::DigestMd5(DigestMd5::derive(login, &realms, self.password))),
            (1, Scheme::CramMd5 | Scheme::DigestMd5) => Some(Verifier::Plaintext(Secret::new(self.password))),
            // Of a kind that was not asked for.
            (2, _) => Some(Verifier::Scram(Scram::derive_with(Hash::Sha1, b"another", b"salt", 1))),
            _ => None,
        }
    }
}

fn takes_password(success: &Success) -> bool {
    let mechanism = catalogue::ALL.iter().find(|mechanism| mechanism.name == success.identity().mechanism());
    mechanism.is_some_and(|mechanism| mechanism.proof == Proof::Password)
}

/// Whether who got in is who the store said, or the channel, and acts as who it may.
fn check(success: &Success, channel: &Channel, policy: &Policy, store: &Store<'_>) {
    let (login, acts_as) = (success.identity().login(), success.identity().acts_as());
    match success.identity().mechanism().as_str() {
        "EXTERNAL" => assert_eq!(Some(&*login.to_bytes()), channel.external()),
        "ANONYMOUS" => {
            let forbidden = Guarantees::NO_ANONYMOUS.missing_from(policy.demands()).is_none();
            assert!(login.to_bytes() == b"anonymous" && !forbidden);
        }
        _ => assert!(store.yes.contains(login), "{login} of whom nobody said yes"),
    }
    let proxied = policy.proxy() != Proxy::Forbid && store.proxies.contains(&(login.clone(), acts_as.clone()));
    assert!(login == acts_as || proxied, "{login} acts as {acts_as}");
    let bound = success.identity().mechanism().as_str().ends_with("-PLUS");
    assert!(bound || policy.channel_binding() == Binding::Optional, "not bound");
    let trace = success.trace().unwrap_or_default();
    assert!(trace.chars().count() <= 255 && !trace.chars().any(char::is_control));
    assert!(success.data().is_none_or(|data| data.len() <= 128));
}
