//! Filters: their text (RFC 4515) as what is sent (RFC 4511 section 4.5.1.7).

use crate::ldap::ber::{BOOLEAN, OCTETS, SEQUENCE, Writer};

/// Parentheses may be nested so deep.
const DEEPEST: usize = 64;

const AND: u8 = 0xa0;
const OR: u8 = 0xa1;
const NOT: u8 = 0xa2;
const EQUALITY: u8 = 0xa3;
const SUBSTRINGS: u8 = 0xa4;
const GREATER_OR_EQUAL: u8 = 0xa5;
const LESS_OR_EQUAL: u8 = 0xa6;
const PRESENT: u8 = 0x87;
const APPROXIMATE: u8 = 0xa8;
const EXTENSIBLE: u8 = 0xa9;

/// A filter, ready to be sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Filter(Vec<u8>);

/// No filter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct BadFilter;

impl Filter {
    /// Reads the text. As in libldap, the parentheses around the whole may be missing, and blanks may stand around
    /// parentheses.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, BadFilter> {
        let (mut writer, text) = (Writer::with_room(text.len() * 2 + 32), text.trim_ascii());
        match text {
            [b'(', ..] => match nested(text, &mut writer, 0)? {
                [] => {}
                _ => return Err(BadFilter),
            },
            item => self::item(item, &mut writer)?,
        }
        Ok(Self(writer.finish().to_vec()))
    }

    pub(crate) fn encoded(&self) -> &[u8] {
        &self.0
    }
}

/// A filter in its parentheses; gives what is behind it.
fn nested<'a>(text: &'a [u8], writer: &mut Writer, depth: usize) -> Result<&'a [u8], BadFilter> {
    let inner =
        text.trim_ascii_start().strip_prefix(b"(").filter(|_| depth < DEEPEST).ok_or(BadFilter)?.trim_ascii_start();
    let rest = match inner {
        [b'&', list @ ..] => self::list(list, AND, writer, depth)?,
        [b'|', list @ ..] => self::list(list, OR, writer, depth)?,
        [b'!', one @ ..] => {
            let mut rest = Err(BadFilter);
            writer.nested(NOT, |writer| rest = nested(one, writer, depth + 1));
            rest?
        }
        _ => {
            let end = inner.iter().position(|octet| matches!(octet, b'(' | b')')).ok_or(BadFilter)?;
            item(&inner[..end], writer)?;
            &inner[end..]
        }
    };
    Ok(rest.trim_ascii_start().strip_prefix(b")").ok_or(BadFilter)?.trim_ascii_start())
}

fn list<'a>(text: &'a [u8], tag: u8, writer: &mut Writer, depth: usize) -> Result<&'a [u8], BadFilter> {
    let mut rest = Ok(text.trim_ascii_start());
    writer.nested(tag, |writer| {
        while let Ok(filters @ [b'(', ..]) = rest {
            rest = nested(filters, writer, depth + 1);
        }
    });
    rest
}

/// `attribute=value`, and its relatives.
fn item(text: &[u8], writer: &mut Writer) -> Result<(), BadFilter> {
    let at = text.iter().position(|octet| *octet == b'=').ok_or(BadFilter)?;
    let (name, value) = (&text[..at], &text[at + 1..]);
    match name {
        [name @ .., b'>'] => assertion(GREATER_OR_EQUAL, name, value, writer),
        [name @ .., b'<'] => assertion(LESS_OR_EQUAL, name, value, writer),
        [name @ .., b'~'] => assertion(APPROXIMATE, name, value, writer),
        [name @ .., b':'] => extensible(name, value, writer),
        name if value == b"*" => {
            writer.octets(PRESENT, attribute(name)?);
            Ok(())
        }
        name if value.contains(&b'*') => substrings(name, value, writer),
        name => assertion(EQUALITY, name, value, writer),
    }
}

fn assertion(tag: u8, name: &[u8], value: &[u8], writer: &mut Writer) -> Result<(), BadFilter> {
    let (name, value) = (attribute(name)?, unescaped(value)?);
    writer.nested(tag, |writer| {
        writer.octets(OCTETS, name);
        writer.octets(OCTETS, &value);
    });
    Ok(())
}

fn substrings(name: &[u8], value: &[u8], writer: &mut Writer) -> Result<(), BadFilter> {
    let (name, parts) = (attribute(name)?, value.split(|octet| *octet == b'*').map(unescaped));
    let parts = parts.collect::<Result<Vec<_>, _>>()?;
    let last = parts.len() - 1;
    writer.nested(SUBSTRINGS, |writer| {
        writer.octets(OCTETS, name);
        writer.nested(SEQUENCE, |writer| {
            for (at, part) in parts.iter().enumerate().filter(|(_, part)| !part.is_empty()) {
                let place = if at == 0 {
                    0x80
                } else if at == last {
                    0x82
                } else {
                    0x81
                };
                writer.octets(place, part);
            }
        });
    });
    Ok(())
}

/// `attribute:dn:rule:=value`, of which most may be missing.
fn extensible(name: &[u8], value: &[u8], writer: &mut Writer) -> Result<(), BadFilter> {
    let mut words = name.split(|octet| *octet == b':');
    let name = words.next().unwrap_or_default();
    let words: Vec<_> = words.collect();
    let (dn, rule) = match words[..] {
        [] => (false, None),
        [dn] if dn.eq_ignore_ascii_case(b"dn") => (true, None),
        [rule] => (false, Some(attribute(rule)?)),
        [dn, rule] if dn.eq_ignore_ascii_case(b"dn") => (true, Some(attribute(rule)?)),
        _ => return Err(BadFilter),
    };
    if name.is_empty() && rule.is_none() {
        return Err(BadFilter);
    }
    let (name, value) = (Some(name).filter(|name| !name.is_empty()).map(attribute).transpose()?, unescaped(value)?);
    writer.nested(EXTENSIBLE, |writer| {
        rule.into_iter().for_each(|rule| writer.octets(0x81, rule));
        name.into_iter().for_each(|name| writer.octets(0x82, name));
        writer.octets(0x83, &value);
        writer.boolean(0x80 | (BOOLEAN + 3), dn);
    });
    Ok(())
}

