//! What users are challenged with who are not there. It must be the same each time, or a second look tells.

use crate::{
    failure::Failure,
    identity::Login,
    random,
    secret::Secret,
    verifier::scram::{Hash, Scram},
};
use std::sync::OnceLock;

/// A secret of the site, or of the process, and what is made of it for each user.
pub(crate) struct Decoys(OnceLock<Secret>);

impl Decoys {
    pub(crate) fn new(secret: Secret) -> Self {
        Self(secret.into())
    }

    /// A secret is made where one is needed first.
    pub(crate) const fn for_this_process() -> Self {
        Self(OnceLock::new())
    }

    /// Keys that fit nobody, with the salt and the count of a user who was added today.
    pub(crate) fn scram(&self, hash: Hash, login: &Login) -> Result<Scram, Failure> {
        if self.0.get().is_none() {
            let made = Secret::new(random::bytes::<32>()?);
            self.0.get_or_init(|| made);
        }
        let secret = self.0.get().expect("made above");
        Ok(Scram::decoy(hash, secret.expose(), &login.to_bytes()))
    }
}
