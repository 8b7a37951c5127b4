//! EXTERNAL and ANONYMOUS: who somebody is by other means, and nobody in particular.

use crate::play::{builder, client, play, users};
use sasl_core::{
    channel::Channel,
    credentials::Credentials,
    failure::{Failure, Reason},
    guarantees::Guarantees,
    identity::Login,
    policy::{Policy, Proxy},
    secret::Secret,
    step::{Success, Verdict},
    store::{Store, Unavailable},
    verifier::Verifiers,
};

/// Lets everybody act as everybody.
struct Trusting;

impl Store for Trusting {
    fn verifiers(&self, _: &Login) -> Result<Option<Verifiers>, Unavailable> {
        Ok(None)
    }

    fn may_act_as(&self, _: &Login, _: &Login) -> Verdict {
        Verdict::Accept
    }
}

fn external(policy: Policy, credentials: Credentials) -> Result<Success, Failure> {
    let channel = Channel::tls(256).with_external("/CN=Tim/emailAddress=tim@example.com");
    let response = client(credentials).start(&channel, "EXTERNAL")?;
    let both = play(&builder().policy(policy).build(), &channel, ("EXTERNAL", response), &Trusting);
    both.map(|(success, _)| success)
}

#[test]
fn the_channel_says_who_it_is() {
    let success = external(Policy::default(), Credentials::external()).unwrap();
    assert_eq!(success.identity().login().to_bytes(), b"/CN=Tim/emailAddress=tim@example.com");
    assert_eq!(success.identity().acts_as(), success.identity().login());
}

#[test]
fn the_client_may_ask_to_act_as_another() {
    let other = || Credentials::external().acting_as("tim@example.com");
    assert_eq!(external(Policy::default(), other()).unwrap_err().reason(), Reason::NotAuthorized);
    let success = external(Policy::default().with_proxy(Proxy::Ask), other()).unwrap();
    assert_eq!(success.identity().acts_as().to_bytes(), b"tim@example.com");
}

#[test]
fn nobody_known_by_the_channel_is_no_offer_and_no_start() {
    let (server, unknown) = (builder().build(), Channel::tls(256));
    assert!(server.offer(&unknown).all(|name| name.as_str() != "EXTERNAL"));
    let known = unknown.clone().with_external("tim");
    assert!(server.offer(&known).any(|name| name.as_str() == "EXTERNAL"));
    let response = client(Credentials::external()).start(&known, "EXTERNAL").unwrap();
    let failure = play(&server, &unknown, ("EXTERNAL", response), &Trusting).unwrap_err();
    assert_eq!(failure.reason(), Reason::NoMechanism);
}

/// libsasl2's client would choose EXTERNAL and then fail.
#[test]
fn a_client_passes_over_external_where_it_presented_nothing() {
    let client = client(Credentials::new("tim", Secret::new("tanstaaf")).or_external());
    let chosen = |channel: &Channel| client.choose(channel, ["EXTERNAL", "PLAIN"]).unwrap().name().to_string();
    assert_eq!(chosen(&Channel::tls(256)), "PLAIN");
    assert_eq!(chosen(&Channel::tls(256).with_external("me")), "EXTERNAL");
}

#[test]
fn after_a_refusal_a_client_goes_on_to_the_next() {
    let client = client(Credentials::new("tim", Secret::new("tanstaaf")).or_external());
    let channel = Channel::tls(256).with_external("me");
    let choice = client.choose(&channel, ["PLAIN", "LOGIN", "EXTERNAL", "XOAUTH2"]).unwrap();
    let choice = choice.next().unwrap();
    assert_eq!(choice.name().as_str(), "PLAIN");
    assert_eq!(choice.next().unwrap().next().unwrap_err().reason(), Reason::NoMechanism);
}

#[test]
fn anonymous_is_for_policies_that_ask_for_it_and_leaves_a_trace() {
    let channel = Channel::plain();
    let start = || client(Credentials::anonymous("tim@example.com"));
    assert_eq!(start().start(&channel, "ANONYMOUS").unwrap_err().reason(), Reason::NoMechanism, "by default");
    let policy = || Policy::default().demanding(Guarantees::NO_PLAINTEXT);
    let response = start().with_policy(policy()).start(&channel, "ANONYMOUS").unwrap();
    let server = builder().policy(policy()).build();
    let (success, _) = play(&server, &channel, ("ANONYMOUS", response), &users()).unwrap();
    assert_eq!(
        (success.identity().login().to_bytes(), success.trace()),
        (b"anonymous".to_vec(), Some("tim@example.com"))
    );
    let strict = builder().build();
    assert!(strict.offer(&channel).all(|name| name.as_str() != "ANONYMOUS"));
}

#[test]
fn a_trace_is_cut_to_255_characters_and_has_no_control_characters() {
    use sasl_core::step::Reply;
    let server = builder().policy(Policy::default().demanding(Guarantees::NONE)).build();
    let trace =
        |text: &str| match server.start(&Channel::plain(), "ANONYMOUS", Some(text.as_bytes())).answered_by(&users()) {
            Reply::Done(success) => success.trace().map(str::to_owned),
            _ => None,
        };
    assert_eq!(trace(&"é".repeat(300)).unwrap().chars().count(), 255);
    assert_eq!(trace("").as_deref(), Some(""));
    for bad in ["a\nb", "\u{1b}[31m", &"x".repeat(1021)] {
        assert_eq!(trace(bad), None, "{bad:?}");
    }
}

/// Else whoever writes the offer would choose as whom we act.
#[test]
fn a_mechanism_that_cannot_carry_an_authorization_identity_is_not_for_who_has_one() {
    let client = client(Credentials::new("tim", Secret::new("tanstaaf")).acting_as("list"));
    let channel = Channel::tls(256);
    assert_eq!(client.choose(&channel, ["CRAM-MD5", "LOGIN", "PLAIN"]).unwrap().name().as_str(), "PLAIN");
    assert_eq!(client.choose(&channel, ["CRAM-MD5", "LOGIN"]).unwrap_err().reason(), Reason::NoMechanism);
    assert_eq!(client.start(&channel, "CRAM-MD5").unwrap_err().reason(), Reason::Malformed);
}

/// Some directories take an empty password for a success, so nobody is asked.
#[test]
fn an_empty_password_is_none() {
    use sasl_core::step::{Reply, Step};
    let (server, channel) = (builder().build(), Channel::tls(256));
    let plain = server.start(&channel, "PLAIN", Some(b"\0tim\0"));
    let Step::Reply(Reply::Continue(prompt)) = server.start(&channel, "LOGIN", Some(b"tim")) else { panic!() };
    for (step, reason) in [(plain, Reason::Malformed), (prompt.respond(b""), Reason::BadCredentials)] {
        let Step::Reply(Reply::Fail(failure)) = step else { panic!("somebody is asked: {step:?}") };
        assert_eq!(failure.reason(), reason);
    }
}
