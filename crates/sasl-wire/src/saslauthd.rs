//! The protocol of saslauthd: counted strings in, one counted string out, one exchange a connection.
//!
//! ```text
//! request = string login, string password, string service, string realm [, string client address]
//! reply   = string ("OK" or "NO", then perhaps a blank and a phrase)
//! string  = 2 bytes length, most significant first; that many bytes
//! ```
//!
//! cyrus-sasl up to 2.1.28 sends four strings, its coming release five. Nothing tells which, so a request is
//! complete with its fourth string; the fifth is read where it has already come, and never waited for.

use crate::frame::{Decoded, put_string, split_string};
use std::{borrow::Cow, error, fmt};

/// The longest string that the original takes, in bytes.
pub const MAX_FIELD: usize = 256;

/// The longest reply that libsasl2 reads, in bytes.
pub const MAX_REPLY: usize = 1023;

/// "Is this the user's password?"
#[derive(Clone, Copy, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "it is what the wire has")]
pub struct Request<'a> {
    /// The user.
    pub login: &'a [u8],
    /// The password. Whoever owns the bytes wipes them.
    pub password: &'a [u8],
    /// The service, such as `smtp`; may be empty.
    pub service: &'a [u8],
    /// The realm; may be empty.
    pub realm: &'a [u8],
    /// `address;port` of the service's own client, where one was sent.
    pub client: Option<&'a [u8]>,
}

/// A field of a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "the wire knows four")]
pub enum Field {
    /// The first.
    Login,
    /// The second.
    Password,
    /// The third.
    Service,
    /// The fourth.
    Realm,
}

/// Why a request is refused, whatever may still come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Malformed {
    /// The field is longer than the limit.
    TooLong(Field),
    /// The field has a NUL. The original reads up to it, and so takes `secret NUL anything` for `secret`.
    Nul(Field),
    /// The login or the password is empty.
    Empty(Field),
}

/// The answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "the wire knows two")]
pub enum Reply<'a> {
    /// It is the user's password.
    Ok,
    /// It is not, or we cannot tell; perhaps with a phrase.
    No(Option<&'a str>),
}

/// Reads one request from the start of `input`, with fields of at most `longest` bytes.
///
/// # Errors
/// [`Malformed`]; a field that is too long is refused as soon as its length has come.
pub fn decode_request(input: &[u8], longest: usize) -> Result<Decoded<Request<'_>>, Malformed> {
    let mut fields = [(Field::Login, &b""[..]), (Field::Password, b""), (Field::Service, b""), (Field::Realm, b"")];
    let mut rest = input;
    for (name, field) in &mut fields {
        if matches!(rest, [high, low, ..] if usize::from(u16::from_be_bytes([*high, *low])) > longest) {
            return Err(Malformed::TooLong(*name));
        }
        (*field, rest) = match split_string(rest) {
            Decoded::Complete(split) => split,
            Decoded::Short(missing) => return Ok(Decoded::Short(missing)),
        };
    }
    let client = match split_string(rest) {
        Decoded::Complete((client, _)) if client.len() <= longest => Some(client),
        _ => None,
    };
    check(&fields)?;
    let [login, password, service, realm] = fields.map(|(_, field)| field);
    Ok(Decoded::Complete(Request { login, password, service, realm, client }))
}

/// Appends a request, of four fields or five, to `out`.
pub fn encode_request(request: &Request<'_>, out: &mut Vec<u8>) {
    let fields = [request.login, request.password, request.service, request.realm];
    fields.into_iter().chain(request.client).for_each(|field| put_string(field, out));
}

/// Reads the text of a reply from the start of `input`.
#[must_use]
pub fn decode_reply(input: &[u8]) -> Decoded<&[u8]> {
    match split_string(input) {
        Decoded::Complete((text, _)) => Decoded::Complete(text),
        Decoded::Short(missing) => Decoded::Short(missing),
    }
}

/// A reply, its text cut to [`MAX_REPLY`] bytes. The two that nearly all clients get are not made anew.
#[must_use]
pub fn encode_reply(reply: Reply<'_>) -> Cow<'static, [u8]> {
    match reply {
        Reply::Ok => Cow::Borrowed(b"\0\x02OK"),
        Reply::No(None) => Cow::Borrowed(b"\0\x02NO"),
        Reply::No(Some(why)) => {
            let (text, mut out) = (format!("NO {why}"), Vec::new());
            put_string(&text.as_bytes()[..text.len().min(MAX_REPLY)], &mut out);
            Cow::Owned(out)
        }
    }
}

impl Malformed {
    /// What the original answers.
    #[must_use]
    pub const fn reply(self) -> Reply<'static> {
        match self {
            Self::TooLong(_) => Reply::No(Some("")),
            Self::Nul(_) => Reply::No(None),
            Self::Empty(Field::Login) => Reply::No(Some("NULL login received")),
            Self::Empty(_) => Reply::No(Some("NULL password received")),
        }
    }
}

