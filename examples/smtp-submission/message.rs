//! A message as it comes in behind DATA (RFC 5321 section 4.1.1.4).

use crate::{reply::Reply, session::too_large};
use smtp::wire::TooLong;

/// A message, as far as it has come.
#[derive(Debug)]
pub(crate) struct Message {
    octets: Vec<u8>,
    max_size: usize,
    /// Whether the line before ended as a line should.
    after_crlf: bool,
    trouble: Option<Reply>,
}

/// Whether the message goes on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Progress {
    More,
    Ended,
}

impl Message {
    pub(crate) fn new(max_size: usize) -> Self {
        Self { octets: Vec::new(), max_size, after_crlf: true, trouble: None }
    }

    /// Takes a line with its end. Only CRLF ends one: where servers differ about that, one message can be smuggled in another.
    pub(crate) fn take(&mut self, line: Result<&[u8], TooLong>) -> Progress {
        let after_crlf = std::mem::replace(&mut self.after_crlf, line.is_ok_and(|line| line.ends_with(b"\r\n")));
        match line {
            Ok(b".\r\n") if after_crlf => return Progress::Ended,
            Ok(line) if self.after_crlf => self.keep(line.strip_prefix(b".").unwrap_or(line)),
            Ok(_) => self.trouble = Some(Reply::new(554, "5.6.0", "line end is not CRLF")),
            Err(TooLong) => self.trouble = Some(Reply::new(554, "5.6.0", "line too long")),
        }
        Progress::More
    }

    fn keep(&mut self, line: &[u8]) {
        if self.octets.len() + line.len() > self.max_size {
            self.trouble = Some(too_large());
            self.octets.clear();
        } else if self.trouble.is_none() {
            self.octets.extend_from_slice(line);
        }
    }

    /// The message.
    ///
    /// # Errors
    /// Why it is not taken.
    pub(crate) fn finish(self) -> Result<Vec<u8>, Reply> {
        self.trouble.map_or(Ok(self.octets), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str], max_size: usize) -> Result<String, String> {
        let mut message = Message::new(max_size);
        let (last, before) = lines.split_last().unwrap();
        before.iter().for_each(|line| assert_eq!(message.take(Ok(line.as_bytes())), Progress::More, "{line}"));
        assert_eq!(message.take(Ok(last.as_bytes())), Progress::Ended);
        let text = message.finish().map(|octets| String::from_utf8(octets).unwrap());
        text.map_err(|reply| reply.to_string()[..9].into())
    }

    #[test]
    fn a_dot_before_a_line_is_taken_away() {
        assert_eq!(read(&["a\r\n", "..b\r\n", ".c\r\n", "...\r\n", ".\r\n"], 99).unwrap(), "a\r\n.b\r\nc\r\n..\r\n");
    }

    #[test]
    fn a_line_feed_alone_ends_no_message_and_spoils_it() {
        for smuggled in [&["a\r\n", ".\n", "b\r\n", ".\r\n"], &["a\n", ".\r\n", "b\r\n", ".\r\n"]] {
            assert_eq!(read(smuggled, 99).unwrap_err(), "554 5.6.0");
        }
    }

    #[test]
    fn a_message_has_a_largest_size_and_lines_too() {
        assert_eq!(read(&["12345678\r\n", ".\r\n"], 10).unwrap().len(), 10);
        assert_eq!(read(&["12345678\r\n", "x\r\n", "y\r\n", ".\r\n"], 10).unwrap_err(), "552 5.3.4");
        let mut message = Message::new(99);
        assert_eq!(message.take(Err(TooLong)), Progress::More);
        assert!(message.finish().is_err());
    }
}
