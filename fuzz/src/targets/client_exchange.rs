//! Our client, with whatever credentials, policy and channel, and a stranger in place of its server.
//!
//! In turn, an octet each: the mechanism, two for the channel, three for the policy, one for the credentials, one for the end. Then
//! what the server says, with 0xff between its messages; where the mechanism is chosen from an offer, that is the first of them.
//! The upper half of the octet for the end counts the last of them that are packets of a layer.

use crate::{
    choices::{Choices, out_of_reach},
    world::{PASSWORD, use_layer},
};
use sasl_core::{
    catalogue,
    channel::Channel,
    client::Client,
    client_step::{Established, Response},
    credentials::Credentials,
    failure::Failure,
    guarantees::Guarantees,
    host::Host,
    mechanism::Mechanism,
    name::MechanismName,
    policy::{Binding, Policy},
    secret::Secret,
};

/// More octets than these no message has, with names and secrets as short as ours.
const MAX_MESSAGE: usize = 8192;

pub(super) fn run(input: &[u8]) {
    assert_eq!(play(input), play(input), "the same input, the same outcome");
}

/// All that the client says, and how it ends.
fn play(input: &[u8]) -> Vec<String> {
    let mut choices = Choices::of(input);
    let names: Vec<&str> = catalogue::ALL.iter().map(|mechanism| mechanism.name.as_str()).chain(["NONE"]).collect();
    let name = choices.one_of(&[&names[..], &["an offer"]].concat());
    let (channel, policy) = (choices.channel(), choices.policy());
    let (who, end) = (choices.octet(), choices.octet());
    let out_of_reach = out_of_reach(input);
    let within_reach = end & 2 == 0;
    let secret = if within_reach { PASSWORD } else { out_of_reach.as_bytes() };
    let client = Client::new(catalogue::ALL, Host::new("smtp", "mail.example.com"), credentials(who, secret));
    let client = client.with_policy(policy.clone()).with_iterations(1..=64);

    let mut messages = choices.messages();
    let mut talk = Talk { secret, policy, channel: &channel, within_reach, said: Vec::new(), mechanism: None };
    let begun = if name == "an offer" {
        let offer = String::from_utf8_lossy(messages.next().unwrap_or_default());
        client.choose(&channel, offer.split(' ')).and_then(|choice| {
            assert!(offer.to_ascii_uppercase().split(' ').any(|offered| offered == choice.name().as_str()));
            talk.mechanism = mechanism(choice.name());
            choice.begin()
        })
    } else {
        talk.mechanism = MechanismName::parse(name).and_then(mechanism);
        client.start(&channel, name)
    };
    let messages: Vec<&[u8]> = messages.collect();
    let (messages, packets) = messages.split_at(messages.len().saturating_sub(usize::from(end >> 4)));
    let ended = begun.and_then(|response| talk.carry_on(response, messages, end));
    talk.said.push(format!("{ended:?}"));
    let Ok(mut established) = ended else { return talk.said };
    if let Some(resumption) = established.take_resumption() {
        let again = resumption.begin(&channel).and_then(|response| talk.carry_on(response, messages, end));
        talk.said.push(format!("{again:?}"));
    }
    established.into_layer().into_iter().for_each(|layer| use_layer(layer, packets.iter().copied()));
    talk.said
}

fn credentials(who: u8, secret: &[u8]) -> Credentials {
    let mut credentials = match who & 7 {
        0..=3 => Credentials::new("tim", Secret::new(secret)),
        4 => Credentials::new("t,i=m\u{ad}\u{e9}", Secret::new([secret, "\u{ad}".as_bytes()].concat())),
        5 => Credentials::with_token("tim", Secret::new(secret)),
        6 => Credentials::external(),
        _ => Credentials::anonymous("tim@example.com"),
    };
    if who & 8 != 0 {
        credentials = credentials.acting_as("ann");
    }
    if who & 16 != 0 {
        credentials = credentials.in_realm("another");
    }
    if who & 32 != 0 { credentials.or_external() } else { credentials }
}

fn mechanism(name: MechanismName) -> Option<&'static Mechanism> {
    catalogue::ALL.iter().copied().find(|mechanism| mechanism.name == name)
}

/// An exchange, and what a client must see to in it.
struct Talk<'a> {
    secret: &'a [u8],
    policy: Policy,
    channel: &'a Channel,
    within_reach: bool,
    said: Vec<String>,
    mechanism: Option<&'static Mechanism>,
}

impl Talk<'_> {
    /// Up to the end of the messages; the last of them may come along with the server's success.
    fn carry_on(&mut self, response: Response, messages: &[&[u8]], end: u8) -> Result<Established, Failure> {
        let (data, challenges) = match messages.split_last() {
            Some((last, others)) if end & 1 != 0 => (Some(*last), others),
            _ => (None, messages),
        };
        self.hear(&response);
        let response = challenges.iter().try_fold(response, |response, challenge| {
            let response = response.challenge(challenge)?;
            self.hear(&response);
            Ok(response)
        })?;
        let established = response.succeeded(data)?;
        assert!(
            self.within_reach || !self.promises(Guarantees::MUTUAL_AUTH),
            "taken for a server that knows the password"
        );
        Ok(established)
    }

    fn hear(&mut self, response: &Response) {
        let message = response.message().unwrap_or_default();
        assert!(message.len() <= MAX_MESSAGE && self.said.len() < 40);
        // What a server knows of, it may have said itself.
        let shows = !self.within_reach && message.windows(self.secret.len()).any(|window| window == self.secret);
        assert!(!shows || !self.promises(Guarantees::NO_PLAINTEXT), "the password in the clear");
        assert!(!shows || self.may_show(), "the password on a channel that is not protected");
        let bound = self.mechanism.is_some_and(|mechanism| mechanism.name.as_str().ends_with("-PLUS"));
        assert!(bound || self.policy.channel_binding() == Binding::Optional, "not bound");
        self.said.push(format!("{} {:?}", message.escape_ascii(), response.refusal()));
    }

    fn may_show(&self) -> bool {
        let demanded = Guarantees::NO_PLAINTEXT.missing_from(self.policy.demands()).is_none();
        self.channel.strength() > 1 || !demanded
    }

    fn promises(&self, promise: Guarantees) -> bool {
        self.mechanism.is_some_and(|mechanism| promise.missing_from(mechanism.guarantees).is_none())
    }
}
