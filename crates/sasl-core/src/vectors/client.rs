//! Recorded servers against our client.

use super::{Exchange, Message, exchanges};
use crate::{
    catalogue, client::Client, client_step::Established, credentials::Credentials, failure::Failure,
    guarantees::Guarantees, mechanisms::digest_md5::Directives, policy::Policy, secret::Secret,
};

/// Sends what our client sends; gives every message of it, and how it ended.
fn replay(exchange: Exchange) -> (Vec<Vec<u8>>, Result<Established, Failure>) {
    let mut sent = Vec::new();
    let ended = converse(&client(exchange), exchange, &exchange.messages(), &mut sent);
    (sent, ended)
}

/// Our client in place of the recorded one.
pub(super) fn client(exchange: Exchange) -> Client {
    let secret = |name| Secret::new(exchange.param(name).unwrap_or_default());
    let user = exchange.param("user").unwrap_or_default();
    let mut credentials = match exchange.mechanism() {
        "EXTERNAL" => Credentials::external(),
        "ANONYMOUS" => Credentials::anonymous(&exchange.text("trace").unwrap_or_default()),
        "OAUTHBEARER" => Credentials::with_token(exchange.param("authzid").unwrap_or_default(), secret("token")),
        "XOAUTH2" => Credentials::with_token(user, secret("token")),
        _ => Credentials::new(user, secret("password")),
    };
    if let Some(other) = exchange.param("authzid").filter(|other| !other.is_empty()) {
        credentials = credentials.acting_as(other);
    }
    if let Some(realm) = exchange.param("realm_sent") {
        credentials = credentials.in_realm(realm);
    }
    let (min, max, buffer) = exchange.strength("client");
    let policy = Policy::default().demanding(Guarantees::NONE).with_strength(min, max).with_max_buffer(buffer);
    Client::new(catalogue::ALL, exchange.host(), credentials)
        .with_policy(policy)
        .with_recorded_nonce(&exchange.text("cnonce").unwrap_or("OA6MHXh6VqTrRk".into()))
}

/// Carries on with what the server says among `messages`; `sent` is what the client says.
pub(super) fn converse(
    client: &Client,
    exchange: Exchange,
    messages: &[Message],
    sent: &mut Vec<Vec<u8>>,
) -> Result<Established, Failure> {
    let mut response = client.start(&exchange.channel(), exchange.mechanism())?;
    let mut data = None;
    sent.extend(response.message().map(<[u8]>::to_vec));
    let initial_recorded = messages.first().is_some_and(|(_, how, _)| *how == "initial-response");
    let mut challenges = messages.iter().filter(|(from, ..)| *from == "S").peekable();
    if response.message().is_some() && !initial_recorded {
        challenges.next_if(|(.., bytes)| bytes.is_empty());
    }
    if exchange.mechanism() == "LOGIN" && initial_recorded {
        response = response.challenge(b"the prompt that the initial response spares")?;
        sent.extend(response.message().map(<[u8]>::to_vec));
    }
    for (_, how, challenge) in challenges {
        if *how == "success-data" {
            data = Some(challenge);
            continue;
        }
        response = response.challenge(challenge)?;
        sent.extend(response.message().map(<[u8]>::to_vec));
    }
    response.succeeded(data.map(Vec::as_slice))
}

/// Recordings of hand-made messages tell what their server thought of them, not what a client sends; and a
/// wrong password, a layer or an old nonce leads elsewhere.
fn is_a_clients(exchange: Exchange) -> bool {
    let by_hand = exchange.0["source"].as_str().unwrap().contains("hand-made client");
    let again = exchange.id().contains("reauth");
    // A client told to name another host; gsasl's, which takes a realm that is not offered, or part of one.
    let own_mind =
        matches!(exchange.id(), "cy-digest-uri-other-host" | "gc-cy-digest-other-realm" | "gg-digest-two-realms");
    // One round of PBKDF2 is too few for ours; a name without -PLUS where it binds; an empty authorization identity.
    let own_mind = own_mind
        || exchange.expect() == Some("client should refuse")
        || exchange.id() == "cy-scram-cb-critical-nonplus-name"
        || exchange.id().starts_with("gcli-cy-scram-")
        || !exchange.0["layer_cases"].is_null();
    // libsasl2's adds the name of its host to the trace.
    let own_host = matches!(exchange.id(), "cy-anon" | "cc-dv-anon");
    let password = ["EXTERNAL", "ANONYMOUS", "OAUTHBEARER", "XOAUTH2"].contains(&exchange.mechanism())
        || exchange.param("password").is_some();
    !by_hand && !again && !own_mind && !own_host && exchange.succeeded() && password
}

/// What may differ: DIGEST-MD5's order, and the readings of its character set rule.
fn same_message(exchange: Exchange, ours: &[u8], recorded: &[u8]) -> Result<(), String> {
    if exchange.mechanism() != "DIGEST-MD5" || recorded.is_empty() {
        return if ours == recorded { Ok(()) } else { Err(format!("{:?} for {:?}", show(ours), show(recorded))) };
    }
    let (ours, recorded) = (Directives::parse(ours).unwrap(), Directives::parse(recorded).unwrap());
    let names = ["username", "realm", "nonce", "cnonce", "nc", "qop", "digest-uri", "authzid", "response"];
    let differs = names.into_iter().find(|name| ours.one(name).unwrap() != recorded.one(name).unwrap());
    differs.map_or(Ok(()), |name| Err(format!("{name}: {:?} for {:?}", ours.one(name), recorded.one(name))))
}

fn show(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn our_client_says_what_recorded_clients_said() {
    let (mut compared, mut wrong) = (0, Vec::new());
    for exchange in exchanges().filter(|exchange| is_a_clients(*exchange) && !exchange.id().starts_with("cyclient-")) {
        let (sent, ended) = replay(exchange);
        if exchange.0["computed"]["hash_variant"].as_str().is_some_and(|reading| reading != "per-field-latin1") {
            continue; // another reading of the character set rule: our server takes it, our client has the RFC's
        }
        compared += 1;
        match ended {
            Ok(established) => exchange.check_layer(established.into_layer(), ["c2s", "s2c"]),
            Err(failure) => wrong.push(format!("{}: {:?}", exchange.id(), failure)),
        }
        let recorded = exchange.messages().into_iter().filter(|(from, ..)| *from == "C").map(|(.., bytes)| bytes);
        for (ours, recorded) in sent.iter().zip(recorded) {
            if let Err(difference) = same_message(exchange, ours, &recorded) {
                wrong.push(format!("{}: {difference}", exchange.id()));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {compared}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(compared > 30, "{compared} compared");
}

#[test]
fn our_client_takes_and_refuses_what_it_should_of_hand_made_servers() {
    let (mut judged, mut wrong) = (0, Vec::new());
    for exchange in exchanges().filter(|exchange| exchange.id().starts_with("cyclient-")) {
        let got = replay(exchange).1;
        let expect = exchange.expect().unwrap_or(if exchange.succeeded() { "accept" } else { "reject" });
        let right = match expect {
            "accept" => got.is_ok(),
            "either" => true,
            expect if expect.starts_with("reject") => got.is_err(),
            other => panic!("unknown {other}"),
        };
        judged += 1;
        if !right {
            wrong.push(format!("{}: {expect}, got {got:?} ({})", exchange.id(), exchange.0["anomaly"]));
        }
    }
    assert!(wrong.is_empty(), "{} of {judged}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(judged > 20, "{judged} judged");
}