/// The name of an attribute or of a rule, or an OID, with options.
fn attribute(name: &[u8]) -> Result<&[u8], BadFilter> {
    let name = name.trim_ascii();
    let fits = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b';' | b'_');
    Some(name).filter(|name| !name.is_empty() && name.iter().all(fits)).ok_or(BadFilter)
}

/// A value without its escapes: `\` and two digits, or before the character itself, as in LDAPv2.
fn unescaped(value: &[u8]) -> Result<Vec<u8>, BadFilter> {
    let (mut plain, mut rest) = (Vec::with_capacity(value.len()), value);
    loop {
        rest = match rest {
            [] => return Ok(plain),
            [b'\\', special @ (b'(' | b')' | b'*' | b'\\'), rest @ ..] => {
                plain.push(*special);
                rest
            }
            [b'\\', high, low, rest @ ..] => {
                plain.push(digit(*high)? << 4 | digit(*low)?);
                rest
            }
            [b'\\' | b'(' | b')' | 0, ..] => return Err(BadFilter),
            [octet, rest @ ..] => {
                plain.push(*octet);
                rest
            }
        };
    }
}

fn digit(octet: u8) -> Result<u8, BadFilter> {
    match octet {
        b'0'..=b'9' => Ok(octet - b'0'),
        b'a'..=b'f' => Ok(octet - b'a' + 10),
        b'A'..=b'F' => Ok(octet - b'A' + 10),
        _ => Err(BadFilter),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ldap::ber::Reader;
    use proptest::prelude::*;

    /// The structure, to be read: tags in hex, strings as they are.
    fn shown(encoded: &[u8]) -> String {
        let (mut reader, mut text) = (Reader::new(encoded), Vec::new());
        while !reader.is_empty() {
            let (tag, content) = reader.element().unwrap();
            let content =
                if tag & 0x20 == 0 { content.escape_ascii().to_string() } else { format!("[{}]", shown(content)) };
            text.push(format!("{tag:02x}{content}"));
        }
        text.join(" ")
    }

    #[test]
    fn every_kind_of_filter() {
        for (text, structure) in [
            ("(uid=alice)", "a3[04uid 04alice]"),
            ("uid=alice", "a3[04uid 04alice]"),
            (" ( uid=alice)  ", "a3[04uid 04alice]"),
            ("(uid=)", "a3[04uid 04]"),
            ("(uid=a=b)", "a3[04uid 04a=b]"),
            ("(uid=a\\2a\\28\\29\\5C\\00)", "a3[04uid 04a*()\\\\\\x00]"),
            ("(uid=*)", "87uid"),
            ("(uid=a*b*c)", "a4[04uid 30[80a 81b 82c]]"),
            ("(uid=*b*)", "a4[04uid 30[81b]]"),
            ("(uid=b*)", "a4[04uid 30[80b]]"),
            ("(n>=1)", "a5[04n 041]"),
            ("(n<=1)", "a6[04n 041]"),
            ("(n~=1)", "a8[04n 041]"),
            ("(&(a=b)(c=d))", "a0[a3[04a 04b] a3[04c 04d]]"),
            ("(& (a=b) (|(c=d)(e=f)) )", "a0[a3[04a 04b] a1[a3[04c 04d] a3[04e 04f]]]"),
            ("(!(a=b))", "a2[a3[04a 04b]]"),
            ("(cn;lang-de=x)", "a3[04cn;lang-de 04x]"),
            ("(cn:dn:2.4.6.8:=x)", "a9[812.4.6.8 82cn 83x 84\\xff]"),
            ("(memberOf:1.2.840.113556.1.4.1941:=cn=g)", "a9[811.2.840.113556.1.4.1941 82memberOf 83cn=g 84\\x00]"),
            ("(cn:=x)", "a9[82cn 83x 84\\x00]"),
        ] {
            let filter = Filter::parse(text.as_bytes()).expect(text);
            assert_eq!(shown(filter.encoded()), structure, "{text}");
        }
    }

    #[test]
    fn what_is_no_filter() {
        for text in [
            "",
            "(",
            ")",
            "()",
            "(uid)",
            "(uid=a",
            "(uid=a))",
            "(uid=a)(uid=b)",
            "(=a)",
            "(uid=\\2)",
            "(uid=\\zz)",
            "(uid=a(b)",
            "(!(a=b)(c=d))",
            "(!)",
            "(&(a=b)",
            "(:=x)",
            "uid=a)(uid=*",
            "(cn:x:y:=z)",
            "(u\\2aid=a)",
        ] {
            assert_eq!(Filter::parse(text.as_bytes()), Err(BadFilter), "{text}");
        }
        let deep = |depth| format!("{}(a=b){}", "(!".repeat(depth), ")".repeat(depth));
        assert!(Filter::parse(deep(DEEPEST - 1).as_bytes()).is_ok());
        assert_eq!(Filter::parse(deep(DEEPEST).as_bytes()), Err(BadFilter));
    }

    proptest! {
        #[test]
        fn nothing_makes_it_fall_over(text in "[(&|!)=*a\\\\ ]{0,40}") {
            let _ = Filter::parse(text.as_bytes());
        }
    }
}
