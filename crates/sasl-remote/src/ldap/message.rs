//! Messages: what is asked of a server, and what it says (RFC 4511 section 4).

use crate::ldap::{
    ber::{BOOLEAN, ENUMERATED, INTEGER, Malformed, OCTETS, Reader, SEQUENCE, SET, Writer},
    filter::Filter,
};
use zeroize::Zeroizing;

const STARTTLS: &[u8] = b"1.3.6.1.4.1.1466.20037";
const WHO_AM_I: &[u8] = b"1.3.6.1.4.1.4203.1.11.3";

/// No attribute at all (RFC 4511 section 4.5.1.8): what is asked for where only the DN is of use.
pub(crate) const NO_ATTRIBUTE: &[u8] = b"1.1";

const BIND: u8 = 0x60;
const SEARCH: u8 = 0x63;
const COMPARE: u8 = 0x6e;
const EXTENDED: u8 = 0x77;

const BIND_RESPONSE: u8 = 0x61;
const SEARCH_DONE: u8 = 0x65;
const COMPARE_RESPONSE: u8 = 0x6f;
const EXTENDED_RESPONSE: u8 = 0x78;

const ENTRY: u8 = 0x64;
const REFERENCE: u8 = 0x73;
const INTERMEDIATE: u8 = 0x79;

/// What a server can be asked.
pub(crate) enum Request<'a> {
    /// Whether this is the password of that DN; both empty for nobody.
    Bind { dn: &'a [u8], password: &'a [u8] },
    /// A message of a SASL exchange; `None` for no initial response.
    SaslBind { mechanism: &'a str, message: Option<&'a [u8]> },
    /// Entries.
    Search(&'a Search),
    /// Whether an entry has a value.
    Compare { dn: &'a [u8], attribute: &'a [u8], value: &'a [u8] },
    /// To go on with TLS.
    StartTls,
    /// Who we are.
    WhoAmI,
}

/// What to look for, and where.
pub(crate) struct Search {
    pub(crate) base: Vec<u8>,
    pub(crate) scope: Scope,
    pub(crate) dereference: Dereference,
    /// The most entries, and the most seconds; 0 for no limit but the server's.
    pub(crate) limits: (u32, u32),
    pub(crate) filter: Filter,
    pub(crate) attribute: Vec<u8>,
}

/// How deep below the base.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Scope {
    Base = 0,
    One = 1,
    Sub = 2,
}

/// When an alias stands for what it points to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Dereference {
    Never = 0,
    Searching = 1,
    Finding = 2,
    Always = 3,
}

/// What a server says.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Reply<'a> {
    /// An entry, with the values of the attributes that were asked for.
    Entry(Entry),
    /// More is to be found elsewhere.
    Reference,
    /// The end of what was asked.
    Outcome(Outcome<'a>),
    /// What we did not ask for and need not know.
    Other,
}

#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Entry {
    pub(crate) dn: Vec<u8>,
    /// Wiped: they may be passwords.
    pub(crate) values: Vec<Zeroizing<Vec<u8>>>,
}

/// How it ended: the result code, and what the server has to say of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Outcome<'a> {
    /// What kind of question it ends.
    pub(crate) tag: u8,
    pub(crate) code: u32,
    pub(crate) text: &'a [u8],
    /// The next challenge of a SASL exchange, or what an extended operation gives.
    pub(crate) data: Option<&'a [u8]>,
}

impl Request<'_> {
    /// The message of that number.
    pub(crate) fn encode(&self, number: u32) -> Zeroizing<Vec<u8>> {
        let mut writer = Writer::with_room(self.length() + 256);
        writer.nested(SEQUENCE, |writer| {
            writer.number(INTEGER, number);
            self.write(writer);
        });
        writer.finish()
    }

    /// The tag of what ends its answer.
    pub(crate) fn ends_with(&self) -> u8 {
        match self {
            Self::Bind { .. } | Self::SaslBind { .. } => BIND_RESPONSE,
            Self::Search(_) => SEARCH_DONE,
            Self::Compare { .. } => COMPARE_RESPONSE,
            Self::StartTls | Self::WhoAmI => EXTENDED_RESPONSE,
        }
    }

    /// How long its strings are.
    fn length(&self) -> usize {
        match self {
            Self::Bind { dn, password } => dn.len() + password.len(),
            Self::SaslBind { mechanism, message } => mechanism.len() + message.map_or(0, <[u8]>::len),
            Self::Search(search) => search.base.len() + search.filter.encoded().len() + search.attribute.len(),
            Self::Compare { dn, attribute, value } => dn.len() + attribute.len() + value.len(),
            Self::StartTls | Self::WhoAmI => 0,
        }
    }

    fn write(&self, writer: &mut Writer) {
        match self {
            Self::Bind { dn, password } => bind(writer, dn, |writer| writer.octets(0x80, password)),
            Self::SaslBind { mechanism, message } => bind(writer, b"", |writer| {
                writer.nested(0xa3, |writer| {
                    writer.octets(OCTETS, mechanism.as_bytes());
                    message.iter().for_each(|message| writer.octets(OCTETS, message));
                });
            }),
            Self::Search(wanted) => writer.nested(SEARCH, |writer| search(writer, wanted)),
            Self::Compare { dn, attribute, value } => writer.nested(COMPARE, |writer| {
                writer.octets(OCTETS, dn);
                writer.nested(SEQUENCE, |writer| {
                    writer.octets(OCTETS, attribute);
                    writer.octets(OCTETS, value);
                });
            }),
            Self::StartTls => writer.nested(EXTENDED, |writer| writer.octets(0x80, STARTTLS)),
            Self::WhoAmI => writer.nested(EXTENDED, |writer| writer.octets(0x80, WHO_AM_I)),
        }
    }
}

