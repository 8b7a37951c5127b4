//! The lists of directives that both sides send (RFC 2831 section 7.1), read and written. No state, no hashes.

use crate::failure::Failure;
use std::borrow::Cow;

/// `name=value` pairs in the order they came, quotes and backslashes taken off. Empty elements are allowed, and
/// white space around `,` and `=`.
pub(crate) struct Directives<'a>(Vec<Pair<'a>>);

impl<'a> Directives<'a> {
    pub(crate) fn parse(message: &'a [u8]) -> Result<Self, Failure> {
        pairs(message).collect::<Result<_, _>>().map(Self)
    }

    /// Every value of a directive that may come more than once.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.0.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| &**value)
    }

    /// The value of a directive that may come once at the most.
    pub(crate) fn one(&self, name: &str) -> Result<Option<&[u8]>, Failure> {
        let mut values = self.all(name);
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(Failure::malformed("directive twice")),
            (value, None) => Ok(value),
        }
    }

    /// The value of a directive that must come once.
    pub(super) fn the(&self, name: &str) -> Result<&[u8], Failure> {
        self.one(name)?.ok_or(Failure::malformed("directive missing"))
    }
}

/// The values of `names`, each of which may come once at the most; what else there is is passed over. One look at each
/// directive, where [`Directives`] takes one for each question.
pub(super) fn singles<'a, const N: usize>(
    message: &'a [u8],
    names: [&str; N],
) -> Result<[Option<Cow<'a, [u8]>>; N], Failure> {
    let mut values = [const { None }; N];
    for pair in pairs(message) {
        let (name, value) = pair?;
        let known = names.iter().position(|known| known.as_bytes().eq_ignore_ascii_case(name));
        if known.is_some_and(|at| values[at].replace(value).is_some()) {
            return Err(Failure::malformed("directive twice"));
        }
    }
    Ok(values)
}

/// A name and a value.
type Pair<'a> = (&'a [u8], Cow<'a, [u8]>);

/// What comes in a list, up to what is no part of one.
fn pairs(message: &[u8]) -> impl Iterator<Item = Result<Pair<'_>, Failure>> {
    let mut rest = skip(message, SPACE | COMMA);
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let next = pair(rest);
        rest = next.as_ref().map_or(&[], |(_, after)| after);
        Some(next.map(|(pair, _)| pair))
    })
}

/// A pair, and what is behind it and its comma.
fn pair(input: &[u8]) -> Result<(Pair<'_>, &[u8]), Failure> {
    let (name, after) = token(input, NAME)?;
    let [b'=', after @ ..] = skip(after, SPACE) else {
        return Err(Failure::malformed("directive without a value"));
    };
    let (value, after) = value(skip(after, SPACE))?;
    match skip(after, SPACE) {
        [b',', after @ ..] => Ok(((name, value), skip(after, SPACE | COMMA))),
        [] => Ok(((name, value), &[])),
        _ => Err(Failure::malformed("no comma after a directive")),
    }
}

/// Both sides know one character set.
pub(super) fn check_charset(charset: Option<&[u8]>) -> Result<(), Failure> {
    match charset.is_none_or(|charset| charset.eq_ignore_ascii_case(b"utf-8")) {
        true => Ok(()),
        false => Err(Failure::malformed("charset other than utf-8")),
    }
}

/// The largest packet that the peer takes, in bytes.
pub(super) fn maxbuf(value: Option<&[u8]>) -> Result<u32, Failure> {
    let number = |digits| std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<u32>().ok());
    match value.map(number) {
        None => Ok(65536),
        Some(Some(bytes @ 17..=0x00ff_ffff)) => Ok(bytes),
        Some(_) => Err(Failure::malformed("maxbuf out of range")),
    }
}

/// Appends `,name="value"`.
pub(super) fn put_quoted(name: &str, value: &[u8], message: &mut Vec<u8>) {
    put_name(name, message);
    message.push(b'"');
    for octet in value {
        if matches!(octet, b'"' | b'\\') {
            message.push(b'\\');
        }
        message.push(*octet);
    }
    message.push(b'"');
}

/// Appends `,name=value`.
pub(super) fn put_token(name: &str, value: &str, message: &mut Vec<u8>) {
    put_name(name, message);
    message.extend(value.as_bytes());
}

fn put_name(name: &str, message: &mut Vec<u8>) {
    if !message.is_empty() {
        message.push(b',');
    }
    message.extend(name.as_bytes());
    message.push(b'=');
}

