//! What a check ends in, and how the log has it.

use crate::{log::Level, peer::Peer, queue::TOO_MANY};
use sasl_core::escape::Escaped;
use sasl_remote::attempt::{Answer, Verdict};
use sasl_wire::saslauthd::Request;
use std::{borrow::Cow, fmt, time::Duration};

/// What a check ends in, for the client by the verdict alone and for the log with the rest.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "made in several places")]
pub struct Outcome {
    /// Whether the client hears `OK`.
    pub accepted: bool,
    /// What it comes to.
    pub ending: Ending,
    /// By which back end.
    pub mechanism: &'static str,
    /// Why, in the words of the log.
    pub reason: Cow<'static, str>,
    /// How the log should take it: an error is ours, not the client's.
    pub level: Level,
    /// From the request to the answer; nothing where there was no need to wait.
    pub took: Duration,
    /// How much of that it was held back for, after wrong passwords.
    pub throttled: Duration,
}

/// What all reasons come to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by nature")]
pub enum Ending {
    /// Somebody came in.
    Accepted,
    /// The password is wrong, or its user may not come in.
    Refused,
    /// There is no such user.
    Unknown,
    /// It could not be told.
    Unavailable,
    /// There was no room to find out.
    Overloaded,
    /// It was not looked at, after too many wrong passwords.
    Throttled,
}

impl Outcome {
    /// What a back end's answer comes to.
    #[must_use]
    pub fn new(mechanism: &'static str, Answer { verdict, reason }: Answer) -> Self {
        let level = if verdict == Verdict::Unavailable { Level::Error } else { Level::Info };
        let ending = match verdict {
            Verdict::Accepted => Ending::Accepted,
            Verdict::Refused => Ending::Refused,
            Verdict::Unknown => Ending::Unknown,
            Verdict::Unavailable if reason == TOO_MANY => Ending::Overloaded,
            Verdict::Unavailable => Ending::Unavailable,
        };
        let [took, throttled] = [Duration::ZERO; 2];
        Self { accepted: ending == Ending::Accepted, ending, mechanism, reason, level, took, throttled }
    }

    /// There is no room for it.
    #[must_use]
    pub fn overloaded(reason: &'static str) -> Self {
        Self { ending: Ending::Overloaded, ..Self::new("none", Answer::unavailable(reason)) }
    }

    /// It is not looked at.
    #[must_use]
    pub fn throttled() -> Self {
        Self { ending: Ending::Throttled, ..Self::new("none", Answer::refused("throttled")) }
    }
}

impl Ending {
    /// As a log has it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Accepted => "ok",
            Self::Refused => "credentials",
            Self::Unknown => "unknown",
            Self::Unavailable => "unavailable",
            Self::Overloaded => "overloaded",
            Self::Throttled => "throttled",
        }
    }
}

/// A line of the log. Its first words and fields are those of the original, for the filters that know them.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "a way to show an outcome")]
pub struct Decision<'a> {
    /// What was asked.
    pub request: &'a Request<'a>,
    /// What came of it.
    pub outcome: &'a Outcome,
    /// Who asked.
    pub peer: Peer<'a>,
}

impl fmt::Display for Decision<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Request { login, service, realm, client, .. }, outcome) = (self.request, self.outcome);
        let result = if outcome.accepted { "success" } else { "failure" };
        let (login, service, realm) = (Shown(login, 256), Shown(service, 64), Shown(realm, 256));
        write!(f, "auth {result}: [user={login}] [service={service}] [realm={realm}] [mech={}]", outcome.mechanism)?;
        write!(f, " [reason={}] {}", Reason(&outcome.reason), self.peer)?;
        client.map_or(Ok(()), |client| write!(f, " [client={}]", Shown(client, 64)))?;
        write!(f, " [class={}] [ms={}]", outcome.ending.word(), millis(outcome.took))?;
        match millis(outcome.throttled) {
            0 => Ok(()),
            millis => write!(f, " [throttled={millis}]"),
        }
    }
}

