//! One login in the saslauthd protocol: four counted strings out, one counted string back.

use crate::arguments::Target;
use crate::outcome::Outcome;
use std::io::{Error, ErrorKind, Read, Result};

/// A counted string holds at most 65,535 bytes; no daemon sends nearly as many.
const LONGEST_REPLY: usize = 1024;

/// The request that logs in the user with this number.
pub(crate) fn write(target: &Target, user: u64, request: &mut Vec<u8>) {
    request.clear();
    counted(request, format_args!("user{user:07}"));
    counted(request, format_args!("{}{user:07}", target.passwords));
    counted(request, format_args!("{}", target.service));
    counted(request, format_args!("{}", target.realm));
}

fn counted(request: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    use std::io::Write as _;
    let start = request.len();
    request.extend_from_slice(&[0, 0]);
    request.write_fmt(text).expect("a vector takes all");
    let length = u16::try_from(request.len() - start - 2).expect("the command line is short");
    request[start..start + 2].copy_from_slice(&length.to_be_bytes());
}

/// A reply as it comes in.
pub(crate) struct Reply {
    bytes: [u8; LONGEST_REPLY],
    filled: usize,
}

impl Reply {
    pub(crate) fn new() -> Self {
        Self { bytes: [0; LONGEST_REPLY], filled: 0 }
    }

    pub(crate) fn clear(&mut self) {
        self.filled = 0;
    }

    /// Reads once. `None` where the reply goes on.
    pub(crate) fn read(&mut self, from: &mut impl Read) -> Result<Option<Outcome>> {
        let count = from.read(&mut self.bytes[self.filled..])?;
        if count == 0 {
            return Err(Error::from(ErrorKind::UnexpectedEof));
        }
        self.filled += count;
        Ok(self.outcome())
    }

    fn outcome(&self) -> Option<Outcome> {
        let (length, text) = self.bytes[..self.filled].split_first_chunk()?;
        let text = text.get(..usize::from(u16::from_be_bytes(*length)))?;
        Some(if text.starts_with(b"OK") { Outcome::Granted } else { Outcome::Refused })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target() -> Target {
        let [passwords, realm, service] = ["pass", "example.org", "imap"].map(String::from);
        Target { socket: "mux".into(), users: 10, passwords, realm, service }
    }

    #[test]
    fn a_request_is_four_counted_strings() {
        let mut request = vec![1, 2, 3];
        write(&target(), 7, &mut request);
        assert_eq!(request, b"\0\x0buser0000007\0\x0bpass0000007\0\x04imap\0\x0bexample.org");
    }

    #[test]
    fn a_reply_is_whole_when_its_count_is_reached() {
        for (pieces, expected) in [
            (vec![&b"\0\x02OK"[..]], Outcome::Granted),
            (vec![b"\0", b"\x02O", b"K"], Outcome::Granted),
            (vec![b"\0\x02", b"NO"], Outcome::Refused),
            (vec![b"\0\x08", b"NO wrong"], Outcome::Refused),
        ] {
            let mut reply = Reply::new();
            let (last, before) = pieces.split_last().unwrap();
            for mut piece in before.iter().copied() {
                assert_eq!(reply.read(&mut piece).unwrap(), None);
            }
            assert_eq!(reply.read(&mut &**last).unwrap(), Some(expected));
        }
    }

    #[test]
    fn the_end_before_a_reply_is_an_error() {
        let error = Reply::new().read(&mut &b""[..]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    }
}