fn value(input: &[u8]) -> Result<(Cow<'_, [u8]>, &[u8]), Failure> {
    match input {
        [b'"', quoted @ ..] => unquote(quoted),
        _ => token(input, VALUE).map(|(value, rest)| (Cow::Borrowed(value), rest)),
    }
}

fn unquote(input: &[u8]) -> Result<(Cow<'_, [u8]>, &[u8]), Failure> {
    let unbalanced = Failure::malformed("quote not closed");
    let end = input.iter().position(|octet| matches!(octet, b'"' | b'\\')).ok_or(unbalanced)?;
    if input[end] == b'"' {
        return Ok((Cow::Borrowed(&input[..end]), &input[end + 1..]));
    }
    let (mut text, mut rest) = (input[..end].to_vec(), &input[end..]);
    loop {
        rest = match rest {
            [b'"', rest @ ..] => return Ok((Cow::Owned(text), rest)),
            [b'\\', octet, rest @ ..] | [octet, rest @ ..] if *octet != b'\\' || rest.len() + 1 < input.len() => {
                text.push(*octet);
                rest
            }
            _ => return Err(unbalanced),
        };
    }
}

fn token(input: &[u8], class: u8) -> Result<(&[u8], &[u8]), Failure> {
    match skip(input, class) {
        rest if rest.len() == input.len() => Err(Failure::malformed("a name or a value is missing")),
        rest => Ok(input.split_at(input.len() - rest.len())),
    }
}

fn skip(input: &[u8], class: u8) -> &[u8] {
    let end = input.iter().position(|octet| CLASSES[usize::from(*octet)] & class == 0);
    &input[end.unwrap_or(input.len())..]
}

/// What an octet can be part of: the name of a directive, a value without quotes, white space, a comma between two.
const NAME: u8 = 1;
const VALUE: u8 = 2;
const SPACE: u8 = 4;
const COMMA: u8 = 8;

const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut octet = 0;
    while octet < 128 {
        classes[octet as usize] = match octet {
            b'-' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => NAME | VALUE,
            b',' => COMMA,
            b'"' => 0,
            b' ' | b'\t' | b'\r' | b'\n' => SPACE,
            b'!'..=b'~' => VALUE,
            _ => 0,
        };
        octet += 1;
    }
    classes
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(message: &str) -> Vec<(String, String)> {
        let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).unwrap();
        let directives = Directives::parse(message.as_bytes()).unwrap();
        directives.0.iter().map(|(name, value)| (text(name), text(value))).collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
    }

    #[test]
    fn what_peers_send() {
        assert_eq!(
            read(r#"realm="a b", qop="auth",nc=00000001"#),
            pairs(&[("realm", "a b"), ("qop", "auth"), ("nc", "00000001")])
        );
        assert_eq!(read(" ,, a = b \r\n\t, c=\"\" ,"), pairs(&[("a", "b"), ("c", "")]));
        assert_eq!(read(r#"username="qu\"o\\te\x",x=y"#), pairs(&[("username", r#"qu"o\tex"#), ("x", "y")]));
        assert_eq!(read("nonce=abc==,d=e"), pairs(&[("nonce", "abc=="), ("d", "e")]));
        assert_eq!(read(""), []);
    }

    #[test]
    fn what_is_no_list() {
        for bad in [
            "a",
            "a=",
            "=b",
            "a=b c",
            "a=b c=d",
            "a=\"b",
            "a=\"b\\",
            "a=\"b\\\"",
            "a=\"b\"c",
            "a b=c",
            "a.b=c",
            "a=b\"",
            "a=\"b\"\"c\"",
        ] {
            assert!(Directives::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_have_no_case_and_what_must_be_single_is() {
        let directives = Directives::parse(b"Realm=a,REALM=b,qop=auth").unwrap();
        assert_eq!(directives.all("realm").collect::<Vec<_>>(), [b"a", b"b"]);
        assert!(directives.one("realm").is_err() && directives.the("nonce").is_err());
        assert_eq!(directives.the("QOP").unwrap(), b"auth");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(values in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..20), 0..6)) {
            let mut message = Vec::new();
            values.iter().for_each(|value| put_quoted("v", value, &mut message));
            let directives = Directives::parse(&message).unwrap();
            prop_assert_eq!(directives.all("v").collect::<Vec<_>>(), values);
        }

        #[test]
        fn no_octets_panic(message in proptest::collection::vec(prop_oneof![Just(b'"'), Just(b'\\'), Just(b','), Just(b'='), any::<u8>()], 0..40)) {
            let _ = Directives::parse(&message);
        }
    }
}
