//! A client's exchange, lines in and lines out. The loops of this crate only move the bytes; so may a loop of your own:
//! begin, and until the [`Turn`] is the end, send its line if it has one, read one, and go on with
//! [`Awaiting::heard`].

use crate::profile::{Heard, Profile, Refusal};
use sasl_core::{
    client::Choice,
    client_step::{Established, Response},
    escape::Escaped,
    failure::{Failure, Reason},
    line::{self, Incoming, MAX_LINE, Outgoing},
    name::MechanismName,
};
use std::{error, fmt, io};

/// An exchange that has not begun.
#[derive(Debug)]
#[must_use = "nothing has been sent yet"]
pub struct Exchange<'a, P> {
    profile: P,
    first: First<'a>,
    fallback: Fallback,
    longest_line: usize,
}

/// What to do next.
#[derive(Debug)]
#[must_use = "the server waits for it"]
#[expect(clippy::exhaustive_enums, reason = "complete by nature")]
pub enum Turn<'a, P> {
    /// Send the line, if there is one, and read one.
    Await(Awaiting<'a, P>),
    /// The exchange is over.
    End(Result<Established, Error>),
}

/// An exchange that waits for a line of the server.
#[must_use = "the server waits for it"]
pub struct Awaiting<'a, P> {
    talk: Box<Talk<'a, P>>,
    line: Option<Outgoing>,
    state: State,
}

/// Why a client is not in.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "complete by nature")]
pub enum Error {
    /// The connection failed, or ended.
    Io(io::Error),
    /// The server does not let us in. The connection may be used on.
    Refused(Refused),
    /// We do not want in: drop the connection. The server did not prove itself, or said what makes no sense.
    Failure(Failure),
}

/// How the server said no.
#[derive(Clone, Debug)]
pub struct Refused {
    kind: Refusal,
    text: Box<[u8]>,
    token_error: Option<Box<[u8]>>,
}

/// The most lines of a server that are read before it is our turn.
pub const MAX_LINES: usize = 100;

/// How much of what a server says is kept, in octets.
const MAX_TEXT: usize = 4096;

#[derive(Debug)]
enum First<'a> {
    Choice(Choice<'a>),
    Response(MechanismName, Response),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fallback {
    Never,
    ToNextMechanism,
}

/// What stays from one turn to the next.
struct Talk<'a, P> {
    profile: P,
    choice: Option<Choice<'a>>,
    fallback: Fallback,
    lines: usize,
    text: Vec<u8>,
    token_error: Option<Box<[u8]>>,
}

/// What the server's next line decides.
enum State {
    /// The first message has not been sent, for want of room in the command.
    Owing(Response),
    /// It has, if there is one.
    Answering(Response),
    /// We have broken off.
    Cancelled(Failure),
}

impl<'a, P: Profile> Exchange<'a, P> {
    /// An exchange by the mechanism that was chosen, in the protocol of `profile`.
    pub fn new(choice: Choice<'a>, profile: P) -> Self {
        Self { profile, first: First::Choice(choice), fallback: Fallback::Never, longest_line: MAX_LINE }
    }

    /// An exchange by the mechanism `name` that begins with `response`, which a client that
    /// [has its mechanism forced](sasl_core::client::Client::start) or [comes back](sasl_core::client_step::Resumption) has.
    pub fn begun(name: MechanismName, response: Response, profile: P) -> Self {
        Self { profile, first: First::Response(name, response), fallback: Fallback::Never, longest_line: MAX_LINE }
    }

    /// Tries the next mechanism after one that the server refused, as sendmail does.
    ///
    /// A server, or who is in its place, so brings a client down to the weakest mechanism that the
    /// [`Policy`](sasl_core::policy::Policy) allows. The default one allows no plaintext password without TLS; with TLS,
    /// a server that refuses SCRAM is then told the password.
    pub fn falling_back(self) -> Self {
        Self { fallback: Fallback::ToNextMechanism, ..self }
    }

    /// Takes lines of up to `longest` octets with their end. Less than [`MAX_LINE`], the default, is taken for that.
    pub fn with_longest_line(self, longest: usize) -> Self {
        Self { longest_line: longest, ..self }
    }

    /// Room for the server's lines.
    #[must_use]
    pub fn incoming(&self) -> Incoming {
        Incoming::new(self.longest_line)
    }

    /// Begins.
    pub fn begin(self) -> Turn<'a, P> {
        let talk = Box::new(Talk {
            profile: self.profile,
            choice: None,
            fallback: self.fallback,
            lines: 0,
            text: Vec::new(),
            token_error: None,
        });
        match self.first {
            First::Choice(choice) => talk.attempt(choice),
            First::Response(name, response) => talk.command(name, response),
        }
    }
}

impl<'a, P: Profile> Awaiting<'a, P> {
    /// What to send before the server's line is read. There is nothing to send while the server is not done.
    #[must_use]
    pub fn line(&self) -> Option<&Outgoing> {
        self.line.as_ref()
    }

