//! What a client is handed to prove itself with.

use crate::{failure::Failure, secret::Secret};
use std::fmt;

/// Who a client is, and what it proves that with. Sent and hashed as given, octet by octet, but for what a mechanism prepares
/// (SCRAM).
#[derive(Clone)]
pub struct Credentials {
    pub(crate) login: Box<[u8]>,
    password: Option<Secret>,
    token: Option<Secret>,
    external: bool,
    trace: Option<Box<str>>,
    pub(crate) acts_as: Option<Box<[u8]>>,
    pub(crate) realm: Option<Box<[u8]>>,
}

impl Credentials {
    /// The authentication identity, as the server spells it (`user` or `user@realm`), and its password.
    #[must_use]
    pub fn new(login: impl AsRef<[u8]>, password: Secret) -> Self {
        Self { login: login.as_ref().into(), password: Some(password), ..Self::nobody() }
    }

    /// The user and a bearer token, for OAUTHBEARER and XOAUTH2.
    #[must_use]
    pub fn with_token(login: impl AsRef<[u8]>, token: Secret) -> Self {
        Self { login: login.as_ref().into(), token: Some(token), ..Self::nobody() }
    }

    /// Nothing but what the channel says of us, for EXTERNAL.
    #[must_use]
    pub fn external() -> Self {
        Self { external: true, ..Self::nobody() }
    }

    /// Nobody in particular, for ANONYMOUS. `trace` goes to the server's log as it is (RFC 4505): a mail address, a word
    /// without `@`, or nothing.
    #[must_use]
    pub fn anonymous(trace: &str) -> Self {
        Self { trace: Some(trace.into()), ..Self::nobody() }
    }

    /// These, or what the channel says of us.
    #[must_use]
    pub fn or_external(self) -> Self {
        Self { external: true, ..self }
    }

    /// Asks to act as another: the authorization identity. Only some mechanisms carry one.
    #[must_use]
    pub fn acting_as(self, other: impl AsRef<[u8]>) -> Self {
        Self { acts_as: Some(other.as_ref().into()), ..self }
    }

    /// The realm to choose in DIGEST-MD5 where the server offers it among several, or offers none.
    #[must_use]
    pub fn in_realm(self, realm: impl AsRef<[u8]>) -> Self {
        Self { realm: Some(realm.as_ref().into()), ..self }
    }

    fn nobody() -> Self {
        let login = Box::default();
        Self { login, password: None, token: None, external: false, trace: None, acts_as: None, realm: None }
    }

    pub(crate) fn password(&self) -> Result<&Secret, Failure> {
        self.password.as_ref().ok_or(Failure::malformed("no password"))
    }

    pub(crate) fn token(&self) -> Result<&Secret, Failure> {
        self.token.as_ref().ok_or(Failure::malformed("no token"))
    }

    pub(crate) fn trace(&self) -> Result<&str, Failure> {
        self.trace.as_deref().ok_or(Failure::malformed("not anonymous"))
    }

    /// Whether the channel may speak for us.
    pub(crate) fn are_external(&self) -> bool {
        self.external
    }

    /// Whether they can be used at all: a secret has a name, and nothing has a NUL, up to which a peer written in C would read.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let secrets = || [&self.password, &self.token].into_iter().flatten();
        let nameless = self.login.is_empty() && secrets().next().is_some();
        let trace = self.trace.as_deref().map(str::as_bytes);
        let mut all = self.names().chain(secrets().map(Secret::expose)).chain(trace);
        match nameless || all.any(|text| text.contains(&0)) {
            true => Err(Failure::malformed("credentials without a name or with a NUL")),
            false => Ok(()),
        }
    }

    /// Every string but the secrets.
    fn names(&self) -> impl Iterator<Item = &[u8]> {
        [Some(&self.login), self.acts_as.as_ref(), self.realm.as_ref()].into_iter().flatten().map(|name| &**name)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}
