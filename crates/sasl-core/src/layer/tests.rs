use super::*;
use proptest::prelude::*;

const PROTECTIONS: [Protection; 4] = [Protection::Integrity, Protection::Rc4, Protection::Des, Protection::TripleDes];

/// Both ends of a layer, whose one direction is as the other.
fn pair(protection: Protection, maxbuf: usize) -> (Encoder, Decoder) {
    let agreed = Agreed { protection, ssf: 1, own_maxbuf: maxbuf, peer_maxbuf: maxbuf };
    let keys = Keys { signing: *b"signing key here", sealing: *b"sealing key here" };
    Layer::new(&agreed, &keys, &keys).split()
}

fn packets(encoder: &mut Encoder, messages: &[&str]) -> Vec<Vec<u8>> {
    let packet = |message: &&str| {
        let mut wire = Vec::new();
        encoder.encode(message.as_bytes(), &mut wire);
        wire
    };
    messages.iter().map(packet).collect()
}

fn decode(decoder: &mut Decoder, wire: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut plain = Vec::new();
    decoder.decode(wire, &mut plain).map(|()| plain)
}

/// Decodes in pieces of these lengths, and the rest at once.
fn decode_in_pieces(decoder: &mut Decoder, mut wire: &[u8], pieces: &[usize]) -> Vec<u8> {
    let mut plain = Vec::new();
    for length in pieces {
        let (piece, rest) = wire.split_at(wire.len().min(*length));
        decoder.decode(piece, &mut plain).unwrap();
        wire = rest;
    }
    decoder.decode(wire, &mut plain).unwrap();
    plain
}

#[test]
fn a_message_is_cut_to_what_the_peer_takes() {
    for (protection, added) in [(Protection::Integrity, 16), (Protection::Rc4, 25), (Protection::Des, 25)] {
        let (mut encoder, _) = pair(protection, 1000);
        assert_eq!(encoder.max_plaintext(), 1000 - added - 4);
        for (plain, count) in [(0, 0), (1, 1), (encoder.max_plaintext(), 1), (encoder.max_plaintext() + 1, 2)] {
            let mut wire = Vec::new();
            encoder.encode(&vec![b'x'; plain], &mut wire);
            let mut lengths = Vec::new();
            while let Some((length, rest)) = wire.split_first_chunk() {
                lengths.push(u32::from_be_bytes(*length) as usize);
                wire = rest[lengths[lengths.len() - 1]..].to_vec();
            }
            assert_eq!(lengths.len(), count, "{protection:?} {plain}");
            assert!(lengths.iter().all(|length| *length <= 1000 - 4), "{lengths:?}");
        }
    }
}

#[test]
fn a_maxbuf_without_room_still_lets_single_octets_through() {
    let (mut encoder, mut decoder) = pair(Protection::Integrity, 17);
    let mut wire = Vec::new();
    encoder.encode(b"ab", &mut wire);
    assert_eq!(decode(&mut decoder, &wire).unwrap(), b"ab");
}

#[test]
fn every_change_of_one_octet_is_refused() {
    let long = "a message of more than one block of 64 octets, counted with its number";
    for protection in PROTECTIONS {
        for (message, step) in [("hello", 1), (long, 50)] {
            let wire = packets(&mut pair(protection, 100).0, &[message]).concat();
            for (at, change) in (0..wire.len()).flat_map(|at| (1..=255).step_by(step).map(move |change| (at, change))) {
                let mut changed = wire.clone();
                changed[at] ^= change;
                let mut decoder = pair(protection, 100).1;
                let mut plain = b"before".to_vec();
                // A length that says more waits for more; what comes then does not help.
                let refused = [&changed[..], &[0; 100]].iter().any(|wire| decoder.decode(wire, &mut plain).is_err());
                assert!(refused && plain == b"before", "{protection:?}: octet {at} changed by {change:#x}");
            }
        }
    }
}

#[test]
fn packets_left_out_or_sent_again_are_refused_and_so_is_all_that_follows() {
    for protection in PROTECTIONS {
        let sent = packets(&mut pair(protection, 100).0, &["one", "two", "three"]);
        for (first, then) in [(&[][..], 1), (&[0], 0), (&[0], 2), (&[0, 1], 0), (&[0, 1], 1)] {
            let mut decoder = pair(protection, 100).1;
            first.iter().for_each(|at: &usize| drop(decode(&mut decoder, &sent[*at]).unwrap()));
            assert!(decode(&mut decoder, &sent[then]).is_err(), "{protection:?}: {first:?}, then {then}");
            for after in [&sent[first.len()][..], b""] {
                assert!(decode(&mut decoder, after).is_err(), "{protection:?}: {first:?}, {then}, {after:?}");
            }
        }
    }
}

#[test]
fn what_came_before_a_bad_packet_in_one_piece_is_there() {
    for protection in PROTECTIONS {
        let (mut encoder, mut decoder) = pair(protection, 100);
        let [first, second] = packets(&mut encoder, &["one", "two"]).try_into().unwrap();
        let mut plain = Vec::new();
        assert!(decoder.decode(&[&first[..], &second, &first].concat(), &mut plain).is_err());
        assert_eq!(plain, b"onetwo");
    }
}