fn millis(time: Duration) -> u64 {
    time.as_secs().saturating_mul(1000) + u64::from(time.subsec_millis())
}

/// A field as it is shown: escaped, and where that is longer than so many bytes cut, which is shown too. All fields of
/// a line together leave it shorter than the 1,024 bytes that every syslog takes.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "a way to show bytes")]
pub struct Shown<'a>(pub &'a [u8], pub usize);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        cut(&Escaped(self.0).to_string(), self.1, f)
    }
}

fn cut(text: &str, longest: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if text.len() <= longest {
        return f.write_str(text);
    }
    let end = (0..=longest).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    write!(f, "{}...", &text[..end])
}

/// A reason, which others had a part in: it leaves room for what is behind it.
struct Reason<'a>(&'a str);

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        cut(self.0, 160, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    fn line(request: &Request<'_>, outcome: &Outcome) -> String {
        let (stream, _peer) = UnixStream::pair().unwrap();
        Decision { request, outcome, peer: Peer(&stream) }.to_string()
    }

    #[test]
    fn a_line_leaves_room_for_who_asked_whatever_was_sent_and_said() {
        let (name, other) = (&[0xff; 256][..], &[1; 256][..]);
        let request =
            Request { login: name, password: b"", service: other, realm: name, client: Some(b"2001:db8::1;65535") };
        let day = Duration::from_secs(86_400);
        let outcome = Outcome {
            took: day,
            throttled: day,
            ..Outcome::new("httpform", Answer::unavailable(Escaped(&[1; 4096]).to_string()))
        };
        let line = line(&request, &outcome);
        let client = "[client=".len() + 64 + "...".len() - "[client=2001:db8::1;65535".len();
        let ids = "4194304".len() + "4294967295".len();
        assert!(line.len() + client + ids < 1024 - "<38>saslauthd[4194304]: ".len(), "{}", line.len());
        let end = "[client=2001:db8::1;65535] [class=unavailable] [ms=86400000] [throttled=86400000]";
        assert!(line.ends_with(end) && line.contains("...] [pid="), "{line}");
    }

    #[test]
    fn what_is_usual_is_short() {
        let request = Request { login: b"tim", password: b"pencil", service: b"imap", realm: b"r", client: None };
        let line = |outcome: &Outcome| line(&request, outcome);
        let accepted = line(&Outcome::new("sasldb", Answer::accepted("password")));
        assert!(accepted.starts_with("auth success: [user=tim] [service=imap] [realm=r] [mech=sasldb]"), "{accepted}");
        assert!(accepted.ends_with("] [class=ok] [ms=0]"), "{accepted}");
        assert!(line(&Outcome::new("pam", Answer::refused(""))).ends_with(" [class=credentials] [ms=0]"));
        assert!(line(&Outcome::new("pam", Answer::unknown(""))).ends_with(" [class=unknown] [ms=0]"));
        assert!(line(&Outcome::new("pam", Answer::unavailable(""))).ends_with(" [class=unavailable] [ms=0]"));
        assert!(line(&Outcome::new("pam", Answer::unavailable(TOO_MANY))).ends_with(" [class=overloaded] [ms=0]"));
        let throttled = line(&Outcome::throttled());
        assert!(throttled.contains("[mech=none] [reason=throttled] [pid=") && throttled.contains("[class=throttled]"));
    }

    #[test]
    fn a_field_is_shown_whole_or_marked_as_cut() {
        let shown = |field: &[u8], longest| Shown(field, longest).to_string();
        assert_eq!([shown(b"tim", 3), shown(b"timo", 3), shown(b"", 3)], ["tim", "tim...", ""]);
        assert_eq!(shown("t\u{e9}".repeat(100).as_bytes(), 4), "t\u{e9}t...");
        assert_eq!(shown("\u{e9}\u{e9}".as_bytes(), 3), "\u{e9}...");
        assert_eq!(shown(&[0xff; 256], 256).len(), 256 + 3);
        assert_eq!(shown(&[b'x'; 256], 256).len(), 256);
    }
}
