//! Two sides in one thread.

use sasl_core::{
    catalogue,
    channel::Channel,
    client::Client,
    client_step::{Established, Response},
    credentials::Credentials,
    failure::Failure,
    host::Host,
    identity::{Login, Realm},
    secret::Secret,
    server::{Server, ServerBuilder},
    step::{Reply, Success},
    store::Store,
    verifier::{Scheme, Verifiers, argon2id::Memory, scram::Hash},
};
use std::collections::HashMap;

/// What both sides have when all went well.
pub(crate) type Both = (Success, Established);

pub(crate) fn host() -> Host {
    Host::new("smtp", "mail.example.com")
}

pub(crate) fn builder() -> ServerBuilder {
    Server::builder(catalogue::STANDARD, host())
}

pub(crate) fn client(credentials: Credentials) -> Client {
    Client::new(catalogue::ALL, host(), credentials)
}

pub(crate) fn tim() -> Credentials {
    Credentials::new("tim", Secret::new("tanstaaf"))
}

/// Tim, with everything but the slow hash.
pub(crate) fn users() -> HashMap<Login, Verifiers> {
    let schemes = [Scheme::Scram(Hash::Sha1), Scheme::Scram(Hash::Sha256), Scheme::CramMd5, Scheme::DigestMd5];
    let (login, realm) = (Login::parse("tim").unwrap(), Realm::parse("mail.example.com").unwrap());
    let kept = Verifiers::derive(&schemes, &login, &[realm], b"tanstaaf", &mut Memory::default()).unwrap();
    HashMap::from([(login, kept)])
}

/// Plays to the end; `Err` is of whoever ended it.
pub(crate) fn play(
    server: &Server,
    channel: &Channel,
    (name, response): (&str, Response),
    store: &impl Store,
) -> Result<Both, Failure> {
    carry_on(server.start(channel, name, response.message()).answered_by(store), response, store)
}

/// From the server's first reply on.
pub(crate) fn carry_on(mut reply: Reply, mut response: Response, store: &impl Store) -> Result<Both, Failure> {
    loop {
        match reply {
            Reply::Fail(failure) => return Err(failure),
            Reply::Done(success) => {
                let established = response.succeeded(success.data())?;
                return Ok((success, established));
            }
            Reply::Continue(challenge) => {
                response = response.challenge(challenge.message())?;
                reply = challenge.respond(response.message().unwrap_or_default()).answered_by(store);
            }
        }
    }
}
