//! CRAM-MD5: a server with a stranger, and a client with a stranger.

use crate::world::{CHANNEL, PASSWORD, client, stranger};

pub(super) fn run(input: &[u8]) {
    assert!(!stranger("CRAM-MD5", None, [input]));
    assert!(!stranger("CRAM-MD5", Some(input), []));
    let response = client(PASSWORD).start(&CHANNEL, "CRAM-MD5").expect("a client begins");
    if let Ok(response) = response.challenge(input) {
        assert!(response.message().is_some_and(|message| message.starts_with(b"tim@example.com ")));
        assert!(response.challenge(input).is_err());
    }
}
