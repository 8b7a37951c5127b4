//! The challenge of DIGEST-MD5 and the server's proof, as a client reads them, with 0xff between them.

use crate::world::{CHANNEL, PASSWORD, client};

pub(super) fn run(input: &[u8]) {
    let mut messages = input.splitn(2, |byte| *byte == 0xff);
    let begun = client(PASSWORD).start(&CHANNEL, "DIGEST-MD5").expect("a client begins");
    let Ok(response) = begun.challenge(messages.next().unwrap_or_default()) else { return };
    assert!(response.succeeded(messages.next()).is_err(), "a server that knows no password proved itself");
}
