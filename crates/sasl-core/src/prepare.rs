//! SASLprep (RFC 4013), and the trace of ANONYMOUS (RFC 4505 section 3): profiles of stringprep (RFC 3454).
//!
//! Both are bound to Unicode 3.2. A code point that came later is *unassigned*, and stays as it is: it is neither
//! mapped nor composed with its neighbours, whatever newer versions say of it. What 3.2 knows is normalised by the
//! newest tables, since normalisation is stable; the exception is U+2F868, U+2F874, U+2F91F, U+2F95F and U+2F9BF,
//! five ideographs whose normal form Unicode 4.0 corrected. The direction of writing comes from the newest tables
//! too. It is another one for some few characters (the signs of Braille count as left-to-right now), which matters
//! where they stand beside Hebrew or Arabic ones only.

use crate::secret::Secret;
use std::{fmt, mem};
use stringprep::tables;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// A text after its preparation.
#[expect(clippy::exhaustive_enums, reason = "it changed or it did not")]
pub enum Prepared<'a> {
    /// It is what it was.
    Same(&'a [u8]),
    /// It is another one, up to eleven times as long. A secret, for it may have been a password.
    Changed(Secret),
}

impl Prepared<'_> {
    /// The bytes, in UTF-8 unless the text was none.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        match self {
            Self::Same(text) => text,
            Self::Changed(text) => text.expose(),
        }
    }
}

/// SASLprep for what is kept, such as a password. `None` where `text` is not UTF-8, where it holds a prohibited or an
/// unassigned code point or mixes directions of writing, and where nothing is left of it.
#[must_use]
pub fn stored(text: &[u8]) -> Option<Prepared<'_>> {
    prepare(text, |c| !prohibited(c) && !tables::unassigned_code_point(c))
}

/// SASLprep for what is compared with something kept, such as a user name that a peer sent. As [`stored`], but that
/// unassigned code points may be in it.
#[must_use]
pub fn query(text: &[u8]) -> Option<Prepared<'_>> {
    prepare(text, |c| !prohibited(c))
}

/// What SCRAM makes its keys of, on both sides: the password as a [`stored`] string, or as it is where it cannot be
/// prepared. (RFC 5802 has such a password refused; libsasl2 prepares none.)
#[must_use]
pub fn password(text: &[u8]) -> Prepared<'_> {
    stored(text).unwrap_or(Prepared::Same(text))
}

/// Whether ANONYMOUS may carry `text`. Nothing is mapped or normalised; the empty text may be carried.
#[must_use]
pub fn is_trace(text: &str) -> bool {
    !text.contains(prohibited_in_trace) && directions_agree(text)
}

fn prepare(text: &[u8], allowed: fn(char) -> bool) -> Option<Prepared<'_>> {
    if !text.is_empty() && text.iter().all(|octet| matches!(octet, b' '..=b'~')) {
        return Some(Prepared::Same(text));
    }
    let text = str::from_utf8(text).ok()?;
    let mut prepared = Zeroizing::new(String::with_capacity(normalized(text).map(char::len_utf8).sum()));
    prepared.extend(normalized(text));
    let legal = !prepared.is_empty() && prepared.chars().all(allowed) && directions_agree(&prepared);
    legal.then(|| match *prepared == text {
        true => Prepared::Same(text.as_bytes()),
        false => Prepared::Changed(Secret::new(mem::take(&mut *prepared))),
    })
}

/// Mapped and in NFKC (RFC 4013 sections 2.1 and 2.2), but for unassigned code points, each of which ends a run.
fn normalized(text: &str) -> impl Iterator<Item = char> {
    text.split_inclusive(tables::unassigned_code_point).flat_map(|run| {
        let assigned = run.trim_end_matches(tables::unassigned_code_point);
        assigned.chars().filter_map(mapped).nfkc().chain(run[assigned.len()..].chars())
    })
}

/// U+200B is in both tables, and becomes a space.
fn mapped(c: char) -> Option<char> {
    match c {
        c if tables::non_ascii_space_character(c) => Some(' '),
        c if tables::commonly_mapped_to_nothing(c) => None,
        c => Some(c),
    }
}

/// RFC 4013 section 2.3.
fn prohibited(c: char) -> bool {
    prohibited_in_trace(c)
        || tables::non_ascii_space_character(c) // C.1.2
        || tables::inappropriate_for_canonical_representation(c) // C.7
}

/// The tables that RFC 4505 names; those of C.5, surrogates, are no characters in Rust.
fn prohibited_in_trace(c: char) -> bool {
    tables::ascii_control_character(c) // C.2.1
        || tables::non_ascii_control_character(c) // C.2.2
        || tables::private_use(c) // C.3
        || tables::non_character_code_point(c) // C.4
        || tables::inappropriate_for_plain_text(c) // C.6
        || tables::change_display_properties_or_deprecated(c) // C.8
        || tables::tagging_character(c) // C.9
}

/// RFC 3454 section 6: with a character written from the right, none written from the left, and such a one at both
/// ends. Unassigned ones have no direction.
fn directions_agree(text: &str) -> bool {
    let from_right = |c| tables::bidi_r_or_al(c) && !tables::unassigned_code_point(c);
    let from_left = |c| tables::bidi_l(c) && !tables::unassigned_code_point(c);
    !text.contains(from_right)
        || (!text.contains(from_left) && text.starts_with(from_right) && text.ends_with(from_right))
}

