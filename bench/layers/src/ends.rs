//! The two ends of a layer.

use sasl_core::{
    catalogue,
    channel::Channel,
    client::Client,
    credentials::Credentials,
    failure::{Failure, Reason},
    host::Host,
    identity::Login,
    layer::Layer,
    policy::Policy,
    secret::Secret,
    server::Server,
    step::Reply,
    verifier::{Scheme, Verifiers, argon2id::Memory},
};
use std::collections::HashMap;

const USER: &str = "user0000000@example.org";
const PASSWORD: &str = "pass0000000";

/// What the client protects, the server reads.
pub(crate) struct Ends {
    pub(crate) client: Layer,
    pub(crate) server: Layer,
}

impl Ends {
    /// An exchange of DIGEST-MD5 that must end in a layer of so many bits.
    ///
    /// # Errors
    /// Where it does not.
    pub(crate) fn agree(ssf: u32) -> Result<Self, Failure> {
        let login = Login::parse(USER)?;
        let kept = Verifiers::derive(&[Scheme::DigestMd5], &login, &[], PASSWORD.as_bytes(), &mut Memory::default())?;
        let (host, policy) = (Host::new("imap", "host.example.org"), Policy::default().with_strength(ssf, ssf));
        let credentials = Credentials::new(USER, Secret::new(PASSWORD));
        let client = Client::new(catalogue::STANDARD, host.clone(), credentials).with_policy(policy.clone());
        let server = Server::builder(catalogue::STANDARD, host).policy(policy);
        let server = server.default_realm(login.realm().ok_or(NO_LAYER)?.clone()).build();
        exchange(&client, &server, &HashMap::from([(login, kept)]))
    }
}

const NO_LAYER: Failure = Failure::new(Reason::TooWeak, "no layer");

fn exchange(client: &Client, server: &Server, users: &HashMap<Login, Verifiers>) -> Result<Ends, Failure> {
    let channel = Channel::plain();
    let mut response = client.start(&channel, "DIGEST-MD5")?;
    let mut reply = server.start(&channel, "DIGEST-MD5", response.message()).answered_by(users);
    loop {
        match reply {
            Reply::Continue(challenge) => {
                response = response.challenge(challenge.message())?;
                reply = challenge.respond(response.message().unwrap_or_default()).answered_by(users);
            }
            Reply::Done(success) => {
                let client = response.succeeded(success.data())?.into_layer().ok_or(NO_LAYER)?;
                return Ok(Ends { client, server: success.into_layer().ok_or(NO_LAYER)? });
            }
            Reply::Fail(failure) => return Err(failure),
        }
    }
}
