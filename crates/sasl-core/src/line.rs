//! How SMTP, IMAP and POP3 carry a message: as base64, in one line (RFC 4954 section 4, RFC 9051 section 6.2.2, RFC 5034
//! section 4).
//!
//! A line ends with LF; a CR before it belongs to the end. What a line holds may be a password, so it is wiped here
//! wherever it was.

use crate::failure::{Failure, Reason};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use std::fmt;
use zeroize::{Zeroize, Zeroizing};

/// The longest line, in octets with its end, that every server must take (RFC 4954 section 4).
pub const MAX_LINE: usize = 12288;

/// How much of a line that is too long is awaited and thrown away, in octets.
pub const MAX_EXCESS: usize = 64 * 1024;

/// Reads base64 strictly: the canonical alphabet, padding to the right, no bit set behind the last octet, nothing else.
///
/// # Errors
/// [`Reason::Malformed`].
pub fn decode(text: &[u8]) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut message = Zeroizing::new(vec![0; base64::decoded_len_estimate(text.len())]);
    let length = BASE64.decode_slice(text, &mut message).map_err(|_| Failure::malformed("not base64"))?;
    message.truncate(length);
    Ok(message)
}

/// Reads what a client sent along with the name of a mechanism: nothing at all is no initial response, `=` an empty one.
///
/// # Errors
/// [`Reason::Malformed`].
pub fn decode_initial(text: Option<&[u8]>) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
    match text {
        None | Some(b"") => Ok(None),
        Some(b"=") => decode(b"").map(Some),
        Some(text) => decode(text).map(Some),
    }
}

/// Reads a client's answer to a challenge. An empty line is an empty response.
///
/// # Errors
/// [`Reason::Cancelled`] for a lone `*`, [`Reason::Malformed`] for what is no base64.
pub fn decode_response(line: &[u8]) -> Result<Zeroizing<Vec<u8>>, Failure> {
    match line {
        b"*" => Err(Failure::new(Reason::Cancelled, "the client cancelled")),
        line => decode(line),
    }
}

/// A line to send, built from left to right. Whatever it is built from, there is one line end, and that is the last of it.
#[must_use = "the peer waits for it"]
pub struct Outgoing(Zeroizing<Vec<u8>>);

impl Outgoing {
    /// A line that begins with `text`, as [`Self::text`] adds it.
    pub fn new(text: &str) -> Self {
        let mut line = Zeroizing::new(Vec::with_capacity(512));
        line.extend_from_slice(END);
        Self(line).text(text)
    }

    /// Adds text of our own making. Control characters are left out.
    pub fn text(self, text: &str) -> Self {
        self.with(text.len(), |line| line.extend(text.bytes().filter(|octet| !octet.is_ascii_control())))
    }

    /// Adds a message in base64; an empty one adds nothing.
    pub fn base64(self, message: &[u8]) -> Self {
        let length = message.len().div_ceil(3) * 4;
        self.with(length, |line| {
            let start = line.len();
            line.resize(start + length, 0);
            BASE64.encode_slice(message, &mut line[start..]).expect("there is room for four octets for each three");
        })
    }

    /// Adds an initial response behind a blank, where there is one: in base64, an empty one as `=`.
    pub fn initial(self, message: Option<&[u8]>) -> Self {
        match message {
            None => self,
            Some(b"") => self.text(" ="),
            Some(message) => self.text(" ").base64(message),
        }
    }

    /// The line, with CR and LF.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Lets `add` append at most `length` octets before the line's end.
    fn with(mut self, length: usize, add: impl FnOnce(&mut Vec<u8>)) -> Self {
        make_room(&mut self.0, length);
        let text = self.0.len() - END.len();
        self.0.truncate(text);
        add(&mut self.0);
        self.0.extend_from_slice(END);
        self
    }
}

const END: &[u8] = b"\r\n";

/// A line as it comes in, in whatever pieces.
pub struct Incoming {
    text: Zeroizing<Vec<u8>>,
    longest: usize,
    excess: usize,
}

impl Incoming {
    /// Takes a line of at most `longest` octets with its end. Less than [`MAX_LINE`] is taken for that.
    #[must_use]
    pub fn new(longest: usize) -> Self {
        Self { text: Zeroizing::default(), longest: longest.max(MAX_LINE), excess: 0 }
    }

    /// Takes from `input` what belongs to the line, up to its LF, and gives the number of octets taken: all of them
    /// while the end has not come, and none from then on.
    pub fn take(&mut self, input: &[u8]) -> usize {
        if self.has_ended() {
            return 0;
        }
        let end = input.iter().position(|octet| *octet == b'\n');
        let taken = end.map_or(input.len(), |end| end + 1);
        if taken <= self.longest - self.text.len() && self.excess == 0 {
            make_room(&mut self.text, taken);
            self.text.extend_from_slice(&input[..taken]);
            return taken;
        }
        self.excess = (self.excess + taken).min(MAX_EXCESS);
        self.text.zeroize();
        self.text.extend_from_slice(if end.is_some() { b"\n" } else { b"" });
        taken
    }

    /// Whether the line's end has come.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.text.ends_with(b"\n") || self.is_endless()
    }

    /// The line without its end.
    ///
    /// # Errors
    /// [`Reason::LineTooLong`], where nothing of it was kept; [`Reason::Malformed`] while its end has not come.
    pub fn line(&self) -> Result<&[u8], Failure> {
        match self.text.as_slice() {
            _ if self.excess > 0 => Err(Failure::new(Reason::LineTooLong, "line longer than the limit")),
            [line @ .., b'\r', b'\n'] | [line @ .., b'\n'] => Ok(line),
            _ => Err(Failure::malformed("line without an end")),
        }
    }

    /// Whether a line that is too long went on until we awaited its end no more. Nothing that comes later can be told
    /// from its rest: close the connection.
    #[must_use]
    pub fn is_endless(&self) -> bool {
        self.excess == MAX_EXCESS && self.text.is_empty()
    }

    /// Forgets this line and takes the next.
    pub fn clear(&mut self) {
        self.text.zeroize();
        self.excess = 0;
    }
}

/// Makes room for `more` octets, with no copy of the old ones left behind.
fn make_room(octets: &mut Zeroizing<Vec<u8>>, more: usize) {
    if octets.capacity() - octets.len() < more {
        let mut roomier = Zeroizing::new(Vec::with_capacity((octets.len() + more).max(2 * octets.capacity())));
        roomier.extend_from_slice(octets);
        *octets = roomier;
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outgoing(..)")
    }
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Incoming(..)")
    }
}

#[cfg(test)]
mod tests;
