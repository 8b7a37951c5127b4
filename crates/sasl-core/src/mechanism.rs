//! What makes a mechanism, and the rules that all mechanisms share.

use crate::{
    channel::{Channel, binding::ChannelBinding},
    client_step::Response,
    credentials::Credentials,
    decoys::Decoys,
    failure::{Failure, Reason},
    guarantees::Guarantees,
    host::Host,
    identity::{Identity, Login, Realm},
    name::MechanismName,
    nonce::Nonces,
    policy::{Binding, Policy, Proxy},
    reauth::Reauth,
    step::{Ending, Step},
};
use std::{fmt, ops::RangeInclusive, sync::Arc};

/// A mechanism as the catalogue lists it. Made of functions, so that one not listed is not linked.
#[non_exhaustive]
pub struct Mechanism {
    /// Its name on the wire.
    pub name: MechanismName,
    /// What it withstands, as libsasl2 publishes it.
    pub guarantees: Guarantees,
    /// The bits of the strongest layer that it adds; 0 for none.
    pub max_ssf: u32,
    /// Who sends the first message.
    pub first: First,
    /// What the client proves itself with.
    pub proof: Proof,
    /// Whether the client can ask to act as another.
    pub authzid: Authzid,
    /// Whether it ties the exchange to the channel.
    pub binds: Binds,
    /// The server's half, from the first message on.
    pub(crate) server: ServerHalf,
    /// The client's half.
    pub(crate) client: ClientHalf,
}

/// The longest password taken, in bytes: what a slow hash is fed with has a bound.
pub(crate) const MAX_PASSWORD: usize = 4096;

/// Begins with the initial response, if there was one.
pub(crate) type ServerHalf = fn(Context, Option<&[u8]>) -> Result<Step, Failure>;

/// Begins with the initial response, if there is one.
pub(crate) type ClientHalf = fn(ClientContext) -> Result<Response, Failure>;

/// Who sends the first message of a mechanism.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "there are two sides")]
pub enum First {
    /// The client; without an initial response the server sends an empty challenge.
    Client,
    /// The server; an initial response is an error.
    Server,
    /// The server, but it knows what to make of an initial response.
    Either,
}

/// What a client proves itself with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Proof {
    /// A password, or something derived from it.
    Password,
    /// A bearer token.
    Token,
    /// What lies below: see [`Channel::with_external`].
    Channel,
    /// Nothing: nobody in particular.
    Nothing,
}

/// Whether a mechanism carries an authorization identity.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by nature")]
pub enum Authzid {
    /// It does.
    Carried,
    /// It does not: the client acts as itself.
    Absent,
}

/// Whether a mechanism ties the exchange to the channel (RFC 5056).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by nature")]
pub enum Binds {
    /// It cannot.
    Never,
    /// It does where the client says so.
    Possibly,
    /// It does, always: `-PLUS`.
    Always,
}

/// What the exchanges of one server share.
pub(crate) struct Settings {
    pub(crate) host: Host,
    pub(crate) policy: Policy,
    pub(crate) default_realm: Option<Realm>,
    pub(crate) digest_realms: Vec<Realm>,
    pub(crate) success_data: SuccessData,
    pub(crate) nonces: Nonces,
    pub(crate) oauth: OauthHints,
    pub(crate) decoys: Decoys,
    pub(crate) reauth: Option<Arc<Reauth>>,
}

/// What an OAuth client is told when its token does not do (RFC 7628 section 3.2.2).
#[derive(Default)]
pub(crate) struct OauthHints {
    pub(crate) scope: Option<Box<str>>,
    pub(crate) openid_configuration: Option<Box<str>>,
}

/// Whether the protocol can carry the server's last message along with its success (RFC 4422 section 3.6).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by nature")]
pub enum SuccessData {
    /// It can: LDAP, XMPP, ManageSieve.
    Carried,
    /// It cannot: SMTP, IMAP, POP3.
    AsChallenge,
}

/// What a running exchange of a server may know. Handed from step to step.
pub(crate) struct Context {
    pub(crate) settings: Arc<Settings>,
    pub(crate) mechanism: &'static Mechanism,
    pub(crate) channel: Channel,
    /// Whether the client could have tied this exchange to the channel: the same mechanism with `-PLUS` was offered.
    pub(crate) binding: BindingOffer,
}

