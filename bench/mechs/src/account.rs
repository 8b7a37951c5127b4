//! The one account of the exchanges, the same as in `bench/peers/exchange.h`.

use sasl_core::{
    catalogue,
    channel::Channel,
    client::Client,
    credentials::Credentials,
    failure::Failure,
    host::Host,
    identity::{Login, Realm},
    mechanism::SuccessData,
    secret::Secret,
    server::Server,
    store::{Store, Unavailable},
    verifier::{
        Scheme, Verifier, Verifiers,
        argon2id::Memory,
        scram::{Hash, Scram},
    },
};

const PASSWORD: &str = "pass0000000";
const SALT: &[u8] = b"0123456789abcdef";
const ITERATIONS: u32 = 4096;

/// Both sides, and what the server keeps: the derived keys, and for PLAIN and LOGIN the password itself, since the peers
/// compare that too.
pub(crate) struct Account {
    pub(crate) server: Server,
    pub(crate) client: Client,
    pub(crate) channel: Channel,
    derived: OneUser,
    plain: OneUser,
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
        let server = Server::builder(catalogue::STANDARD, host.clone()).default_realm(Realm::parse("example.org")?);
        Ok(Self {
            server: server.success_data(SuccessData::Carried).build(),
            client: Client::new(catalogue::STANDARD, host, Credentials::new("user0000000", Secret::new(PASSWORD))),
            channel: Channel::tls(256),
            derived: OneUser(login.clone(), derived(&login)?),
            plain: OneUser(login, [Verifier::Plaintext(Secret::new(PASSWORD))].into_iter().collect()),
        })
    }

    pub(crate) fn store(&self, mechanism: &str) -> &OneUser {
        match mechanism {
            "PLAIN" | "LOGIN" => &self.plain,
            _ => &self.derived,
        }
    }
}

fn derived(login: &Login) -> Result<Verifiers, Failure> {
    let schemes = [Scheme::CramMd5, Scheme::DigestMd5];
    let fast = Verifiers::derive(&schemes, login, &[], PASSWORD.as_bytes(), &mut Memory::default())?;
    let scram = |hash| Verifier::Scram(Scram::derive_with(hash, PASSWORD.as_bytes(), SALT, ITERATIONS));
    Ok(fast.iter().cloned().chain([Hash::Sha1, Hash::Sha256, Hash::Sha512].map(scram)).collect())
}
