//! The server's side: what to offer, how to begin.

use crate::{
    app_conf::AppConf,
    channel::Channel,
    decoys::Decoys,
    failure::{Failure, Reason},
    host::Host,
    identity::Realm,
    mechanism::{BindingOffer, Binds, Context, First, Mechanism, OauthHints, Settings, SuccessData},
    name::MechanismName,
    nonce::Nonces,
    policy::{Binding, Policy},
    reauth::Reauth,
    secret::Secret,
    step::{MAX_RESPONSE, Step},
};
use std::{fmt, sync::Arc};

/// One per process and service; shared by every connection.
pub struct Server {
    mechanisms: Vec<&'static Mechanism>,
    settings: Arc<Settings>,
}

/// What a [`Server`] is made of.
pub struct ServerBuilder {
    mechanisms: Vec<&'static Mechanism>,
    settings: Settings,
}

impl Server {
    /// A server of `mechanisms`, best first, for the service and host of `host`.
    #[must_use]
    pub fn builder(mechanisms: &[&'static Mechanism], host: Host) -> ServerBuilder {
        let settings = Settings {
            host,
            policy: Policy::default(),
            default_realm: None,
            digest_realms: Vec::new(),
            success_data: SuccessData::AsChallenge,
            nonces: Nonces::from_system(),
            oauth: OauthHints::default(),
            decoys: Decoys::for_this_process(),
            reauth: None,
        };
        ServerBuilder { mechanisms: mechanisms.to_vec(), settings }
    }

    /// What to offer on `channel`, in the order of the mechanisms that the server was given.
    pub fn offer<'a>(&'a self, channel: &'a Channel) -> impl Iterator<Item = MechanismName> + 'a {
        let policy = &self.settings.policy;
        self.mechanisms
            .iter()
            .filter(move |mechanism| mechanism.admitted_by(policy, channel).is_ok())
            .map(|mechanism| mechanism.name)
    }

    /// Begins the exchange that the client chose, under the same test that [`Server::offer`] makes. `None` is not
    /// `Some(b"")`: the first is no initial response, the second an empty one.
    pub fn start(&self, channel: &Channel, name: &str, initial: Option<&[u8]>) -> Step {
        self.try_start(channel, name, initial).unwrap_or_else(Step::from)
    }

    fn try_start(&self, channel: &Channel, name: &str, initial: Option<&[u8]>) -> Result<Step, Failure> {
        let mechanism = self.begun_as(self.find(name)?);
        mechanism.admitted_by(&self.settings.policy, channel)?;
        if initial.is_some_and(|initial| initial.len() > MAX_RESPONSE) {
            return Err(Failure::malformed("initial response too long"));
        }
        let context = Context {
            settings: Arc::clone(&self.settings),
            mechanism,
            channel: channel.clone(),
            binding: self.binding_offer(mechanism, channel),
        };
        let begin = mechanism.server;
        match (mechanism.first, initial) {
            (First::Client, None) => Ok(Step::challenge(b"", move |response| begin(context, Some(response)))),
            (First::Server, Some(_)) => Err(Failure::malformed("initial response where the server speaks first")),
            (First::Client | First::Server | First::Either, initial) => begin(context, initial),
        }
    }

    /// libsasl2's client binds an exchange under the name without `-PLUS`: where it must be bound, it is begun as if the name had it.
    fn begun_as(&self, mechanism: &'static Mechanism) -> &'static Mechanism {
        if mechanism.binds != Binds::Possibly || self.settings.policy.channel_binding() == Binding::Optional {
            return mechanism;
        }
        self.bound(mechanism).unwrap_or(mechanism)
    }

    fn binding_offer(&self, mechanism: &Mechanism, channel: &Channel) -> BindingOffer {
        match mechanism.binds == Binds::Possibly && !channel.bindings().is_empty() && self.bound(mechanism).is_some() {
            true => BindingOffer::Made,
            false => BindingOffer::NotMade,
        }
    }

    /// The same mechanism with `-PLUS`.
    fn bound(&self, mechanism: &Mechanism) -> Option<&'static Mechanism> {
        self.mechanisms.iter().copied().find(|other| other.is_bound(mechanism))
    }

    fn find(&self, name: &str) -> Result<&'static Mechanism, Failure> {
        let known = self.mechanisms.iter().find(|mechanism| mechanism.name.is(name));
        known.copied().ok_or(Failure::new(Reason::NoMechanism, "unknown mechanism"))
    }
}

