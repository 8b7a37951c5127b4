//! A peer's bytes on their way into a log: one clean line, from which the bytes could be read again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sasl_core::escape::Escaped;

fuzz_target!(|input: &[u8]| {
    let line = Escaped(input).to_string();
    assert!(!line.chars().any(char::is_control), "{line:?}");
    let halves = input.split_at(input.len() / 2);
    assert!(halves.0 == halves.1 || Escaped(halves.0).to_string() != Escaped(halves.1).to_string());
});
