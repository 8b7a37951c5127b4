//! The client's side: which mechanism to choose, how to begin.

use crate::{
    channel::Channel,
    client_step::Response,
    credentials::Credentials,
    failure::{Failure, Reason},
    host::Host,
    mechanism::{Binds, ClientBinding, ClientContext, ClientSettings, Mechanism, Proof},
    name::MechanismName,
    nonce::Nonces,
    policy::Policy,
};
use std::{fmt, ops::RangeInclusive, sync::Arc};

/// One per account and server.
pub struct Client {
    mechanisms: Vec<&'static Mechanism>,
    settings: Arc<ClientSettings>,
}

/// The rounds of PBKDF2 that a SCRAM client agrees to, unless told otherwise: fewer would help whoever plays the server to guess
/// the password, more to keep us busy.
pub const ITERATIONS: RangeInclusive<u32> = 4096..=1_000_000;

/// The mechanism that a client chose from what a server offers.
#[must_use = "the server waits for it"]
pub struct Choice<'a> {
    client: &'a Client,
    channel: Channel,
    /// What was chosen, and what is left.
    candidates: Vec<&'static Mechanism>,
    /// What to say where the mechanism does not bind.
    unbound: ClientBinding,
}

impl Client {
    /// A client that prefers `mechanisms` in their order, under the default [`Policy`]: no plaintext password
    /// without TLS. `host` is the service, and the name by which the server was reached.
    #[must_use]
    pub fn new(mechanisms: &[&'static Mechanism], host: Host, credentials: Credentials) -> Self {
        let (nonces, policy) = (Nonces::from_system(), Policy::default());
        let settings = ClientSettings { host, credentials, nonces, policy, iterations: ITERATIONS };
        Self { mechanisms: mechanisms.to_vec(), settings: Arc::new(settings) }
    }

    /// Puts `policy` in place of the default one.
    #[must_use]
    pub fn with_policy(mut self, policy: Policy) -> Self {
        Arc::make_mut(&mut self.settings).policy = policy;
        self
    }

    /// Agrees to so many rounds of PBKDF2 in SCRAM, in place of [`ITERATIONS`].
    #[must_use]
    pub fn with_iterations(mut self, iterations: RangeInclusive<u32>) -> Self {
        Arc::make_mut(&mut self.settings).iterations = iterations;
        self
    }

    /// The first of our mechanisms that the server offers, that the policy admits on `channel` and that the credentials fit;
    /// one that binds to the channel before all that do not.
    /// `offered` must have come over this very channel, and be all that did: SCRAM vouches for it.
    ///
    /// # Errors
    /// [`Reason::NoMechanism`].
    pub fn choose<'a>(
        &self,
        channel: &Channel,
        offered: impl IntoIterator<Item = &'a str>,
    ) -> Result<Choice<'_>, Failure> {
        let offered: Vec<_> = offered.into_iter().filter_map(MechanismName::parse).collect();
        let will_do = |mechanism: &&'static Mechanism| {
            offered.contains(&mechanism.name)
                && mechanism.admitted_by(&self.settings.policy, channel).is_ok()
                && self.can_prove(mechanism)
        };
        let mut candidates: Vec<_> = self.mechanisms.iter().copied().filter(will_do).collect();
        candidates.sort_by_key(|mechanism| mechanism.binds != Binds::Always);
        let binding_offered = offered.iter().any(|name: &MechanismName| name.as_str().ends_with("-PLUS"));
        let unbound = match channel.bindings() {
            [_, ..] if !binding_offered => ClientBinding::NotOffered,
            _ => ClientBinding::Unable,
        };
        Choice { client: self, channel: channel.clone(), candidates, unbound }.unless_none()
    }

    /// Begins an exchange by the mechanism of that name, whatever the server offers.
    ///
    /// # Errors
    /// [`Reason::NoMechanism`] and the policy's reasons; [`Reason::Malformed`] where the credentials do not fit the mechanism.
    pub fn start(&self, channel: &Channel, name: &str) -> Result<Response, Failure> {
        let known = self.mechanisms.iter().find(|mechanism| mechanism.name.is(name));
        let mechanism = known.ok_or(Failure::new(Reason::NoMechanism, "unknown mechanism"))?;
        self.begin(mechanism, channel, ClientBinding::Unable)
    }

    /// `unbound` is what to say where the mechanism does not bind.
    fn begin(
        &self,
        mechanism: &'static Mechanism,
        channel: &Channel,
        unbound: ClientBinding,
    ) -> Result<Response, Failure> {
        mechanism.admitted_by(&self.settings.policy, channel)?;
        self.settings.credentials.check()?;
        let binding = match (mechanism.binds, channel.bindings().first()) {
            (Binds::Always, Some(binding)) => ClientBinding::By(binding.clone()),
            _ => unbound,
        };
        let settings = Arc::clone(&self.settings);
        (mechanism.client)(ClientContext { settings, mechanism, channel: channel.clone(), binding })
    }

    /// Whether the credentials hold what `mechanism` proves its client with.
    fn can_prove(&self, mechanism: &Mechanism) -> bool {
        let credentials = &self.settings.credentials;
        match mechanism.proof {
            Proof::Password => credentials.password().is_ok(),
            Proof::Token => credentials.token().is_ok(),
            Proof::Channel => credentials.are_external(),
            Proof::Nothing => credentials.trace().is_ok(),
        }
    }

    #[cfg(test)]
    pub(crate) fn with_recorded_nonce(mut self, nonce: &str) -> Self {
        Arc::make_mut(&mut self.settings).nonces = Nonces::recorded(nonce);
        self
    }
}

impl Choice<'_> {
    /// What was chosen.
    #[must_use]
    pub fn name(&self) -> MechanismName {
        self.mechanism().name
    }

    /// Begins the exchange.
    ///
    /// # Errors
    /// [`Reason::Malformed`] where the credentials hold what no peer would read.
    pub fn begin(&self) -> Result<Response, Failure> {
        self.client.begin(self.mechanism(), &self.channel, self.unbound.clone())
    }

    /// The next best, after the server refused this one. It may be a weaker one: ask for what you need by the policy.
    ///
    /// # Errors
    /// [`Reason::NoMechanism`] where there is none left.
    pub fn next(mut self) -> Result<Self, Failure> {
        self.candidates.remove(0);
        self.unless_none()
    }

    fn unless_none(self) -> Result<Self, Failure> {
        match self.candidates.is_empty() {
            true => Err(Failure::new(Reason::NoMechanism, "nothing offered will do")),
            false => Ok(self),
        }
    }

    fn mechanism(&self) -> &'static Mechanism {
        self.candidates[0]
    }
}

impl fmt::Debug for Choice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Choice({})", self.name())
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("mechanisms", &self.mechanisms).finish_non_exhaustive()
    }
}
