//! Channel bindings: SCRAM with and without `-PLUS`, and what is offered.

use crate::play::{builder, client, host, play, tim, users};
use sasl_core::{
    catalogue,
    channel::{
        Channel,
        binding::{BindingType, ChannelBinding},
    },
    failure::{Failure, Reason},
    policy::{Binding, Policy},
    server::Server,
};

const PLUS: &str = "SCRAM-SHA-256-PLUS";
const PLAIN: &str = "SCRAM-SHA-256";

fn bound(kind: BindingType, data: &str) -> Channel {
    Channel::tls(256).with_binding(ChannelBinding::new(kind, data))
}

fn required() -> Policy {
    Policy::default().with_channel_binding(Binding::Required)
}

fn meet(server: &Server, ours: &Channel, theirs: &Channel, name: &str) -> Result<(), Failure> {
    let response = client(tim()).start(theirs, name)?;
    play(server, ours, (name, response), &users()).map(drop)
}

#[test]
fn both_sides_on_one_connection_succeed_by_each_type() {
    for kind in [BindingType::TlsUnique, BindingType::TlsServerEndPoint, BindingType::TlsExporter] {
        let channel = bound(kind, "data");
        meet(&builder().build(), &channel, &channel, PLUS).unwrap();
        meet(&builder().policy(required()).build(), &channel, &channel, PLUS).unwrap();
    }
}

#[test]
fn somebody_in_between_is_noticed() {
    let (here, there) = (bound(BindingType::TlsExporter, "here"), bound(BindingType::TlsExporter, "there"));
    let failure = meet(&builder().build(), &here, &there, PLUS).unwrap_err();
    assert_eq!((failure.reason(), failure.to_string()), (Reason::ChannelBinding, "authentication failed".into()));
    let other_type = bound(BindingType::TlsUnique, "here");
    assert_eq!(meet(&builder().build(), &here, &other_type, PLUS).unwrap_err().reason(), Reason::ChannelBinding);
}

/// Somebody took `-PLUS` off the list that the client saw: `y` tells.
#[test]
fn an_offer_that_was_altered_is_noticed() {
    let channel = bound(BindingType::TlsExporter, "data");
    let client = client(tim());
    let choice = client.choose(&channel, [PLAIN, "PLAIN"]).unwrap();
    let start = |server: &Server| play(server, &channel, (PLAIN, choice.begin().unwrap()), &users()).map(drop);
    assert_eq!(start(&builder().build()).unwrap_err().reason(), Reason::ChannelBinding);
    let without_plus = builder().mech_list([PLAIN, "PLAIN"]).build();
    start(&without_plus).expect("that server never offered it");
}

/// A name that nobody knows must not pass for the one that was taken away; and `-PLUS` of another hash function is another offer.
#[test]
fn an_altered_offer_is_noticed_whatever_was_put_in() {
    let channel = bound(BindingType::TlsExporter, "data");
    let client = client(tim());
    let choice = client.choose(&channel, [PLAIN, "X-PLUS", "SCRAM-SHA-999-PLUS"]).unwrap();
    let start = |server: &Server| play(server, &channel, (PLAIN, choice.begin().unwrap()), &users()).map(drop);
    assert_eq!(start(&builder().build()).unwrap_err().reason(), Reason::ChannelBinding);
    start(&builder().mech_list([PLAIN, "SCRAM-SHA-1-PLUS"]).build()).expect("that server never offered it");
}

#[test]
fn a_client_binds_where_it_can() {
    let (channel, client) = (bound(BindingType::TlsExporter, "data"), client(tim()));
    let chosen = |channel: &Channel| client.choose(channel, [PLAIN, "PLAIN", PLUS]).unwrap().name().to_string();
    assert_eq!(chosen(&channel), PLUS);
    assert_eq!(chosen(&Channel::tls(256)), PLAIN);
    let weaker_hash = client.choose(&channel, [PLAIN, "SCRAM-SHA-1-PLUS"]).unwrap();
    assert_eq!(weaker_hash.name().as_str(), "SCRAM-SHA-1-PLUS", "somebody may have taken the other -PLUS off the list");
    assert_eq!(weaker_hash.next().unwrap_err().reason(), Reason::NoMechanism, "nor may it be had by a refusal");
    let strict = sasl_core::client::Client::new(catalogue::ALL, host(), tim()).with_policy(required());
    assert_eq!(strict.choose(&channel, [PLAIN, "PLAIN"]).unwrap_err().reason(), Reason::NoMechanism);
    assert_eq!(strict.choose(&channel, [PLAIN, PLUS]).unwrap().name().as_str(), PLUS);
}

#[test]
fn where_it_is_required_nothing_else_is_offered_or_accepted() {
    let server = builder().policy(required()).build();
    let channel = bound(BindingType::TlsUnique, "data");
    let offer: Vec<_> = server.offer(&channel).map(|name| name.to_string()).collect();
    assert_eq!(offer, ["SCRAM-SHA-512-PLUS", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS"]);
    assert_eq!(server.offer(&Channel::tls(256)).count(), 0);
    assert_eq!(meet(&server, &channel, &Channel::tls(256), PLAIN).unwrap_err().reason(), Reason::ChannelBinding);
    for name in ["PLAIN", "CRAM-MD5", "DIGEST-MD5"] {
        assert_eq!(meet(&server, &channel, &channel, name).unwrap_err().reason(), Reason::NoMechanism, "{name}");
    }
}

/// libsasl2's client sends `p=` under the name without `-PLUS`.
#[test]
fn the_name_without_plus_may_bind_too() {
    let channel = bound(BindingType::TlsUnique, "data");
    for policy in [Policy::default(), required()] {
        let server = builder().policy(policy).build();
        let response = client(tim()).start(&channel, PLUS).unwrap();
        play(&server, &channel, (PLAIN, response), &users()).unwrap();
    }
}
