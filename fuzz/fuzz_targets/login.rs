//! LOGIN, as a server reads it: a name and a password, with 0xff between them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sasl_fuzz::{PASSWORD, USER, stranger};

fuzz_target!(|input: &[u8]| {
    let responses: Vec<_> = input.splitn(2, |byte| *byte == 0xff).collect();
    let right = matches!(responses[..], [name, PASSWORD] if USER.as_bytes().starts_with(name));
    assert!(right || !stranger("LOGIN", None, responses.iter().copied()));
    stranger("LOGIN", Some(responses[0]), responses[1..].iter().copied());
});
