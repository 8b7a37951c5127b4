//! What is said over our daemon's control socket: as much of HTTP/1.1 as `curl --unix-socket` and a scraper speak, one
//! exchange a connection.
//!
//! ```text
//! request  = method " " target " HTTP/1." digit, header lines, an empty line, as many bytes as Content-Length says
//! response = "HTTP/1.1 " status, header lines, an empty line, as many bytes as Content-Length says
//! ```

use crate::frame::Decoded;
use std::{error, fmt, str};

/// What scrapers ask for.
pub const METRICS: &str = "/metrics";

/// What a request of saslauthd is sent to for an answer in words, as the body.
pub const CHECK: &str = "/check";

/// The longest head of a request or response, with its empty line, in bytes.
pub const MAX_HEAD: usize = 4096;

/// What is asked for.
#[derive(Clone, Copy, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "it is what the wire has")]
pub struct Request<'a> {
    /// `GET` and its like, as it came.
    pub method: &'a [u8],
    /// What for, such as `/metrics`; as it came.
    pub target: &'a [u8],
    /// What came with it. Whoever owns the bytes wipes them.
    pub body: &'a [u8],
}

/// How a request is taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "those that are used")]
pub enum Status {
    /// The body is what was asked for.
    Ok = 200,
    /// It makes no sense; the body says why.
    BadRequest = 400,
    /// There is no such thing here.
    NotFound = 404,
}

/// Why something is no request, whatever may still come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Malformed {
    /// Its first line is not one of HTTP/1.
    Line,
    /// Its length is given twice, is no number, or is given in another way.
    Length,
    /// Head or body is longer than the limit.
    TooLong,
}

/// Reads a request whose body has at most `longest_body` bytes.
///
/// # Errors
/// [`Malformed`].
pub fn decode_request(bytes: &[u8], longest_body: usize) -> Result<Decoded<Request<'_>>, Malformed> {
    let Some((head, rest)) = split_head(bytes) else {
        return if bytes.len() < MAX_HEAD { Ok(Decoded::Short(1)) } else { Err(Malformed::TooLong) };
    };
    let mut lines = head.split(|byte| *byte == b'\n').map(without_return);
    let line: Vec<_> = lines.next().unwrap_or_default().split(|byte| *byte == b' ').collect();
    let [method @ [_, ..], target @ [_, ..], version] = *line else { return Err(Malformed::Line) };
    if !matches!(version.strip_prefix(b"HTTP/1."), Some([b'0'..=b'9'])) {
        return Err(Malformed::Line);
    }
    match content_length(lines)?.unwrap_or(0) {
        length if length > longest_body => Err(Malformed::TooLong),
        length => Ok(match rest.get(..length) {
            Some(body) => Decoded::Complete(Request { method, target, body }),
            None => Decoded::Short(length - rest.len()),
        }),
    }
}

/// A request as our own client sends it: behind this head come `length` bytes.
#[must_use]
pub fn encode_request_head(method: &str, target: &str, length: usize) -> String {
    format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n")
}

/// A whole response.
#[must_use]
pub fn encode_response(status: Status, content_type: &str, body: &str) -> String {
    let (number, length) = (status as u16, body.len());
    let phrase = match status {
        Status::Ok => "OK",
        Status::BadRequest => "Bad Request",
        Status::NotFound => "Not Found",
    };
    format!(
        "HTTP/1.1 {number} {phrase}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

/// The status and the body of a response, if it is whole.
#[must_use]
pub fn decode_response(bytes: &[u8]) -> Option<(u16, &str)> {
    let (head, body) = split_head(bytes)?;
    let mut lines = head.split(|byte| *byte == b'\n').map(without_return);
    let status = str::from_utf8(lines.next()?.strip_prefix(b"HTTP/1.1 ")?).ok()?;
    let number = status.split(' ').next()?.parse().ok()?;
    let length = content_length(lines).ok()??;
    (body.len() == length).then_some((number, str::from_utf8(body).ok()?))
}

/// The lines before the first empty one, and what is behind that. Where there is a head, it is not too long.
fn split_head(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut end = 0;
    for line in bytes[..bytes.len().min(MAX_HEAD)].split_inclusive(|byte| *byte == b'\n') {
        end += line.len();
        if matches!(line, b"\n" | b"\r\n") {
            return Some((&bytes[..end - line.len()], &bytes[end..]));
        }
    }
    None
}

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn content_length<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Result<Option<usize>, Malformed> {
    let mut length = None;
    for line in lines {
        let (name, value) = line.split_at(line.iter().position(|byte| *byte == b':').unwrap_or(line.len()));
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            return Err(Malformed::Length);
        }
        if name.eq_ignore_ascii_case(b"content-length") {
            let digits = value.strip_prefix(b":").unwrap_or_default().trim_ascii();
            let number = str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
            let number = number.and_then(|text| text.parse().ok()).filter(|_| length.is_none());
            length = Some(number.ok_or(Malformed::Length)?);
        }
    }
    Ok(length)
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("target", &self.target.escape_ascii().to_string()).finish_non_exhaustive()
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Line => "no request of HTTP/1",
            Self::Length => "the length of the body is unclear",
            Self::TooLong => "too long",
        })
    }
}

