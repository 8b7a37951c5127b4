//! Recorded clients against our server.

use super::{Exchange, exchanges};
use crate::{
    catalogue,
    failure::{Failure, Reason},
    guarantees::Guarantees,
    host::Host,
    identity::{Login, Realm},
    mechanisms::digest_md5::Directives,
    policy::{Binding, Policy, Proxy},
    reauth::{Reauth, Use},
    secret::Secret,
    server::{Server, ServerBuilder},
    step::{Reply, Step, Success, TokenError, TokenVerdict, Verdict},
    store::{Store, Unavailable},
    verifier::{Scheme, Verifier, Verifiers, argon2id::Memory},
};
use std::{str, sync::Arc, time::Duration};

/// The accounts of the servers that took part in the recordings.
const ACCOUNTS: &[(&str, &str)] = &[
    ("tim", "tanstaaftanstaaf"),
    ("TIM", "tanstaaftanstaaf"),
    ("timd", "tanstaaftanstaaf"),
    ("user", "pencil"),
    ("user256", "pencil"),
    ("test", "1234"),
    ("chris", "secret"),
    ("Kurt", "xipj3plmq"),
    ("josé", "pässwörd"),
    ("josé2", "asciipw"),
    ("ascii", "pässwörd"),
    ("日本", "パスワード"),
    ("qu\"o\\te", "quo\"te\\pw"),
    ("IX", "\u{2168}"),
];

/// How the good tokens begin and end, and whose they are. The one that Google refused is of another day.
const TOKENS: &[(&str, &str, &str)] = &[
    ("vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg", "==", "user@example.com"),
    ("ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg", "", "someuser@example.com"),
    ("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.", "KyHapI", "tim@mail.example.com"),
];

/// How the store of a test keeps its users.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kept {
    AsPlaintext,
    AsVerifiers,
}

pub(super) struct Accounts {
    pub(super) exchange: Exchange,
    pub(super) kept: Kept,
    pub(super) realms: Vec<Realm>,
    pub(super) proxy: Verdict,
}

impl Store for Accounts {
    /// A user is in every realm, with keys for the realms of the exchange.
    fn verifiers(&self, login: &Login) -> Result<Option<Verifiers>, Unavailable> {
        let raw_latin1 = (&b"jos\xe9"[..], &b"p\xe4ssw\xf6rd"[..]);
        let known = ACCOUNTS.iter().map(|(user, password)| (user.as_bytes(), password.as_bytes())).chain([raw_latin1]);
        let known = known.into_iter().find(|(user, _)| *user == login.user().as_bytes());
        Ok(known.map(|(_, password)| match self.kept {
            Kept::AsPlaintext => [Verifier::Plaintext(Secret::new(password))].into_iter().collect(),
            Kept::AsVerifiers => match self.exchange.scram_keys(password) {
                Some(keys) => [Verifier::Scram(keys)].into_iter().collect(),
                None => self.derive(login, password),
            },
        }))
    }

    fn owner(&self, token: &Secret, _: Option<&Login>) -> TokenVerdict {
        let known = TOKENS.iter().find(|(start, end, _)| {
            token.expose().starts_with(start.as_bytes()) && token.expose().ends_with(end.as_bytes())
        });
        match known {
            Some((.., user)) => TokenVerdict::Accept(Login::parse(user).unwrap()),
            None => TokenVerdict::Reject(TokenError::InvalidToken),
        }
    }

    fn may_act_as(&self, _: &Login, _: &Login) -> Verdict {
        self.proxy
    }
}

impl Accounts {
    /// Everything but argon2id, which only takes time here.
    fn derive(&self, login: &Login, password: &[u8]) -> Verifiers {
        let schemes = [Scheme::CramMd5, Scheme::DigestMd5];
        let own = self.realms.iter().map(|realm| Login::new(login.user().clone(), Some(realm.clone())));
        let logins = own.chain([login.clone()]);
        let all = logins.flat_map(|login| {
            let made = Verifiers::derive(&schemes, &login, &self.realms, password, &mut Memory::default()).unwrap();
            made.iter().cloned().collect::<Vec<_>>()
        });
        let (digest, cram): (Vec<_>, Vec<_>) = all.partition(|verifier| verifier.scheme() == Scheme::DigestMd5);
        let texts: Vec<_> =
            digest.iter().map(|keys| keys.to_text().expose()[12..].to_vec()).filter(|keys| !keys.is_empty()).collect();
        let merged = Verifier::from_text(&[b"{DIGEST-MD5}", &texts.join(&b';')[..]].concat());
        merged.into_iter().chain(cram.into_iter().take(1)).collect()
    }
}

