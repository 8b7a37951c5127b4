//! POP3 (RFC 5034, RFC 3206): the lines of an exchange.

use crate::profile::{Heard, Profile, Refusal, word};
use sasl_core::{failure::Reason, line::Outgoing, name::MechanismName};

/// POP3.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing to say about it")]
pub struct Pop3;

/// The longest command, in octets with its end (RFC 2449 section 4, RFC 5034 section 4).
pub const MAX_COMMAND: usize = 255;

impl Profile for Pop3 {
    fn challenge(&self, message: &[u8]) -> Outgoing {
        Outgoing::new("+ ").base64(message)
    }

    fn success(&self, _data: Option<&[u8]>) -> Outgoing {
        Outgoing::new("+OK authenticated")
    }

    fn failure(&self, reason: Reason) -> Outgoing {
        let code = match reason {
            Reason::Malformed | Reason::LineTooLong | Reason::Cancelled => "",
            Reason::NoMechanism | Reason::TooWeak | Reason::EncryptionRequired => "",
            Reason::Unavailable => "[SYS/TEMP] ",
            _ => "[AUTH] ",
        };
        Outgoing::new("-ERR ").text(code).text(reason.text())
    }

    fn longest_command(&self) -> usize {
        MAX_COMMAND
    }

    fn command(&self, mechanism: MechanismName, initial: Option<&[u8]>) -> Outgoing {
        Outgoing::new("AUTH ").text(mechanism.as_str()).initial(initial)
    }

    fn hear<'l>(&self, line: &'l [u8]) -> Option<Heard<'l>> {
        let (status, text) = word(line);
        match status.to_ascii_uppercase().as_slice() {
            b"+" => Some(Heard::Challenge(text)),
            b"+OK" => Some(Heard::Success(None)),
            b"-ERR" => Some(Heard::Refused(refusal(text))),
            _ => None,
        }
    }
}

/// A mechanism that is not there has no code.
fn refusal(text: &[u8]) -> Refusal {
    match word(text).0.to_ascii_uppercase().as_slice() {
        b"[SYS/TEMP]" | b"[IN-USE]" | b"[LOGIN-DELAY]" => Refusal::Temporary,
        b"[SYS/PERM]" => Refusal::Other,
        _ => Refusal::Credentials,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_of_rfc_5034_and_rfc_3206() {
        for (reason, line) in [
            (Reason::BadCredentials, "-ERR [AUTH] authentication failed\r\n"),
            (Reason::NotAuthorized, "-ERR [AUTH] authentication failed\r\n"),
            (Reason::ChannelBinding, "-ERR [AUTH] authentication failed\r\n"),
            (Reason::Malformed, "-ERR malformed message\r\n"),
            (Reason::LineTooLong, "-ERR line too long\r\n"),
            (Reason::Cancelled, "-ERR cancelled\r\n"),
            (Reason::NoMechanism, "-ERR mechanism not available\r\n"),
            (Reason::TooWeak, "-ERR mechanism too weak\r\n"),
            (Reason::EncryptionRequired, "-ERR encryption required for this mechanism\r\n"),
            (Reason::Unavailable, "-ERR [SYS/TEMP] temporary failure\r\n"),
        ] {
            assert_eq!(Pop3.failure(reason).as_bytes(), line.as_bytes());
        }
        assert_eq!(Pop3.success(None).as_bytes(), b"+OK authenticated\r\n");
        assert_eq!(Pop3.challenge(b"").as_bytes(), b"+ \r\n");
    }

    #[test]
    fn what_a_client_hears() {
        for (line, heard) in [
            ("+ AA==", Some(Heard::Challenge(b"AA=="))),
            ("+ ", Some(Heard::Challenge(b""))),
            ("+", Some(Heard::Challenge(b""))),
            ("+OK in", Some(Heard::Success(None))),
            ("+ok", Some(Heard::Success(None))),
            ("-ERR", Some(Heard::Refused(Refusal::Credentials))),
            ("-ERR [AUTH] no", Some(Heard::Refused(Refusal::Credentials))),
            ("-err [sys/temp] later", Some(Heard::Refused(Refusal::Temporary))),
            ("-ERR [IN-USE] locked", Some(Heard::Refused(Refusal::Temporary))),
            ("-ERR [SYS/PERM] broken", Some(Heard::Refused(Refusal::Other))),
            ("+OKAY", None),
            ("ERR", None),
            ("* OK", None),
            ("", None),
        ] {
            assert_eq!(Pop3.hear(line.as_bytes()), heard, "{line}");
        }
    }

    #[test]
    fn commands() {
        let command = |initial| Pop3.command(MechanismName::new("CRAM-MD5"), initial).as_bytes().to_vec();
        assert_eq!(command(None), b"AUTH CRAM-MD5\r\n");
        assert_eq!(command(Some(b"x")), b"AUTH CRAM-MD5 eA==\r\n");
        assert_eq!(Pop3.longest_command(), 255);
    }
}