fn bind(writer: &mut Writer, dn: &[u8], authentication: impl FnOnce(&mut Writer)) {
    writer.nested(BIND, |writer| {
        writer.number(INTEGER, 3);
        writer.octets(OCTETS, dn);
        authentication(writer);
    });
}

fn search(writer: &mut Writer, wanted: &Search) {
    writer.octets(OCTETS, &wanted.base);
    writer.number(ENUMERATED, wanted.scope as u32);
    writer.number(ENUMERATED, wanted.dereference as u32);
    writer.number(INTEGER, wanted.limits.0);
    writer.number(INTEGER, wanted.limits.1);
    writer.boolean(BOOLEAN, false);
    writer.raw(wanted.filter.encoded());
    writer.nested(SEQUENCE, |writer| writer.octets(OCTETS, &wanted.attribute));
}

/// Reads a whole message: its number, which is 0 for what nobody asked, and what it says.
pub(crate) fn parse(message: &[u8]) -> Result<(u32, Reply<'_>), Malformed> {
    let mut reader = Reader::new(Reader::new(message).expect(SEQUENCE)?);
    let number = reader.number(INTEGER)?;
    let reply = match reader.element()? {
        (ENTRY, content) => Reply::Entry(entry(content)?),
        (REFERENCE, _) => Reply::Reference,
        (INTERMEDIATE, _) => Reply::Other,
        (tag, content) => Reply::Outcome(outcome(tag, content)?),
    };
    Ok((number, reply))
}

fn entry(content: &[u8]) -> Result<Entry, Malformed> {
    let mut reader = Reader::new(content);
    let dn = reader.expect(OCTETS)?.to_vec();
    let (mut attributes, mut values) = (Reader::new(reader.expect(SEQUENCE)?), Vec::new());
    while !attributes.is_empty() {
        let mut attribute = Reader::new(attributes.expect(SEQUENCE)?);
        attribute.expect(OCTETS)?;
        let mut set = Reader::new(attribute.expect(SET)?);
        while !set.is_empty() {
            values.push(Zeroizing::new(set.expect(OCTETS)?.to_vec()));
        }
    }
    Ok(Entry { dn, values })
}