fn replay(exchange: Exchange, kept: Kept) -> Result<Success, Failure> {
    let realms = own_realms(exchange);
    let denied = exchange.id().ends_with("-deny") || exchange.id() == "cc-dv-plain-authz";
    let proxy = if denied { Verdict::Reject } else { Verdict::Accept };
    let store = Accounts { exchange, kept, realms, proxy };
    let (server, initial, responses) = set_up(exchange);
    let mut step = server.start(&exchange.servers_channel(), exchange.mechanism(), initial.as_deref());
    let mut responses = responses.into_iter();
    loop {
        step = match step.answered_by(&store) {
            Reply::Done(success) => return Ok(success),
            Reply::Fail(failure) => return Err(failure),
            Reply::Continue(challenge) => match responses.next() {
                Some(response) => challenge.respond(&response),
                // Peers that carried their proof with their success had no empty response to record.
                None if [&b"rspauth="[..], b"v="].iter().any(|proof| challenge.message().starts_with(proof)) => {
                    challenge.respond(b"")
                }
                None if exchange.expect() == Some("reject:badauth after fake challenge") => {
                    assert!(challenge.message().starts_with(b"r="), "a challenge like any other");
                    return Err(Failure::new(Reason::BadCredentials, "recorded no further"));
                }
                None => Step::from(Failure::malformed("the recording stops here")),
            },
        };
    }
}

/// Every realm that an exchange may have hashed.
pub(super) fn own_realms(exchange: Exchange) -> Vec<Realm> {
    let realms = ["host", "server_user_realm", "realm", "realm_sent"].map(|name| exchange.param(name));
    realms.into_iter().flatten().chain([Vec::new()]).filter_map(|realm| Realm::parse(realm).ok()).collect()
}

fn set_up(exchange: Exchange) -> (Server, Option<Vec<u8>>, Vec<Vec<u8>>) {
    set_up_with(exchange, |builder| builder)
}

pub(super) fn set_up_with(
    exchange: Exchange,
    also: impl FnOnce(ServerBuilder) -> ServerBuilder,
) -> (Server, Option<Vec<u8>>, Vec<Vec<u8>>) {
    let mut host = exchange.host();
    if exchange.id() == "cy-digest-uri-other-service" {
        host = Host::new("smtp", host.name()); // the recorded service is the client's
    }
    let nonce = exchange.text("nonce").or(exchange.text("snonce")).or(exchange.nonce_sent());
    let mut nonce = nonce.filter(|nonce| !nonce.is_empty()).unwrap_or("none".into());
    if let Some(challenge) = exchange.text("challenge") {
        let (id, name) = challenge.trim_matches(['<', '>']).split_once('@').unwrap();
        nonce = id.to_owned();
        host = Host::new(host.service(), name);
    }
    let proxy = if exchange.id().contains("-authzid-") && exchange.id().ends_with("-default") {
        Proxy::Forbid
    } else {
        Proxy::Ask
    };
    let proxy = if exchange.id() == "rfc4616-plain-2" { Proxy::Forbid } else { proxy };
    let (min, max, buffer) = exchange.strength("server");
    let required = exchange.0["params"]["cb_critical"] == true;
    let policy = Policy::default()
        .demanding(Guarantees::NONE)
        .with_proxy(proxy)
        .with_strength(min, max)
        .with_max_buffer(buffer)
        .with_channel_binding(if required { Binding::Required } else { Binding::Optional });
    let mut server = Server::builder(catalogue::ALL, host).policy(policy).recorded_nonce(&nonce);
    if let Some(realm) = exchange.param("server_user_realm") {
        server = server.default_realm(Realm::parse(realm).unwrap());
    }
    let mut messages: Vec<_> = exchange.messages().into_iter().filter(|(from, ..)| *from == "C").collect();
    let initial = messages.first().is_some_and(|(_, how, _)| *how == "initial-response").then(|| messages.remove(0).2);
    (also(server).build(), initial, messages.into_iter().map(|(.., bytes)| bytes).collect())
}

