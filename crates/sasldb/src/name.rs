//! Whose record.

use sasl_core::{
    failure::Failure,
    identity::{Login, MAX_NAME, Realm, UserName},
};

/// A user in a realm: octets, the user not empty, no NUL in either. What a record is found by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Name<'a> {
    user: &'a [u8],
    realm: &'a [u8],
}

impl<'a> Name<'a> {
    /// The name of `user` in `realm`, which may be empty.
    ///
    /// # Errors
    /// [`Reason::Malformed`](sasl_core::failure::Reason::Malformed) as in [`UserName::parse`] and [`Realm::parse`].
    pub fn new(user: &'a [u8], realm: &'a [u8]) -> Result<Self, Failure> {
        let is_name = |name: &[u8]| name.len() <= MAX_NAME && !name.contains(&0);
        match !user.is_empty() && is_name(user) && is_name(realm) {
            true => Ok(Self { user, realm }),
            false => Err(Failure::malformed("user empty, or a name too long or with a NUL")),
        }
    }

    /// The user.
    #[must_use]
    pub fn user(&self) -> &'a [u8] {
        self.user
    }

    /// The realm.
    #[must_use]
    pub fn realm(&self) -> &'a [u8] {
        self.realm
    }

    /// The name as an exchange has it.
    #[must_use]
    pub fn login(&self) -> Login {
        let user = UserName::parse(self.user).expect("a name was checked when it was made");
        Login::new(user, Some(Realm::parse(self.realm).expect("a name was checked when it was made")))
    }
}

impl<'a> From<(&'a UserName, &'a Realm)> for Name<'a> {
    fn from((user, realm): (&'a UserName, &'a Realm)) -> Self {
        Self { user: user.as_bytes(), realm: realm.as_bytes() }
    }
}
