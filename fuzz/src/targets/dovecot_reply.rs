//! A daemon's lines, as a client of Dovecot's authentication protocol reads them.

use sasl_wire::dovecot::client::Client;

pub(super) fn run(input: &[u8]) {
    let (mut whole, mut pieces) = (Client::new(), Client::new());
    let events = |client: &mut Client| {
        let mut events = Vec::new();
        while let Ok(Some(event)) = client.next_event() {
            events.push(event);
        }
        events
    };
    whole.receive(input);
    let at_once = events(&mut whole);
    let mut bit_by_bit = Vec::new();
    for piece in input.chunks(7) {
        pieces.receive(piece);
        bit_by_bit.extend(events(&mut pieces));
    }
    assert_eq!(at_once, bit_by_bit);
}