/// Whether `-PLUS` was offered.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum BindingOffer {
    Made,
    NotMade,
}

/// What the exchanges of one client share.
#[derive(Clone)]
pub(crate) struct ClientSettings {
    pub(crate) host: Host,
    pub(crate) credentials: Credentials,
    pub(crate) nonces: Nonces,
    pub(crate) policy: Policy,
    pub(crate) iterations: RangeInclusive<u32>,
}

/// What an exchange of a client may know.
pub(crate) struct ClientContext {
    pub(crate) settings: Arc<ClientSettings>,
    pub(crate) mechanism: &'static Mechanism,
    pub(crate) channel: Channel,
    pub(crate) binding: ClientBinding,
}

/// What a client can say about tying an exchange to the channel (RFC 5802 section 6).
#[derive(Clone)]
pub(crate) enum ClientBinding {
    /// `n`: it cannot.
    Unable,
    /// `y`: it could, but the server did not offer to.
    NotOffered,
    /// `p`: it does, by this.
    By(ChannelBinding),
}

impl Mechanism {
    /// Whether this is `other` with `-PLUS`.
    pub(crate) fn is_bound(&self, other: &Self) -> bool {
        self.binds == Binds::Always && self.name.as_str().strip_suffix("-PLUS") == Some(other.name.as_str())
    }

    /// Whether `policy` lets it be offered, chosen and started on `channel`: one test for all three.
    ///
    /// # Errors
    /// [`Reason::NoMechanism`] where the channel, the proxying or the channel binding that the policy asks for rules it out; else
    /// as [`Policy::admit`].
    pub fn admitted_by(&self, policy: &Policy, channel: &Channel) -> Result<(), Failure> {
        let lacks = |cause| Err(Failure::new(Reason::NoMechanism, cause));
        match self {
            Self { proof: Proof::Channel, .. } if channel.external().is_none() => lacks("nobody known by the channel"),
            Self { binds: Binds::Always, .. } if channel.bindings().is_empty() => lacks("nothing to bind to"),
            Self { binds: Binds::Never | Binds::Possibly, .. } if policy.channel_binding() == Binding::Required => {
                lacks("the policy asks for a channel binding")
            }
            Self { authzid: Authzid::Absent, .. } if policy.proxy() == Proxy::Required => {
                lacks("the policy asks for an authorization identity")
            }
            _ => policy.admit(self.guarantees, self.max_ssf, channel),
        }
    }
}

impl Context {
    /// Reads a name that a peer sent, in its canonical form.
    pub(crate) fn login(&self, text: &[u8]) -> Result<Login, Failure> {
        Ok(Login::parse(text)?.or_in(self.settings.default_realm.as_ref()))
    }

    /// The last move of every mechanism: `login` is proved; may they act as `wanted`? Not before the proof: an
    /// answer would tell a stranger who may act as whom.
    ///
    /// Where the protocol cannot carry data with a success, it goes as a challenge first, and an empty response
    /// is awaited (RFC 4422 section 3.6). No mechanism need know.
    pub(crate) fn finish(self, login: Login, wanted: Option<Login>, ending: Ending) -> Result<Step, Failure> {
        let Some(wanted) = wanted.filter(|wanted| *wanted != login) else {
            return Ok(self.succeed(login, None, ending));
        };
        if self.settings.policy.proxy() == Proxy::Forbid {
            return Err(Failure::new(Reason::NotAuthorized, "proxying is off"));
        }
        Ok(Step::ask_proxy(login, wanted, move |[login, wanted], verdict| {
            verdict.or_fail(Reason::NotAuthorized)?;
            Ok(self.succeed(login, Some(wanted), ending))
        }))
    }

    fn succeed(&self, login: Login, acts_as: Option<Login>, ending: Ending) -> Step {
        let identity = Identity::new(login, acts_as, &self.mechanism.name);
        match ending {
            Ending { data: Some(data), .. } if self.settings.success_data == SuccessData::AsChallenge => {
                Step::challenge(data, move |response| match response {
                    b"" => Ok(Step::done(identity, Ending { data: None, ..ending })),
                    _ => Err(Failure::malformed("response after the last message")),
                })
            }
            ending => Step::done(identity, ending),
        }
    }
}

impl fmt::Debug for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mechanism({})", self.name)
    }
}
