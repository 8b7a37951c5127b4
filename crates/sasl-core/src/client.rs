//! The client's side: which mechanism to choose, how to begin.

use crate::{
    channel::Channel,
    client_step::Response,
    credentials::Credentials,
    failure::{Failure, Reason},
    host::Host,
    mechanism::{Authzid, Binds, ClientBinding, ClientContext, ClientSettings, Mechanism, Proof},
    name::MechanismName,
    nonce::Nonces,
    policy::Policy,
};
use std::{fmt, ops::RangeInclusive, sync::Arc};

/// One per account and server.
pub struct Client {
    mechanisms: Vec<&'static Mechanism>,
    settings: Arc<ClientSettings>,
    /// Whether the credentials can be used at all.
    usable: Result<(), Failure>,
}

/// The rounds of PBKDF2 that a SCRAM client agrees to, unless told otherwise: fewer would help whoever plays the server to guess
/// the password, more to keep us busy.
pub const ITERATIONS: RangeInclusive<u32> = 4096..=1_000_000;

/// The mechanism that a client chose from what a server offers.
#[must_use = "the server waits for it"]
pub struct Choice<'a> {
    client: &'a Client,
    channel: Channel,
    /// Places in the client's list: of what was chosen, and of what is left.
    candidates: Vec<usize>,
}

impl Client {
    /// A client that prefers `mechanisms` in their order, under the default [`Policy`]: no plaintext password
    /// without TLS. `host` is the service, and the name by which the server was reached.
    #[must_use]
    pub fn new(mechanisms: &[&'static Mechanism], host: Host, credentials: Credentials) -> Self {
        let (nonces, policy, usable) = (Nonces::from_system(), Policy::default(), credentials.check());
        let settings = ClientSettings { host, credentials, nonces, policy, iterations: ITERATIONS };
        Self { mechanisms: mechanisms.to_vec(), settings: Arc::new(settings), usable }
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
        let mut candidates = Vec::new();
        for name in offered {
            let known = self.mechanisms.iter().position(|mechanism| mechanism.name.is(name));
            candidates.extend(known.filter(|at| self.will_do(self.mechanisms[*at], channel)));
        }
        candidates.sort_unstable_by_key(|at| (self.mechanisms[*at].binds != Binds::Always, *at));
        candidates.dedup();
        Choice { client: self, channel: channel.clone(), candidates }.unless_none()
    }

    /// Begins an exchange by the mechanism of that name, whatever the server offers.
    ///
    /// # Errors
    /// [`Reason::NoMechanism`] and the policy's reasons; [`Reason::Malformed`] where the credentials do not fit the mechanism.
    pub fn start(&self, channel: &Channel, name: &str) -> Result<Response, Failure> {
        let known = self.mechanisms.iter().find(|mechanism| mechanism.name.is(name));
        let mechanism = known.ok_or(Failure::new(Reason::NoMechanism, "unknown mechanism"))?;
        mechanism.admitted_by(&self.settings.policy, channel)?;
        if !self.can_prove(mechanism) {
            return Err(Failure::malformed("credentials that the mechanism cannot prove or carry"));
        }
        self.begin(mechanism, channel, ClientBinding::Unable)
    }

    /// Begins an exchange by a mechanism that will do. `unbound` is what to say where it does not bind.
    fn begin(
        &self,
        mechanism: &'static Mechanism,
        channel: &Channel,
        unbound: ClientBinding,
    ) -> Result<Response, Failure> {
        self.usable?;
        let binding = match (mechanism.binds, channel.bindings().first()) {
            (Binds::Always, Some(binding)) => ClientBinding::By(binding.clone()),
            _ => unbound,
        };
        let settings = Arc::clone(&self.settings);
        (mechanism.client)(ClientContext { settings, mechanism, channel: channel.clone(), binding })
    }

    fn will_do(&self, mechanism: &Mechanism, channel: &Channel) -> bool {
        mechanism.admitted_by(&self.settings.policy, channel).is_ok() && self.can_prove(mechanism)
    }

    /// Whether we know the mechanism that is this one and binds to the channel.
    fn can_bind(&self, mechanism: &Mechanism) -> bool {
        self.mechanisms.iter().any(|other| other.is_bound(mechanism))
    }

    /// Whether the credentials hold what `mechanism` proves its client with, and it carries what they ask for.
    fn can_prove(&self, mechanism: &Mechanism) -> bool {
        let credentials = &self.settings.credentials;
        if mechanism.authzid == Authzid::Absent && credentials.acts_as.is_some() {
            return false;
        }
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
        let could_bind = !self.channel.bindings().is_empty() && self.client.can_bind(self.mechanism());
        let unbound = if could_bind { ClientBinding::NotOffered } else { ClientBinding::Unable };
        self.client.begin(self.mechanism(), &self.channel, unbound)
    }

    /// The next best, after the server refused this one. It may be a weaker one: ask for what you need by the policy. After one
    /// that binds to the channel come such ones alone: somebody in between is refused too, and would like us to do without.
    ///
    /// # Errors
    /// [`Reason::NoMechanism`] where there is none left.
    pub fn next(mut self) -> Result<Self, Failure> {
        let refused = self.mechanism().binds;
        self.candidates.remove(0);
        self.candidates.retain(|at| refused != Binds::Always || self.client.mechanisms[*at].binds == Binds::Always);
        self.unless_none()
    }

    fn unless_none(self) -> Result<Self, Failure> {
        match self.candidates.is_empty() {
            true => Err(Failure::new(Reason::NoMechanism, "nothing offered will do")),
            false => Ok(self),
        }
    }

    fn mechanism(&self) -> &'static Mechanism {
        self.client.mechanisms[self.candidates[0]]
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
