//! What is said to an IMAP server, and what is made of its answers (RFC 9051).

use crate::{
    attempt::{Answer, Attempt},
    lines::Lines,
    tls::Duplex,
};
use tokio::io::AsyncWriteExt;
use zeroize::Zeroizing;

/// Codes of a NO that says nothing of the password (RFC 5530 section 3).
const NOT_THE_PASSWORD: [&[u8]; 5] = [b"UNAVAILABLE", b"SERVERBUG", b"INUSE", b"LIMIT", b"PRIVACYREQUIRED"];

/// A connection to a server. What fails says why, in words for the log.
#[derive(Debug)]
pub(crate) struct Conversation<S> {
    stream: S,
    lines: Lines,
}

/// Whether a server takes LOGIN as things are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Login {
    Possible,
    Disabled,
}

/// Whether `octets` fit between quotes. Eight bits do, though the RFC says otherwise: the original sends them so.
pub(super) fn can_be_quoted(octets: &[u8]) -> bool {
    !octets.iter().any(|octet| matches!(octet, b'\r' | b'\n' | 0))
}

impl<S: Duplex> Conversation<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, lines: Lines::default() }
    }

    /// Waits for the greeting.
    pub(crate) async fn greeting(&mut self, attempt: &Attempt) -> Result<Login, String> {
        let line = self.line().await?;
        match line.strip_prefix(b"* ").map(|text| (first_word(text), text)) {
            Some((b"OK", text)) => Ok(if offers_no_login(text) { Login::Disabled } else { Login::Possible }),
            _ => Err(format!("not ready: {}", attempt.show(&line))),
        }
    }

    /// Asks for TLS, and gives the stream on which it is to begin. What the server says before that and beyond its answer
    /// may be anybody's, so that it ends the conversation.
    pub(super) async fn start_tls(mut self, attempt: &Attempt) -> Result<S, String> {
        self.send(b"saslauthd STARTTLS\r\n").await?;
        let answer = self.tagged(attempt).await?;
        match first_word(&answer) {
            b"OK" if self.lines.is_empty() => Ok(self.stream),
            b"OK" => Err("something came between STARTTLS and TLS".into()),
            _ => Err(format!("no STARTTLS: {}", attempt.show(&answer))),
        }
    }

    /// Sends login and password, which [`can_be_quoted`], and judges the answer.
    pub(crate) async fn log_in(&mut self, attempt: &Attempt) -> Result<Answer, String> {
        self.send(&login_command(attempt)).await?;
        let answer = self.tagged(attempt).await?;
        let said = || attempt.show(&answer);
        Ok(match first_word(&answer) {
            b"OK" => Answer::accepted("accepted"),
            b"NO" if is_about_the_server(&answer) => Answer::unavailable(said()),
            b"NO" => Answer::refused(said()),
            _ => Answer::unavailable(format!("unexpected answer: {}", said())),
        })
    }

    /// Says good-bye, and does not wait for the answer.
    pub(super) async fn log_out(&mut self) -> Result<(), String> {
        self.send(b"saslauthd LOGOUT\r\n").await?;
        self.stream.shutdown().await.map_err(|error| error.to_string())
    }

    async fn send(&mut self, command: &[u8]) -> Result<(), String> {
        self.stream.write_all(command).await.map_err(|error| error.to_string())?;
        self.stream.flush().await.map_err(|error| error.to_string())
    }

    async fn line(&mut self) -> Result<Vec<u8>, String> {
        self.lines.next(&mut self.stream).await.map_err(|reason| reason.to_string())
    }

    /// The answer to our command without its tag. The original passes over `* CAPABILITY` alone; RFC 9051 section 7 lets a server
    /// say all kinds of things before it.
    async fn tagged(&mut self, attempt: &Attempt) -> Result<Vec<u8>, String> {
        loop {
            let line = self.line().await?;
            match line.strip_prefix(b"saslauthd ") {
                Some(answer) => return Ok(answer.to_vec()),
                None if is_aside(&line) => {}
                None => return Err(format!("unexpected answer: {}", attempt.show(&line))),
            }
        }
    }
}

/// Untagged, no BYE, and not the beginning of a literal, which would have lines of its own.
fn is_aside(line: &[u8]) -> bool {
    let said = line.strip_prefix(b"* ");
    said.is_some_and(|said| !first_word(said).eq_ignore_ascii_case(b"BYE") && !said.ends_with(b"}"))
}

fn first_word(text: &[u8]) -> &[u8] {
    text.split(|octet| *octet == b' ').next().unwrap_or_default()
}

/// The words of a response code: those of `OK [CAPABILITY IMAP4rev1 LOGINDISABLED] text` begin with `CAPABILITY`.
fn code(answer: &[u8]) -> impl Iterator<Item = &[u8]> {
    let text = answer.get(first_word(answer).len() + 1..).unwrap_or_default();
    let code = text.strip_prefix(b"[").and_then(|text| text.split(|octet| *octet == b']').next());
    code.unwrap_or_default().split(|octet| *octet == b' ')
}

fn offers_no_login(greeting: &[u8]) -> bool {
    let is_capability = code(greeting).next().is_some_and(|word| word.eq_ignore_ascii_case(b"CAPABILITY"));
    is_capability && code(greeting).any(|word| word.eq_ignore_ascii_case(b"LOGINDISABLED"))
}

fn is_about_the_server(answer: &[u8]) -> bool {
    let code = code(answer).next().unwrap_or_default();
    NOT_THE_PASSWORD.iter().any(|known| known.eq_ignore_ascii_case(code))
}

fn login_command(attempt: &Attempt) -> Zeroizing<Vec<u8>> {
    let words = [&*attempt.login, attempt.password.expose()];
    let room = words.iter().map(|word| 2 * word.len() + " \"\"".len()).sum::<usize>();
    let mut command = Zeroizing::new(Vec::with_capacity("saslauthd LOGIN\r\n".len() + room));
    command.extend(b"saslauthd LOGIN");
    for word in words {
        command.extend(b" \"");
        for octet in word {
            command.extend(matches!(octet, b'"' | b'\\').then_some(b'\\'));
            command.push(*octet);
        }
        command.push(b'"');
    }
    command.extend(b"\r\n");
    command
}

#[cfg(test)]
mod tests;
