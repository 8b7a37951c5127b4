//! What happens next on a server: something to tell the peer, or something to tell us.

use crate::{
    failure::{Failure, Reason},
    identity::{Identity, Login},
    layer::Layer,
    secret::Secret,
    verifier::{Scheme, Verifier, Verifiers, argon2id::Memory},
};
use std::{borrow::Cow, fmt};

/// The outcome of one move. Match on it, or let a store answer: [`Step::answered_by`].
#[derive(Debug)]
#[must_use = "an exchange that is not carried on leaves the client waiting"]
#[expect(clippy::exhaustive_enums, reason = "there is no third thing")]
pub enum Step {
    /// Tell the peer.
    Reply(Reply),
    /// Tell us.
    Ask(Ask),
}

/// What to tell the peer.
#[derive(Debug)]
#[must_use = "the client waits for it"]
#[expect(clippy::exhaustive_enums, reason = "RFC 4422 knows no fourth")]
pub enum Reply {
    /// Send the challenge; come back with the response.
    Continue(Challenge),
    /// The client is who it says.
    Done(Success),
    /// It is not, or we cannot tell.
    Fail(Failure),
}

/// A fact that only the application has. Answer by the method of the one you are given.
#[derive(Debug)]
#[non_exhaustive]
#[must_use = "the exchange stands still until it is answered"]
pub enum Ask {
    /// Is this the user's password?
    Password(AskPassword),
    /// What verifier is kept for the user?
    Verifier(AskVerifier),
    /// May this user act as that one?
    Proxy(AskProxy),
    /// Whose is this token?
    Token(AskToken),
}

/// An answer to a yes-or-no question; the third value is not a no.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by nature")]
pub enum Verdict {
    /// Yes.
    Accept,
    /// No.
    Reject,
    /// We cannot tell now.
    Defer,
}

/// An answer to "Whose is this token?".
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "complete by nature")]
pub enum TokenVerdict {
    /// This user's. The token decides; what the client claims does not.
    Accept(Login),
    /// It is no good.
    Reject(TokenError),
    /// We cannot tell now.
    Defer,
}

/// Why a token is no good (RFC 6750 section 3.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TokenError {
    /// Expired, revoked, forged, for somebody else, or in any other way invalid.
    InvalidToken,
    /// Valid, but not for this service.
    InsufficientScope,
}

/// The longest response taken from a peer, in bytes before base64.
pub const MAX_RESPONSE: usize = 64 * 1024;

/// Bytes for the client, and the exchange that waits for its response.
pub struct Challenge {
    message: Cow<'static, [u8]>,
    rest: RestOfResponse,
}

/// An identity, and what the server still owes the client.
#[derive(Debug)]
pub struct Success {
    identity: Identity,
    ending: Ending,
}

/// What a success comes with.
#[derive(Debug, Default)]
pub(crate) struct Ending {
    pub(crate) data: Option<Vec<u8>>,
    pub(crate) trace: Option<Box<str>>,
    pub(crate) layer: Option<Box<Layer>>,
}

/// "Is this the user's password?"
pub struct AskPassword {
    login: Login,
    password: Secret,
    rest: Rest<Login, Verdict>,
}

/// "What verifier is kept for the user?"
pub struct AskVerifier {
    login: Login,
    scheme: Scheme,
    rest: Rest<Login, Option<Verifier>>,
}

/// "May this user act as that one?"
pub struct AskProxy {
    login: Login,
    acts_as: Login,
    rest: Rest<[Login; 2], Verdict>,
}

/// "Whose is this token?"
pub struct AskToken {
    claimed: Option<Login>,
    token: Secret,
    rest: Rest<Option<Login>, TokenVerdict>,
}

/// The rest of an exchange, waiting for a response.
type RestOfResponse = Box<dyn FnOnce(&[u8]) -> Result<Step, Failure> + Send>;

/// The rest of an exchange, waiting for an `A`, with which it gets the names back that were asked about.
type Rest<N, A> = Box<dyn FnOnce(N, A) -> Result<Step, Failure> + Send>;

impl Challenge {
    /// What to send, before base64. Empty is a message too.
    #[must_use]
    pub fn message(&self) -> &[u8] {
        &self.message
    }

    /// Carries on with what the client sent, after base64.
    pub fn respond(self, response: &[u8]) -> Step {
        if response.len() > MAX_RESPONSE {
            return Failure::malformed("response too long").into();
        }
        or_fail((self.rest)(response))
    }
}

impl Success {
    /// Who came in.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Data to send along with the success, in protocols that can (RFC 4422 section 3.6).
    #[must_use]
    pub fn data(&self) -> Option<&[u8]> {
        self.ending.data.as_deref()
    }

    /// What protects the connection from now on, where that was agreed. It begins behind the success, in both directions, and
    /// both sides forget what they knew of each other.
    #[must_use]
    pub fn into_layer(self) -> Option<Layer> {
        self.ending.layer.map(|layer| *layer)
    }

    /// What an anonymous client says of itself (RFC 4505), to be logged and not to be trusted: at most 255 characters,
    /// none of them a control character.
    #[must_use]
    pub fn trace(&self) -> Option<&str> {
        self.ending.trace.as_deref()
    }
}

