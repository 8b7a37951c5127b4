use super::*;
use proptest::prelude::*;
use sasl_core::verifier::{Scheme, Verifier, argon2id::Memory};

fn record(user: &[u8], realm: &[u8]) -> Record {
    let name = Name::new(user, realm).unwrap();
    let schemes = [Scheme::CramMd5, Scheme::DigestMd5];
    let verifiers = Verifiers::derive(&schemes, &name.login(), &[], b"pencil", &mut Memory::default()).unwrap();
    Record::new(name, verifiers).unwrap()
}

#[test]
fn what_is_written_is_read() {
    let written = record(b"tim", b"example.com").with_status(Status::Disabled).unwrap();
    let read = Record::decode(&key(written.name()), &written.encode()).unwrap();
    assert_eq!(
        (read.name(), read.status(), read.changed(), read.stamp()),
        (written.name(), Status::Disabled, written.changed, written.stamp)
    );
    assert_eq!(Stamp::of(&written.encode()).unwrap(), written.stamp);
    assert!(read.verifiers().check(b"pencil", &mut Memory::default()));
}

#[test]
fn writing_a_long_record_leaves_no_copy() {
    let (user, realm) = ([b'u'; 1000], [b'r'; 1000]);
    let encoded = record(&user, &realm).encode();
    assert!(encoded.len() > 2048 && encoded.capacity() == encoded.len(), "it grew, and so it moved");
}

#[test]
fn a_stamp_is_new_with_every_change() {
    let first = record(b"tim", b"r");
    assert_ne!(first.stamp(), record(b"tim", b"r").stamp());
    assert_ne!(first.stamp(), first.clone().with_status(Status::Enabled).unwrap().stamp());
}

#[test]
fn every_flip_of_a_bit_and_every_cut_is_noticed() {
    let record = record(b"tim", b"example.com");
    let (key, value) = (key(record.name()), record.encode());
    for at in 0..value.len() {
        for bit in 0..8 {
            let mut damaged = value.to_vec();
            damaged[at] ^= 1 << bit;
            assert!(Record::decode(&key, &damaged).is_err(), "bit {bit} of byte {at}");
        }
        assert!(Record::decode(&key, &value[..at]).is_err(), "cut at {at}");
    }
}

#[test]
fn a_record_under_anothers_key_is_not_theirs() {
    let (tim, bob) = (record(b"tim", b"r"), record(b"bob", b"r"));
    assert!(matches!(Record::decode(&key(bob.name()), &tim.encode()), Err(Kind::Damaged(_))));
}

#[test]
fn long_names_have_short_keys_and_no_two_names_have_one() {
    let long = vec![b'u'; 1024];
    let names: [(&[u8], &[u8]); 8] = [
        (b"a", b"b"),
        (b"a", b""),
        (b"ab", b""),
        (&long, b"r"),
        (&long[1..], b"r"),
        (&long, &long),
        (b"\xffx", b"r"),
        (b"\xff", b"xr"),
    ];
    let keys: Vec<Vec<u8>> = names.iter().map(|(user, realm)| key(Name::new(user, realm).unwrap()).to_vec()).collect();
    for (at, one) in keys.iter().enumerate() {
        assert!(one.len() <= 511 && one[0] != 0);
        assert!(!keys[..at].contains(one));
    }
}

#[test]
fn what_a_later_version_wrote_is_not_guessed_at() {
    let written = record(b"tim", b"r");
    let (key, mut value) = (key(written.name()), written.encode().to_vec());
    value.extend([99, 0, 0, 0, 0]);
    let checksum = checksum(&key, &value);
    value[HEADER - 8..HEADER].copy_from_slice(&checksum);
    assert!(matches!(Record::decode(&key, &value), Err(Kind::Newer)));
    value[0] = 2;
    assert!(matches!(Stamp::of(&value), Err(Kind::Newer)));
}

proptest! {
    #[test]
    fn no_bytes_panic(value in proptest::collection::vec(any::<u8>(), 0..200), version in any::<bool>()) {
        let value = if version { [&[VERSION][..], &value].concat() } else { value };
        let _ = Record::decode(b"tim\0r", &value);
        let _ = Record::read_fields(&value, Stamp([0; 16]));
    }

    #[test]
    fn any_name_and_password_survive(user in "[^\0]{1,300}", realm in "[^\0]{0,300}", password in any::<Vec<u8>>()) {
        let name = Name::new(user.as_bytes(), realm.as_bytes());
        prop_assume!(name.is_ok());
        let verifiers = [Verifier::Plaintext(Secret::new(password.clone()))].into_iter().collect();
        let record = Record::new(name.unwrap(), verifiers).unwrap();
        let read = Record::decode(&key(record.name()), &record.encode()).unwrap();
        prop_assert_eq!(read.name(), record.name());
        let Some(Verifier::Plaintext(kept)) = read.verifiers().iter().next() else { panic!() };
        prop_assert_eq!(kept.expose(), password);
    }
}
