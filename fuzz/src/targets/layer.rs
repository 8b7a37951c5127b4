//! The security layer of DIGEST-MD5, with each protection: what one end makes, whole, changed and in pieces, and a stranger's
//! bytes, as the other end reads them.
//!
//! The first byte chooses the protection, the second how long a piece is, the third and the fourth what is changed where.

use crate::world::{PASSWORD, answered, client};
use sasl_core::{
    catalogue, channel::Channel, host::Host, identity::Realm, layer::Layer, policy::Policy, server::Server, step::Reply,
};

const STRENGTHS: [u32; 6] = [1, 40, 55, 56, 112, 128];

pub(super) fn run(input: &[u8]) {
    let Some(([choice, length, place, change], text)) = input.split_first_chunk() else { return };
    let (mut client, mut server) = layer(STRENGTHS[usize::from(*choice) % STRENGTHS.len()]);
    let length = usize::from(*length) + 1;
    let (read, _) = carry(&mut client, &mut server, text, length, |_| ());
    assert!(read == text, "what is encoded is decoded");
    let tamper = |wire: &mut [u8]| {
        let place = usize::from(*place) % wire.len().max(1);
        wire.iter_mut().skip(place).take(1).for_each(|octet| *octet ^= change);
    };
    let (read, refused) = carry(&mut server, &mut client, text, length, tamper);
    let untouched = text.is_empty() || *change == 0;
    assert!(text.starts_with(&read), "nothing is read that was not sent");
    assert!(if untouched { read == text && !refused } else { read != text }, "what was changed is not read");
    let mut read = Vec::new();
    let refused = text.chunks(length).any(|piece| server.decode(piece, &mut read).is_err());
    assert!(read.is_empty(), "a stranger is not read");
    assert!(!refused || server.decode(b"", &mut read).is_err(), "a layer that failed once fails");
}

/// What `to` reads of what `from` sends, a line a message, and whether it refuses any of it.
fn carry(
    from: &mut Layer,
    to: &mut Layer,
    text: &[u8],
    length: usize,
    tamper: impl FnOnce(&mut [u8]),
) -> (Vec<u8>, bool) {
    let (mut wire, mut read) = (Vec::new(), Vec::new());
    text.split_inclusive(|octet| *octet == b'\n').for_each(|line| from.encode(line, &mut wire));
    tamper(&mut wire);
    let refused = wire.chunks(length).any(|piece| to.decode(piece, &mut read).is_err());
    (read, refused)
}

/// Both ends of a layer of so many bits.
fn layer(bits: u32) -> (Layer, Layer) {
    let policy = Policy::default().with_strength(bits, bits).with_max_buffer(256);
    let host = Host::new("smtp", "mail.example.com");
    let server = Server::builder(catalogue::STANDARD, host).policy(policy.clone());
    let server = server.default_realm(Realm::parse("example.com").expect("a realm")).build();
    let client = client(PASSWORD).with_policy(policy);
    let channel = Channel::plain();
    let mut response = client.start(&channel, "DIGEST-MD5").expect("a client begins");
    let mut reply = answered(server.start(&channel, "DIGEST-MD5", response.message()));
    while let Reply::Continue(challenge) = reply {
        response = response.challenge(challenge.message()).expect("a challenge");
        reply = answered(challenge.respond(response.message().unwrap_or_default()));
    }
    let Reply::Done(success) = reply else { panic!("no success") };
    let established = response.succeeded(success.data()).expect("a server");
    (established.into_layer().expect("a layer"), success.into_layer().expect("a layer"))
}
