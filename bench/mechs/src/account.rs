//! The one account of the exchanges, the same as in `bench/peers/exchange.h`.

use sasl_core::{
    catalogue,
    channel::Channel,
    client::Client,
    credentials::Credentials,
    failure::Failure,
    host::Host,
    identity::{Login, Realm},
    secret::Secret,
    server::Server,
    store::{Store, Unavailable},
    verifier::{Scheme, Verifier, Verifiers, argon2id::Memory},
};

const PASSWORD: &str = "pass0000000";

/// Both sides, and what the server keeps: the derived keys for CRAM-MD5 and DIGEST-MD5, and for PLAIN the password
/// itself, since the peers compare that too.
pub(crate) struct Account {
    pub(crate) server: Server,
    pub(crate) client: Client,
    pub(crate) channel: Channel,
    pub(crate) hashed: OneUser,
    pub(crate) plain: OneUser,
}

/// A store of one user, whose name is compared: the peers have no more.
pub(crate) struct OneUser(Login, Verifiers);

impl Store for OneUser {
    fn verifiers(&self, login: &Login) -> Result<Option<Verifiers>, Unavailable> {
        Ok((*login == self.0).then(|| self.1.clone()))
    }

    fn verifier(&self, login: &Login, scheme: Scheme) -> Result<Option<Verifier>, Unavailable> {
        Ok(self.1.of(scheme).filter(|_| *login == self.0).cloned())
    }
}

impl Account {
    pub(crate) fn new() -> Result<Self, Failure> {
        let host = Host::new("imap", "host.example.org");
        let login = Login::parse("user0000000@example.org")?;
        let kept = |schemes: &[Scheme]| {
            let verifiers = Verifiers::derive(schemes, &login, &[], PASSWORD.as_bytes(), &mut Memory::default())?;
            Ok::<_, Failure>(OneUser(login.clone(), verifiers))
        };
        let realm = Realm::parse("example.org")?;
        Ok(Self {
            server: Server::builder(catalogue::STANDARD, host.clone()).default_realm(realm).build(),
            client: Client::new(catalogue::STANDARD, host, Credentials::new("user0000000", Secret::new(PASSWORD))),
            channel: Channel::tls(256),
            hashed: kept(&[Scheme::CramMd5, Scheme::DigestMd5])?,
            plain: kept(&[Scheme::Plaintext])?,
        })
    }
}
