//! SMTP (RFC 4954): the lines of an exchange, and every reply that has to do with AUTH.

use crate::profile::{Heard, Profile, Refusal};
use sasl_core::{failure::Reason, line::Outgoing, name::MechanismName};
use std::fmt;

/// SMTP, and submission.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing to say about it")]
pub struct Smtp;

/// A reply. `Display` writes it without its line end.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Reply {
    code: u16,
    enhanced: &'static str,
    text: &'static str,
}

/// The longest command, in octets with its end (RFC 5321 section 4.5.3.1.4), which holds for AUTH too (RFC 4954 section 4).
pub const MAX_COMMAND: usize = 512;

impl Reply {
    /// The client is in.
    pub const AUTHENTICATED: Self = Self::new(235, "2.7.0", "authenticated");
    /// The mechanism needs the password in the clear once, to derive what it checks from.
    pub const TRANSITION_NEEDED: Self = Self::new(432, "4.7.12", "a password transition is needed");
    /// AUTH without EHLO before it.
    pub const BEFORE_EHLO: Self = Self::new(503, "5.5.1", "say EHLO first");
    /// AUTH after it succeeded once.
    pub const ALREADY_AUTHENTICATED: Self = Self::new(503, "5.5.1", "already authenticated");
    /// AUTH in a mail transaction.
    pub const IN_TRANSACTION: Self = Self::new(503, "5.5.1", "not permitted during a mail transaction");
    /// Another command that is only for those who authenticated.
    pub const AUTHENTICATION_REQUIRED: Self = Self::new(530, "5.7.0", "authentication required");
    /// An `AUTH=` parameter that is no xtext (RFC 4954 section 5).
    pub const BAD_PARAMETER: Self = Self::new(501, "5.5.4", "syntax error in the AUTH parameter");

    const fn new(code: u16, enhanced: &'static str, text: &'static str) -> Self {
        Self { code, enhanced, text }
    }

    /// The reply to an exchange that failed.
    #[must_use]
    pub const fn to(reason: Reason) -> Self {
        let (code, enhanced) = match reason {
            Reason::Malformed => (501, "5.5.2"),
            Reason::LineTooLong => (500, "5.5.6"),
            Reason::Cancelled => (501, "5.7.0"),
            Reason::NoMechanism => (504, "5.5.4"),
            Reason::TooWeak => (534, "5.7.9"),
            Reason::EncryptionRequired => (538, "5.7.11"),
            Reason::Unavailable => (454, "4.7.0"),
            _ => (535, "5.7.8"),
        };
        Self::new(code, enhanced, reason.text())
    }

    /// The code, such as 535.
    #[must_use]
    pub const fn code(&self) -> u16 {
        self.code
    }

    /// The enhanced code (RFC 3463), such as `5.7.8`.
    #[must_use]
    pub const fn enhanced(&self) -> &'static str {
        self.enhanced
    }

    /// The text.
    #[must_use]
    pub const fn text(&self) -> &'static str {
        self.text
    }
}

impl Profile for Smtp {
    fn challenge(&self, message: &[u8]) -> Outgoing {
        Outgoing::new("334 ").base64(message)
    }

    fn success(&self, _data: Option<&[u8]>) -> Outgoing {
        Outgoing::new(&Reply::AUTHENTICATED.to_string())
    }

    fn failure(&self, reason: Reason) -> Outgoing {
        Outgoing::new(&Reply::to(reason).to_string())
    }

    fn longest_command(&self) -> usize {
        MAX_COMMAND
    }

    fn command(&self, mechanism: MechanismName, initial: Option<&[u8]>) -> Outgoing {
        Outgoing::new("AUTH ").text(mechanism.as_str()).initial(initial)
    }

    /// Any reply that asks for more is a challenge, and any that is content a success (RFC 5321 section 4.2.1).
    fn hear<'l>(&self, line: &'l [u8]) -> Option<Heard<'l>> {
        let (code, rest) = line.split_first_chunk::<3>()?;
        let text = match rest {
            b"" => rest,
            [b' ', text @ ..] => text,
            [b'-', ..] if is_code(code) => return Some(Heard::More),
            _ => return None,
        };
        match code {
            _ if !is_code(code) => None,
            [b'2', ..] => Some(Heard::Success(None)),
            [b'3', ..] => Some(Heard::Challenge(text)),
            _ => Some(Heard::Refused(refusal(code))),
        }
    }
}