/// What our server should do: let in, refuse, or as it likes.
fn wanted(exchange: Exchange) -> Option<Result<(), &'static str>> {
    match exchange.expect() {
        Some("either" | "reject or log" | "client should refuse") => None,
        Some("accept") => Some(Ok(())),
        Some(expect) if expect.starts_with("reject") => {
            Some(Err(expect.strip_prefix("reject:").unwrap_or("any").split(' ').next().unwrap()))
        }
        Some(expect) if expect.starts_with("interop") => Some(Ok(())),
        // An empty authzid that gsasl's client does not hash, an initial response that gsasl's server passes over.
        _ if matches!(exchange.id(), "gcli-cy-digest-md5" | "gg-login") => Some(Ok(())),
        _ if exchange.succeeded() => Some(Ok(())),
        _ => Some(Err("any")),
    }
}

/// Recordings that say nothing about a server: a hand-made server before a client, a client that gave up, a client
/// whose digest is wrong by its own account, and an old nonce that we do not keep.
fn says_nothing(exchange: Exchange) -> bool {
    let client_failed = exchange.0["failure"]["side"] == "client";
    let unverifiable = exchange.0["verifiable"] == false;
    let refused_later = exchange.id() == "google-xoauth2-fail";
    let own_nonces = exchange.text("server_reauth_timeout").is_some();
    exchange.id().starts_with("cyclient-") || client_failed || unverifiable || own_nonces || refused_later
}

