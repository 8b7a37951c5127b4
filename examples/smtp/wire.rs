//! Lines in and out (RFC 5321 section 2.3.8).

use std::{io, time::Duration};
use tokio::{
    io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite, AsyncWriteExt},
    time::timeout,
};
use zeroize::{Zeroize, Zeroizing};

/// The longest line, in octets with its end: what AUTH may need (RFC 4954 section 4). Text has at most 1000.
pub const MAX_LINE: usize = 12288;

/// How much of a line that is too long is awaited and thrown away, in octets.
const MAX_EXCESS: usize = 1024 * 1024;

/// Room for one line, which may be a password: wiped before the next is read, and never moved.
#[derive(Debug)]
pub struct Line {
    octets: Zeroizing<Vec<u8>>,
    excess: usize,
}

/// A line is longer than [`MAX_LINE`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "complete by nature")]
pub struct TooLong;

impl Default for Line {
    fn default() -> Self {
        Self { octets: Zeroizing::new(Vec::with_capacity(MAX_LINE)), excess: 0 }
    }
}

impl Line {
    /// Reads the next line of `stream`, and nothing behind it.
    ///
    /// # Errors
    /// Those of the stream, and [`io::ErrorKind::UnexpectedEof`] where it ends before the line does. A line without an end
    /// is [`io::ErrorKind::InvalidData`]: close the connection.
    pub async fn read<S: AsyncBufRead + Unpin>(&mut self, stream: &mut S) -> io::Result<()> {
        self.octets.zeroize();
        self.excess = 0;
        loop {
            let input = stream.fill_buf().await?;
            if input.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let end = input.iter().position(|octet| *octet == b'\n');
            let taken = end.map_or(input.len(), |end| end + 1);
            self.keep(&input[..taken]);
            stream.consume(taken);
            match end {
                Some(_) => return Ok(()),
                None if self.excess > MAX_EXCESS => return Err(io::ErrorKind::InvalidData.into()),
                None => {}
            }
        }
    }

    fn keep(&mut self, input: &[u8]) {
        let kept = input.len().min(MAX_LINE - self.octets.len());
        self.octets.extend_from_slice(&input[..kept]);
        self.excess += input.len() - kept;
    }

    /// The line with its end.
    ///
    /// # Errors
    /// [`TooLong`].
    pub fn with_end(&self) -> Result<&[u8], TooLong> {
        if self.excess > 0 { Err(TooLong) } else { Ok(&self.octets) }
    }

    /// The line without its end, be that CRLF or LF.
    ///
    /// # Errors
    /// [`TooLong`].
    pub fn text(&self) -> Result<&[u8], TooLong> {
        let line = self.with_end()?;
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        Ok(line.strip_suffix(b"\r").unwrap_or(line))
    }
}

/// Sends octets, which end with a line.
///
/// # Errors
/// Those of the stream.
pub async fn send<S: AsyncWrite + Unpin>(stream: &mut S, octets: &[u8]) -> io::Result<()> {
    stream.write_all(octets).await?;
    stream.flush().await
}

/// Does the work, or gives up once the limit is over.
///
/// # Errors
/// Those of the work, and [`io::ErrorKind::TimedOut`].
pub async fn within<T>(limit: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(limit, work).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn lines(mut input: &[u8]) -> Vec<Result<Vec<u8>, TooLong>> {
        let (mut line, mut lines) = (Line::default(), Vec::new());
        while line.read(&mut input).await.is_ok() {
            lines.push(line.text().map(<[u8]>::to_vec));
        }
        lines
    }

    #[tokio::test]
    async fn a_line_ends_with_lf_and_perhaps_cr() {
        let found = lines(b"EHLO a\r\n\nQUIT\n\r\r\nleft").await;
        assert_eq!(found, [Ok(b"EHLO a".to_vec()), Ok(vec![]), Ok(b"QUIT".to_vec()), Ok(b"\r".to_vec())]);
    }

    #[tokio::test]
    async fn a_line_that_is_too_long_is_passed_over_up_to_its_end() {
        let fits = [vec![b'x'; MAX_LINE - 1], b"\n".to_vec()].concat();
        let input = [b"x".to_vec(), fits.clone(), fits, b"QUIT\r\n".to_vec()].concat();
        let found = lines(&input).await;
        assert_eq!(found, [Err(TooLong), Ok(vec![b'x'; MAX_LINE - 1]), Ok(b"QUIT".to_vec())]);
    }

    #[tokio::test]
    async fn a_line_without_an_end_is_not_awaited_for_ever() {
        let endless = vec![b'x'; 2 * MAX_EXCESS];
        let error = Line::default().read(&mut &endless[..]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