impl ServerBuilder {
    /// Puts `policy` in place of the default one.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.settings.policy = policy;
        self
    }

    /// Keeps the mechanisms of `list` alone, in its order (cyrus' `mech_list`, sendmail's `AuthMechanisms`). Names are
    /// compared without regard to case, unknown ones passed over.
    #[must_use]
    pub fn mech_list<'a>(mut self, list: impl IntoIterator<Item = &'a str>) -> Self {
        let known = |name: &str| self.mechanisms.iter().copied().find(|mechanism| mechanism.name.is(name));
        self.mechanisms = list.into_iter().filter_map(known).collect();
        self
    }

    /// Takes from an application's `APP.conf` what is a server's: `mech_list`, where it is set. What to check passwords against,
    /// and where that is, are the application's own affair.
    #[must_use]
    pub fn app_conf(self, conf: &AppConf) -> Self {
        match conf.value("mech_list") {
            Some(_) => self.mech_list(conf.words("mech_list").filter_map(|name| str::from_utf8(name).ok())),
            None => self,
        }
    }

    /// The realm of logins that name none (libsasl2's `user_realm`), and the one that DIGEST-MD5 offers. Without
    /// it a login stays as it is, and DIGEST-MD5 offers the host's name. Where your store looks such logins up in a realm, name that one
    /// here: else the challenges of SCRAM tell whether `tim` and `tim@realm` are one user, and so who is one.
    #[must_use]
    pub fn default_realm(mut self, realm: Realm) -> Self {
        self.settings.default_realm = Some(realm);
        self
    }

    /// Further realms for DIGEST-MD5 to offer.
    #[must_use]
    pub fn digest_realms(mut self, realms: impl IntoIterator<Item = Realm>) -> Self {
        self.settings.digest_realms.extend(realms);
        self
    }

    /// Says whether the protocol can carry data with a success; [`SuccessData::AsChallenge`] where nothing is said.
    #[must_use]
    pub fn success_data(mut self, success_data: SuccessData) -> Self {
        self.settings.success_data = success_data;
        self
    }

    /// From what the challenges for users who are not there are made: at least 16 random bytes, the same after a restart and on
    /// every machine of a site. Without it they change when the process does, and tell who is there from who is not.
    #[must_use]
    pub fn decoy_secret(mut self, secret: Secret) -> Self {
        self.settings.decoys = Decoys::new(secret);
        self
    }

    /// Lets clients come back by DIGEST-MD5 with one message (RFC 2831 section 2.2), and remembers for that in `reauth`.
    #[must_use]
    pub fn reauth(mut self, reauth: Arc<Reauth>) -> Self {
        self.settings.reauth = Some(reauth);
        self
    }

    /// What OAUTHBEARER and XOAUTH2 tell a client whose token does not do: the scope that one needs, and where the OpenID
    /// provider's configuration is (RFC 7628 section 3.2.2).
    #[must_use]
    pub fn oauth_hints(mut self, scope: Option<&str>, openid_configuration: Option<&str>) -> Self {
        let (scope, openid_configuration) = (scope.map(Into::into), openid_configuration.map(Into::into));
        self.settings.oauth = OauthHints { scope, openid_configuration };
        self
    }

    /// The server.
    #[must_use]
    pub fn build(mut self) -> Server {
        let host = Realm::of_host(self.settings.host.name()).ok();
        let own = self.settings.default_realm.clone().or(host);
        self.settings.digest_realms.splice(0..0, own);
        Server { mechanisms: self.mechanisms, settings: Arc::new(self.settings) }
    }

    #[cfg(test)]
    pub(crate) fn recorded_nonce(mut self, nonce: &str) -> Self {
        self.settings.nonces = Nonces::recorded(nonce);
        self
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("mechanisms", &self.mechanisms).finish_non_exhaustive()
    }
}

impl fmt::Debug for ServerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerBuilder").field("mechanisms", &self.mechanisms).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
