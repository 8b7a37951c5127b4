//! Bytes of a peer, fit for one line of a log or a listing.

use std::fmt;

/// Shows octets as text: printable UTF-8 stands for itself but for `\`, `"`, `[` and `]`, the rest is escaped.
/// What comes out is one line, valid UTF-8, without control characters, and no bracket of it was sent by a peer.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a view of bytes")]
pub struct Escaped<'a>(pub &'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                match character {
                    '[' | ']' => write!(f, "\\{character}")?,
                    '\'' => f.write_str("'")?,
                    _ => write!(f, "{}", character.escape_debug())?,
                }
            }
            chunk.invalid().iter().try_for_each(|octet| write!(f, "\\x{octet:02x}"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_can_be_shown_is_shown() {
        assert_eq!(Escaped("josé o'hara@日本".as_bytes()).to_string(), "josé o'hara@日本");
        assert_eq!(Escaped(b"a\n\xff\x1b[31m\"\\").to_string(), "a\\n\\xff\\u{1b}\\[31m\\\"\\\\");
    }

    proptest! {
        #[test]
        fn one_clean_line_whatever_it_was(octets in any::<Vec<u8>>()) {
            let shown = Escaped(&octets).to_string();
            prop_assert!(!shown.chars().any(char::is_control), "{:?}", shown);
            prop_assert!(!shown.replace("\\\\", "").replace("\\[", "").replace("\\]", "").contains(['[', ']']));
        }
    }
}