fn is_code(code: &[u8; 3]) -> bool {
    matches!(code, [b'2'..=b'5', b'0'..=b'9', b'0'..=b'9'])
}

/// After 421 the server is gone.
fn refusal(code: &[u8; 3]) -> Refusal {
    match code {
        b"535" => Refusal::Credentials,
        b"504" | b"534" | b"538" => Refusal::Mechanism,
        [b'4', ..] if code != b"421" => Refusal::Temporary,
        _ => Refusal::Other,
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.code, self.enhanced, self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_of_rfc_4954_section_6() {
        for (reason, reply) in [
            (Reason::BadCredentials, "535 5.7.8 authentication failed\r\n"),
            (Reason::NotAuthorized, "535 5.7.8 authentication failed\r\n"),
            (Reason::ChannelBinding, "535 5.7.8 authentication failed\r\n"),
            (Reason::Malformed, "501 5.5.2 malformed message\r\n"),
            (Reason::LineTooLong, "500 5.5.6 line too long\r\n"),
            (Reason::Cancelled, "501 5.7.0 cancelled\r\n"),
            (Reason::NoMechanism, "504 5.5.4 mechanism not available\r\n"),
            (Reason::TooWeak, "534 5.7.9 mechanism too weak\r\n"),
            (Reason::EncryptionRequired, "538 5.7.11 encryption required for this mechanism\r\n"),
            (Reason::Unavailable, "454 4.7.0 temporary failure\r\n"),
        ] {
            assert_eq!(Smtp.failure(reason).as_bytes(), reply.as_bytes());
        }
        assert_eq!(Smtp.success(None).as_bytes(), b"235 2.7.0 authenticated\r\n");
        assert_eq!(Smtp.challenge(b"").as_bytes(), b"334 \r\n");
    }

    #[test]
    fn replies_around_an_exchange() {
        let outside = [
            Reply::TRANSITION_NEEDED,
            Reply::BEFORE_EHLO,
            Reply::ALREADY_AUTHENTICATED,
            Reply::IN_TRANSACTION,
            Reply::AUTHENTICATION_REQUIRED,
            Reply::BAD_PARAMETER,
        ];
        let codes = outside.map(|reply| format!("{} {}", reply.code(), reply.enhanced()));
        assert_eq!(codes, ["432 4.7.12", "503 5.5.1", "503 5.5.1", "503 5.5.1", "530 5.7.0", "501 5.5.4"]);
        for reply in outside {
            assert_eq!(reply.enhanced().as_bytes()[0], reply.to_string().as_bytes()[0], "the classes are the same");
            assert!(reply.to_string().ends_with(reply.text()));
        }
    }

    #[test]
    fn what_a_client_hears() {
        for (line, heard) in [
            ("235 2.7.0 ok", Some(Heard::Success(None))),
            ("235", Some(Heard::Success(None))),
            ("334 AA==", Some(Heard::Challenge(b"AA=="))),
            ("334 ", Some(Heard::Challenge(b""))),
            ("334", Some(Heard::Challenge(b""))),
            ("535-5.7.8 no", Some(Heard::More)),
            ("535 5.7.8 no", Some(Heard::Refused(Refusal::Credentials))),
            ("454 4.7.0 later", Some(Heard::Refused(Refusal::Temporary))),
            ("421 4.3.2 gone", Some(Heard::Refused(Refusal::Other))),
            ("504 5.5.4 what?", Some(Heard::Refused(Refusal::Mechanism))),
            ("534 5.7.9 weak", Some(Heard::Refused(Refusal::Mechanism))),
            ("538 5.7.11 bare", Some(Heard::Refused(Refusal::Mechanism))),
            ("501 5.5.2 eh?", Some(Heard::Refused(Refusal::Other))),
            ("", None),
            ("23", None),
            ("2350 ok", None),
            ("635 x", None),
            ("a35-x", None),
            ("135 x", None),
        ] {
            assert_eq!(Smtp.hear(line.as_bytes()), heard, "{line}");
        }
    }

    #[test]
    fn commands() {
        let command = |initial| Smtp.command(MechanismName::new("PLAIN"), initial).as_bytes().to_vec();
        assert_eq!(command(None), b"AUTH PLAIN\r\n");
        assert_eq!(command(Some(b"")), b"AUTH PLAIN =\r\n");
        assert_eq!(command(Some(b"\0")), b"AUTH PLAIN AA==\r\n");
    }
}
