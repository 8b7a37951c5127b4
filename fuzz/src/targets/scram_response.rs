//! Both messages of a SCRAM client, with 0xff between them, as a server reads them, tied to its channel or not.

use crate::world::stranger;

pub(super) fn run(input: &[u8]) {
    let messages: Vec<_> = input.splitn(2, |octet| *octet == 0xff).collect();
    for mechanism in ["SCRAM-SHA-1", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-512"] {
        stranger(mechanism, Some(messages[0]), messages[1..].iter().copied().chain([&b""[..]]));
    }
}
