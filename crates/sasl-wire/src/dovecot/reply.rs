//! What a server says.

use super::field::{bare, fields, number, parameter, put, put_value, put_word, unescape};
use super::request::Malformed;
use std::borrow::Cow;

/// A line of a server.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "it is what the wire has")]
pub enum Reply<'a> {
    /// What it speaks: major and minor version.
    Version([u32; 2]),
    /// A mechanism that can be begun.
    Mechanism {
        /// Its name.
        name: &'a [u8],
        /// What it does not withstand, and what it does: `plaintext`, `mutual-auth`.
        flags: Vec<&'a [u8]>,
    },
    /// The number of its process.
    Pid(u32),
    /// The number of this connection.
    Connection(u32),
    /// 16 random octets in hexadecimal digits, by which others refer to this server.
    Cookie(&'a [u8]),
    /// The server has said all of that.
    Ready,
    /// Somebody came in.
    Ok {
        /// By which exchange.
        id: u32,
        /// Who.
        user: Cow<'a, [u8]>,
        /// Data that come with the success, in base64.
        data: Option<&'a [u8]>,
    },
    /// A challenge.
    Continue {
        /// Of which exchange.
        id: u32,
        /// In base64; empty is a challenge too.
        challenge: &'a [u8],
    },
    /// Nobody came in.
    Fail {
        /// By which exchange.
        id: u32,
        /// Who it was to be, where that is known.
        user: Option<Cow<'a, [u8]>>,
        /// Why.
        why: Why,
    },
    /// Something that nobody here knows.
    Other,
}

/// Why nobody came in.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "it is what the wire has")]
pub enum Why {
    /// The password is wrong, there is no such user, or the exchange made no sense.
    #[default]
    Credentials,
    /// It cannot be told now.
    Temporary,
    /// The user may not act as that other one.
    NotAuthorized,
    /// The user may not come in, whatever the password.
    Disabled,
    /// The password is too old.
    Expired,
}

/// As Dovecot up to 2.2 has it, and as `code=` of those after it.
const WORDS: [(Why, &str, &str); 4] = [
    (Why::Temporary, "temp", "temp_fail"),
    (Why::NotAuthorized, "authz", "authz_fail"),
    (Why::Disabled, "user_disabled", "user_disabled"),
    (Why::Expired, "pass_expired", "pass_expired"),
];

impl<'a> Reply<'a> {
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
            b"SPID" => Self::Pid(numbered()?),
            b"CUID" => Self::Connection(numbered()?),
            b"CONT" => {
                let id = numbered()?;
                Self::Continue { id, challenge: bare(fields.next().unwrap_or_default()).ok_or(Malformed::Octet)? }
            }
            b"OK" => ok(numbered()?, fields)?,
            b"FAIL" => fail(numbered()?, fields),
            b"MECH" => Self::Mechanism { name: fields.next().unwrap_or_default(), flags: fields.collect() },
            b"COOKIE" => Self::Cookie(fields.next().unwrap_or_default()),
            b"DONE" => Self::Ready,
            _ => Self::Other,
        })
    }

    /// Appends it as a line.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Version(version) => put_word("VERSION", version, out),
            Self::Pid(pid) => put_word("SPID", &[*pid], out),
            Self::Connection(number) => put_word("CUID", &[*number], out),
            Self::Continue { id, challenge } => {
                put_word("CONT", &[*id], out);
                put(challenge, out);
            }
            Self::Ok { id, user, data } => {
                put_word("OK", &[*id], out);
                put_value("user", user, out);
                data.iter().for_each(|data| put_value("resp", data, out));
            }
            Self::Fail { id, user, why } => {
                put_word("FAIL", &[*id], out);
                user.iter().for_each(|user| put_value("user", user, out));
                why.encode(out);
            }
            Self::Mechanism { name, flags } => {
                put_word("MECH", &[], out);
                [*name].iter().chain(flags).for_each(|field| put(field, out));
            }
            Self::Cookie(cookie) => {
                put_word("COOKIE", &[], out);
                put(cookie, out);
            }
            Self::Ready => put_word("DONE", &[], out),
            Self::Other => {}
        }
        out.push(b'\n');
    }
}

impl Why {
    fn encode(self, out: &mut Vec<u8>) {
        for (_, word, code) in WORDS.iter().filter(|(why, ..)| *why == self) {
            put(word.as_bytes(), out);
            put_value("code", code.as_bytes(), out);
        }
    }
}

/// One with `nologin` or `proxy` grants nothing, whatever its first word.
fn ok<'a>(id: u32, fields: impl Iterator<Item = &'a [u8]>) -> Result<Reply<'a>, Malformed> {
    let (mut user, mut data, mut grants) = (Cow::default(), None, true);
    for field in fields {
        match parameter(field) {
            (b"user", value) => user = unescape(value),
            (b"resp", value) => data = Some(bare(value).ok_or(Malformed::Octet)?),
            (b"nologin" | b"proxy", _) => grants = false,
            _ => {}
        }
    }
    Ok(match grants {
        true => Reply::Ok { id, user, data },
        false => Reply::Fail { id, user: Some(user), why: Why::NotAuthorized },
    })
}

