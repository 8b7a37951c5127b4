//! Where a line ends.

use crate::frame::Decoded;

/// The version that is spoken here. The first number is the one that counts.
pub const VERSION: [u32; 2] = [1, 2];

/// The longest line with its end, in bytes: as many as Dovecot takes.
pub const MAX_LINE: usize = 16 * 1024;

/// A line that is longer than [`MAX_LINE`], or is going to be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct TooLong;

/// Splits the first line off, without its end; and what is behind it.
///
/// # Errors
/// [`TooLong`].
pub fn split_line(bytes: &[u8]) -> Result<Decoded<[&[u8]; 2]>, TooLong> {
    match bytes.iter().take(MAX_LINE).position(|byte| *byte == b'\n') {
        Some(end) => Ok(Decoded::Complete([&bytes[..end], &bytes[end + 1..]])),
        None if bytes.len() >= MAX_LINE => Err(TooLong),
        None => Ok(Decoded::Short(1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_ends_with_a_line_feed_and_has_a_bound() {
        assert_eq!(split_line(b"A\tb\nC"), Ok(Decoded::Complete([&b"A\tb"[..], b"C"])));
        assert_eq!(split_line(b"A\tb"), Ok(Decoded::Short(1)));
        let longest = [&[b'x'; MAX_LINE - 1][..], b"\n"].concat();
        assert!(matches!(split_line(&longest), Ok(Decoded::Complete([_, b""]))));
        assert_eq!(split_line(&longest[..MAX_LINE - 1]), Ok(Decoded::Short(1)));
        assert_eq!(split_line(&[b'x'; MAX_LINE]), Err(TooLong));
    }
}
