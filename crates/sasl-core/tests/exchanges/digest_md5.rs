//! DIGEST-MD5: layers, realms, clients that come back.

use crate::play::{Both, builder, carry_on, client, play, tim, users};
use sasl_core::{
    channel::Channel,
    client_step::Response,
    credentials::Credentials,
    failure::{Failure, Reason},
    identity::{Login, Realm},
    policy::Policy,
    reauth::Reauth,
    secret::Secret,
    server::Server,
    step::{Challenge, Reply, Step},
    verifier::{Scheme, Verifiers, argon2id::Memory},
};
use std::{collections::HashMap, sync::Arc, time::Duration};

const NAME: &str = "DIGEST-MD5";

fn strength(min: u32, max: u32) -> Policy {
    Policy::default().with_strength(min, max)
}

fn agree(server: Policy, ours: Policy, channel: &Channel) -> Result<Both, Failure> {
    let response = client(tim()).with_policy(ours).start(channel, NAME)?;
    play(&builder().policy(server).build(), channel, (NAME, response), &users())
}

#[test]
fn what_protects_the_connection_is_the_strongest_that_both_allow() {
    let plain = Channel::plain();
    for (server, ours, ssf) in [
        (strength(0, 0), strength(0, 256), 0),
        (strength(0, 256), strength(0, 0), 0),
        (strength(0, 1), strength(0, 256), 1),
        (strength(1, 256), strength(0, 40), 40),
        (strength(0, 256), strength(55, 55), 55),
        (strength(56, 56), strength(0, 256), 56),
        (strength(0, 256), strength(60, 120), 112),
        (strength(0, 256), strength(0, 256), 128),
    ] {
        let (success, established) = agree(server, ours, &plain).unwrap();
        let layers = (success.into_layer(), established.into_layer());
        let bits = |layer: &Option<_>| layer.as_ref().map_or(0, sasl_core::layer::Layer::ssf);
        assert_eq!((bits(&layers.0), bits(&layers.1)), (ssf, ssf));
        let (Some(mut theirs), Some(mut ours)) = layers else { continue };
        for round in 0..3 {
            let text = vec![b'x'; 70_000 * round + 1];
            let (mut wire, mut read) = (Vec::new(), Vec::new());
            theirs.encode(&text, &mut wire);
            wire.chunks(1000).for_each(|piece| ours.decode(piece, &mut read).unwrap());
            assert!(read == text, "{ssf} bits, round {round}");
            (wire, read) = (Vec::new(), Vec::new());
            ours.encode(&text, &mut wire);
            theirs.decode(&wire, &mut read).unwrap();
            assert!(read == text, "{ssf} bits, round {round}, back");
        }
    }
}

#[test]
fn what_both_do_not_allow_is_refused() {
    let plain = Channel::plain();
    let weak = agree(strength(0, 1), strength(56, 256), &plain).unwrap_err();
    assert_eq!(weak.reason(), Reason::TooWeak);
    let none = agree(strength(0, 0), strength(1, 256), &plain).unwrap_err();
    assert_eq!(none.reason(), Reason::TooWeak);
    let no_room = agree(strength(0, 256).with_max_buffer(0), strength(0, 256), &plain).unwrap();
    assert!(no_room.0.into_layer().is_none());
}

#[test]
fn tls_counts_as_much_as_it_is_worth() {
    let (success, _) = agree(strength(0, 256), strength(0, 256), &Channel::tls(256)).unwrap();
    assert!(success.into_layer().is_none());
    let (success, _) = agree(strength(129, 256), strength(0, 256), &Channel::tls(128)).unwrap();
    assert_eq!(success.into_layer().unwrap().ssf(), 128);
}

#[test]
fn packets_are_no_longer_than_the_other_side_takes() {
    let small = strength(128, 256).with_max_buffer(1000);
    let (success, established) = agree(small, strength(128, 256), &Channel::plain()).unwrap();
    let (mut server, mut client) = (success.into_layer().unwrap(), established.into_layer().unwrap());
    assert_eq!(client.max_plaintext(), 1000 - 25 - 4);
    let (mut wire, mut plain) = (Vec::new(), Vec::new());
    client.encode(&[7; 5000], &mut wire);
    server.decode(&wire, &mut plain).unwrap();
    assert_eq!(plain, [7; 5000]);
    assert!(server.max_plaintext() > 60_000);
}

