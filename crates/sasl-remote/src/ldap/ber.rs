//! The part of BER that LDAP uses (RFC 4511 section 5.1): tags of one octet, lengths that are known.
//!
//! What a server sends is read without recursion and without copying, and nothing in it makes us keep more than
//! [`MAX_MESSAGE`].

use zeroize::Zeroizing;

/// The longest message taken from a server, in bytes with its head.
pub(crate) const MAX_MESSAGE: usize = 1024 * 1024;

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const OCTETS: u8 = 0x04;
pub(crate) const ENUMERATED: u8 = 0x0a;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

/// What is no BER, or none of LDAP's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Malformed;

/// Elements, read one after the other.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a>(&'a [u8]);

/// Elements, written one after the other. Wiped, since some hold passwords.
pub(crate) struct Writer(Zeroizing<Vec<u8>>);

impl<'a> Reader<'a> {
    pub(crate) fn new(octets: &'a [u8]) -> Self {
        Self(octets)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next element, whatever it is.
    pub(crate) fn element(&mut self) -> Result<(u8, &'a [u8]), Malformed> {
        let (head, length) = head(self.0)?.ok_or(Malformed)?;
        let content = self.0.get(head..head + length).ok_or(Malformed)?;
        let tag = self.0[0];
        self.0 = &self.0[head + length..];
        Ok((tag, content))
    }

    /// The content of the next element, which must be of this kind.
    pub(crate) fn expect(&mut self, expected: u8) -> Result<&'a [u8], Malformed> {
        match self.element()? {
            (tag, content) if tag == expected => Ok(content),
            _ => Err(Malformed),
        }
    }

    /// A number from 0 to 2³¹−1: LDAP has no others.
    pub(crate) fn number(&mut self, tag: u8) -> Result<u32, Malformed> {
        match self.expect(tag)? {
            [] => Err(Malformed),
            [first, ..] if *first > 0x7f => Err(Malformed),
            octets if octets.len() > 4 => Err(Malformed),
            octets => Ok(octets.iter().fold(0, |number, octet| number << 8 | u32::from(*octet))),
        }
    }
}

/// How long the message is that begins here, once that can be told.
///
/// # Errors
/// [`Malformed`] where it is no message, or one longer than [`MAX_MESSAGE`].
pub(crate) fn message_length(octets: &[u8]) -> Result<Option<usize>, Malformed> {
    if octets.first().is_some_and(|tag| *tag != SEQUENCE) {
        return Err(Malformed);
    }
    match head(octets)? {
        Some((head, length)) if head + length > MAX_MESSAGE => Err(Malformed),
        Some((head, length)) => Ok(Some(head + length)),
        None => Ok(None),
    }
}

/// How long an element's head is, and its content.
fn head(octets: &[u8]) -> Result<Option<(usize, usize)>, Malformed> {
    let [tag, first, more @ ..] = octets else { return Ok(None) };
    match first {
        _ if tag & 0x1f == 0x1f => Err(Malformed),
        0..=0x7f => Ok(Some((2, usize::from(*first)))),
        0x81..=0x84 => {
            let count = usize::from(first & 0x7f);
            let Some(octets) = more.get(..count) else { return Ok(None) };
            let length = octets.iter().fold(0, |length, octet| length << 8 | usize::from(*octet));
            Ok(Some((2 + count, length)))
        }
        _ => Err(Malformed),
    }
}

impl Writer {
    /// Room for so many octets: what is written beyond them leaves copies behind.
    pub(crate) fn with_room(octets: usize) -> Self {
        Self(Zeroizing::new(Vec::with_capacity(octets)))
    }

    pub(crate) fn octets(&mut self, tag: u8, content: &[u8]) {
        self.nested(tag, |writer| writer.0.extend_from_slice(content));
    }

    /// A number that LDAP can carry: at most 2³¹−1, which it becomes where it is more.
    pub(crate) fn number(&mut self, tag: u8, number: u32) {
        let octets = number.min(i32::MAX.cast_unsigned()).to_be_bytes();
        // As few as show that it is not negative.
        let first = (0..3).find(|at| octets[*at] != 0 || octets[at + 1] > 0x7f).unwrap_or(3);
        self.octets(tag, &octets[first..]);
    }

