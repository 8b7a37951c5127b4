//! IMAP (RFC 9051 section 6.2.2, RFC 4959, RFC 5530): the lines of an exchange.

use crate::profile::{Heard, Profile, Refusal, word};
use sasl_core::{failure::Reason, line::Outgoing, name::MechanismName};

/// One AUTHENTICATE command of IMAP.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Imap {
    tag: Box<str>,
    attempt: u32,
    longest: usize,
}

/// The longest command that servers take (RFC 7162 section 4), in octets with its end.
pub const MAX_COMMAND: usize = 8192;

impl Imap {
    /// The command with that tag. A client that tries more than one mechanism adds `.2` and so on to it. `None` where it is
    /// no tag.
    #[must_use]
    pub fn new(tag: &str) -> Option<Self> {
        let fits = |octet: u8| matches!(octet, b'!'..=b'~') && !br#"(){%*"\+"#.contains(&octet);
        let is_tag = !tag.is_empty() && tag.bytes().all(fits);
        is_tag.then(|| Self { tag: tag.into(), attempt: 1, longest: 0 })
    }

    /// On a client whose server has the capability `SASL-IR`: an initial response goes along with the command.
    #[must_use]
    pub fn with_initial_response(self) -> Self {
        Self { longest: MAX_COMMAND, ..self }
    }

    fn tag(&self) -> String {
        match self.attempt {
            1 => self.tag.to_string(),
            attempt => format!("{}.{attempt}", self.tag),
        }
    }

    fn tagged(&self, status: &str) -> Outgoing {
        Outgoing::new(&self.tag()).text(" ").text(status)
    }
}

impl Profile for Imap {
    fn challenge(&self, message: &[u8]) -> Outgoing {
        Outgoing::new("+ ").base64(message)
    }

    fn success(&self, _data: Option<&[u8]>) -> Outgoing {
        self.tagged("OK authenticated")
    }

    fn failure(&self, reason: Reason) -> Outgoing {
        let status = match reason {
            Reason::Malformed | Reason::LineTooLong | Reason::Cancelled => "BAD ",
            Reason::NoMechanism | Reason::TooWeak => "NO ",
            Reason::EncryptionRequired => "NO [PRIVACYREQUIRED] ",
            Reason::Unavailable => "NO [UNAVAILABLE] ",
            _ => "NO [AUTHENTICATIONFAILED] ",
        };
        self.tagged(status).text(reason.text())
    }

    fn longest_command(&self) -> usize {
        self.longest
    }

    fn command(&self, mechanism: MechanismName, initial: Option<&[u8]>) -> Outgoing {
        self.tagged("AUTHENTICATE ").text(mechanism.as_str()).initial(initial)
    }

    fn hear<'l>(&self, line: &'l [u8]) -> Option<Heard<'l>> {
        let (first, rest) = word(line);
        match (first, word(rest).0) {
            (b"+", _) => Some(Heard::Challenge(rest)),
            (b"*", status) if status.eq_ignore_ascii_case(b"BYE") => Some(Heard::Refused(Refusal::Other)),
            (b"*", _) => Some(Heard::Aside),
            (tag, _) if tag != self.tag().as_bytes() => None,
            (_, status) if status.eq_ignore_ascii_case(b"OK") => Some(Heard::Success(None)),
            (_, status) if status.eq_ignore_ascii_case(b"BAD") => Some(Heard::Refused(Refusal::Other)),
            (_, status) if status.eq_ignore_ascii_case(b"NO") => Some(Heard::Refused(refusal(word(rest).1))),
            _ => None,
        }
    }

    fn again(&mut self) {
        self.attempt += 1;
    }
}

