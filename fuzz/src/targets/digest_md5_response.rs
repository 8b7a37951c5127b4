//! The response of DIGEST-MD5, as a server reads it.

use crate::world::stranger;

pub(super) fn run(input: &[u8]) {
    assert!(!stranger("DIGEST-MD5", None, [input, b""]));
}
