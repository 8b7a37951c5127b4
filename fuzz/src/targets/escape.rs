//! A peer's bytes on their way into a log: one clean line, from which the bytes could be read again.

use sasl_core::escape::Escaped;

pub(super) fn run(input: &[u8]) {
    let line = Escaped(input).to_string();
    assert!(!line.chars().any(char::is_control), "{line:?}");
    let halves = input.split_at(input.len() / 2);
    assert!(halves.0 == halves.1 || Escaped(halves.0).to_string() != Escaped(halves.1).to_string());
}