impl error::Error for Malformed {}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: &[u8] = b"POST /check HTTP/1.1\r\nHost: x\r\nCONTENT-length:  3 \r\n\r\nabc";

    #[test]
    fn what_curl_and_scrapers_send() {
        let get = b"GET /metrics HTTP/1.1\r\nHost: x\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n";
        let wanted = Request { method: b"GET", target: b"/metrics", body: b"" };
        assert_eq!(decode_request(get, 0), Ok(Decoded::Complete(wanted)));
        assert_eq!(decode_request(b"GET /metrics HTTP/1.0\n\n", 0), Ok(Decoded::Complete(wanted)));
        let wanted = Request { method: b"POST", target: b"/check", body: b"abc" };
        assert_eq!(decode_request(BOTH, 3), Ok(Decoded::Complete(wanted)));
    }

    #[test]
    fn every_proper_prefix_is_short() {
        for length in 0..BOTH.len() {
            assert!(matches!(decode_request(&BOTH[..length], 3), Ok(Decoded::Short(1..))), "{length}");
        }
    }

    #[test]
    fn what_is_refused() {
        let endless = [b"GET / HTTP/1.1\r\nA: ".as_slice(), &[b'x'; MAX_HEAD]].concat();
        for (bytes, why) in [
            (&b"\r\n"[..], Malformed::Line),
            (b"GET /\r\n\r\n", Malformed::Line),
            (b"GET / HTTP/2.0\r\n\r\n", Malformed::Line),
            (b"GET  / HTTP/1.1\r\n\r\n", Malformed::Line),
            (b" / HTTP/1.1\r\n\r\n", Malformed::Line),
            (b"POST / HTTP/1.1\r\nContent-Length: +3\r\n\r\nabc", Malformed::Length),
            (b"POST / HTTP/1.1\r\nContent-Length\r\n\r\nabc", Malformed::Length),
            (b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", Malformed::Length),
            (b"POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", Malformed::Length),
            (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", Malformed::Length),
            (b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nabcd", Malformed::TooLong),
            (&endless, Malformed::TooLong),
        ] {
            assert_eq!(decode_request(bytes, 3), Err(why), "{}", bytes[..bytes.len().min(60)].escape_ascii());
        }
    }

    #[test]
    fn both_ends_understand_each_other() {
        let head = encode_request_head("POST", "/check", 3);
        let request = [head.as_bytes(), b"abc"].concat();
        let wanted = Request { method: b"POST", target: b"/check", body: b"abc" };
        assert_eq!(decode_request(&request, 3), Ok(Decoded::Complete(wanted)));
        let response = encode_response(Status::NotFound, "text/plain", "no\n\nbody");
        assert_eq!(decode_response(response.as_bytes()), Some((404, "no\n\nbody")));
        for length in 0..response.len() {
            assert_eq!(decode_response(&response.as_bytes()[..length]), None, "{length}");
        }
    }

    #[test]
    fn no_body_in_what_debug_shows() {
        assert!(!format!("{:?}", decode_request(BOTH, 3)).contains("abc"));
    }
}
