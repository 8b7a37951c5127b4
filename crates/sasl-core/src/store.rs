//! The blocking way to answer.

use crate::{
    identity::Login,
    secret::Secret,
    step::{Ask, Reply, Step, TokenError, TokenVerdict, Verdict},
    verifier::{Scheme, Verifier, Verifiers},
};
use std::collections::HashMap;

/// A place of verifiers that answers at once, or by blocking. Wholly optional: see [`Step`].
pub trait Store {
    /// All that is kept for `login`; `Ok(None)` for a user who is not there, or is disabled.
    ///
    /// # Errors
    /// [`Unavailable`] where nobody can tell now.
    fn verifiers(&self, login: &Login) -> Result<Option<Verifiers>, Unavailable>;

    /// The one verifier of `scheme` among them.
    ///
    /// # Errors
    /// [`Unavailable`] where nobody can tell now.
    fn verifier(&self, login: &Login, scheme: Scheme) -> Result<Option<Verifier>, Unavailable> {
        Ok(self.verifiers(login)?.and_then(|verifiers| verifiers.of(scheme).cloned()))
    }

    /// Whose `token` is, which came with a claim or without one. By default, nobody's.
    fn owner(&self, _token: &Secret, _claimed: Option<&Login>) -> TokenVerdict {
        TokenVerdict::Reject(TokenError::InvalidToken)
    }

    /// Whether `login` may act as `other`. By default, never.
    fn may_act_as(&self, _login: &Login, _other: &Login) -> Verdict {
        Verdict::Reject
    }
}

/// Nobody can tell now.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "made by every store")]
pub struct Unavailable;

impl Step {
    /// Answers every question from `store`, until only a reply is left.
    pub fn answered_by<S: Store + ?Sized>(mut self, store: &S) -> Reply {
        loop {
            self = match self {
                Self::Reply(reply) => return reply,
                Self::Ask(ask) => answer(ask, store),
            }
        }
    }
}

fn answer<S: Store + ?Sized>(ask: Ask, store: &S) -> Step {
    match ask {
        Ask::Password(ask) => match store.verifiers(ask.login()) {
            Ok(found) => ask.against(found.as_ref()),
            Err(Unavailable) => Ask::Password(ask).defer(),
        },
        Ask::Verifier(ask) => match store.verifier(ask.login(), ask.scheme()) {
            Ok(found) => ask.answer(found),
            Err(Unavailable) => Ask::Verifier(ask).defer(),
        },
        Ask::Token(ask) => {
            let verdict = store.owner(ask.token(), ask.claimed());
            ask.answer(verdict)
        }
        Ask::Proxy(ask) => {
            let verdict = store.may_act_as(ask.login(), ask.acts_as());
            ask.answer(verdict)
        }
    }
}

impl<H: std::hash::BuildHasher> Store for HashMap<Login, Verifiers, H> {
    fn verifiers(&self, login: &Login) -> Result<Option<Verifiers>, Unavailable> {
        Ok(self.get(login).cloned())
    }

    fn verifier(&self, login: &Login, scheme: Scheme) -> Result<Option<Verifier>, Unavailable> {
        Ok(self.get(login).and_then(|verifiers| verifiers.of(scheme)).cloned())
    }
}
