//! Fields, and what is in them that would end them.

use std::borrow::Cow;

/// Before an octet that stands for another.
const ESCAPE: u8 = 1;

/// Octets that end a field, or would, and what stands for them behind [`ESCAPE`].
const ESCAPED: [(u8, u8); 5] = [(0, b'0'), (ESCAPE, b'1'), (b'\t', b't'), (b'\r', b'r'), (b'\n', b'n')];

/// The fields of a line, as they came.
pub(super) fn fields(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| *byte == b'\t')
}

/// A parameter's name, and its value where there is one.
pub(super) fn parameter(field: &[u8]) -> (&[u8], &[u8]) {
    match field.iter().position(|byte| *byte == b'=') {
        Some(at) => (&field[..at], &field[at + 1..]),
        None => (field, b""),
    }
}

/// What a field says.
pub(super) fn unescape(field: &[u8]) -> Cow<'_, [u8]> {
    if !field.contains(&ESCAPE) {
        return field.into();
    }
    let mut octets = field.iter().copied();
    let mut said = Vec::with_capacity(field.len());
    while let Some(octet) = octets.next() {
        let octet = if octet == ESCAPE { octets.next().map(meant) } else { Some(octet) };
        said.extend(octet);
    }
    said.into()
}

fn meant(written: u8) -> u8 {
    ESCAPED.iter().find(|(_, stands_for)| *stands_for == written).map_or(written, |(octet, _)| *octet)
}

/// A field in which nothing can be that needs an escape: the name of a mechanism, or base64.
pub(super) fn bare(field: &[u8]) -> Option<&[u8]> {
    Some(field).filter(|field| !field.iter().any(|octet| ESCAPED.iter().any(|(special, _)| special == octet)))
}

/// Appends the word that a line begins with, and the numbers behind it.
pub(super) fn put_word(word: &str, numbers: &[u32], out: &mut Vec<u8>) {
    out.extend(word.as_bytes());
    numbers.iter().for_each(|number| put(number.to_string().as_bytes(), out));
}

/// Appends a tab and a field.
pub(super) fn put(field: &[u8], out: &mut Vec<u8>) {
    out.push(b'\t');
    escape(field, out);
}

/// Appends a tab, and `name=value`.
pub(super) fn put_value(name: &str, value: &[u8], out: &mut Vec<u8>) {
    put(name.as_bytes(), out);
    out.push(b'=');
    escape(value, out);
}

fn escape(field: &[u8], out: &mut Vec<u8>) {
    for octet in field {
        match ESCAPED.iter().find(|(special, _)| special == octet) {
            Some((_, written)) => out.extend([ESCAPE, *written]),
            None => out.push(*octet),
        }
    }
}

/// A number in decimal digits, and nothing else.
pub(super) fn number(field: &[u8]) -> Option<u32> {
    let digits = str::from_utf8(field).ok().filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()))?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_would_end_a_field_is_escaped() {
        let mut out = Vec::new();
        put(b"a\tb\nc\rd\0e\x01f", &mut out);
        assert_eq!(out, b"\ta\x01tb\x01nc\x01rd\x010e\x011f");
        assert_eq!(unescape(b"\x01x\x01"), &b"x"[..], "what needs no escape, and one with nothing behind it");
    }

    #[test]
    fn numbers_are_digits_alone() {
        assert_eq!((number(b"4294967295"), number(b"0")), (Some(u32::MAX), Some(0)));
        assert!([&b""[..], b"-1", b"+1", b" 1", b"4294967296", b"1x"].into_iter().all(|text| number(text).is_none()));
    }

    proptest! {
        #[test]
        fn a_field_comes_through_and_ends_nothing(field in any::<Vec<u8>>(), value in any::<Vec<u8>>()) {
            let mut out = Vec::new();
            put(&field, &mut out);
            put_value("name", &value, &mut out);
            prop_assert!(!out.contains(&b'\n'));
            let read: Vec<_> = fields(&out).skip(1).collect();
            prop_assert_eq!(&*unescape(read[0]), &field[..]);
            let (name, read) = parameter(read[1]);
            prop_assert_eq!((name, &*unescape(read)), (&b"name"[..], &value[..]));
        }
    }
}
