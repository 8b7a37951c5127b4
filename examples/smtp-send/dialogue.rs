//! Commands and replies (RFC 5321).

use crate::settings::Settings;
use sasl_core::escape::Escaped;
use smtp::{
    exit::Failure,
    wire::{Line, send, within},
};
use std::{
    fmt,
    io::{self, ErrorKind},
    time::Duration,
};
use tokio::io::{AsyncBufRead, AsyncWrite};

/// A stream of lines.
pub(crate) trait Stream: AsyncBufRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncBufRead + AsyncWrite + Unpin + Send> Stream for S {}

/// What is said over a stream.
pub(crate) struct Dialogue<S> {
    pub(crate) stream: S,
    timeout: Duration,
    verbose: bool,
}

/// A reply of the server.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Reply {
    code: u16,
    lines: Vec<Vec<u8>>,
}

/// What the server says to EHLO.
#[derive(Debug, Default)]
pub(crate) struct Capabilities(Vec<String>);

/// The most lines of a reply.
const MAX_LINES: usize = 100;

impl<S: Stream> Dialogue<S> {
    pub(crate) fn new(stream: S, settings: &Settings) -> Self {
        Self { stream, timeout: settings.timeout, verbose: settings.verbose }
    }

    /// What the server says before anything else.
    pub(crate) async fn greeting(&mut self) -> Result<(), Failure> {
        self.reply().await?.expect("the greeting", 220).map(drop)
    }

    /// Introduces us, and hears what the server can do.
    pub(crate) async fn ehlo(&mut self, name: &str) -> Result<Capabilities, Failure> {
        let reply = self.command(&format!("EHLO {name}")).await?.expect("EHLO", 250)?;
        Ok(Capabilities::of(&reply))
    }

    /// Sends a command, and reads the reply to it.
    pub(crate) async fn command(&mut self, command: &str) -> Result<Reply, Failure> {
        self.show("C", &command);
        self.send(format!("{command}\r\n").as_bytes()).await
    }

    /// Sends whole lines, and reads the reply to the last.
    pub(crate) async fn send(&mut self, lines: &[u8]) -> Result<Reply, Failure> {
        within(self.timeout, send(&mut self.stream, lines)).await.map_err(broken)?;
        self.reply().await
    }

    async fn reply(&mut self) -> Result<Reply, Failure> {
        let mut reply = Reply { code: 0, lines: Vec::new() };
        let mut line = Line::default();
        while reply.lines.len() < MAX_LINES {
            within(self.timeout, line.read(&mut self.stream)).await.map_err(broken)?;
            let text = line.text().map_err(|_| Failure::new("the server's reply is too long"))?;
            self.show("S", &Escaped(text));
            match reply.take(text) {
                Some(Progress::Ended) => return Ok(reply),
                Some(Progress::More) => {}
                None => return Err(Failure::of("this is no reply of SMTP", Escaped(text))),
            }
        }
        Err(Failure::new("the server's reply is too long"))
    }

    fn show(&self, who: &str, what: &dyn fmt::Display) {
        if self.verbose {
            eprintln!("{who}: {what}");
        }
    }
}

/// Whether a reply goes on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Progress {
    More,
    Ended,
}

impl Reply {
    /// Adds a line. `None` where it is none of a reply, or none of this one.
    fn take(&mut self, line: &[u8]) -> Option<Progress> {
        let (code, rest) = line.split_at_checked(3)?;
        let code = str::from_utf8(code).ok()?.parse().ok().filter(|code| (200..600).contains(code))?;
        if !self.lines.is_empty() && code != self.code {
            return None;
        }
        self.code = code;
        self.lines.push(rest.get(1..).unwrap_or_default().to_vec());
        match rest.first() {
            None | Some(b' ') => Some(Progress::Ended),
            Some(b'-') => Some(Progress::More),
            Some(_) => None,
        }
    }

    /// The reply, if its code is that one; `what` was said before.
    pub(crate) fn expect(self, what: &str, code: u16) -> Result<Self, Failure> {
        if self.code == code { Ok(self) } else { Err(Failure::of(what, &self)) }
    }

    /// Whether the server does as it was told.
    pub(crate) fn is_positive(&self) -> bool {
        self.code / 100 == 2
    }
}

impl Capabilities {
    fn of(reply: &Reply) -> Self {
        let keywords = reply.lines.iter().skip(1).map(|line| String::from_utf8_lossy(line).to_ascii_uppercase());
        Self(keywords.collect())
    }

    pub(crate) fn have(&self, keyword: &str) -> bool {
        self.parameters(keyword).is_some()
    }

    /// The mechanisms behind AUTH; `None` where the server does not have AUTH.
    pub(crate) fn mechanisms(&self) -> Option<impl Iterator<Item = &str>> {
        self.parameters("AUTH").map(str::split_ascii_whitespace)
    }

    fn parameters(&self, keyword: &str) -> Option<&str> {
        self.0.iter().find_map(|line| {
            let (name, parameters) = line.split_once(' ').unwrap_or((line, ""));
            (name == keyword).then_some(parameters)
        })
    }
}

/// The code, and all lines as one.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, Escaped(&self.lines.join(&b' ')))
    }
}

fn broken(error: io::Error) -> Failure {
    match error.kind() {
        ErrorKind::UnexpectedEof => Failure::new("the server closed the connection"),
        ErrorKind::TimedOut => Failure::new("the server takes too long"),
        _ => Failure::of("the connection", error),
    }
}

#[cfg(test)]
impl From<&[&str]> for Capabilities {
    fn from(keywords: &[&str]) -> Self {
        Self(keywords.iter().map(|keyword| (*keyword).into()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Option<Reply> {
        let mut reply = Reply { code: 0, lines: Vec::new() };
        let progress: Option<Vec<_>> = lines.iter().map(|line| reply.take(line.as_bytes())).collect();
        progress.filter(|progress| progress.last() == Some(&Progress::Ended)).map(|_| reply)
    }

    #[test]
    fn a_reply_and_what_the_server_can_do() {
        let reply = read(&["250-mail.example.org", "250-Auth plain LOGIN", "250-SIZE 100", "250 STARTTLS"]).unwrap();
        assert!(reply.is_positive());
        let capabilities = Capabilities::of(&reply);
        assert_eq!(capabilities.mechanisms().unwrap().collect::<Vec<_>>(), ["PLAIN", "LOGIN"]);
        assert!(capabilities.have("STARTTLS") && capabilities.have("SIZE") && !capabilities.have("MAIL.EXAMPLE.ORG"));
        assert!(Capabilities::default().mechanisms().is_none());
    }

    #[test]
    fn replies_on_one_line() {
        assert_eq!(
            read(&["535-5.7.8 no\u{1b}", "535 5.7.8 never"]).unwrap().to_string(),
            "535 5.7.8 no\\u{1b} 5.7.8 never"
        );
        assert_eq!(read(&["250"]).unwrap().to_string(), "250 ");
        let refused = read(&["550 5.7.1 no"]).unwrap().expect("RCPT", 250).unwrap_err();
        assert_eq!(refused.to_string(), "RCPT: 550 5.7.1 no");
    }

    #[test]
    fn what_is_no_reply() {
        for bad in [&["25"][..], &["2500 x"], &["abc x"], &["250-x", "251 y"], &["250-x"], &["150 x"], &["\u{e9}50 x"]]
        {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }
}
