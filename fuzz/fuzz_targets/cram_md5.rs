//! CRAM-MD5: a server with a stranger, and a client with a stranger.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sasl_fuzz::{CHANNEL, PASSWORD, client, stranger};

fuzz_target!(|input: &[u8]| {
    assert!(!stranger("CRAM-MD5", None, [input]));
    assert!(!stranger("CRAM-MD5", Some(input), []));
    let response = client(PASSWORD).start(&CHANNEL, "CRAM-MD5").expect("a client begins");
    if let Ok(response) = response.challenge(input) {
        assert!(response.message().is_some_and(|message| message.starts_with(b"tim@example.com ")));
        assert!(response.challenge(input).is_err());
    }
});
