//! The other side of the protocol: a process that is trusted, and asks who has come in, and for what it takes to serve them.
//!
//! ```text
//! server = "VERSION" 1 1, "SPID" pid; then "USER" id user field..., "NOTFOUND" id, "FAIL" id
//! master = "VERSION" 1 1; then "REQUEST" id pid exchange cookie, "USER" id user service=..., "PASS" ..., "LIST" ...
//! ```

use super::field::{bare, fields, number, put, put_word, unescape};
use super::request::Malformed;
use std::borrow::Cow;

/// The version of this side.
pub const VERSION: [u32; 2] = [1, 1];

/// A line of a master.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "it is what the wire has")]
pub enum Query<'a> {
    /// What it speaks: major and minor version.
    Version([u32; 2]),
    /// Who has come in by an exchange?
    Login {
        /// By which the answer is known.
        id: u32,
        /// The process that it was begun by, as that has said.
        pid: u32,
        /// Which of its exchanges.
        exchange: u32,
        /// The cookie of the connection that it came by.
        cookie: &'a [u8],
    },
    /// Is there such a user?
    User {
        /// By which the answer is known.
        id: u32,
        /// Who.
        user: Cow<'a, [u8]>,
    },
    /// Something else that wants an answer.
    Unsupported(u32),
    /// Something that nobody here knows.
    Other,
}

/// A line for a master.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "it is what the wire has")]
pub enum Answer<'a> {
    /// What the server speaks: major and minor version.
    Version([u32; 2]),
    /// The number of its process.
    Pid(u32),
    /// There is one.
    User {
        /// To which question.
        id: u32,
        /// Who.
        user: Cow<'a, [u8]>,
        /// What it takes to serve them: `uid=…`, `gid=…`, `home=…`.
        fields: Vec<&'a [u8]>,
    },
    /// There is none.
    NotFound(u32),
    /// It cannot be told.
    Fail(u32),
}

impl<'a> Query<'a> {
    /// Reads a line, without its end.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn decode(line: &'a [u8]) -> Result<Self, Malformed> {
        let mut fields = fields(line);
        let word = fields.next().unwrap_or_default();
        let mut numbered = || number(fields.next().unwrap_or_default()).ok_or(Malformed::Number);
        Ok(match word {
            b"VERSION" => Self::Version([numbered()?, numbered()?]),
            b"REQUEST" => {
                let [id, pid, exchange] = [numbered()?, numbered()?, numbered()?];
                let cookie = fields.next().and_then(bare).ok_or(Malformed::Incomplete)?;
                Self::Login { id, pid, exchange, cookie }
            }
            b"USER" => {
                let id = numbered()?;
                let user = fields.next().filter(|user| !user.is_empty()).ok_or(Malformed::Incomplete)?;
                Self::User { id, user: unescape(user) }
            }
            b"PASS" | b"LIST" => Self::Unsupported(numbered()?),
            _ => Self::Other,
        })
    }
}

impl Answer<'_> {
    /// Appends it as a line.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Version(version) => put_word("VERSION", version, out),
            Self::Pid(pid) => put_word("SPID", &[*pid], out),
            Self::User { id, user, fields } => {
                put_word("USER", &[*id], out);
                [&**user].into_iter().chain(fields.iter().copied()).for_each(|field| put(field, out));
            }
            Self::NotFound(id) => put_word("NOTFOUND", &[*id], out),
            Self::Fail(id) => put_word("FAIL", &[*id], out),
        }
        out.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As Dovecot 2.3 does.
    #[test]
    fn what_an_imap_process_asks() {
        let line = b"REQUEST\t349962241\t5659\t1\tae6d293b\tsession_pid=5660\trequest_auth_token";
        assert_eq!(
            Query::decode(line),
            Ok(Query::Login { id: 349_962_241, pid: 5659, exchange: 1, cookie: b"ae6d293b" })
        );
        let user = Query::User { id: 1, user: b"a\tb"[..].into() };
        assert_eq!(Query::decode(b"USER\t1\ta\x01tb\tservice=lmtp"), Ok(user));
        assert_eq!(Query::decode(b"PASS\t2\ttim\tservice=lmtp"), Ok(Query::Unsupported(2)));
        assert_eq!(Query::decode(b"LIST\t3\tservice=doveadm"), Ok(Query::Unsupported(3)));
        assert_eq!(Query::decode(b"VERSION\t1\t1"), Ok(Query::Version(VERSION)));
    }

    #[test]
    fn what_it_is_answered() {
        let mut out = Vec::new();
        let user = Answer::User { id: 1, user: b"tim@example.com"[..].into(), fields: vec![b"uid=8", b"home=/a\tb"] };
        let all = [Answer::Version(VERSION), Answer::Pid(7), user, Answer::NotFound(2), Answer::Fail(3)];
        all.iter().for_each(|answer| answer.encode(&mut out));
        assert_eq!(
            out,
            b"VERSION\t1\t1\nSPID\t7\nUSER\t1\ttim@example.com\tuid=8\thome=/a\x01tb\nNOTFOUND\t2\nFAIL\t3\n"
        );
    }

    #[test]
    fn what_is_refused() {
        for line in [&b"REQUEST\t1\t2"[..], b"USER", b"LIST\tx", b"VERSION\t1"] {
            assert_eq!(Query::decode(line), Err(Malformed::Number), "{}", line.escape_ascii());
        }
        for line in [&b"REQUEST\t1\t2\t3"[..], b"USER\t1", b"USER\t1\t"] {
            assert_eq!(Query::decode(line), Err(Malformed::Incomplete), "{}", line.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn any_line_is_read_or_refused(line in any::<Vec<u8>>(), id: u32) {
            let _ = Query::decode(&line);
            let _ = Query::decode(&[format!("REQUEST\t{id}\t1\t").as_bytes(), &line].concat());
        }
    }
}