/// A mechanism that is not there has no code.
fn refusal(text: &[u8]) -> Refusal {
    match word(text).0.to_ascii_uppercase().as_slice() {
        b"[UNAVAILABLE]" | b"[INUSE]" | b"[LIMIT]" => Refusal::Temporary,
        b"[PRIVACYREQUIRED]" | b"[CANNOT]" => Refusal::Mechanism,
        b"[CONTACTADMIN]" | b"[EXPIRED]" => Refusal::Other,
        _ => Refusal::Credentials,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imap() -> Imap {
        Imap::new("a1").unwrap()
    }

    #[test]
    fn completions_of_rfc_9051_and_rfc_5530() {
        for (reason, line) in [
            (Reason::BadCredentials, "a1 NO [AUTHENTICATIONFAILED] authentication failed\r\n"),
            (Reason::NotAuthorized, "a1 NO [AUTHENTICATIONFAILED] authentication failed\r\n"),
            (Reason::ChannelBinding, "a1 NO [AUTHENTICATIONFAILED] authentication failed\r\n"),
            (Reason::Malformed, "a1 BAD malformed message\r\n"),
            (Reason::LineTooLong, "a1 BAD line too long\r\n"),
            (Reason::Cancelled, "a1 BAD cancelled\r\n"),
            (Reason::NoMechanism, "a1 NO mechanism not available\r\n"),
            (Reason::TooWeak, "a1 NO mechanism too weak\r\n"),
            (Reason::EncryptionRequired, "a1 NO [PRIVACYREQUIRED] encryption required for this mechanism\r\n"),
            (Reason::Unavailable, "a1 NO [UNAVAILABLE] temporary failure\r\n"),
        ] {
            assert_eq!(imap().failure(reason).as_bytes(), line.as_bytes());
        }
        assert_eq!(imap().success(None).as_bytes(), b"a1 OK authenticated\r\n");
        assert_eq!(imap().challenge(b"").as_bytes(), b"+ \r\n");
    }

    #[test]
    fn what_a_client_hears() {
        for (line, heard) in [
            ("+ AA==", Some(Heard::Challenge(b"AA=="))),
            ("+ ", Some(Heard::Challenge(b""))),
            ("+", Some(Heard::Challenge(b""))),
            ("* CAPABILITY IMAP4rev1", Some(Heard::Aside)),
            ("* OK [ALERT] a1 OK", Some(Heard::Aside)),
            ("* bye then", Some(Heard::Refused(Refusal::Other))),
            ("a1 OK [CAPABILITY IMAP4rev1] in", Some(Heard::Success(None))),
            ("a1 ok", Some(Heard::Success(None))),
            ("a1 NO no", Some(Heard::Refused(Refusal::Credentials))),
            ("a1 NO [AUTHENTICATIONFAILED] no", Some(Heard::Refused(Refusal::Credentials))),
            ("a1 no [unavailable] later", Some(Heard::Refused(Refusal::Temporary))),
            ("a1 NO [PRIVACYREQUIRED] bare", Some(Heard::Refused(Refusal::Mechanism))),
            ("a1 NO [CONTACTADMIN] gone", Some(Heard::Refused(Refusal::Other))),
            ("a1 BAD eh?", Some(Heard::Refused(Refusal::Other))),
            ("a1 OKAY", None),
            ("a1", None),
            ("a2 OK", None),
            ("A1 OK", None),
            ("+OK", None),
            ("", None),
        ] {
            assert_eq!(imap().hear(line.as_bytes()), heard, "{line}");
        }
    }

    #[test]
    fn a_second_command_has_a_tag_of_its_own() {
        let mut imap = imap();
        let command = |imap: &Imap| imap.command(MechanismName::new("PLAIN"), Some(b"")).as_bytes().to_vec();
        assert_eq!(command(&imap), b"a1 AUTHENTICATE PLAIN =\r\n");
        imap.again();
        assert_eq!(command(&imap), b"a1.2 AUTHENTICATE PLAIN =\r\n");
        assert_eq!((imap.hear(b"a1.2 OK"), imap.hear(b"a1 OK")), (Some(Heard::Success(None)), None));
    }

    #[test]
    fn an_initial_response_goes_along_where_the_server_takes_one() {
        assert_eq!((imap().longest_command(), imap().with_initial_response().longest_command()), (0, 8192));
    }

    #[test]
    fn what_is_no_tag() {
        for bad in ["", "a b", "a+", "a\r\nb", "a*", "é", "{a", "a\"", "a\0", "a\x7f"] {
            assert_eq!(Imap::new(bad), None, "{bad:?}");
        }
        assert!(Imap::new("A.1]~").is_some());
    }
}
