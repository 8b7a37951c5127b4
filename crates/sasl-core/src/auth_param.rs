//! The `AUTH=` parameter of MAIL FROM (RFC 4954 section 5): who submitted the message at first.

use crate::{identity::Identity, xtext};
use std::fmt;

/// The value of the parameter. `Display` writes it as it goes on the wire.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 4954 knows two")]
pub enum AuthParam {
    /// `<>`: nobody knows, or nobody is trusted to say.
    Unknown,
    /// The mailbox of the one who submitted it.
    Mailbox(Vec<u8>),
}

impl AuthParam {
    /// Reads what follows `AUTH=`. `None` where that is no xtext, or empty: reply 501 5.5.4.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        match xtext::decode(value)? {
            mailbox if mailbox.is_empty() || mailbox.contains(&0) => None,
            mailbox if mailbox == b"<>" => Some(Self::Unknown),
            mailbox => Some(Self::Mailbox(mailbox)),
        }
    }

    /// What a server may believe of it: a client that proved an identity may name itself; whatever another
    /// says counts, and goes on to the next server, as [`Self::Unknown`].
    #[must_use]
    pub fn as_trusted(self, client: Option<&Identity>) -> Self {
        match (&self, client) {
            (Self::Mailbox(mailbox), Some(identity))
                if *mailbox == identity.login().to_bytes() || *mailbox == identity.acts_as().to_bytes() =>
            {
                self
            }
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for AuthParam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("<>"),
            Self::Mailbox(mailbox) => f.write_str(&xtext::encode(mailbox)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{identity::Login, name::MechanismName};

    fn mailbox(text: &str) -> AuthParam {
        AuthParam::Mailbox(text.into())
    }

    #[test]
    fn read_and_written() {
        for (wire, value) in [("<>", AuthParam::Unknown), ("a+2Bb+3Dc@example.org", mailbox("a+b=c@example.org"))] {
            assert_eq!(AuthParam::parse(wire.as_bytes()), Some(value.clone()));
            assert_eq!(value.to_string(), wire);
        }
        assert_eq!(AuthParam::parse(b"<+3e"), Some(AuthParam::Unknown), "written out, it would be that");
        assert_eq!(AuthParam::parse(b""), None);
        assert_eq!(AuthParam::parse(b"a=b"), None);
    }

    #[test]
    fn a_client_may_speak_for_itself_alone() {
        const PLAIN: &MechanismName = &MechanismName::new("PLAIN");
        let tim = Login::parse("tim@example.org").unwrap();
        let identity = Identity::new(tim, None, PLAIN);
        assert_eq!(mailbox("tim@example.org").as_trusted(Some(&identity)), mailbox("tim@example.org"));
        assert_eq!(mailbox("bob@example.org").as_trusted(Some(&identity)), AuthParam::Unknown);
        assert_eq!(mailbox("tim@example.org").as_trusted(None), AuthParam::Unknown);
    }
}
