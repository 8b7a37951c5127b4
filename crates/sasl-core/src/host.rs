//! For which service, on which host.

/// What an exchange is for: the service's name and the server's.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Host {
    service: Box<str>,
    name: Box<str>,
    port: Option<u16>,
}

impl Host {
    /// `service` is the GSSAPI service name (`smtp`, also for submission; `imap`, `pop`, `sieve`, `ldap`, `xmpp`);
    /// `name` the server's fully qualified name. Both are put in lower case, as libsasl2 does.
    #[must_use]
    pub fn new(service: &str, name: &str) -> Self {
        Self { service: service.to_ascii_lowercase().into(), name: name.to_ascii_lowercase().into(), port: None }
    }

    /// Says to which port a client connected: OAUTHBEARER tells the server (RFC 7628 section 3.1).
    #[must_use]
    pub fn with_port(self, port: u16) -> Self {
        Self { port: Some(port), ..self }
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

    /// The port, where it was said.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port
    }
}
