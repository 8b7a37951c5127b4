//! What users are challenged with who are not there. It must be the same each time, or a second look tells.

use crate::{
    identity::Login,
    random,
    secret::Secret,
    verifier::scram::{Hash, Scram},
};

/// A secret of the site, and what is made of it for each user.
pub(crate) struct Decoys(Secret);

impl Decoys {
    pub(crate) fn new(secret: Secret) -> Self {
        Self(secret)
    }

    /// Where the system gives no randomness, no exchange gets as far as a decoy: it begins with a nonce.
    pub(crate) fn for_this_process() -> Self {
        Self(Secret::new(random::bytes::<32>().unwrap_or_default()))
    }

    /// Keys that fit nobody, with the salt and the count that this user would have.
    pub(crate) fn scram(&self, hash: Hash, login: &Login) -> Scram {
        Scram::decoy(hash, self.0.expose(), &login.to_bytes())
    }
}
