//! For which service, on which host.

/// What an exchange is for: the service's name and the server's.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Host {
    service: Box<str>,
    name: Box<str>,
}

impl Host {
    /// `service` is the GSSAPI service name (`smtp`, also for submission; `imap`, `pop`, `sieve`, `ldap`, `xmpp`);
    /// `name` the server's fully qualified name. Both are put in lower case, as libsasl2 does.
    #[must_use]
    pub fn new(service: &str, name: &str) -> Self {
        Self { service: service.to_ascii_lowercase().into(), name: name.to_ascii_lowercase().into() }
    }

    /// The service.
    #[must_use]
    pub fn service(&self) -> &str {
        &self.service
    }

    /// The host.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}
