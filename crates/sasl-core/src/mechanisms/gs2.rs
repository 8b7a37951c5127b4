//! The header that SCRAM and OAUTHBEARER begin with (RFC 5801 section 4): whether the exchange is tied to the channel, and as
//! whom the client wants to act.

use crate::failure::Failure;
use std::{borrow::Cow, str};

/// A header, and where it ends.
pub(super) struct Header<'a> {
    pub(super) flag: Flag<'a>,
    /// Decoded. An empty one, which gsasl sends, is none.
    pub(super) authzid: Option<Cow<'a, [u8]>>,
    /// The header as it came, with its last comma.
    pub(super) raw: &'a [u8],
    /// What is behind it.
    pub(super) rest: &'a [u8],
}

/// What the client says about tying the exchange to the channel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Flag<'a> {
    /// `n`: it cannot.
    Unable,
    /// `y`: it could, and thinks that the server cannot.
    NotOffered,
    /// `p=`: it does, by the type of that name.
    By(&'a [u8]),
}

impl<'a> Header<'a> {
    pub(super) fn parse(message: &'a [u8]) -> Result<Self, Failure> {
        let (flag, rest) = field(message)?;
        let (authzid, rest) = field(rest)?;
        let authzid = match authzid {
            b"" | b"a=" => None,
            [b'a', b'=', name @ ..] => Some(decode(name)?),
            _ => return Err(Failure::malformed("no authorization identity where one belongs")),
        };
        Ok(Self { flag: Flag::parse(flag)?, authzid, raw: &message[..message.len() - rest.len()], rest })
    }
}

impl<'a> Flag<'a> {
    fn parse(flag: &'a [u8]) -> Result<Self, Failure> {
        match flag {
            b"n" => Ok(Self::Unable),
            b"y" => Ok(Self::NotOffered),
            [b'p', b'=', name @ ..] if !name.is_empty() && name.iter().all(is_of_type) => Ok(Self::By(name)),
            _ => Err(Failure::malformed("no channel binding flag")),
        }
    }
}

fn is_of_type(octet: &u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-')
}

/// Up to a comma, and what is behind it.
pub(super) fn field(message: &[u8]) -> Result<(&[u8], &[u8]), Failure> {
    let comma = message.iter().position(|octet| *octet == b',').ok_or(Failure::malformed("comma missing"))?;
    Ok((&message[..comma], &message[comma + 1..]))
}

/// Reads a saslname: UTF-8 with `=2C` for a comma and `=3D` for an equals sign.
pub(super) fn decode(name: &[u8]) -> Result<Cow<'_, [u8]>, Failure> {
    let bad = Failure::malformed("no saslname");
    if name.is_empty() || name.contains(&0) || str::from_utf8(name).is_err() {
        return Err(bad);
    }
    let mut parts = name.split(|octet| *octet == b'=');
    let first = parts.next().unwrap_or_default();
    if first.len() == name.len() {
        return Ok(Cow::Borrowed(name));
    }
    let mut decoded = first.to_vec();
    for part in parts {
        let (octet, rest) = match part {
            [b'2', b'C', rest @ ..] => (b',', rest),
            [b'3', b'D', rest @ ..] => (b'=', rest),
            _ => return Err(bad),
        };
        decoded.push(octet);
        decoded.extend(rest);
    }
    Ok(Cow::Owned(decoded))
}

/// Appends a name as a saslname.
pub(super) fn encode(name: &[u8], message: &mut Vec<u8>) {
    for octet in name {
        match octet {
            b',' => message.extend(b"=2C"),
            b'=' => message.extend(b"=3D"),
            octet => message.push(*octet),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(message: &str) -> Option<(Flag<'_>, Option<String>, &str)> {
        let header = Header::parse(message.as_bytes()).ok()?;
        assert_eq!([header.raw, header.rest].concat(), message.as_bytes());
        let authzid = header.authzid.map(|name| String::from_utf8(name.into_owned()).unwrap());
        Some((header.flag, authzid, str::from_utf8(header.rest).unwrap()))
    }

    #[test]
    fn what_is_read() {
        assert_eq!(parse("n,,rest,x"), Some((Flag::Unable, None, "rest,x")));
        assert_eq!(parse("y,a=a=2Cb=3Dc,"), Some((Flag::NotOffered, Some("a,b=c".into()), "")));
        assert_eq!(parse("p=tls-exporter,a=,x"), Some((Flag::By(b"tls-exporter"), None, "x")));
    }

    #[test]
    fn what_is_refused() {
        for bad in
            ["", "n", "n,", "N,,", "p,,", "p=,,", "p=a b,,", "n,b=x,", "n,a=x=,", "n,a=x=2c,", "n,a=x=2D,", "z,,"]
        {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
        assert!(Header::parse(b"n,a=\xff,").is_err() && Header::parse(b"n,a=a\0,").is_err());
    }

    proptest! {
        #[test]
        fn names_there_and_back(name in "[^\0]{1,40}") {
            let mut encoded = Vec::new();
            encode(name.as_bytes(), &mut encoded);
            prop_assert!(!encoded.contains(&b','));
            prop_assert_eq!(&*decode(&encoded).unwrap(), name.as_bytes());
        }
    }
}
