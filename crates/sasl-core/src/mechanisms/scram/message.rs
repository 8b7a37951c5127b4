//! The four messages (RFC 5802 section 7), read. Attributes come in a fixed order; unknown ones at the end are passed over.

use super::super::gs2::{self, Flag, Header};
use crate::failure::{Failure, Reason};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use std::borrow::Cow;

/// The longest message taken, in bytes. libsasl2's are at most 2048 bytes long.
const MAX_MESSAGE: usize = 4096;
const MAX_NONCE: usize = 512;
const MAX_SALT: usize = 256;

/// `n,,n=user,r=nonce`.
pub(super) struct ClientFirst<'a> {
    pub(super) header: Header<'a>,
    pub(super) user: Cow<'a, [u8]>,
    pub(super) nonce: &'a [u8],
}

/// `r=nonce,s=salt,i=count`.
pub(super) struct ServerFirst<'a> {
    pub(super) nonce: &'a [u8],
    pub(super) salt: Vec<u8>,
    pub(super) iterations: u32,
}

/// `c=binding,r=nonce,p=proof`.
pub(super) struct ClientFinal<'a> {
    /// In base64, of which there is one spelling.
    pub(super) binding: &'a [u8],
    /// Whatever stands there.
    pub(super) nonce: &'a [u8],
    pub(super) proof: Vec<u8>,
    /// What both sides put into AuthMessage.
    pub(super) without_proof: &'a [u8],
}

impl<'a> ClientFirst<'a> {
    /// What is behind the header is client-first-message-bare.
    pub(super) fn parse(message: &'a [u8]) -> Result<Self, Failure> {
        let header = Header::parse(checked(message)?)?;
        let mut attributes = Attributes(Some(header.rest));
        let user = gs2::decode(attributes.next(b'n')?)?;
        let nonce = nonce(attributes.next(b'r')?)?;
        attributes.are_extensions()?;
        Ok(Self { header, user, nonce })
    }

    pub(super) fn flag(&self) -> Flag<'a> {
        self.header.flag
    }
}

impl<'a> ServerFirst<'a> {
    pub(super) fn parse(message: &'a [u8]) -> Result<Self, Failure> {
        let mut attributes = Attributes(Some(checked(message)?));
        let nonce = nonce(attributes.next(b'r')?)?;
        let salt = decode(attributes.next(b's')?)?;
        let iterations = count(attributes.next(b'i')?)?;
        attributes.are_extensions()?;
        match salt.len() {
            1..=MAX_SALT => Ok(Self { nonce, salt, iterations }),
            _ => Err(Failure::malformed("salt empty or too long")),
        }
    }
}

impl<'a> ClientFinal<'a> {
    /// The proof is the last attribute, and nothing may follow it.
    pub(super) fn parse(message: &'a [u8]) -> Result<Self, Failure> {
        let mut attributes = Attributes(Some(checked(message)?));
        let (binding, nonce) = (attributes.next(b'c')?, attributes.next(b'r')?);
        let comma = message.iter().rposition(|octet| *octet == b',').ok_or(Failure::malformed("no proof"))?;
        let mut last = Attributes(Some(&message[comma + 1..]));
        let proof = decode(last.next(b'p')?)?;
        Ok(Self { binding, nonce, proof, without_proof: &message[..comma] })
    }
}

/// `v=signature`, or why there is none: `e=error`.
pub(super) fn server_final(message: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut attributes = Attributes(Some(checked(message)?));
    if message.starts_with(b"e=") {
        return Err(Failure::new(Reason::BadCredentials, error(attributes.next(b'e')?)));
    }
    let signature = decode(attributes.next(b'v')?)?;
    attributes.are_extensions()?;
    Ok(signature)
}

/// The values of `server-error`, as phrases of ours.
fn error(value: &[u8]) -> &'static str {
    match value {
        b"invalid-proof" => "the server says: invalid proof",
        b"unknown-user" => "the server says: unknown user",
        b"channel-bindings-dont-match" => "the server says: channel bindings do not match",
        b"server-does-support-channel-binding" => "the server says: it does support channel binding",
        b"channel-binding-not-supported" => "the server says: channel binding not supported",
        b"unsupported-channel-binding-type" => "the server says: unsupported channel binding type",
        b"extensions-not-supported" => "the server says: extensions not supported",
        b"invalid-encoding" | b"invalid-username-encoding" => "the server says: invalid encoding",
        b"no-resources" => "the server says: no resources",
        _ => "the server says: other error",
    }
}

/// What is left of a message; `None` behind its last attribute.
struct Attributes<'a>(Option<&'a [u8]>);

impl<'a> Attributes<'a> {
    /// The value of the next attribute, which must be the one of that letter.
    fn next(&mut self, letter: u8) -> Result<&'a [u8], Failure> {
        let rest = self.0.ok_or(Failure::malformed("attribute missing"))?;
        let (attribute, rest) = match gs2::field(rest) {
            Ok((attribute, rest)) => (attribute, Some(rest)),
            Err(_) => (rest, None),
        };
        self.0 = rest;
        match attribute {
            [first, b'=', value @ ..] if *first == letter => Ok(value),
            [b'm', b'=', ..] => Err(Failure::malformed("mandatory extension")),
            _ => Err(Failure::malformed("another attribute where one belongs")),
        }
    }

    /// Nothing, or attributes that we may pass over.
    fn are_extensions(&self) -> Result<(), Failure> {
        let is_one = |attribute: &[u8]| matches!(attribute, [b'a'..=b'z' | b'A'..=b'Z', b'=', _, ..]);
        match self.0.is_none_or(|rest| rest.split(|octet| *octet == b',').all(is_one)) {
            true => Ok(()),
            false => Err(Failure::malformed("something that is no extension")),
        }
    }
}

fn checked(message: &[u8]) -> Result<&[u8], Failure> {
    match message.len() > MAX_MESSAGE || message.contains(&0) {
        true => Err(Failure::malformed("message too long or with a NUL")),
        false => Ok(message),
    }
}

/// Printable ASCII but for the comma.
fn nonce(value: &[u8]) -> Result<&[u8], Failure> {
    let printable = value.iter().all(|octet| matches!(octet, b'!'..=b'~'));
    match printable && (1..=MAX_NONCE).contains(&value.len()) {
        true => Ok(value),
        false => Err(Failure::malformed("nonce empty, too long or not printable")),
    }
}

/// Digits, the first of them no zero.
fn count(value: &[u8]) -> Result<u32, Failure> {
    let digits = str::from_utf8(value).ok().filter(|text| text.starts_with(|c: char| matches!(c, '1'..='9')));
    digits.and_then(|digits| digits.parse().ok()).ok_or(Failure::malformed("no iteration count"))
}

fn decode(value: &[u8]) -> Result<Vec<u8>, Failure> {
    BASE64.decode(value).map_err(|_| Failure::malformed("value is not base64"))
}

/// Appends `octets` in base64.
pub(super) fn put_base64(octets: &[u8], message: &mut Vec<u8>) {
    let end = message.len();
    message.resize(end + 4 * octets.len().div_ceil(3), 0);
    BASE64.encode_slice(octets, &mut message[end..]).expect("three octets are four characters");
}
