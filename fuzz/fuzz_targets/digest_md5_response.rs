//! The response of DIGEST-MD5, as a server reads it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sasl_fuzz::stranger;

fuzz_target!(|input: &[u8]| assert!(!stranger("DIGEST-MD5", None, [input, b""])));
