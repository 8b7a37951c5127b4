//! What a web server replies: a status, and nothing else of interest (RFC 9112).

use crate::lines::{Lines, NoLine};
use std::fmt;
use tokio::io::AsyncRead;

/// The line that a reply begins with.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Status {
    pub(crate) code: u16,
    /// The words behind the code; servers need not say any.
    pub(super) reason: Vec<u8>,
}

/// Why there is no status.
#[derive(Debug)]
pub(crate) enum NoReply {
    /// The reply does not come, or has no end.
    Short(NoLine),
    /// It is not HTTP/1.
    Foreign(Vec<u8>),
}

/// Reads to the end of the header, so that a reply which was cut off there is none; not the body. Interim replies are passed over.
pub(crate) async fn read_status(stream: &mut (impl AsyncRead + Unpin)) -> Result<Status, NoReply> {
    let mut lines = Lines::default();
    loop {
        let line = lines.next(stream).await.map_err(NoReply::Short)?;
        let status = Status::parse(&line).ok_or(NoReply::Foreign(line))?;
        while !lines.next(stream).await.map_err(NoReply::Short)?.is_empty() {}
        if !status.is_interim() {
            return Ok(status);
        }
    }
}

impl Status {
    /// Reads `HTTP/1.1 200 OK`. The words may be missing, the blank in front of them too.
    fn parse(line: &[u8]) -> Option<Self> {
        let [minor, b' ', code @ ..] = line.strip_prefix(b"HTTP/1.")? else {
            return None;
        };
        let (code, rest) = code.split_at_checked(3)?;
        let is_number = minor.is_ascii_digit() && code.iter().all(u8::is_ascii_digit);
        let reason = if rest.is_empty() { rest } else { rest.strip_prefix(b" ")? };
        let code = str::from_utf8(code).ok()?.parse().ok().filter(|_| is_number)?;
        Some(Self { code, reason: reason.to_vec() })
    }

    /// A reply that another one follows. 101 is none of these: nobody asked for another protocol.
    fn is_interim(&self) -> bool {
        self.code == 100 || (102..200).contains(&self.code)
    }
}

impl fmt::Display for NoReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short(reason) => write!(f, "{reason}"),
            Self::Foreign(_) => f.write_str("no HTTP/1 reply"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    async fn code(mut reply: &[u8]) -> Option<u16> {
        read_status(&mut reply).await.ok().map(|status| status.code)
    }

    #[tokio::test]
    async fn any_shape_of_a_reply_will_do() {
        for (reply, expected) in [
            (&b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"[..], 200),
            (b"HTTP/1.0 204 No Content\r\n\r\n", 204),
            (b"HTTP/1.1 403\r\n\r\n", 403),
            (b"HTTP/1.1 403 \r\n\r\n", 403),
            (b"HTTP/1.1 200 OK\n\n", 200),
            (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 401 No\r\n\r\n", 401),
            (b"HTTP/1.1 101 Switching\r\n\r\n", 101),
            (b"HTTP/1.1 999 x\r\n\r\n", 999),
        ] {
            assert_eq!(code(reply).await, Some(expected), "{}", reply.escape_ascii());
        }
    }

    #[tokio::test]
    async fn what_is_no_reply() {
        for reply in [
            &b""[..],
            b"<html>200 OK</html>\n\n",
            b"FOO 200 OK\r\n\r\n",
            b"HTTP/2 200 OK\r\n\r\n",
            b"HTTP/1.1 20 OK\r\n\r\n",
            b"HTTP/1.1 2000 OK\r\n\r\n",
            b"HTTP/1.1 +20 OK\r\n\r\n",
            b"HTTP/1.1  200 OK\r\n\r\n",
            b"HTTP/1.x 200 OK\r\n\r\n",
            b"\r\nHTTP/1.1 200 OK\r\n\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\n",
        ] {
            assert_eq!(code(reply).await, None, "{}", reply.escape_ascii());
        }
    }

    #[tokio::test]
    async fn no_beginning_of_a_reply_is_one() {
        let reply = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nServer: x\r\n\r\n";
        for length in 0..reply.len() {
            assert_eq!(code(&reply[..length]).await, None, "{length}");
        }
        assert_eq!(code(reply).await, Some(200));
    }

    #[tokio::test]
    async fn a_flood_comes_to_an_end() {
        for flood in
            [vec![b'x'; 1 << 20], b"HTTP/1.1 100 x\r\n\r\n".repeat(1 << 16), b"HTTP/1.1 200 x\r\n".repeat(1 << 16)]
        {
            assert_eq!(code(&flood).await, None);
        }
    }

    proptest! {
        #[test]
        fn no_line_is_too_odd(line in any::<Vec<u8>>(), code in 0..1000_u16) {
            let _ = Status::parse(&line);
            let said = [format!("HTTP/1.1 {code:03} ").as_bytes(), &line].concat();
            prop_assert_eq!(Status::parse(&said), Some(Status { code, reason: line }));
        }
    }
}
