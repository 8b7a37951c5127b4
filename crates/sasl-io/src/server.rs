//! A server's exchange, lines in and lines out. The loops of this crate only move the bytes; so may a loop of your own:
//!
//! 1. [`Exchange::begin`] with what followed the name of the command makes a [`Step`];
//! 2. answer its questions until a [`Reply`] is left, and tell it by [`Exchange::tell`];
//! 3. send the line of the [`Turn`]. Unless it was the last, read one, and go on at 2 with what [`Exchange::hear`] makes of it.

use crate::profile::Profile;
use sasl_core::{
    channel::Channel,
    failure::{Failure, Reason},
    line::{self, Incoming, MAX_LINE, Outgoing},
    mechanism::SuccessData,
    server::Server,
    step::{Challenge, Reply, Step, Success},
};
use std::fmt;

/// What exchanges over one connection have in common.
#[derive(Debug)]
pub struct Exchange<'a, P> {
    server: &'a Server,
    channel: &'a Channel,
    profile: P,
    longest_line: usize,
}

/// What a client begins with. The text may hold a password: whoever owns it wipes it.
#[derive(Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "the protocols know no third thing")]
pub struct Command<'a> {
    /// The name of the mechanism, in any case.
    pub mechanism: &'a str,
    /// The initial response, still in base64, where there is one.
    pub initial: Option<&'a [u8]>,
}

/// What to do next.
#[derive(Debug)]
#[must_use = "the client waits for it"]
#[expect(clippy::exhaustive_enums, reason = "complete by nature")]
pub enum Turn {
    /// Send the line, read one, and come back with both by [`Exchange::hear`].
    Continue {
        /// The line.
        line: Outgoing,
        /// What the client's line answers.
        challenge: Challenge,
    },
    /// Send the line. The exchange is over.
    End {
        /// The line.
        line: Outgoing,
        /// Who came in, or why nobody did.
        outcome: Result<Success, Failure>,
    },
}

impl<'a, P: Profile> Exchange<'a, P> {
    /// Exchanges of `server` over `channel`, in the protocol of `profile`.
    #[must_use]
    pub fn new(server: &'a Server, channel: &'a Channel, profile: P) -> Self {
        Self { server, channel, profile, longest_line: MAX_LINE }
    }

    /// Takes lines of up to `longest` octets with their end. Less than [`MAX_LINE`], the default, is taken for that.
    #[must_use]
    pub fn with_longest_line(self, longest: usize) -> Self {
        Self { longest_line: longest, ..self }
    }

    /// Begins with what the client sent.
    pub fn begin(&self, command: Command<'_>) -> Step {
        if command.mechanism.is_empty() {
            return Failure::malformed("no mechanism").into();
        }
        match line::decode_initial(command.initial) {
            Ok(initial) => self.server.start(self.channel, command.mechanism, initial.as_deref().map(Vec::as_slice)),
            Err(failure) => failure.into(),
        }
    }

    /// Puts a reply into a line.
    pub fn tell(&self, reply: Reply) -> Turn {
        let outcome = match reply {
            Reply::Continue(challenge) => {
                return Turn::Continue { line: self.profile.challenge(challenge.message()), challenge };
            }
            Reply::Done(success) => fitting::<P>(success),
            Reply::Fail(failure) => Err(failure),
        };
        let line = match &outcome {
            Ok(success) => self.profile.success(success.data()),
            Err(failure) => self.profile.failure(failure.reason()),
        };
        Turn::End { line, outcome }
    }

    /// Goes on with the client's line, as [`Incoming::line`] has it. What cannot be read never reaches the mechanism.
    pub fn hear(&self, challenge: Challenge, line: Result<&[u8], Failure>) -> Step {
        match line.and_then(|line| self.profile.read_response(line)) {
            Ok(response) => challenge.respond(&response),
            Err(failure) => failure.into(),
        }
    }

    /// Room for the client's lines.
    #[must_use]
    pub fn incoming(&self) -> Incoming {
        Incoming::new(self.longest_line)
    }
}

impl<'a> Command<'a> {
    /// Reads what followed the name of the command, as in `AUTH PLAIN AGpvZQBwZW5jaWw=`.
    #[must_use]
    pub fn parse(text: &'a [u8]) -> Self {
        let text = text.trim_ascii();
        let end = text.iter().position(u8::is_ascii_whitespace).unwrap_or(text.len());
        let (mechanism, initial) = text.split_at(end);
        let initial = Some(initial.trim_ascii_start()).filter(|initial| !initial.is_empty());
        Self { mechanism: str::from_utf8(mechanism).unwrap_or_default(), initial }
    }
}

/// A proof that went along with a success where there is no room for it would be lost, and a client that misses it goes away.
fn fitting<P: Profile>(success: Success) -> Result<Success, Failure> {
    match (P::SUCCESS_DATA, success.data()) {
        (SuccessData::AsChallenge, Some(_)) => {
            Err(Failure::new(Reason::Unavailable, "the protocol carries no data with a success, but the server does"))
        }
        _ => Ok(success),
    }
}

impl fmt::Debug for Command<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Command").field("mechanism", &self.mechanism).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (&str, Option<&str>) {
        let Command { mechanism, initial } = Command::parse(text.as_bytes());
        (mechanism, initial.map(|initial| str::from_utf8(initial).unwrap()))
    }

    #[test]
    fn a_command_is_a_mechanism_and_perhaps_an_initial_response() {
        assert_eq!(parts("PLAIN AA=="), ("PLAIN", Some("AA==")));
        assert_eq!(parts(" plain\t  = \r\n"), ("plain", Some("=")));
        assert_eq!(parts("PLAIN"), ("PLAIN", None));
        assert_eq!(parts("PLAIN \r\n"), ("PLAIN", None));
        assert_eq!(parts("PLAIN AA== more"), ("PLAIN", Some("AA== more")), "which is not base64");
        assert_eq!(parts(""), ("", None));
        assert_eq!(Command::parse(b"PL\xffIN AA==").mechanism, "");
    }

    #[test]
    fn debug_shows_no_password() {
        let shown = format!("{:?}", Command::parse(b"PLAIN AHRpbQBwZW5jaWw="));
        assert_eq!(shown, "Command { mechanism: \"PLAIN\", .. }");
    }
}
