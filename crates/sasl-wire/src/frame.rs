//! How much of a message has come.

/// What a decoder made of the bytes so far.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by nature")]
pub enum Decoded<T> {
    /// A whole message.
    Complete(T),
    /// At least so many bytes are still to come.
    Short(usize),
}

/// A counted string: two bytes of length, most significant first, and that many bytes.
pub(crate) fn split_string(input: &[u8]) -> Decoded<(&[u8], &[u8])> {
    let Some((length, rest)) = input.split_first_chunk::<2>() else { return Decoded::Short(2 - input.len()) };
    let length = usize::from(u16::from_be_bytes(*length));
    match rest.split_at_checked(length) {
        Some(string_and_rest) => Decoded::Complete(string_and_rest),
        None => Decoded::Short(length - rest.len()),
    }
}

/// Appends a counted string; one that its two bytes of length cannot count is cut.
pub(crate) fn put_string(string: &[u8], out: &mut Vec<u8>) {
    let length = u16::try_from(string.len()).unwrap_or(u16::MAX);
    out.extend(length.to_be_bytes());
    out.extend(&string[..usize::from(length)]);
}
