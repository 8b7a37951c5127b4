//! A mail server's lines, in Dovecot's authentication protocol.

use sasl_wire::{
    dovecot::{line::split_line, request::Request},
    frame::Decoded,
};

pub(super) fn run(input: &[u8]) {
    let mut rest = input;
    while let Ok(Decoded::Complete([line, behind])) = split_line(rest) {
        rest = behind;
        let Ok(request) = Request::decode(line) else { continue };
        let mut again = Vec::new();
        request.encode(&mut again);
        if request != Request::Other {
            assert_eq!(again.pop(), Some(b'\n'));
            assert!(!again.contains(&b'\n'), "one line stays one");
            assert_eq!(Request::decode(&again), Ok(request));
        }
    }
}