#[test]
fn recorded_clients_get_what_they_should() {
    let (mut replayed, mut wrong) = (0, Vec::new());
    for exchange in exchanges().filter(|exchange| !says_nothing(*exchange)) {
        for kept in [Kept::AsPlaintext, Kept::AsVerifiers] {
            if exchange.mechanism().starts_with("SCRAM-") && kept == Kept::AsPlaintext {
                continue; // the recorded salt is the peer's
            }
            replayed += 1;
            let got = replay(exchange, kept);
            let right = match (wanted(exchange), &got) {
                (None, _) | (Some(Ok(())), Ok(_)) => true,
                (Some(Err(kind)), Err(failure)) => fits(kind, failure.reason()),
                _ => false,
            };
            if !right {
                wrong.push(format!("{} ({kept:?}): wanted {:?}, got {got:?}", exchange.id(), wanted(exchange)));
            }
            if let (Ok(success), Some(Ok(()))) = (got, wanted(exchange)) {
                check_identity(exchange, &success, &mut wrong);
                exchange.check_layer(success.into_layer(), ["s2c", "c2s"]);
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {replayed}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(replayed > 200, "{replayed} replayed");
}

fn fits(kind: &str, reason: Reason) -> bool {
    match kind {
        "badauth" => reason == Reason::BadCredentials,
        "badbinding" => reason == Reason::ChannelBinding,
        "noauthz" => reason == Reason::NotAuthorized,
        "nomech" => reason == Reason::NoMechanism,
        "malformed" => reason == Reason::Malformed,
        "any" => !matches!(reason, Reason::NoMechanism | Reason::Unavailable),
        other => panic!("unknown kind {other}"),
    }
}

fn check_identity(exchange: Exchange, success: &Success, wrong: &mut Vec<String>) {
    let identity = success.identity();
    for (name, got) in [("authid", identity.login()), ("user", identity.acts_as())] {
        let Some(recorded) = exchange.0["result"][name].as_str() else { continue };
        if str::from_utf8(&got.to_bytes()) != Ok(recorded) {
            wrong.push(format!("{}: {name} is {got}, recorded {recorded}", exchange.id()));
        }
    }
}

#[test]
fn the_servers_messages_are_those_of_the_rfcs_and_of_libsasl2() {
    let mut compared = 0;
    let exact = |exchange: &Exchange| {
        let kind = exchange.mechanism();
        (kind == "DIGEST-MD5" || kind.starts_with("SCRAM-")) && matches!(wanted(*exchange), Some(Ok(())))
    };
    for exchange in exchanges().filter(|exchange| !says_nothing(*exchange) && exchange.succeeded()).filter(exact) {
        let (server, initial, responses) = set_up(exchange);
        let accounts =
            Accounts { exchange, kept: Kept::AsVerifiers, realms: own_realms(exchange), proxy: Verdict::Accept };
        let mut step = server.start(&exchange.servers_channel(), exchange.mechanism(), initial.as_deref());
        let mut ours = Vec::new();
        for response in responses.iter().map(Vec::as_slice).chain([&b""[..]]) {
            let Reply::Continue(challenge) = step.answered_by(&accounts) else { break };
            ours.push(challenge.message().to_vec());
            step = challenge.respond(response);
        }
        let recorded = exchange.messages().into_iter().filter(|(from, ..)| *from == "S").map(|(.., bytes)| bytes);
        for (ours, recorded) in ours.iter().zip(recorded).filter(|(_, recorded)| !recorded.starts_with(b"nonce=")) {
            let digest = recorded.windows(6).any(|text| text == b"nonce=");
            assert!(digest || *ours == recorded, "{}: {:?}", exchange.id(), String::from_utf8_lossy(ours));
            compared += 1;
        }
    }
    assert!(compared > 80, "{compared} compared");
}

/// Exchanges that follow each other on one server.
#[test]
fn recorded_clients_come_back() {
    let fresh = || Arc::new(Reauth::new(100, Duration::MAX, || Duration::ZERO));
    let mut reauth = fresh();
    for (id, what) in [
        ("1", "rspauth="),
        ("2", "rspauth="),
        ("replay", "stale"),
        ("unknown-nonce-1", "rspauth="),
        ("unknown-nonce-2", "stale"),
        ("unknown-nonce-3", "rspauth="),
        ("nc-skip", "stale"),
        ("wrongpw", "refused"),
        ("off-2", "nonce="),
    ] {
        let exchange = exchanges().find(|exchange| exchange.id() == format!("cy-digest-reauth-{id}")).unwrap();
        if id == "unknown-nonce-2" {
            reauth = fresh();
        }
        let (server, initial, responses) = set_up_with(exchange, |builder| match id {
            "off-2" => builder,
            _ => builder.reauth(Arc::clone(&reauth)),
        });
        if let ("wrongpw", Some(initial)) = (id, &initial) {
            let nonce = Directives::parse(initial).unwrap().one("nonce").unwrap().unwrap().to_vec();
            let (username, realm) = (b"tim"[..].into(), b"mail.example.com"[..].into());
            reauth.remember(&nonce, Use { username, realm, nc: 1, since: None });
        }
        let accounts =
            Accounts { exchange, kept: Kept::AsVerifiers, realms: own_realms(exchange), proxy: Verdict::Accept };
        let mut said = Vec::new();
        let mut step = server.start(&exchange.servers_channel(), "DIGEST-MD5", initial.as_deref());
        for response in responses.iter().map(Vec::as_slice) {
            let Reply::Continue(challenge) = step.answered_by(&accounts) else { panic!("{id}") };
            said.push(String::from_utf8_lossy(challenge.message()).into_owned());
            step = challenge.respond(response);
        }
        match step.answered_by(&accounts) {
            Reply::Continue(challenge) => said.push(String::from_utf8_lossy(challenge.message()).into_owned()),
            Reply::Fail(failure) if failure.reason() == Reason::BadCredentials => said.push("refused".into()),
            _ => {}
        }
        let answer = if initial.is_some() { &said[0] } else { &said[1] };
        assert!(answer.contains(what), "{id}: {answer}");
        assert_eq!(answer.contains("stale=true"), what == "stale", "{id}: {answer}");
        if let Some(proof) = exchange.messages().iter().find(|(.., bytes)| bytes.starts_with(b"rspauth=")) {
            assert!(said.iter().any(|text| text.as_bytes() == proof.2), "{id}: {said:?}");
        }
    }
}
