//! A daemon's bytes, as a client of saslauthd reads them.

use sasl_wire::{frame::Decoded, saslauthd::decode_reply};

pub(super) fn run(input: &[u8]) {
    match decode_reply(input) {
        Decoded::Complete(text) => assert!(input[2..].starts_with(text)),
        Decoded::Short(missing) => assert!(missing > 0 && input.len() < 2 + usize::from(u16::MAX)),
    }
}
