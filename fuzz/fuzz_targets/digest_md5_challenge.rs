//! The challenge of DIGEST-MD5 and the server's proof, as a client reads them, with 0xff between them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sasl_fuzz::{CHANNEL, PASSWORD, client};

fuzz_target!(|input: &[u8]| {
    let mut messages = input.splitn(2, |byte| *byte == 0xff);
    let begun = client(PASSWORD).start(&CHANNEL, "DIGEST-MD5").expect("a client begins");
    let Ok(response) = begun.challenge(messages.next().unwrap_or_default()) else { return };
    assert!(response.succeeded(messages.next()).is_err(), "a server that knows no password proved itself");
});