impl fmt::Debug for Prepared<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Prepared(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::ops::RangeInclusive;

    fn text(prepared: Option<Prepared<'_>>) -> Option<String> {
        prepared.map(|prepared| String::from_utf8(prepared.expose().to_vec()).unwrap())
    }

    fn both(raw: &str) -> Option<String> {
        assert_eq!(text(stored(raw.as_bytes())), text(query(raw.as_bytes())), "{raw:?}");
        text(query(raw.as_bytes()))
    }

    #[test]
    fn examples_of_rfc_4013_section_3() {
        assert_eq!(both("I\u{ad}X").as_deref(), Some("IX"));
        assert_eq!(both("user").as_deref(), Some("user"));
        assert_eq!(both("USER").as_deref(), Some("USER"));
        assert_eq!(both("\u{aa}").as_deref(), Some("a"));
        assert_eq!(both("\u{2168}").as_deref(), Some("IX"));
        assert_eq!(both("\u{7}"), None);
        assert_eq!(both("\u{627}1"), None);
    }

    #[test]
    fn what_changes_and_what_stays() {
        for same in ["pencil", " a b~", "p\u{e4}ssw\u{f6}rd", "\u{627}1\u{628}", "\u{65e5}\u{672c}"] {
            assert!(matches!(stored(same.as_bytes()), Some(Prepared::Same(_))), "{same:?}");
        }
        for (raw, prepared) in [("a\u{200b}b", "a b"), ("a\u{308}", "\u{e4}"), ("\u{fdfa}", "\u{635}\u{644}\u{649}")] {
            let Some(Prepared::Changed(changed)) = stored(raw.as_bytes()) else { panic!("{raw:?}") };
            assert!(changed.expose().starts_with(prepared.as_bytes()), "{raw:?}");
        }
    }

    #[test]
    fn what_cannot_be_prepared() {
        for bad in ["", "\u{ad}", "a\tb", "\0", "\u{e000}", "\u{2ff0}", "\u{fffd}", "\u{5d0}a", "1\u{5d0}", "\u{200f}"]
        {
            assert_eq!(both(bad), None, "{bad:?}");
        }
        assert!(stored(b"\xff").is_none() && query(b"caf\xe9").is_none());
        assert_eq!(password(b"caf\xe9").expose(), b"caf\xe9");
        assert_eq!(password(b"a\tb").expose(), b"a\tb");
        assert_eq!(password("\u{2168}".as_bytes()).expose(), b"IX");
    }

    #[test]
    fn what_unicode_3_2_does_not_know_is_left_alone() {
        // A smiley; Digamma in bold, which later versions decompose; a Hebrew letter and a vowel sign of later.
        for later in ["\u{1f600}", "\u{1d7ca}", "\u{5ef}a", "a\u{1dc4}", "e\u{1f600}\u{301}"] {
            assert_eq!(text(query(later.as_bytes())).as_deref(), Some(later), "{later:?}");
            assert!(stored(later.as_bytes()).is_none(), "{later:?}");
        }
        assert_eq!(text(query("\u{2168}\u{1f600}e\u{301}".as_bytes())).as_deref(), Some("IX\u{1f600}\u{e9}"));
    }

    #[test]
    fn traces_of_rfc_4505() {
        for good in
            ["", "sirhc", "tim@example.com", "\u{2168}", "a\u{a0}b", "\u{ad}", "\u{1f600}", "\u{2ff0}", "\u{627}"]
        {
            assert!(is_trace(good), "{good:?}");
        }
        for bad in ["a\n", "\u{85}", "\u{e000}", "\u{fdd0}", "\u{fffd}", "\u{340}", "\u{e0001}", "\u{627}1", "a\u{627}"]
        {
            assert!(!is_trace(bad), "{bad:?}");
        }
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(
            format!("{:?}", [password(b"pencil"), password("\u{2168}".as_bytes())]),
            "[Prepared(..), Prepared(..)]"
        );
    }

    #[test]
    fn a_second_preparation_of_any_character_changes_nothing() {
        let mut changed = 0;
        for c in '\0'..='\u{2ffff}' {
            let (once, mut raw) = (query(c.encode_utf8(&mut [0; 4]).as_bytes()).map(|p| p.expose().to_vec()), [0; 4]);
            let Some(once) = once else { continue };
            assert!(matches!(query(&once), Some(Prepared::Same(_))), "{c:?}");
            changed += usize::from(once != c.encode_utf8(&mut raw).as_bytes());
        }
        assert!(changed > 4000, "{changed} changed");
    }

    /// Characters that compose, decompose, vanish, or came after Unicode 3.2, in scripts written from the left.
    const LETTERS: &[RangeInclusive<char>] = &[
        ' '..='~',
        '\u{a0}'..='\u{58f}',
        '\u{900}'..='\u{11ff}',
        '\u{1d00}'..='\u{3fff}',
        '\u{ac00}'..='\u{ac20}',
        '\u{f900}'..='\u{faff}',
        '\u{fe00}'..='\u{fe0f}',
        '\u{1d400}'..='\u{1d7ff}',
    ];

    proptest! {
        #[test]
        fn a_second_preparation_of_any_text_changes_nothing(raw in proptest::collection::vec(prop::char::ranges(LETTERS.into()), 1..8)) {
            let raw = String::from_iter(raw);
            let (stored_once, query_once) = (stored(raw.as_bytes()), query(raw.as_bytes()));
            if let Some(once) = &query_once {
                prop_assert!(matches!(query(once.expose()), Some(Prepared::Same(_))));
            }
            if let Some(once) = stored_once {
                prop_assert!(matches!(stored(once.expose()), Some(Prepared::Same(_))));
                prop_assert!(query_once.is_some_and(|queried| queried.expose() == once.expose()));
            }
        }
    }
}
