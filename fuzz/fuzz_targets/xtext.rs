//! xtext, and the `AUTH=` parameter that is written in it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sasl_core::{auth_param::AuthParam, xtext};

fuzz_target!(|input: &[u8]| {
    assert_eq!(xtext::decode(xtext::encode(input).as_bytes()).as_deref(), Some(input));
    if let Some(octets) = xtext::decode(input) {
        assert_eq!(xtext::decode(xtext::encode(&octets).as_bytes()), Some(octets));
    }
    if let Some(parameter) = AuthParam::parse(input) {
        assert_eq!(AuthParam::parse(parameter.to_string().as_bytes()), Some(parameter));
    }
});