#[test]
fn a_packet_must_have_room_for_a_message() {
    let meet = |bytes: u32, max: u32| {
        let tiny = strength(1, max).with_max_buffer(bytes);
        [agree(tiny.clone(), strength(1, max), &Channel::plain()), agree(strength(1, max), tiny, &Channel::plain())]
    };
    for (bytes, max, room) in [(17, 1, false), (63, 128, false), (64, 128, true), (64, 1, true)] {
        for met in meet(bytes, max) {
            assert_eq!(met.as_ref().err().map(Failure::reason), (!room).then_some(Reason::Malformed), "{bytes} {max}");
            let Ok((success, established)) = met else { continue };
            let (mut server, mut client) = (success.into_layer().unwrap(), established.into_layer().unwrap());
            let (mut wire, mut plain) = (Vec::new(), Vec::new());
            client.encode(b"hello", &mut wire);
            server.decode(&wire, &mut plain).unwrap();
            assert_eq!(plain, b"hello");
        }
    }
}

/// Several realms are offered, and a user has a password in each.
#[test]
fn a_client_chooses_among_several_realms() {
    let login = |text: &str| Login::parse(text).unwrap();
    let kept = |name: &str, password: &[u8]| {
        Verifiers::derive(&[Scheme::DigestMd5], &login(name), &[], password, &mut Memory::default()).unwrap()
    };
    let users = HashMap::from(
        [("tim@a", b"one"), ("tim@b", b"two")].map(|(name, password)| (login(name), kept(name, password))),
    );
    let realm = |text: &str| Realm::parse(text).unwrap();
    let server = builder().default_realm(realm("a")).digest_realms([realm("b")]).build();
    let enter = |realm: &str, password: &str| {
        let credentials = Credentials::new("tim", Secret::new(password)).in_realm(realm);
        let response = client(credentials).start(&Channel::plain(), NAME).unwrap();
        let both = play(&server, &Channel::plain(), (NAME, response), &users);
        both.map(|(success, _)| String::from_utf8(success.identity().login().to_bytes()).unwrap())
    };
    assert_eq!(enter("a", "one").unwrap(), "tim@a");
    assert_eq!(enter("b", "two").unwrap(), "tim@b");
    assert_eq!(enter("c", "one").unwrap(), "tim@a", "the first, where the wanted one is not offered");
    assert_eq!(enter("b", "one").unwrap_err().reason(), Reason::BadCredentials);
}

fn remembering() -> (Server, Arc<Reauth>) {
    let reauth = Arc::new(Reauth::new(10, Duration::from_secs(60), || Duration::ZERO));
    (builder().reauth(Arc::clone(&reauth)).build(), reauth)
}

fn first(server: &Server) -> Both {
    let response = client(tim()).start(&Channel::plain(), NAME).unwrap();
    play(server, &Channel::plain(), (NAME, response), &users()).unwrap()
}

fn again(server: &Server, (_, established): &mut Both) -> Result<Both, Failure> {
    let resumption = established.take_resumption().expect("DIGEST-MD5 has one");
    play(server, &Channel::plain(), (NAME, resumption.begin(&Channel::plain())?), &users())
}

fn challenged(server: &Server, message: &[u8]) -> Challenge {
    match server.start(&Channel::plain(), NAME, Some(message)).answered_by(&users()) {
        Reply::Continue(challenge) => challenge,
        other => panic!("{other:?}"),
    }
}

fn is_stale(challenge: &Challenge) -> bool {
    challenge.message().windows(10).any(|text| text == b"stale=true")
}

#[test]
fn a_client_comes_back_with_one_message_time_and_again() {
    let (server, _) = remembering();
    let mut both = first(&server);
    for _ in 0..3 {
        both = again(&server, &mut both).unwrap();
    }
    assert_eq!(both.0.identity().login().to_bytes(), b"tim");
}

#[test]
fn a_message_of_before_is_good_for_nothing() {
    let (server, _) = remembering();
    let mut both = first(&server);
    let response = both.1.take_resumption().unwrap().begin(&Channel::plain()).unwrap();
    let message = response.message().unwrap().to_vec();
    assert!(challenged(&server, &message).message().starts_with(b"rspauth="));
    let replayed = challenged(&server, &message);
    assert!(replayed.message().starts_with(b"nonce=") && is_stale(&replayed));
}

#[test]
fn a_server_that_forgot_asks_for_a_whole_exchange_and_gets_it() {
    let mut both = first(&remembering().0);
    let (restarted, _) = remembering();
    let mut both = again(&restarted, &mut both).unwrap();
    again(&restarted, &mut both).unwrap();
    let without_memory = builder().build();
    again(&without_memory, &mut first(&restarted)).unwrap();
}

/// Else whoever makes up a nonce could try passwords, and break off before anybody hears of it.
#[test]
fn a_nonce_that_is_not_remembered_is_stale_whatever_comes_with_it() {
    let (server, _) = remembering();
    let response = client(tim()).start(&Channel::plain(), NAME).unwrap();
    let step = server.start(&Channel::plain(), NAME, None).answered_by(&users());
    let Reply::Continue(challenge) = step else { panic!() };
    let right = response.challenge(challenge.message()).unwrap().message().unwrap().to_vec();
    for message in [&right, &with_another_proof(&right)] {
        let step = server.start(&Channel::plain(), NAME, Some(message));
        assert!(matches!(step, Step::Reply(_)), "the store is not even asked");
        assert!(is_stale(&challenged(&server, message)));
    }
    assert!(!is_stale(&challenged(&server, b"nonsense")));
}

