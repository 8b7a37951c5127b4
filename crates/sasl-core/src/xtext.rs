//! xtext (RFC 3461 section 4): how SMTP carries any octets in a parameter.

/// Writes `octets` as xtext: printable ASCII but for `+` and `=` stands for itself, the rest is `+` and two
/// upper-case hexadecimal digits.
#[must_use]
pub fn encode(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len());
    for &octet in octets {
        match octet {
            b'+' | b'=' => text.push_str(&format!("+{octet:02X}")),
            b'!'..=b'~' => text.push(char::from(octet)),
            _ => text.push_str(&format!("+{octet:02X}")),
        }
    }
    text
}

/// Reads xtext, with hexadecimal digits of either case. `None` where it is none.
#[must_use]
pub fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        rest = tail;
        octets.push(match first {
            b'+' => {
                let (digits, tail) = rest.split_first_chunk::<2>()?;
                rest = tail;
                16 * hex_digit(digits[0])? + hex_digit(digits[1])?
            }
            b'!'..=b'~' if *first != b'=' => *first,
            _ => return None,
        });
    }
    Some(octets)
}

fn hex_digit(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn example_of_rfc_4954_section_5() {
        assert_eq!(encode(b"e=mc2@example.com"), "e+3Dmc2@example.com");
        assert_eq!(decode(b"e+3Dmc2@example.com").unwrap(), b"e=mc2@example.com");
    }

    #[test]
    fn what_is_no_xtext() {
        for bad in [&b"a=b"[..], b"a b", b"+", b"+4", b"+4G", b"\x7f", b"\xc3\xa9"] {
            assert_eq!(decode(bad), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(octets in proptest::collection::vec(any::<u8>(), 0..80)) {
            prop_assert_eq!(decode(encode(&octets).as_bytes()).unwrap(), octets);
        }
    }
}
