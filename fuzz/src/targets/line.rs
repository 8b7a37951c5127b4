//! Lines of base64, as they come in.

use sasl_core::line::{Incoming, MAX_EXCESS, MAX_LINE, Outgoing, decode, decode_initial, decode_response};

pub(super) fn run(input: &[u8]) {
    let mut incoming = Incoming::new(MAX_LINE);
    let pieces: usize = input.chunks(7).map(|piece| incoming.take(piece)).sum();
    let end = input.iter().position(|octet| *octet == b'\n').map(|end| end + 1);
    if input.len() <= MAX_EXCESS {
        assert_eq!((incoming.has_ended(), pieces), (end.is_some(), end.unwrap_or(input.len())));
    } else {
        assert!(incoming.has_ended() || pieces == input.len(), "neither at its end nor too long");
    }

    let Ok(line) = incoming.line() else { return };
    assert!(end.is_some_and(|end| end <= MAX_LINE) && !line.contains(&b'\n'));
    assert_eq!(decode_response(line).is_ok(), decode(line).is_ok());
    if let Ok(message) = decode(line) {
        let written = Outgoing::new("").base64(&message);
        assert_eq!(written.as_bytes().strip_suffix(b"\r\n"), Some(line));
    }
    if let Ok(Some(message)) = decode_initial(Some(line)) {
        let written = Outgoing::new("").initial(Some(&message));
        assert_eq!(written.as_bytes().strip_suffix(b"\r\n"), Some([b" ", line].concat().as_slice()));
    }
}
