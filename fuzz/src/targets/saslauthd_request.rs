//! A client's bytes on the socket of saslauthd.

use sasl_wire::{
    frame::Decoded,
    saslauthd::{MAX_FIELD, decode_request, encode_request},
};

pub(super) fn run(input: &[u8]) {
    let Ok(Decoded::Complete(request)) = decode_request(input, MAX_FIELD) else { return };
    let mut again = Vec::new();
    encode_request(&request, &mut again);
    assert!(input.starts_with(&again));
    assert_eq!(decode_request(&again, MAX_FIELD), Ok(Decoded::Complete(request)));
}
