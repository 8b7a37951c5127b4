//! What a helper process answers: a reply of saslauthd's whose phrase is a word and a time.
//!
//! ```text
//! OK
//! NO WORD MICROSECONDS
//! ```

use sasl_system::finding::Finding;
use sasl_wire::{
    frame::Decoded,
    saslauthd::{Reply, decode_reply, encode_reply},
};
use std::{borrow::Cow, time::Duration};

/// What was found, and how long a refusal is to take.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "it is what the channel has")]
pub struct Answer {
    /// What was found.
    pub finding: Finding,
    /// How long PAM wants the user to wait. Nobody has waited yet.
    pub delay: Duration,
}

/// The bytes on the channel are no answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing to say of it")]
pub struct NoAnswer;

/// How long the number is that a request and its answer begin with, in bytes. Whatever else a module writes is no answer.
pub const NUMBER: usize = 4;

/// No answer takes more bytes behind it.
pub const LONGEST: usize = 64;

const WORDS: [(Finding, &str); 6] = [
    (Finding::Wrong, "wrong"),
    (Finding::NoPassword, "no-password"),
    (Finding::Unknown, "unknown"),
    (Finding::PasswordExpired, "password-expired"),
    (Finding::Account, "account"),
    (Finding::Unavailable, "unavailable"),
];

impl Answer {
    /// An answer at once.
    #[must_use]
    pub const fn at_once(finding: Finding) -> Self {
        Self { finding, delay: Duration::ZERO }
    }

    /// The bytes for the channel.
    #[must_use]
    pub fn encode(self) -> Cow<'static, [u8]> {
        match WORDS.iter().find(|(finding, _)| *finding == self.finding) {
            Some((_, word)) => encode_reply(Reply::No(Some(&format!("{word} {}", self.delay.as_micros())))),
            None => encode_reply(Reply::Ok),
        }
    }

    /// Reads an answer from the start of `input`.
    ///
    /// # Errors
    /// [`NoAnswer`] where a helper would not have written it.
    pub fn decode(input: &[u8]) -> Result<Decoded<Self>, NoAnswer> {
        match decode_reply(input) {
            Decoded::Complete(text) => read(text).map(Decoded::Complete).ok_or(NoAnswer),
            Decoded::Short(missing) => Ok(Decoded::Short(missing)),
        }
    }
}

fn read(text: &[u8]) -> Option<Answer> {
    let text = str::from_utf8(text).ok()?;
    if text == "OK" {
        return Some(Answer::at_once(Finding::Accepted));
    }
    let (word, microseconds) = text.strip_prefix("NO ")?.split_once(' ')?;
    let (finding, _) = WORDS.iter().find(|(_, known)| *known == word)?;
    Some(Answer { finding: *finding, delay: Duration::from_micros(microseconds.parse().ok()?) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded() {
        for finding in WORDS.map(|(finding, _)| finding).into_iter().chain([Finding::Accepted]) {
            let delay = Duration::from_micros(if finding == Finding::Accepted { 0 } else { u64::MAX });
            let bytes = Answer { finding, delay }.encode();
            assert_eq!(Answer::decode(&bytes), Ok(Decoded::Complete(Answer { finding, delay })));
            assert!(bytes.len() <= LONGEST);
            for end in 0..bytes.len() {
                assert!(matches!(Answer::decode(&bytes[..end]), Ok(Decoded::Short(_))), "{end}");
            }
        }
    }

    #[test]
    fn the_bytes() {
        assert_eq!(&*Answer::at_once(Finding::Accepted).encode(), b"\0\x02OK");
        assert_eq!(&*Answer::at_once(Finding::Wrong).encode(), b"\0\x0aNO wrong 0");
        let slow = Answer { finding: Finding::Account, delay: Duration::from_millis(1500) };
        assert_eq!(&*slow.encode(), b"\0\x12NO account 1500000");
    }

    #[test]
    fn what_no_helper_writes_is_no_answer() {
        for text in [
            "",
            "O",
            "OK ",
            "OKAY",
            "NO",
            "NO ",
            "NO wrong",
            "NO wrong ",
            "NO wrong -1",
            "NO other 0",
            "NO wrong 0 0",
            "ok",
        ] {
            let bytes = [&[0, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
            assert_eq!(Answer::decode(&bytes), Err(NoAnswer), "{text:?}");
        }
    }
}