fn outcome(tag: u8, content: &[u8]) -> Result<Outcome<'_>, Malformed> {
    let mut reader = Reader::new(content);
    let code = reader.number(ENUMERATED)?;
    reader.expect(OCTETS)?;
    let (text, mut data) = (reader.expect(OCTETS)?, None);
    while !reader.is_empty() {
        if let (0x87 | 0x8b, content) = reader.element()? {
            data = Some(content);
        }
    }
    Ok(Outcome { tag, code, text, data })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Our messages with their lengths written as shortly as can be.
    fn sent(request: &Request<'_>) -> Vec<u8> {
        short(&request.encode(1))
    }

    fn short(elements: &[u8]) -> Vec<u8> {
        let (mut reader, mut shortened) = (Reader::new(elements), Vec::new());
        while !reader.is_empty() {
            let (tag, content) = reader.element().unwrap();
            let content = if tag & 0x20 == 0 { content.to_vec() } else { short(content) };
            shortened.extend([tag, u8::try_from(content.len()).unwrap()]);
            shortened.extend(content);
        }
        shortened
    }

    #[test]
    fn requests_are_written_as_the_rfc_has_them() {
        let bind = Request::Bind { dn: b"cn=a", password: b"pw" };
        assert_eq!(sent(&bind), b"0\x12\x02\x01\x01`\x0d\x02\x01\x03\x04\x04cn=a\x80\x02pw");
        let sasl = |message| Request::SaslBind { mechanism: "EXTERNAL", message };
        assert_eq!(sent(&sasl(None)), b"0\x16\x02\x01\x01`\x11\x02\x01\x03\x04\x00\xa3\x0a\x04\x08EXTERNAL");
        assert_eq!(
            sent(&sasl(Some(b""))),
            b"0\x18\x02\x01\x01`\x13\x02\x01\x03\x04\x00\xa3\x0c\x04\x08EXTERNAL\x04\x00"
        );
        let compare = Request::Compare { dn: b"cn=g", attribute: b"member", value: b"cn=a" };
        assert_eq!(sent(&compare), b"0\x1b\x02\x01\x01n\x16\x04\x04cn=g0\x0e\x04\x06member\x04\x04cn=a");
        assert_eq!(sent(&Request::StartTls), b"0\x1d\x02\x01\x01w\x18\x80\x161.3.6.1.4.1.1466.20037");
    }

    #[test]
    fn a_search_is_written_as_the_rfc_has_it() {
        let search = Search {
            base: b"o=b".to_vec(),
            scope: Scope::Sub,
            dereference: Dereference::Always,
            limits: (1, 5),
            filter: Filter::parse(b"(a=b)").unwrap(),
            attribute: NO_ATTRIBUTE.to_vec(),
        };
        let written = b"0(\x02\x01\x01c#\x04\x03o=b\x0a\x01\x02\x0a\x01\x03\x02\x01\x01\x02\x01\x05\x01\x01\x00\xa3\x06\x04\x01a\x04\x01b0\x05\x04\x031.1";
        assert_eq!(sent(&Request::Search(&search)), written);
    }

    #[test]
    fn replies_are_read() {
        let refused = b"\x30\x0f\x02\x01\x02\x61\x0a\x0a\x01\x31\x04\x00\x04\x03bad";
        let outcome = Outcome { tag: BIND_RESPONSE, code: 49, text: b"bad", data: None };
        assert_eq!(parse(refused), Ok((2, Reply::Outcome(outcome))));
        let challenge = b"\x30\x0f\x02\x01\x02\x61\x0a\x0a\x01\x0e\x04\x00\x04\x00\x87\x01x";
        assert_eq!(
            parse(challenge),
            Ok((2, Reply::Outcome(Outcome { tag: BIND_RESPONSE, code: 14, text: b"", data: Some(b"x") })))
        );
        let entry = b"\x30\x1d\x02\x01\x03\x64\x18\x04\x04cn=a\x30\x10\x30\x0e\x04\x02pw\x31\x08\x04\x03one\x04\x01b";
        let values = [b"one".to_vec(), b"b".to_vec()].map(Zeroizing::new).to_vec();
        assert_eq!(parse(entry), Ok((3, Reply::Entry(Entry { dn: b"cn=a".to_vec(), values }))));
        let reference = b"\x30\x09\x02\x01\x03\x73\x04\x04\x02l:";
        assert_eq!(parse(reference), Ok((3, Reply::Reference)));
    }

    #[test]
    fn what_other_clients_fall_over_is_malformed() {
        for message in [
            &b"\x30\x00"[..],
            b"\x30\x03\x02\x01\x01",
            b"\x30\x02\x02\x00",
            b"\x30\x05\x02\x01\x01\x61\x00",
            b"\x30\x05\x01\x01\x01\x61\x00",
            b"\x04\x00",
            b"",
        ] {
            assert_eq!(parse(message), Err(Malformed), "{message:?}");
        }
    }

    /// Every message of the tests above with any octet in the place of each, and every part of it.
    #[test]
    fn a_message_that_was_damaged_is_another_or_none() {
        let entry =
            &b"\x30\x1d\x02\x01\x03\x64\x18\x04\x04cn=a\x30\x10\x30\x0e\x04\x02pw\x31\x08\x04\x03one\x04\x01b"[..];
        let challenge = &b"\x30\x0f\x02\x01\x02\x61\x0a\x0a\x01\x0e\x04\x00\x04\x00\x87\x01x"[..];
        for message in [entry, challenge] {
            for length in 0..message.len() {
                assert_eq!(parse(&message[..length]), Err(Malformed));
                let mut damaged = message.to_vec();
                for octet in 0..=255 {
                    damaged[length] = octet;
                    let _ = parse(&damaged);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn nothing_that_a_server_sends_makes_us_fall_over(message in any::<Vec<u8>>(), tag in any::<u8>()) {
            let _ = parse(&message);
            let mut writer = Writer::with_room(64);
            writer.nested(SEQUENCE, |writer| {
                writer.number(INTEGER, 1);
                writer.octets(tag, &message);
            });
            let _ = parse(&writer.finish());
        }
    }
}