    /// Goes on with the server's line, as [`Incoming::line`] has it.
    pub fn heard(self, line: Result<&[u8], Failure>) -> Turn<'a, P> {
        let Self { mut talk, state, .. } = self;
        match (line.and_then(|line| talk.hear(line)), state) {
            (Ok(Heard::More | Heard::Aside), state) => Turn::Await(Self { talk, line: None, state }),
            (_, State::Cancelled(failure)) | (Err(failure), _) => Turn::End(Err(Error::Failure(failure))),
            (Ok(Heard::Challenge(text)), State::Owing(response)) => talk.send_owed(text, response),
            (Ok(Heard::Challenge(text)), State::Answering(response)) => talk.answer(text, response),
            (Ok(Heard::Refused(kind)), State::Owing(_) | State::Answering(_)) => talk.refused(kind),
            (Ok(Heard::Success(_)), State::Owing(_)) => Turn::End(Err(Error::Failure(Failure::new(
                Reason::ServerNotAuthenticated,
                "success before the first message was sent",
            )))),
            (Ok(Heard::Success(data)), State::Answering(response)) => {
                Turn::End(succeeded(data, response).map_err(Error::Failure))
            }
        }
    }

    /// What it means that the server's line did not come: where we had broken off already, what we had done so for.
    #[must_use]
    pub fn lost(self, error: io::Error) -> Error {
        match self.state {
            State::Cancelled(failure) => Error::Failure(failure),
            State::Owing(_) | State::Answering(_) => Error::Io(error),
        }
    }
}

impl<'a, P: Profile> Talk<'a, P> {
    fn attempt(mut self: Box<Self>, choice: Choice<'a>) -> Turn<'a, P> {
        let (name, begun) = (choice.name(), choice.begin());
        self.choice = Some(choice);
        self.token_error = None;
        match begun {
            Ok(response) => self.command(name, response),
            Err(failure) => Turn::End(Err(Error::Failure(failure))),
        }
    }

    fn command(self: Box<Self>, name: MechanismName, response: Response) -> Turn<'a, P> {
        let line = self.profile.command(name, response.message());
        if response.message().is_none() || line.as_bytes().len() <= self.profile.longest_command() {
            return self.send(line, State::Answering(response));
        }
        let line = self.profile.command(name, None);
        self.send(line, State::Owing(response))
    }

    /// An empty challenge asks for the first message.
    fn send_owed(self: Box<Self>, challenge: &[u8], response: Response) -> Turn<'a, P> {
        match challenge {
            b"" => self.respond(response),
            _ => self.cancel(Failure::malformed("challenge before the first message")),
        }
    }

    fn answer(mut self: Box<Self>, challenge: &[u8], response: Response) -> Turn<'a, P> {
        match line::decode(challenge).and_then(|challenge| response.challenge(&challenge)) {
            Ok(response) => {
                self.token_error = response.refusal().map(Into::into);
                self.respond(response)
            }
            Err(failure) => self.cancel(failure),
        }
    }

    fn respond(self: Box<Self>, response: Response) -> Turn<'a, P> {
        let line = self.profile.response(response.message().unwrap_or_default());
        self.send(line, State::Answering(response))
    }

    fn cancel(self: Box<Self>, failure: Failure) -> Turn<'a, P> {
        let line = self.profile.cancel();
        self.send(line, State::Cancelled(failure))
    }

    fn send(mut self: Box<Self>, line: Outgoing, state: State) -> Turn<'a, P> {
        self.lines = 0;
        self.text.clear();
        Turn::Await(Awaiting { talk: self, line: Some(line), state })
    }

    /// What a line says. That of a reply which may turn out to be a refusal is kept.
    fn hear<'l>(&mut self, line: &'l [u8]) -> Result<Heard<'l>, Failure> {
        self.lines += 1;
        if self.lines > MAX_LINES {
            return Err(Failure::malformed("more lines than a reply has"));
        }
        let heard = self.profile.hear(line).ok_or(Failure::malformed("not a reply"))?;
        if matches!(heard, Heard::More | Heard::Refused(_)) {
            self.text.extend_from_slice(if self.text.is_empty() { b"" } else { b" " });
            self.text.extend_from_slice(&line[..line.len().min(MAX_TEXT.saturating_sub(self.text.len()))]);
        }
        Ok(heard)
    }

    fn refused(mut self: Box<Self>, kind: Refusal) -> Turn<'a, P> {
        let goes_on = self.fallback == Fallback::ToNextMechanism && kind != Refusal::Other;
        match self.choice.take().filter(|_| goes_on).and_then(|choice| choice.next().ok()) {
            Some(choice) => {
                self.profile.again();
                self.attempt(choice)
            }
            None => {
                Turn::End(Err(Error::Refused(Refused { kind, text: self.text.into(), token_error: self.token_error })))
            }
        }
    }
}

fn succeeded(data: Option<&[u8]>, response: Response) -> Result<Established, Failure> {
    let data = data.map(line::decode).transpose()?;
    response.succeeded(data.as_deref().map(Vec::as_slice))
}

impl Refused {
    /// Of which kind it is.
    #[must_use]
    pub fn kind(&self) -> Refusal {
        self.kind
    }

    /// The server's reply, codes and text, its lines put together with blanks. It is the server's: `Display` shows it fit
    /// for a log.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// Why it does not like our token, as [`Response::refusal`] has it.
    #[must_use]
    pub fn token_error(&self) -> Option<&[u8]> {
        self.token_error.as_deref()
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Escaped(&self.text).fmt(f)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Refused(refused) => write!(f, "refused: {refused}"),
            Self::Failure(failure) => write!(f, "{failure}: {}", failure.cause()),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Io(error) => error.source(),
            Self::Refused(_) | Self::Failure(_) => None,
        }
    }
}

impl<P> fmt::Debug for Awaiting<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Awaiting").finish_non_exhaustive()
    }
}
