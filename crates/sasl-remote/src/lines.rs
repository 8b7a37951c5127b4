//! A server's lines, as far as there is an end to them.

use std::{error, fmt, io};
use tokio::io::{AsyncRead, AsyncReadExt};

/// The longest line, in bytes without its end.
pub(crate) const MAX_LINE: usize = 8 * 1024;

/// The most that is read of one server, in bytes.
pub(crate) const MAX_TOTAL: usize = 64 * 1024;

/// Splits what a server sends into lines. They end in LF or CR LF.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    buffer: Vec<u8>,
    /// How much of the buffer has no LF in it.
    searched: usize,
    read: usize,
}

/// Why there is no line.
#[derive(Debug)]
pub(crate) enum NoLine {
    /// The server closed the connection.
    Closed,
    /// A line has more than [`MAX_LINE`].
    Long,
    /// All lines have more than [`MAX_TOTAL`].
    Many,
    /// The system refused.
    Io(io::Error),
}

impl Lines {
    /// The next line, without its end. What comes before the end of the connection without a line end is no line.
    pub(crate) async fn next(&mut self, stream: &mut (impl AsyncRead + Unpin)) -> Result<Vec<u8>, NoLine> {
        loop {
            if let Some(line) = self.take_line()? {
                return Ok(line);
            }
            let mut chunk = [0; 2048];
            match stream.read(&mut chunk).await.map_err(NoLine::Io)? {
                0 => return Err(NoLine::Closed),
                size => self.buffer.extend(&chunk[..size]),
            }
        }
    }

    /// Whether nothing has been read beyond the last line.
    pub(crate) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    fn take_line(&mut self) -> Result<Option<Vec<u8>>, NoLine> {
        let end = self.buffer[self.searched..].iter().position(|octet| *octet == b'\n');
        let length = end.map_or(self.buffer.len(), |end| self.searched + end);
        if length > MAX_LINE {
            return Err(NoLine::Long);
        }
        if self.read + length >= MAX_TOTAL {
            return Err(NoLine::Many);
        }
        self.searched = if end.is_some() { 0 } else { length };
        Ok(end.is_some().then(|| self.cut(length)))
    }

    fn cut(&mut self, length: usize) -> Vec<u8> {
        self.read += length + 1;
        let mut line: Vec<u8> = self.buffer.drain(..=length).collect();
        line.pop();
        line.pop_if(|last| *last == b'\r');
        line
    }
}

impl fmt::Display for NoLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the server closed the connection"),
            Self::Long => write!(f, "a line of more than {MAX_LINE} bytes"),
            Self::Many => write!(f, "more than {MAX_TOTAL} bytes"),
            Self::Io(error) => write!(f, "{error}"),
        }
    }
}

impl error::Error for NoLine {}

#[cfg(test)]
mod tests {
    use super::*;

    async fn all(mut bytes: &[u8]) -> (Vec<Vec<u8>>, NoLine) {
        let (mut lines, mut found) = (Lines::default(), Vec::new());
        loop {
            match lines.next(&mut bytes).await {
                Ok(line) => found.push(line),
                Err(reason) => return (found, reason),
            }
        }
    }

    #[tokio::test]
    async fn lines_end_in_lf_or_cr_lf() {
        let (found, end) = all(b"a\r\nb\n\r\n\nc\rd\r\r\nrest").await;
        assert_eq!(found, [&b"a"[..], b"b", b"", b"", b"c\rd\r"]);
        assert!(matches!(end, NoLine::Closed));
    }

    #[tokio::test]
    async fn there_is_an_end_to_a_line_and_to_all() {
        let line = |length: usize| [vec![b'x'; length], b"\n".to_vec()].concat();
        assert_eq!(all(&line(MAX_LINE)).await.0[0].len(), MAX_LINE);
        assert!(matches!(all(&line(MAX_LINE + 1)).await.1, NoLine::Long));
        assert!(matches!(all(&vec![b'x'; 1 << 20]).await.1, NoLine::Long));
        let (found, end) = all(&line(99).repeat(10_000)).await;
        assert!(matches!(end, NoLine::Many) && found.len() == MAX_TOTAL / 100, "{}", found.len());
        let (found, end) = all(&b"\n".repeat(1 << 20)).await;
        assert!(matches!(end, NoLine::Many) && found.len() <= MAX_TOTAL, "{}", found.len());
    }

    #[tokio::test]
    async fn a_line_may_come_an_octet_at_a_time() {
        let (mut ours, mut theirs) = tokio::io::duplex(1);
        let write = async move { tokio::io::AsyncWriteExt::write_all(&mut theirs, b"abc\r\nd\n").await.unwrap() };
        let mut lines = Lines::default();
        let read = async { [lines.next(&mut ours).await.unwrap(), lines.next(&mut ours).await.unwrap()] };
        assert_eq!(tokio::join!(read, write).0, [b"abc".to_vec(), b"d".to_vec()]);
        assert!(lines.is_empty());
    }
}
