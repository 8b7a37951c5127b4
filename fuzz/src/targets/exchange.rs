//! Both our halves, with some bytes of their messages changed on the way.
//!
//! The first byte chooses mechanism and password; then each change is a message, a place and what is done to the byte there.

use crate::world::{CHANNEL, PASSWORD, SERVER, answered, client};
use sasl_core::{client_step::Response, step::Reply};

pub(super) fn run(input: &[u8]) {
    let Some((choice, changes)) = input.split_first() else { return };
    let mechanism = MECHANISMS[usize::from(choice & 7)];
    let password = if choice & 8 == 0 { PASSWORD } else { b"guess" };
    let wire = Wire { changes, sent: 0 };
    let untouched = wire.changes.chunks_exact(3).all(|change| change[2] == 0);
    let entered = exchange(mechanism, password, wire);
    assert!(!entered || password == PASSWORD, "in by {mechanism} with a wrong password");
    assert!(entered || password != PASSWORD || !untouched, "kept out by {mechanism} with the right password");
}

const MECHANISMS: [&str; 8] = [
    "PLAIN",
    "LOGIN",
    "CRAM-MD5",
    "DIGEST-MD5",
    "SCRAM-SHA-1",
    "SCRAM-SHA-256",
    "SCRAM-SHA-256-PLUS",
    "SCRAM-SHA-512-PLUS",
];

/// Whether both sides say that the client is in.
fn exchange(mechanism: &str, password: &[u8], mut wire: Wire<'_>) -> bool {
    let mut response = client(password).start(&CHANNEL, mechanism).expect("a client begins");
    let initial = response.message().map(|message| wire.carry(message));
    let mut reply = answered(SERVER.start(&CHANNEL, mechanism, initial.as_deref()));
    loop {
        let (next, challenge) = match reply {
            Reply::Continue(challenge) => (response.challenge(&wire.carry(challenge.message())), challenge),
            Reply::Done(success) => return ends_well(response, success.data()),
            Reply::Fail(_) => return false,
        };
        let Ok(next) = next else { return false };
        reply = answered(challenge.respond(&wire.carry(next.message().unwrap_or_default())));
        response = next;
    }
}

fn ends_well(response: Response, data: Option<&[u8]>) -> bool {
    response.succeeded(data).is_ok()
}

struct Wire<'a> {
    changes: &'a [u8],
    sent: u8,
}

impl Wire<'_> {
    fn carry(&mut self, message: &[u8]) -> Vec<u8> {
        let mut carried = message.to_vec();
        for change in self.changes.chunks_exact(3).filter(|change| change[0] % 8 == self.sent) {
            if let Some(byte) = carried.get_mut(usize::from(change[1])) {
                *byte ^= change[2];
            }
        }
        self.sent += 1;
        carried
    }
}
