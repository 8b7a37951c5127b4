//! PLAIN, as a server reads it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sasl_fuzz::{PASSWORD, stranger};

fuzz_target!(|input: &[u8]| {
    if stranger("PLAIN", Some(input), []) {
        assert!(input.ends_with(&[b"\0", PASSWORD].concat()));
    }
    assert_eq!(stranger("PLAIN", None, [input]), stranger("PLAIN", Some(input), []));
});