fn fail<'a>(id: u32, fields: impl Iterator<Item = &'a [u8]>) -> Reply<'a> {
    let (mut user, mut why) = (None, Why::Credentials);
    for field in fields {
        let known =
            |is: &dyn Fn(&str, &str) -> bool| WORDS.iter().find(|(_, word, code)| is(word, code)).map(|(why, ..)| *why);
        let said = match parameter(field) {
            (b"user", value) => {
                user = Some(unescape(value));
                None
            }
            (b"code", value) => known(&|_, code| code.as_bytes() == value),
            (name, _) => known(&|word, _| word.as_bytes() == name),
        };
        why = said.unwrap_or(why);
    }
    Reply::Fail { id, user, why }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(reply: &Reply<'_>) -> Vec<u8> {
        let mut line = Vec::new();
        reply.encode(&mut line);
        line
    }

    /// What Dovecot 2.3 says to Postfix and Exim.
    #[test]
    fn what_dovecot_says() {
        let digest = Reply::Mechanism { name: b"DIGEST-MD5", flags: vec![b"dictionary", b"active", b"mutual-auth"] };
        let ok = Reply::Ok { id: 1, user: b"tim@example.com"[..].into(), data: None };
        let fail = Reply::Fail { id: 2, user: Some(b"tim@example.com"[..].into()), why: Why::Credentials };
        for (reply, written) in [
            (Reply::Version([1, 2]), &b"VERSION\t1\t2\n"[..]),
            (digest, b"MECH\tDIGEST-MD5\tdictionary\tactive\tmutual-auth\n"),
            (Reply::Pid(204), b"SPID\t204\n"),
            (Reply::Connection(1), b"CUID\t1\n"),
            (Reply::Cookie(b"5869773184345b77"), b"COOKIE\t5869773184345b77\n"),
            (Reply::Ready, b"DONE\n"),
            (Reply::Continue { id: 4, challenge: b"" }, b"CONT\t4\t\n"),
            (ok, b"OK\t1\tuser=tim@example.com\n"),
            (fail, b"FAIL\t2\tuser=tim@example.com\n"),
        ] {
            assert_eq!(line(&reply), written);
            assert_eq!(Reply::decode(&written[..written.len() - 1]), Ok(reply));
        }
        assert_eq!(
            Reply::decode(b"OK\t1\tuser=tim@r\toriginal_user=tim"),
            Ok(Reply::Ok { id: 1, user: b"tim@r"[..].into(), data: None })
        );
    }

    #[test]
    fn a_success_that_grants_nothing_is_none() {
        for word in ["nologin", "nologin=", "proxy=y\thost=192.0.2.1"] {
            let line = format!("OK\t1\tuser=tim\t{word}");
            let fail = Reply::Fail { id: 1, user: Some(b"tim"[..].into()), why: Why::NotAuthorized };
            assert_eq!(Reply::decode(line.as_bytes()), Ok(fail), "{word}");
        }
    }

    #[test]
    fn reasons_are_known_by_their_old_words_and_by_their_new_ones() {
        for (why, word, code) in WORDS {
            let fail = Reply::Fail { id: 3, user: None, why };
            for line in
                [format!("FAIL\t3\t{word}"), format!("FAIL\t3\tcode={code}"), format!("FAIL\t3\t{word}\tcode={code}")]
            {
                assert_eq!(Reply::decode(line.as_bytes()), Ok(fail.clone()), "{line}");
            }
        }
        assert_eq!(line(&Reply::Fail { id: 3, user: None, why: Why::Temporary }), b"FAIL\t3\ttemp\tcode=temp_fail\n");
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(id: u32, user in any::<Vec<u8>>(), data in proptest::option::of("[A-Za-z0-9+/]{0,40}"), why in 0..5_usize) {
            let why = [Why::Credentials, Why::Temporary, Why::NotAuthorized, Why::Disabled, Why::Expired][why];
            let user: Cow<'_, [u8]> = Cow::Owned(user);
            for reply in [
                Reply::Ok { id, user: user.clone(), data: data.as_deref().map(str::as_bytes) },
                Reply::Fail { id, user: Some(user), why },
            ] {
                let line = line(&reply);
                prop_assert_eq!(Reply::decode(&line[..line.len() - 1]), Ok(reply));
            }
        }

        #[test]
        fn any_line_is_read_or_refused(line in any::<Vec<u8>>()) {
            let _ = Reply::decode(&line);
        }
    }
}
