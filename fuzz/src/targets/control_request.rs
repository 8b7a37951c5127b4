//! What comes in over the control socket, and what its client reads.

use sasl_wire::{
    control::{MAX_HEAD, decode_request, decode_response},
    frame::Decoded,
};

const LONGEST_BODY: usize = 100;

pub(super) fn run(input: &[u8]) {
    match decode_request(input, LONGEST_BODY) {
        Ok(Decoded::Complete(request)) => {
            assert!(request.body.len() <= LONGEST_BODY && !request.method.contains(&b'\n'));
        }
        // Whoever waits for more has room for it.
        Ok(Decoded::Short(missing)) => assert!(missing > 0 && input.len() + missing <= MAX_HEAD + LONGEST_BODY),
        Err(_) => {}
    }
    if let Some((_, body)) = decode_response(input) {
        assert!(input.ends_with(body.as_bytes()));
    }
}