#[test]
fn a_length_out_of_range_is_refused_as_soon_as_it_is_there() {
    for (length, refused) in [(0, true), (15, true), (16, false), (100, false), (101, true), (u32::MAX, true)] {
        let (first, last) = (length.to_be_bytes()[..3].to_vec(), length.to_be_bytes()[3]);
        let mut decoder = pair(Protection::Integrity, 100).1;
        decode(&mut decoder, &first).unwrap();
        assert_eq!(decode(&mut decoder, &[last]).is_err(), refused, "{length}");
    }
}

#[test]
fn numbers_begin_again_after_the_last() {
    for protection in PROTECTIONS {
        let (mut encoder, mut decoder) = pair(protection, 100);
        encoder.number = u32::MAX;
        decoder.opener.as_mut().unwrap().number = u32::MAX;
        let sent = packets(&mut encoder, &["last", "first"]);
        assert!(sent[0].ends_with(&[0xff; 4]) && sent[1].ends_with(&[0; 4]));
        assert_eq!(decode(&mut decoder, &sent.concat()).unwrap(), b"lastfirst");
    }
}

/// A packet without a message, which nobody needs to send.
#[test]
fn a_connection_may_end_between_packets_alone() {
    let (mut encoder, mut decoder) = pair(Protection::Rc4, 100);
    let wire = packets(&mut encoder, &["one", "two"]).concat();
    let whole = wire.len() / 2;
    for (at, octet) in wire.iter().enumerate() {
        assert_eq!(decoder.is_between_packets(), at % whole == 0, "{at}");
        decode(&mut decoder, &[*octet]).unwrap();
    }
    assert!(decoder.is_between_packets());
}

#[test]
fn an_empty_message_is_a_message() {
    for protection in PROTECTIONS {
        let (mut encoder, mut decoder) = pair(protection, 100);
        let mut wire = Vec::new();
        let start = packet::begin(&mut wire);
        encoder.seal(&mut wire, start);
        packet::end(&mut wire, start, 0);
        assert_eq!(decode(&mut decoder, &wire).unwrap(), b"");
    }
}

/// Encrypted with openssl(1), the rest computed by hand: libsasl2 as Debian has it cannot do 3DES.
#[test]
fn packets_of_des_and_3des() {
    for (protection, expected) in [
        (
            Protection::Des,
            [
                "000000163f114709d817b5e19fd45d113605470e000100000000",
                "00000026e7eadf95d731bd7d3d176e256e701bd11ca26b8781aec1bdcc2663bb9ce5ee14000100000001",
            ],
        ),
        (
            Protection::TripleDes,
            [
                "00000016a6f3cd13f34cf9386c900e74c3601da6000100000000",
                "000000260e19e253018f3f6ce543a5e414fbf7319a696a92144e5ac9871cd91505f38b47000100000001",
            ],
        ),
    ] {
        let sent = packets(&mut pair(protection, 100).0, &["hello", "a longer message"]);
        let hex = |packet: &Vec<u8>| packet.iter().map(|octet| format!("{octet:02x}")).collect::<String>();
        assert_eq!(sent.iter().map(hex).collect::<Vec<_>>(), expected);
    }
}

#[test]
fn debug_shows_nothing() {
    let agreed = Agreed { protection: Protection::Rc4, ssf: 128, own_maxbuf: 100, peer_maxbuf: 100 };
    let keys = Keys { signing: [1; 16], sealing: [2; 16] };
    let layer = Layer::new(&agreed, &keys, &keys);
    assert_eq!(format!("{layer:?}"), "Layer(..)");
    assert_eq!(format!("{:?}", layer.split()), "(Encoder(..), Decoder(..))");
}

#[test]
fn both_halves_can_go_to_other_threads() {
    fn is_send<T: Send>() {}
    is_send::<(Layer, Encoder, Decoder)>();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn what_is_encoded_is_decoded_in_whatever_pieces(
        protection in prop::sample::select(&PROTECTIONS[..]),
        maxbuf in 30..3000_usize,
        messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3000), 0..4),
        pieces in prop::collection::vec(0..700_usize, 0..20),
    ) {
        let (mut encoder, mut decoder) = pair(protection, maxbuf);
        let mut wire = Vec::new();
        messages.iter().for_each(|message| encoder.encode(message, &mut wire));
        prop_assert_eq!(decode_in_pieces(&mut decoder, &wire, &pieces), messages.concat());
        prop_assert!(decoder.packets.kept() <= maxbuf + 4);
    }

    #[test]
    fn what_comes_octet_by_octet_is_decoded(
        protection in prop::sample::select(&PROTECTIONS[..]),
        message in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let (mut encoder, mut decoder) = pair(protection, 100);
        let mut wire = Vec::new();
        encoder.encode(&message, &mut wire);
        prop_assert_eq!(decode_in_pieces(&mut decoder, &wire, &vec![1; wire.len()]), message);
    }
}