    pub(crate) fn boolean(&mut self, tag: u8, truth: bool) {
        self.octets(tag, &[if truth { 0xff } else { 0 }]);
    }

    /// What is an element, or several, already.
    pub(crate) fn raw(&mut self, elements: &[u8]) {
        self.0.extend_from_slice(elements);
    }

    /// An element made of what `write` writes. Its length takes four octets in any case, as OpenLDAP does it too.
    pub(crate) fn nested(&mut self, tag: u8, write: impl FnOnce(&mut Self)) {
        self.0.extend_from_slice(&[tag, 0x84, 0, 0, 0, 0]);
        let start = self.0.len();
        write(self);
        let length = u32::try_from(self.0.len() - start).expect("nobody writes messages of 4 GiB");
        self.0[start - 4..start].copy_from_slice(&length.to_be_bytes());
    }

    pub(crate) fn finish(self) -> Zeroizing<Vec<u8>> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_written_is_read() {
        let mut writer = Writer::with_room(64);
        writer.nested(SEQUENCE, |writer| {
            writer.number(INTEGER, 0);
            writer.number(INTEGER, 128);
            writer.number(ENUMERATED, u32::MAX >> 1);
            writer.octets(OCTETS, b"pencil");
            writer.boolean(BOOLEAN, true);
        });
        let written = writer.finish();
        assert_eq!(message_length(&written), Ok(Some(written.len())));
        let mut reader = Reader::new(Reader::new(&written).expect(SEQUENCE).unwrap());
        assert_eq!((reader.number(INTEGER), reader.number(INTEGER)), (Ok(0), Ok(128)));
        assert_eq!(reader.number(ENUMERATED), Ok(0x7fff_ffff));
        assert_eq!(reader.expect(OCTETS), Ok(&b"pencil"[..]));
        assert_eq!(reader.element(), Ok((BOOLEAN, &b"\xff"[..])));
        assert!(reader.is_empty() && reader.element().is_err());
    }

    #[test]
    fn the_lengths_of_heads() {
        assert_eq!(message_length(b""), Ok(None));
        assert_eq!(message_length(b"\x30"), Ok(None));
        assert_eq!(message_length(b"\x30\x05"), Ok(Some(7)));
        assert_eq!(message_length(b"\x30\x82\x01"), Ok(None));
        assert_eq!(message_length(b"\x30\x82\x01\x00"), Ok(Some(260)));
        assert_eq!(message_length(b"\x30\x84\x00\x00\x00\x05"), Ok(Some(11)));
        for bad in
            [&b"\x02\x01"[..], b"\x30\x80", b"\x30\x85\0\0\0\0\x01", b"\x30\x84\xff\xff\xff\xff", b"\x30\x83\x10\0\0"]
        {
            assert_eq!(message_length(bad), Err(Malformed), "{bad:?}");
        }
    }

    #[test]
    fn numbers_are_small_and_not_negative() {
        for (octets, number) in [
            (&b"\x02\x01\x00"[..], Ok(0)),
            (b"\x02\x02\x00\x80", Ok(128)),
            (b"\x02\x04\x7f\xff\xff\xff", Ok(0x7fff_ffff)),
            (b"\x02\x00", Err(Malformed)),
            (b"\x02\x01\x80", Err(Malformed)),
            (b"\x02\x05\x00\x00\x00\x00\x00", Err(Malformed)),
            (b"\x04\x01\x00", Err(Malformed)),
            (b"\x02\x02\x00", Err(Malformed)),
        ] {
            assert_eq!(Reader::new(octets).number(INTEGER), number, "{octets:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_the_reader_fall_over(octets in any::<Vec<u8>>()) {
            let _ = message_length(&octets);
            let mut reader = Reader::new(&octets);
            while !reader.is_empty() && reader.element().is_ok() {}
        }
    }
}
