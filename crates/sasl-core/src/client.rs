//! The client's side: which mechanism to choose, how to begin.

use crate::{
    channel::Channel,
    client_step::Response,
    credentials::Credentials,
    failure::{Failure, Reason},
    host::Host,
    mechanism::{ClientContext, Mechanism},
    name::MechanismName,
    nonce::Nonces,
    policy::Policy,
};
use std::fmt;

/// One per account and server.
pub struct Client {
    mechanisms: Vec<&'static Mechanism>,
    policy: Policy,
    host: Host,
    credentials: Credentials,
    nonces: Nonces,
}

impl Client {
    /// A client that prefers `mechanisms` in their order, under the default [`Policy`]: no plaintext password
    /// without TLS. `host` is the service, and the name by which the server was reached.
    #[must_use]
    pub fn new(mechanisms: &[&'static Mechanism], host: Host, credentials: Credentials) -> Self {
        let (mechanisms, nonces) = (mechanisms.to_vec(), Nonces::from_system());
        Self { mechanisms, policy: Policy::default(), host, credentials, nonces }
    }

    /// Puts `policy` in place of the default one.
    #[must_use]
    pub fn with_policy(self, policy: Policy) -> Self {
        Self { policy, ..self }
    }

    /// The first of our mechanisms that the server offers and the policy admits on `channel`.
    ///
    /// # Errors
    /// [`Reason::NoMechanism`].
    pub fn choose<'a>(
        &self,
        channel: &Channel,
        offered: impl IntoIterator<Item = &'a str>,
    ) -> Result<MechanismName, Failure> {
        let offered: Vec<_> = offered.into_iter().filter_map(MechanismName::parse).collect();
        let admitted = |mechanism: &&&Mechanism| mechanism.admitted_by(&self.policy, channel).is_ok();
        let ours = self.mechanisms.iter().filter(admitted).map(|mechanism| mechanism.name);
        ours.into_iter()
            .find(|name| offered.contains(name))
            .ok_or(Failure::new(Reason::NoMechanism, "nothing offered will do"))
    }

    /// Begins an exchange by the mechanism of that name.
    ///
    /// # Errors
    /// [`Reason::NoMechanism`] and the policy's reasons; [`Reason::Malformed`] where the credentials do not fit the mechanism.
    pub fn start(&self, channel: &Channel, name: &str) -> Result<Response, Failure> {
        let name = MechanismName::parse(name);
        let known = self.mechanisms.iter().find(|mechanism| Some(mechanism.name) == name);
        let mechanism = known.ok_or(Failure::new(Reason::NoMechanism, "unknown mechanism"))?;
        mechanism.admitted_by(&self.policy, channel)?;
        self.check_credentials()?;
        let (host, credentials, nonces) = (self.host.clone(), self.credentials.clone(), self.nonces.clone());
        (mechanism.client)(ClientContext { host, credentials, nonces })
    }

    /// A peer written in C would read a string up to its NUL.
    fn check_credentials(&self) -> Result<(), Failure> {
        let Credentials { login, password, .. } = &self.credentials;
        if login.is_empty() || self.credentials.names().chain([password.expose()]).any(|text| text.contains(&0)) {
            return Err(Failure::malformed("credentials without a name or with a NUL"));
        }
        Ok(())
    }

    #[cfg(test)]
    pub(crate) fn with_recorded_nonce(self, nonce: &str) -> Self {
        Self { nonces: Nonces::recorded(nonce), ..self }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("mechanisms", &self.mechanisms).finish_non_exhaustive()
    }
}
