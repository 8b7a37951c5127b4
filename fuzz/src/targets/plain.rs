//! PLAIN, as a server reads it.

use crate::world::{PASSWORD, stranger};

pub(super) fn run(input: &[u8]) {
    if stranger("PLAIN", Some(input), []) {
        assert!(input.ends_with(&[b"\0", PASSWORD].concat()));
    }
    assert_eq!(stranger("PLAIN", None, [input]), stranger("PLAIN", Some(input), []));
}
