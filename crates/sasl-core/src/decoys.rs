//! What users are challenged with who are not there. It must be the same each time, or a second look tells.

use crate::{
    failure::Failure,
    identity::Login,
    random,
    secret::Secret,
    verifier::scram::{DecoySalts, Hash, SALT},
};
use std::sync::OnceLock;
use zeroize::Zeroizing;

/// What is made for each user of a secret of the site, or of the process.
pub(crate) struct Decoys(OnceLock<DecoySalts>);

impl Decoys {
    #[expect(clippy::needless_pass_by_value, reason = "the secret ends here")]
    pub(crate) fn new(secret: Secret) -> Self {
        Self(DecoySalts::new(secret.expose()).into())
    }

    /// A secret is made where one is needed first.
    pub(crate) const fn for_this_process() -> Self {
        Self(OnceLock::new())
    }

    /// The salt that this user would have.
    pub(crate) fn scram_salt(&self, hash: Hash, login: &Login) -> Result<[u8; SALT], Failure> {
        let salts = match self.0.get() {
            Some(salts) => salts,
            None => {
                let secret = Zeroizing::new(random::bytes::<32>()?);
                self.0.get_or_init(|| DecoySalts::new(&*secret))
            }
        };
        let user = login.user().as_bytes();
        Ok(match login.realm() {
            Some(realm) => salts.salt(hash, &[user, b"@", realm.as_bytes()]),
            None => salts.salt(hash, &[user]),
        })
    }
}