/// Changes a digit of the response.
fn with_another_proof(message: &[u8]) -> Vec<u8> {
    let digit = message.windows(9).position(|text| text == b"response=").unwrap() + 9;
    let mut wrong = message.to_vec();
    wrong[digit] = if wrong[digit] == b'0' { b'1' } else { b'0' };
    wrong
}

#[test]
fn a_wrong_attempt_fails_and_takes_the_nonce_away() {
    let (server, reauth) = remembering();
    let mut both = first(&server);
    let response = both.1.take_resumption().unwrap().begin(&Channel::plain()).unwrap();
    let message = response.message().unwrap().to_vec();
    let reply = server.start(&Channel::plain(), NAME, Some(&with_another_proof(&message))).answered_by(&users());
    assert!(matches!(reply, Reply::Fail(failure) if failure.reason() == Reason::BadCredentials));
    assert_eq!(format!("{reauth:?}"), "Reauth(0 of 10 nonces)");
    assert!(is_stale(&challenged(&server, &message)));
}

/// TLS made up for the layer the first time.
#[test]
fn a_client_that_is_challenged_anew_demands_what_the_new_channel_lacks() {
    let policy = strength(56, 256);
    let server = || builder().policy(strength(0, 256)).build();
    let tls = Channel::tls(56);
    let response = client(tim()).with_policy(policy).start(&tls, NAME).unwrap();
    let (_, mut established) = play(&server(), &tls, (NAME, response), &users()).unwrap();
    let again = established.take_resumption().unwrap().begin(&Channel::plain()).unwrap();
    let weak = builder().policy(strength(0, 0)).build();
    let failure = play(&weak, &Channel::plain(), (NAME, again), &users()).unwrap_err();
    assert_eq!(failure.reason(), Reason::TooWeak);
}

#[test]
fn a_client_that_comes_back_has_a_layer_with_keys_of_its_own() {
    let reauth = Arc::new(Reauth::new(10, Duration::from_secs(60), || Duration::ZERO));
    let server = builder().policy(strength(0, 256)).reauth(reauth).build();
    let response = client(tim()).with_policy(strength(1, 256)).start(&Channel::plain(), NAME).unwrap();
    let mut both = play(&server, &Channel::plain(), (NAME, response), &users()).unwrap();
    let (success, established) = again(&server, &mut both).unwrap();
    let (mut server_layer, mut ours) = (success.into_layer().unwrap(), established.into_layer().unwrap());
    let (mut wire, mut plain) = (Vec::new(), Vec::new());
    ours.encode(b"hello", &mut wire);
    server_layer.decode(&wire, &mut plain).unwrap();
    assert_eq!(plain, b"hello");
}

#[test]
fn a_weaker_channel_is_not_for_a_client_that_comes_back() {
    let tls = Channel::tls(256);
    let response = client(tim()).with_policy(strength(128, 0)).start(&tls, NAME).unwrap();
    let (server, _) = remembering();
    let (_, mut established) = play(&server, &tls, (NAME, response), &users()).unwrap();
    let refused = established.take_resumption().unwrap().begin(&Channel::plain()).unwrap_err();
    assert_eq!(refused.reason(), Reason::TooWeak);
}

/// A client that sends ISO 8859-1 and no charset is looked up in UTF-8.
#[test]
fn a_name_in_latin_1_is_found_in_utf_8() {
    let (login, realm) = (Login::parse("josé").unwrap(), Realm::parse("mail.example.com").unwrap());
    let kept = Verifiers::derive(&[Scheme::DigestMd5], &login, &[realm], "pässwörd".as_bytes(), &mut Memory::default());
    let users = HashMap::from([(login.clone(), kept.unwrap())]);
    let (server, client) = (builder().build(), client(Credentials::new("josé", Secret::new("pässwörd"))));
    let Reply::Continue(challenge) = server.start(&Channel::plain(), NAME, None).answered_by(&users) else { panic!() };
    let without_charset = String::from_utf8(challenge.message().to_vec()).unwrap().replace("charset=utf-8,", "");
    let response: Response =
        client.start(&Channel::plain(), NAME).unwrap().challenge(without_charset.as_bytes()).unwrap();
    assert!(response.message().unwrap().starts_with(b"username=\"jos\xe9\""));
    let reply = challenge.respond(response.message().unwrap()).answered_by(&users);
    let (success, _) = carry_on(reply, response, &users).unwrap();
    assert_eq!(success.identity().login(), &login);
}
