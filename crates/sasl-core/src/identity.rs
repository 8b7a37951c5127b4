//! Who somebody is, and as whom they act.
//!
//! Names are octets, as libsasl2 has them: compared byte by byte, never folded, trimmed or prepared. A NUL is
//! refused, because a peer written in C would read less than we do.

use crate::{escape::Escaped, failure::Failure, name::MechanismName};
use std::{fmt, sync::Arc};

/// The longest user name or realm, in bytes; libsasl2's limit for a canonical name.
pub const MAX_NAME: usize = 1024;

/// A user's name: not empty, no NUL, at most [`MAX_NAME`] bytes.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct UserName(Arc<[u8]>);

/// A name space of users: no NUL, at most [`MAX_NAME`] bytes, possibly empty.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Realm(Arc<[u8]>);

/// The authentication identity: a user, in a realm where one is known.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Login {
    user: UserName,
    realm: Option<Realm>,
}

/// Proof that an exchange succeeded: only an exchange can make one.
#[derive(Clone, Debug)]
pub struct Identity {
    login: Login,
    /// `None` is themself.
    acts_as: Option<Login>,
    mechanism: &'static MechanismName,
}

impl UserName {
    /// Reads a name as a peer sent it.
    ///
    /// # Errors
    /// [`Reason::Malformed`](crate::failure::Reason::Malformed) where it is empty, too long or has a NUL.
    pub fn parse(name: impl AsRef<[u8]>) -> Result<Self, Failure> {
        match octets(name.as_ref())? {
            name if name.is_empty() => Err(Failure::malformed("empty user name")),
            name => Ok(Self(name)),
        }
    }

    /// The name.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Realm {
    /// Reads a realm as a peer or a configuration gives it.
    ///
    /// # Errors
    /// [`Reason::Malformed`](crate::failure::Reason::Malformed) where it is too long or has a NUL.
    pub fn parse(name: impl AsRef<[u8]>) -> Result<Self, Failure> {
        octets(name.as_ref()).map(Self)
    }

    /// The realm of a host: its name in lower case, as `saslpasswd2` and libsasl2 have it.
    ///
    /// # Errors
    /// As [`Realm::parse`].
    pub fn of_host(name: impl AsRef<[u8]>) -> Result<Self, Failure> {
        Self::parse(name.as_ref().to_ascii_lowercase())
    }

    /// The name.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Login {
    /// A user in a realm, or in none that is known yet.
    #[must_use]
    pub fn new(user: UserName, realm: Option<Realm>) -> Self {
        Self { user, realm }
    }

    /// Reads `user` or `user@realm`, split at the **first** `@` as sasldb and `saslpasswd2` do: a realm may
    /// hold an `@`, a user may not.
    ///
    /// # Errors
    /// As [`UserName::parse`] and [`Realm::parse`].
    pub fn parse(text: impl AsRef<[u8]>) -> Result<Self, Failure> {
        let text = text.as_ref();
        let (user, realm) = match text.iter().position(|byte| *byte == b'@') {
            Some(at) => (&text[..at], Some(Realm::parse(&text[at + 1..])?)),
            None => (text, None),
        };
        Ok(Self { user: UserName::parse(user)?, realm })
    }

    /// The canonical form where `realm` is the default one: a login without a realm is in it.
    #[must_use]
    pub fn or_in(self, realm: Option<&Realm>) -> Self {
        Self { realm: self.realm.or_else(|| realm.cloned()), ..self }
    }

    /// The user.
    #[must_use]
    pub fn user(&self) -> &UserName {
        &self.user
    }

    /// The realm, where one is known.
    #[must_use]
    pub fn realm(&self) -> Option<&Realm> {
        self.realm.as_ref()
    }

    /// `user@realm`, or `user`.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        match &self.realm {
            Some(realm) => [self.user.as_bytes(), b"@", realm.as_bytes()].concat(),
            None => self.user.as_bytes().to_vec(),
        }
    }
}

impl Identity {
    pub(crate) fn new(login: Login, acts_as: Option<Login>, mechanism: &'static MechanismName) -> Self {
        Self { login, acts_as, mechanism }
    }

    /// Who proved themself.
    #[must_use]
    pub fn login(&self) -> &Login {
        &self.login
    }

    /// As whom they act: as themself unless the policy let them choose another.
    #[must_use]
    pub fn acts_as(&self) -> &Login {
        self.acts_as.as_ref().unwrap_or(&self.login)
    }

    /// How they proved it.
    #[must_use]
    pub fn mechanism(&self) -> MechanismName {
        *self.mechanism
    }
}

/// As [`Escaped`] shows it, so that it can go into a log.
impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Escaped(&self.0).fmt(f)
    }
}

/// Escaped as [`UserName`] is.
impl fmt::Display for Realm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Escaped(&self.0).fmt(f)
    }
}

/// `user@realm` or `user`, escaped as [`UserName`] is.
impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.user.fmt(f)?;
        self.realm.iter().try_for_each(|realm| write!(f, "@{realm}"))
    }
}

impl fmt::Debug for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl fmt::Debug for Realm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

fn octets(name: &[u8]) -> Result<Arc<[u8]>, Failure> {
    match name {
        name if name.len() > MAX_NAME => Err(Failure::malformed("name too long")),
        name if name.contains(&0) => Err(Failure::malformed("name with a NUL")),
        name => Ok(name.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> (String, Option<String>) {
        let login = Login::parse(text).unwrap();
        (login.user().to_string(), login.realm().map(ToString::to_string))
    }

    #[test]
    fn a_login_is_split_at_the_first_at() {
        assert_eq!(split("tim"), ("tim".into(), None));
        assert_eq!(split("tim@example.com"), ("tim".into(), Some("example.com".into())));
        assert_eq!(split("a@b@c"), ("a".into(), Some("b@c".into())));
        assert_eq!(split("tim@"), ("tim".into(), Some(String::new())));
    }

    #[test]
    fn what_is_no_name() {
        for bad in [&b""[..], b"@realm", b"a\0b", b"a@b\0", &[b'x'; MAX_NAME + 1]] {
            assert!(Login::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_default_realm_is_for_logins_without_one() {
        let realm = Realm::of_host("Example.COM").unwrap();
        let canonical = |text: &str| Login::parse(text).unwrap().or_in(Some(&realm)).to_bytes();
        assert_eq!(canonical("tim"), b"tim@example.com");
        assert_eq!(canonical("tim@Other"), b"tim@Other");
        assert_eq!(Login::parse("tim").unwrap().or_in(None).to_bytes(), b"tim");
    }

    #[test]
    fn display_is_one_clean_line() {
        let login = Login::parse(b"jos\xc3\xa9\n\xff\x1b[\"\\@r").unwrap();
        assert_eq!(login.to_string(), "jos\u{e9}\\n\\xff\\u{1b}\\[\\\"\\\\@r");
    }
}
