//! OAUTHBEARER and XOAUTH2: whose a token is, and what is said of a bad one.

use crate::play::{client, host, play};
use sasl_core::{
    catalogue,
    channel::Channel,
    credentials::Credentials,
    failure::{Failure, Reason},
    identity::Login,
    secret::Secret,
    server::Server,
    step::{Reply, Success, TokenError, TokenVerdict},
    store::{Store, Unavailable},
    verifier::Verifiers,
};

/// An authorization server.
struct Issuer;

impl Store for Issuer {
    fn verifiers(&self, _: &Login) -> Result<Option<Verifiers>, Unavailable> {
        Ok(None)
    }

    fn owner(&self, token: &Secret, _: Option<&Login>) -> TokenVerdict {
        match token.expose() {
            b"tims" => TokenVerdict::Accept(Login::parse("tim@example.com").unwrap()),
            b"narrow" => TokenVerdict::Reject(TokenError::InsufficientScope),
            b"unknown" => TokenVerdict::Defer,
            _ => TokenVerdict::Reject(TokenError::InvalidToken),
        }
    }
}

const NAMES: [&str; 2] = ["OAUTHBEARER", "XOAUTH2"];

fn server() -> Server {
    let configuration = "https://example.com/.well-known/openid-configuration";
    Server::builder(catalogue::BEARER, host()).oauth_hints(Some("mail \"all\""), Some(configuration)).build()
}

fn show(name: &str, user: &str, token: &str) -> Result<Success, Failure> {
    let response = client(Credentials::with_token(user, Secret::new(token))).start(&Channel::tls(256), name)?;
    play(&server(), &Channel::tls(256), (name, response), &Issuer).map(|(success, _)| success)
}

#[test]
fn the_token_says_who_it_is() {
    for name in NAMES {
        let success = show(name, "tim@example.com", "tims").unwrap();
        assert_eq!(success.identity().acts_as().to_bytes(), b"tim@example.com");
        assert_eq!(show(name, "bob@example.com", "tims").unwrap_err().reason(), Reason::NotAuthorized, "{name}");
        assert_eq!(show(name, "tim@example.com", "unknown").unwrap_err().reason(), Reason::Unavailable, "{name}");
    }
}

#[test]
fn a_bad_token_is_told_in_json_and_acknowledged() {
    for (name, token, status) in [
        ("OAUTHBEARER", "bad", "invalid_token"),
        ("OAUTHBEARER", "narrow", "insufficient_scope"),
        ("XOAUTH2", "bad", "401"),
        ("XOAUTH2", "narrow", "403"),
    ] {
        let credentials = Credentials::with_token("tim@example.com", Secret::new(token));
        let response = client(credentials).start(&Channel::tls(256), name).unwrap();
        let step = server().start(&Channel::tls(256), name, response.message());
        let Reply::Continue(challenge) = step.answered_by(&Issuer) else { panic!("{name}") };
        let response = response.challenge(challenge.message()).unwrap();
        let document: serde_json::Value = serde_json::from_slice(response.refusal().unwrap()).unwrap();
        assert_eq!((&document["status"], &document["scope"]), (&status.into(), &"mail \"all\"".into()), "{name}");
        assert_eq!(document["openid-configuration"], "https://example.com/.well-known/openid-configuration");
        assert_eq!(response.message(), Some(if name == "XOAUTH2" { &b""[..] } else { b"\x01" }));
        for acknowledgment in [&b"\x01"[..], b"", b"anything"] {
            let step = server().start(&Channel::tls(256), name, Some(message(name, token).as_bytes()));
            let Reply::Continue(challenge) = step.answered_by(&Issuer) else { panic!("{name}") };
            let Reply::Fail(failure) = challenge.respond(acknowledgment).answered_by(&Issuer) else { panic!("{name}") };
            assert_eq!(failure.reason(), Reason::BadCredentials);
        }
        assert_eq!(response.succeeded(None).unwrap_err().reason(), Reason::ServerNotAuthenticated);
    }
}

fn message(name: &str, token: &str) -> String {
    match name {
        "XOAUTH2" => format!("user=tim@example.com\x01auth=Bearer {token}\x01\x01"),
        _ => format!("n,a=tim@example.com,\x01auth=Bearer {token}\x01\x01"),
    }
}

#[test]
fn what_a_server_reads() {
    let ends = |name: &str, message: &str| match server()
        .start(&Channel::tls(256), name, Some(message.as_bytes()))
        .answered_by(&Issuer)
    {
        Reply::Done(_) => "in",
        Reply::Continue(_) => "told",
        Reply::Fail(failure) if failure.reason() == Reason::Malformed => "malformed",
        Reply::Fail(_) => "refused",
    };
    for (message, end) in [
        ("n,,\x01auth=Bearer tims\x01\x01", "in"),
        ("y,,\x01auth=bearer tims\x01\x01", "in"),
        ("n,a=tim@example.com,\x01host=h\x01port=1\x01x=\t\r\n y\x01auth=Bearer tims\x01\x01", "in"),
        ("n,,\x01auth=\x01\x01", "told"),
        ("n,,\x01auth=Bearer a=b\x01\x01", "malformed"),
        ("p=tls-unique,,\x01auth=Bearer tims\x01\x01", "malformed"),
        ("n,,\x01auth=Bearer tims\x01", "malformed"),
        ("n,,\x01auth=Bearer tims\x01\x01\x01", "malformed"),
        ("n,,auth=Bearer tims\x01\x01", "malformed"),
        ("n,,\x01auth=Bearer tims\x01auth=Bearer tims\x01\x01", "malformed"),
        ("n,,\x01auth=Bearer  tims\x01\x01", "malformed"),
        ("n,,\x01auth=Basic tims\x01\x01", "malformed"),
        ("n,,\x01host=h\x01\x01", "malformed"),
        ("n,,\x01=x\x01auth=Bearer tims\x01\x01", "malformed"),
        ("n,,\x01auth=Bearer \x01\x01", "malformed"),
        ("n,user=tim,\x01auth=Bearer tims\x01\x01", "malformed"),
        ("", "malformed"),
        ("\x01", "malformed"),
    ] {
        assert_eq!(ends("OAUTHBEARER", message), end, "{message:?}");
    }
    for (message, end) in [
        ("user=tim@example.com\x01auth=Bearer tims\x01\x01", "in"),
        ("auth=Bearer tims\x01\x01", "malformed"),
        ("user=\x01auth=Bearer tims\x01\x01", "malformed"),
        ("user=tim@example.com\x01auth=\x01\x01", "malformed"),
        ("user=tim@example.com\x01auth=Bearer tims", "malformed"),
    ] {
        assert_eq!(ends("XOAUTH2", message), end, "{message:?}");
    }
}

#[test]
fn a_token_needs_tls() {
    let credentials = || Credentials::with_token("tim", Secret::new("tims"));
    for name in NAMES {
        assert_eq!(server().offer(&Channel::plain()).count(), 0);
        let refused = client(credentials()).start(&Channel::plain(), name).unwrap_err();
        assert_eq!(refused.reason(), Reason::EncryptionRequired, "{name}");
    }
}

#[test]
fn a_client_with_a_token_does_not_try_passwords() {
    let client = client(Credentials::with_token("tim", Secret::new("tims")));
    let chosen = client.choose(&Channel::tls(256), ["SCRAM-SHA-256", "PLAIN", "XOAUTH2", "OAUTHBEARER"]).unwrap();
    assert_eq!(chosen.name().as_str(), "OAUTHBEARER");
}
