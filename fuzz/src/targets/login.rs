//! LOGIN, as a server reads it: a name and a password, with 0xff between them.

use crate::world::{PASSWORD, USER, stranger};

pub(super) fn run(input: &[u8]) {
    let responses: Vec<_> = input.splitn(2, |byte| *byte == 0xff).collect();
    let right = matches!(responses[..], [name, PASSWORD] if USER.as_bytes().starts_with(name));
    assert!(right || !stranger("LOGIN", None, responses.iter().copied()));
    stranger("LOGIN", Some(responses[0]), responses[1..].iter().copied());
}
