//! What is to be checked, and what came of it.

use sasl_core::{escape::Escaped, secret::Secret};
use std::borrow::Cow;

/// The most of a server's text that goes into a log, in bytes before it is escaped.
pub const MAX_SHOWN: usize = 200;

/// Somebody who says that this is their password.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "made by whoever asks")]
pub struct Attempt {
    /// Who; with the realm behind it where `-r` says so.
    pub login: Vec<u8>,
    /// What is to be checked.
    pub password: Secret,
    /// The service that they log in to, as the client says.
    pub service: Vec<u8>,
    /// The realm as the client sent it; empty for none.
    pub realm: Vec<u8>,
}

/// What a server says of an attempt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by nature")]
pub enum Verdict {
    /// It is their password.
    Accepted,
    /// It is not.
    Refused,
    /// The server knows no such user; another back end may.
    Unknown,
    /// Nothing is known, by our fault or the server's. Never said of a wrong password.
    Unavailable,
}

/// A verdict, and why.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "read by whoever asks")]
pub struct Answer {
    /// What the client is to hear.
    pub verdict: Verdict,
    /// For the log alone: one line without a secret, what a server said in it escaped and cut.
    pub reason: Cow<'static, str>,
}

impl Attempt {
    /// What a server said, as it may be logged: cut, escaped, and not at all where it repeats the password.
    #[must_use]
    pub fn show(&self, said: &[u8]) -> String {
        if self.is_repeated_in(said) {
            return "(not shown: it repeats the password)".into();
        }
        Escaped(&said[..said.len().min(MAX_SHOWN)]).to_string()
    }

    /// As it is, or behind backslashes as in a quoted string.
    fn is_repeated_in(&self, said: &[u8]) -> bool {
        let password = self.password.expose();
        let unquoted: Vec<u8> = said.iter().copied().filter(|octet| *octet != b'\\').collect();
        let within = |said: &[u8], part: &[u8]| !part.is_empty() && said.windows(part.len()).any(|each| each == part);
        let bare = Secret::new(password.iter().copied().filter(|octet| *octet != b'\\').collect::<Vec<_>>());
        within(said, password) || within(&unquoted, bare.expose())
    }
}

impl Answer {
    /// The password is right.
    #[must_use]
    pub fn accepted(reason: impl Into<Cow<'static, str>>) -> Self {
        Self { verdict: Verdict::Accepted, reason: reason.into() }
    }

    /// The password is wrong, or cannot be anybody's.
    #[must_use]
    pub fn refused(reason: impl Into<Cow<'static, str>>) -> Self {
        Self { verdict: Verdict::Refused, reason: reason.into() }
    }

    /// There is no such user.
    #[must_use]
    pub fn unknown(reason: impl Into<Cow<'static, str>>) -> Self {
        Self { verdict: Verdict::Unknown, reason: reason.into() }
    }

    /// Nothing is known.
    #[must_use]
    pub fn unavailable(reason: impl Into<Cow<'static, str>>) -> Self {
        Self { verdict: Verdict::Unavailable, reason: reason.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(password: &str) -> Attempt {
        Attempt {
            login: b"tim".to_vec(),
            password: Secret::new(password),
            service: b"imap".to_vec(),
            realm: Vec::new(),
        }
    }

    #[test]
    fn what_a_server_says_is_one_short_line() {
        assert_eq!(attempt("pw").show(b"NO [ALERT] go\r\naway"), "NO \\[ALERT\\] go\\r\\naway");
        assert_eq!(attempt("pw").show(&[b'x'; 5000]).len(), MAX_SHOWN);
        assert_eq!(attempt("").show(b"NO"), "NO", "an empty password is in every text");
    }

    #[test]
    fn a_server_that_repeats_the_password_is_not_quoted() {
        for said in [r#"BAD LOGIN "tim" "p\"w\\x""#, r#"BAD LOGIN tim p"w\x"#] {
            assert_eq!(attempt(r#"p"w\x"#).show(said.as_bytes()), "(not shown: it repeats the password)");
        }
        let far = [vec![b'x'; MAX_SHOWN - 1], b"pw".to_vec()].concat();
        assert_eq!(attempt("pw").show(&far), "(not shown: it repeats the password)", "nor by its first half");
    }

    #[test]
    fn debug_shows_no_password() {
        assert!(!format!("{:?}", attempt("pencil")).contains("pencil"));
    }
}