impl Ask {
    /// Ends the exchange, whatever was asked: we cannot tell now.
    pub fn defer(self) -> Step {
        Failure::new(Reason::Unavailable, "a question was not answered").into()
    }
}

impl AskPassword {
    /// Who claims it.
    #[must_use]
    pub fn login(&self) -> &Login {
        &self.login
    }

    /// What they claim.
    #[must_use]
    pub fn password(&self) -> &Secret {
        &self.password
    }

    /// Carries on with your verdict.
    pub fn answer(self, verdict: Verdict) -> Step {
        or_fail((self.rest)(self.login, verdict))
    }

    /// Checks the password against what is kept for the user, and carries on. `None`, for a user who is not
    /// there, takes as long as argon2id does, and fails.
    pub fn against(self, found: Option<&Verifiers>) -> Step {
        let check = |kept: &Verifiers| kept.check(self.password.expose(), &mut Memory::default());
        let fits = found.map_or_else(|| check(&Verifiers::default()), check);
        self.answer(if fits { Verdict::Accept } else { Verdict::Reject })
    }
}

impl AskVerifier {
    /// Whose.
    #[must_use]
    pub fn login(&self) -> &Login {
        &self.login
    }

    /// Of which kind. [`Scheme::Plaintext`] serves for any.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Carries on with it; `None`, for a user without one, is challenged all the same.
    pub fn answer(self, verifier: Option<Verifier>) -> Step {
        or_fail((self.rest)(self.login, verifier))
    }
}

impl AskProxy {
    /// Who proved themself.
    #[must_use]
    pub fn login(&self) -> &Login {
        &self.login
    }

    /// As whom they want to act.
    #[must_use]
    pub fn acts_as(&self) -> &Login {
        &self.acts_as
    }

    /// Carries on with your verdict.
    pub fn answer(self, verdict: Verdict) -> Step {
        or_fail((self.rest)([self.login, self.acts_as], verdict))
    }
}

impl AskToken {
    /// Who the client says it is, where it says so. Not proved: the token's own user counts.
    #[must_use]
    pub fn claimed(&self) -> Option<&Login> {
        self.claimed.as_ref()
    }

    /// The token.
    #[must_use]
    pub fn token(&self) -> &Secret {
        &self.token
    }

    /// Carries on with your verdict.
    pub fn answer(self, verdict: TokenVerdict) -> Step {
        or_fail((self.rest)(self.claimed, verdict))
    }
}

/// How mechanisms make steps. Each takes the rest of the exchange as a closure.
impl Step {
    pub(crate) fn challenge<F>(message: impl Into<Cow<'static, [u8]>>, rest: F) -> Self
    where
        F: FnOnce(&[u8]) -> Result<Self, Failure> + Send + 'static,
    {
        Self::Reply(Reply::Continue(Challenge { message: message.into(), rest: Box::new(rest) }))
    }

    pub(crate) fn ask_password<F>(login: Login, password: Secret, rest: F) -> Self
    where
        F: FnOnce(Login, Verdict) -> Result<Self, Failure> + Send + 'static,
    {
        if password.expose().is_empty() {
            return Failure::new(Reason::BadCredentials, "empty password").into(); // some directories take it for a success
        }
        Self::Ask(Ask::Password(AskPassword { login, password, rest: Box::new(rest) }))
    }

    pub(crate) fn ask_verifier<F>(login: Login, scheme: Scheme, rest: F) -> Self
    where
        F: FnOnce(Login, Option<Verifier>) -> Result<Self, Failure> + Send + 'static,
    {
        Self::Ask(Ask::Verifier(AskVerifier { login, scheme, rest: Box::new(rest) }))
    }

    pub(crate) fn ask_proxy<F>(login: Login, acts_as: Login, rest: F) -> Self
    where
        F: FnOnce([Login; 2], Verdict) -> Result<Self, Failure> + Send + 'static,
    {
        Self::Ask(Ask::Proxy(AskProxy { login, acts_as, rest: Box::new(rest) }))
    }

    pub(crate) fn ask_token<F>(claimed: Option<Login>, token: Secret, rest: F) -> Self
    where
        F: FnOnce(Option<Login>, TokenVerdict) -> Result<Self, Failure> + Send + 'static,
    {
        Self::Ask(Ask::Token(AskToken { claimed, token, rest: Box::new(rest) }))
    }

    pub(crate) fn done(identity: Identity, ending: Ending) -> Self {
        Self::Reply(Reply::Done(Success { identity, ending }))
    }
}

impl Verdict {
    /// Goes on where the verdict is a yes.
    pub(crate) fn or_fail(self, no: Reason) -> Result<(), Failure> {
        match self {
            Self::Accept => Ok(()),
            Self::Reject => Err(Failure::new(no, "rejected")),
            Self::Defer => Err(Failure::new(Reason::Unavailable, "no verdict")),
        }
    }
}

impl From<Failure> for Step {
    fn from(failure: Failure) -> Self {
        Self::Reply(Reply::Fail(failure))
    }
}

fn or_fail(next: Result<Step, Failure>) -> Step {
    next.unwrap_or_else(Step::from)
}

macro_rules! debug_by_name {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )*};
}
debug_by_name!(Challenge, AskPassword, AskVerifier, AskProxy, AskToken);
