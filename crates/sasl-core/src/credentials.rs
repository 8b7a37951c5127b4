//! What a client is handed to prove itself with.

use crate::secret::Secret;
use std::fmt;

/// A client's name and password. Sent and hashed as given, octet by octet.
#[derive(Clone)]
pub struct Credentials {
    pub(crate) login: Box<[u8]>,
    pub(crate) password: Secret,
    pub(crate) acts_as: Option<Box<[u8]>>,
    pub(crate) realm: Option<Box<[u8]>>,
}

impl Credentials {
    /// The authentication identity, as the server spells it (`user` or `user@realm`), and its password.
    #[must_use]
    pub fn new(login: impl AsRef<[u8]>, password: Secret) -> Self {
        Self { login: login.as_ref().into(), password, acts_as: None, realm: None }
    }

    /// Asks to act as another: the authorization identity. Only some mechanisms carry one.
    #[must_use]
    pub fn acting_as(self, other: impl AsRef<[u8]>) -> Self {
        Self { acts_as: Some(other.as_ref().into()), ..self }
    }

    /// The realm to choose in DIGEST-MD5 where the server offers it among several, or offers none.
    #[must_use]
    pub fn in_realm(self, realm: impl AsRef<[u8]>) -> Self {
        Self { realm: Some(realm.as_ref().into()), ..self }
    }

    /// Every string but the password.
    pub(crate) fn names(&self) -> impl Iterator<Item = &[u8]> {
        [Some(&self.login), self.acts_as.as_ref(), self.realm.as_ref()].into_iter().flatten().map(|name| &**name)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}
