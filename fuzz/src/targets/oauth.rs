//! OAUTHBEARER and XOAUTH2: what a client shows, as a server reads it, and what a server says of it, as a client does.

use crate::world::CHANNEL;
use sasl_core::{
    catalogue,
    client::Client,
    client_step::MAX_CHALLENGE,
    credentials::Credentials,
    host::Host,
    identity::Login,
    secret::Secret,
    server::Server,
    step::{Ask, Reply, Step, TokenError, TokenVerdict},
};

pub(super) fn run(input: &[u8]) {
    let host = Host::new("smtp", "mail.example.com");
    let server = Server::builder(catalogue::BEARER, host.clone()).build();
    for mechanism in ["OAUTHBEARER", "XOAUTH2"] {
        for verdict in [TokenVerdict::Accept(login()), TokenVerdict::Reject(TokenError::InvalidToken)] {
            read(server.start(&CHANNEL, mechanism, Some(input)), input, &verdict);
        }
        let credentials = Credentials::with_token("tim", Secret::new("token"));
        let client = Client::new(catalogue::BEARER, host.clone(), credentials);
        let begun = client.start(&CHANNEL, mechanism).expect("a client begins");
        match begun.challenge(input) {
            Ok(refused) => {
                assert_eq!(refused.refusal(), Some(input));
                assert!(refused.succeeded(None).is_err(), "a refusal is no success");
            }
            Err(_) => assert!(input.len() > MAX_CHALLENGE),
        }
    }
}

fn login() -> Login {
    Login::parse("tim").expect("a name")
}

/// What is asked is what was sent, and the verdict decides.
fn read(step: Step, input: &[u8], verdict: &TokenVerdict) {
    let Step::Ask(Ask::Token(ask)) = step else {
        return assert!(!matches!(step, Step::Reply(Reply::Done(_))), "in without a token");
    };
    let token = ask.token().expose();
    assert!(!token.is_empty() && input.windows(token.len()).any(|window| window == token));
    match (ask.answer(verdict.clone()), verdict) {
        (Step::Reply(Reply::Continue(challenge)), TokenVerdict::Reject(_)) => {
            assert!(matches!(challenge.respond(b"\x01"), Step::Reply(Reply::Fail(_))));
        }
        (Step::Reply(Reply::Done(success)), TokenVerdict::Accept(login)) => {
            assert!(success.identity().login() == login && success.identity().acts_as() == login);
        }
        (Step::Reply(Reply::Fail(_)), TokenVerdict::Accept(_)) => (), // it claimed to be another
        (step, verdict) => panic!("{step:?} after {verdict:?}"),
    }
}
