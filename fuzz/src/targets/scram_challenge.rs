//! Both messages of a SCRAM server, with 0xff between them, as a client reads them that does not know the password.

use crate::world::{CHANNEL, client};

pub(super) fn run(input: &[u8]) {
    let mut messages = input.splitn(2, |octet| *octet == 0xff);
    let begun = client(b"guess").start(&CHANNEL, "SCRAM-SHA-256-PLUS").expect("a client begins");
    let Ok(response) = begun.challenge(messages.next().unwrap_or_default()) else { return };
    assert!(response.message().is_some_and(|message| message.starts_with(b"c=") && message.len() <= 2048));
    assert!(response.succeeded(messages.next()).is_err(), "a server proved to know what is not the password");
}