fn check(fields: &[(Field, &[u8]); 4]) -> Result<(), Malformed> {
    for (name, field) in fields {
        if field.contains(&0) {
            return Err(Malformed::Nul(*name));
        }
    }
    match fields {
        [(Field::Login, b""), ..] => Err(Malformed::Empty(Field::Login)),
        [_, (Field::Password, b""), ..] => Err(Malformed::Empty(Field::Password)),
        _ => Ok(()),
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").finish_non_exhaustive()
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Login => "login",
            Self::Password => "password",
            Self::Service => "service",
            Self::Realm => "realm",
        })
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong(field) => write!(f, "{field} too long"),
            Self::Nul(field) => write!(f, "{field} with a NUL"),
            Self::Empty(field) => write!(f, "{field} empty"),
        }
    }
}

impl error::Error for Malformed {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FOUR: &[u8] = b"\0\x05alice\0\x06pencil\0\x04smtp\0\0";

    fn whole(input: &[u8]) -> Request<'_> {
        match decode_request(input, MAX_FIELD) {
            Ok(Decoded::Complete(request)) => request,
            other => panic!("{other:?}"),
        }
    }

    fn refused(fields: [&[u8]; 4]) -> Malformed {
        let [login, password, service, realm] = fields;
        let mut input = Vec::new();
        encode_request(&Request { login, password, service, realm, client: None }, &mut input);
        decode_request(&input, MAX_FIELD).expect_err("it should be refused")
    }

    #[test]
    fn four_strings_are_a_request_whatever_follows() {
        let request = whole(FOUR);
        assert_eq!((request.login, request.password), (&b"alice"[..], &b"pencil"[..]));
        assert_eq!((request.service, request.realm, request.client), (&b"smtp"[..], &b""[..], None));
        assert_eq!(whole(&[FOUR, b"\0"].concat()), request);
        assert_eq!(whole(&[FOUR, b"\xff\xffTRAILING"].concat()), request);
    }

    #[test]
    fn a_fifth_string_is_the_address_of_the_client() {
        let five = [FOUR, b"\0\x0c192.0.2.1;25"].concat();
        assert_eq!(whole(&five[..five.len() - 1]).client, None);
        assert_eq!(whole(&five).client, Some(&b"192.0.2.1;25"[..]));
    }

    #[test]
    fn every_prefix_is_short() {
        for end in 0..FOUR.len() {
            assert!(matches!(decode_request(&FOUR[..end], MAX_FIELD), Ok(Decoded::Short(n)) if n > 0), "{end}");
        }
    }

    #[test]
    fn a_length_over_the_limit_is_refused_before_the_string_has_come() {
        assert_eq!(decode_request(b"\x01\x01", 256), Err(Malformed::TooLong(Field::Login)));
        assert_eq!(decode_request(b"\x01\x01", 257), Ok(Decoded::Short(257)));
        assert!(decode_request(b"\x01\x00", 256).is_ok());
        assert_eq!(refused([b"a", b"b", b"c", &[b'r'; 257]]), Malformed::TooLong(Field::Realm));
    }

    #[test]
    fn what_is_refused() {
        assert_eq!(refused([b"", b"", b"", b""]), Malformed::Empty(Field::Login));
        assert_eq!(refused([b"a", b"", b"", b""]), Malformed::Empty(Field::Password));
        assert_eq!(refused([b"a", b"b\0c", b"", b""]), Malformed::Nul(Field::Password));
        assert_eq!(refused([b"a", b"b", b"", b"\0"]), Malformed::Nul(Field::Realm));
    }

    #[test]
    fn replies() {
        let out = [Reply::Ok, Reply::No(None), Reply::No(Some("try later"))].map(encode_reply).concat();
        assert_eq!(out, b"\0\x02OK\0\x02NO\0\x0cNO try later");
        assert_eq!(decode_reply(&out), Decoded::Complete(&b"OK"[..]));
        assert_eq!(decode_reply(b"\0\x02O"), Decoded::Short(1));
        assert_eq!(encode_reply(Reply::No(Some(&"x".repeat(5000)))).len(), 2 + MAX_REPLY);
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(fields in proptest::array::uniform4("[^\0]{1,60}"), client in proptest::option::of("[^\0]{0,60}")) {
            let [login, password, service, realm] = fields.each_ref().map(|field| field.as_bytes());
            let request = Request { login, password, service, realm, client: client.as_ref().map(|client| client.as_bytes()) };
            let mut wire = Vec::new();
            encode_request(&request, &mut wire);
            prop_assert_eq!(whole(&wire), request);
        }

        #[test]
        fn no_bytes_panic(input in proptest::collection::vec(any::<u8>(), 0..1500)) {
            let _ = decode_request(&input, MAX_FIELD);
            let _ = decode_reply(&input);
        }
    }
}
