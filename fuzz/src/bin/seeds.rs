//! Makes seeds: of what was recorded, and of exchanges of our own halves. `fuzz/seed` runs it.
//!
//! Its files are those whose name begins with `recorded-` or `own-`; all others were written by hand, and stay.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use sasl_core::{
    catalogue,
    channel::{
        Channel,
        binding::{BindingType, ChannelBinding},
    },
    client::Client,
    credentials::Credentials,
    guarantees::Guarantees,
    host::Host,
    identity::Login,
    mechanism::{First, Mechanism, Proof},
    policy::{Policy, Proxy},
    secret::Secret,
    server::Server,
    step::{Ask, Reply, Step, TokenVerdict, Verdict},
    verifier::{Scheme, Verifier, cram_md5::CramMd5, scram::Scram},
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    fs,
    path::Path,
};

/// At most so many recorded ones for a target: seeds are to be few.
const MOST: usize = 10;

/// What is longer says nothing that shorter ones do not.
const LONGEST: usize = 1200;

/// The password of `world.rs`, which a stranger may know.
const PASSWORD: &[u8] = b"tanstaaftanstaaf";

type Messages = Vec<Vec<u8>>;

type Seeds = BTreeMap<&'static str, Vec<(String, Vec<u8>)>>;

fn main() -> Result<(), Box<dyn Error>> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR"));
    let vectors = fs::read(fuzz.join("../crates/sasl-core/testdata/vectors.json"))?;
    let vectors: Value = serde_json::from_slice(&vectors)?;
    let mut seeds = Seeds::new();
    rows(&vectors["vectors"]).for_each(|exchange| recorded(exchange, &mut seeds));
    tables(&vectors, &mut seeds);
    own(&mut seeds);
    seeds.iter().try_for_each(|(target, seeds)| write(&fuzz.join("seeds").join(target), seeds))?;
    Ok(())
}

/// Puts seeds that do not look like each other in place of the ones of last time.
fn write(folder: &Path, seeds: &[(String, Vec<u8>)]) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    for file in fs::read_dir(folder)? {
        let file = file?.path();
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("recorded-") || name.starts_with("own-") {
            fs::remove_file(&file)?;
        }
    }
    let mut shapes = BTreeSet::new();
    let others = seeds.iter().filter(|(_, seed)| seed.len() <= LONGEST && shapes.insert(shape(seed)));
    for (_, (name, seed)) in others.enumerate().filter(|(number, (name, _))| *number < MOST || name.starts_with("own-"))
    {
        fs::write(folder.join(name), seed)?;
    }
    Ok(())
}

/// A seed without what its words are.
fn shape(seed: &[u8]) -> Vec<u8> {
    let mut shape: Vec<u8> =
        seed.iter().map(|octet| if octet.is_ascii_alphanumeric() { b'a' } else { *octet }).collect();
    shape.dedup();
    shape
}

fn rows(table: &Value) -> impl Iterator<Item = &Value> {
    table.as_array().into_iter().flatten()
}

/// A recorded exchange, as the parsers of each side read it.
fn recorded(exchange: &Value, seeds: &mut Seeds) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let said = |by: &str| -> Vec<Vec<u8>> {
        let messages = rows(&exchange["exchange"]).filter(|message| message["from"] == *by);
        messages.filter_map(|message| BASE64.decode(text(&message["b64"])).ok()).collect()
    };
    let (client, server) = (said("C").join(&0xff), said("S").join(&0xff));
    let targets = match text(&exchange["mechanism"]).as_str() {
        "PLAIN" => ["plain", "plain"],
        "LOGIN" => ["login", "login"],
        "CRAM-MD5" => ["cram_md5", "cram_md5"],
        "DIGEST-MD5" => ["digest_md5_response", "digest_md5_challenge"],
        "OAUTHBEARER" | "XOAUTH2" => ["oauth", "oauth"],
        scram if scram.starts_with("SCRAM-") => ["scram_response", "scram_challenge"],
        _ => return,
    };
    let name = format!("recorded-{}", text(&exchange["id"]));
    for (target, side, messages) in [(targets[0], "", client), (targets[1], "-server", server)] {
        seeds.entry(target).or_default().push((format!("{name}{side}"), messages));
    }
    let user = text(&exchange["params"]["user"]);
    seeds.entry("identity").or_default().push((name, user.into_bytes()));
}

/// What was recorded besides exchanges.
fn tables(vectors: &Value, seeds: &mut Seeds) {
    let mut put = |target, table: &str, name: &str, read: fn(&str) -> Option<Vec<u8>>| {
        for (number, row) in rows(&vectors[table]).enumerate() {
            let seed = row[name].as_str().and_then(read);
            seeds
                .entry(target)
                .or_default()
                .extend(seed.map(|seed| (format!("recorded-{table}-{name}-{number}"), seed)));
        }
    };
    let as_it_is = |text: &str| Some(text.as_bytes().to_vec());
    put("certificate", "channel_bindings", "certificate_der_hex", hex);
    put("saslprep", "saslprep", "input", as_it_is);
    put("saslprep", "precis", "input", as_it_is);
    put("auth_info", "authinfo", "rhs", as_it_is);
    put("verifier", "secrets", "phc", as_it_is);
    put("verifier", "secrets", "cyrus_authPassword", as_it_is);
    put("mechanism_name", "client_choice_cyrus", "chosen", as_it_is);
    for (number, row) in rows(&vectors["xtext"]["decode"]).enumerate() {
        let text = row["xtext"].as_str().unwrap_or_default();
        for target in ["xtext", "auth_param"] {
            seeds.entry(target).or_default().push((format!("recorded-{number}"), text.into()));
        }
    }
}

fn hex(text: &str) -> Option<Vec<u8>> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}

/// Exchanges of both our halves, so that strangers have something to begin with that is right: nonces are the same each time.
fn own(seeds: &mut Seeds) {
    for (number, mechanism) in (0..).zip(catalogue::ALL) {
        for (name, layer, policy) in LAYERS {
            if *layer == 0 || mechanism.max_ssf > 0 {
                let Some((said, heard)) = exchange(mechanism, policy(Policy::default())) else { continue };
                let strength = if *layer == 0 { 3 } else { 0 };
                // What the fields are, `server_exchange.rs` and `client_exchange.rs` say.
                let server =
                    [&[number, strength, 3, 0, 0, *layer, 0, 0, begins_late(mechanism)], &said.join(&0xff)[..]]
                        .concat();
                let who = [0, 5, 6, 7][proof(mechanism)];
                let packets = if *layer == 0 { 0 } else { 0x10 };
                let client = [&[number, strength, 3, 0, 0, *layer, who, packets], &heard.join(&0xff)[..]].concat();
                let name = format!("own-{}{name}", mechanism.name.as_str().to_ascii_lowercase());
                seeds.entry("server_exchange").or_default().push((name.clone(), server));
                seeds.entry("client_exchange").or_default().push((name, client));
            }
        }
    }
}

type Demand = fn(Policy) -> Policy;

/// The layers of DIGEST-MD5: a name, the octet that chooses the policy, and that policy.
const LAYERS: &[(&str, u8, Demand)] = &[
    ("", 0, |policy| policy),
    ("-any-layer", 1, |policy| policy.with_strength(0, 128)),
    ("-integrity", 2, |policy| policy.with_strength(1, 1).with_max_buffer(256)),
    ("-3des", 6, |policy| policy.with_strength(112, 112).with_max_buffer(60)),
];

/// Whether its client has no initial response.
fn begins_late(mechanism: &Mechanism) -> u8 {
    u8::from(mechanism.first != First::Client)
}

fn proof(mechanism: &Mechanism) -> usize {
    match mechanism.proof {
        Proof::Token => 1,
        Proof::Channel => 2,
        Proof::Nothing => 3,
        _ => 0,
    }
}

/// What the client says, and what the server says; behind that, where there is a layer, a packet.
fn exchange(mechanism: &Mechanism, policy: Policy) -> Option<(Messages, Messages)> {
    let policy = policy.demanding(Guarantees::NONE).with_proxy(Proxy::Ask);
    let channel = if policy.max_ssf() == 0 { Channel::tls(256) } else { Channel::plain() };
    let binding = ChannelBinding::new(BindingType::TlsExporter, "a channel");
    let channel = channel.with_external("tim").with_binding(binding);
    let host = || Host::new("smtp", "mail.example.com");
    let server = Server::builder(catalogue::ALL, host()).policy(policy.clone()).build();
    let secret = || Secret::new(PASSWORD);
    let credentials = match proof(mechanism) {
        0 => Credentials::new("tim", secret()),
        1 => Credentials::with_token("tim", secret()),
        2 => Credentials::external(),
        _ => Credentials::anonymous("tim@example.com"),
    };
    let client = Client::new(catalogue::ALL, host(), credentials).with_policy(policy).with_iterations(1..=64);
    let mut response = client.start(&channel, mechanism.name.as_str()).ok()?;
    let mut step = server.start(&channel, mechanism.name.as_str(), response.message());
    let mut said = Vec::from_iter(response.message().map(<[u8]>::to_vec));
    let mut heard = Messages::new();
    loop {
        step = match step {
            Step::Ask(ask) => answered(ask),
            Step::Reply(Reply::Continue(challenge)) => {
                heard.push(challenge.message().to_vec());
                response = response.challenge(challenge.message()).ok()?;
                said.push(response.message().unwrap_or_default().to_vec());
                challenge.respond(response.message().unwrap_or_default())
            }
            Step::Reply(Reply::Done(success)) => {
                let ends = [response.succeeded(success.data()).ok()?.into_layer(), success.into_layer()];
                for (end, messages) in ends.into_iter().zip([&mut said, &mut heard]) {
                    let mut wire = Vec::new();
                    end.into_iter().for_each(|mut layer| layer.encode(b"MAIL FROM:<>\r\n", &mut wire));
                    messages.extend(Some(wire).filter(|wire| !wire.is_empty()));
                }
                return Some((said, heard));
            }
            Step::Reply(Reply::Fail(failure)) => panic!("{}: {failure:?}", mechanism.name),
        };
    }
}

fn answered(ask: Ask) -> Step {
    match ask {
        Ask::Password(ask) => ask.answer(Verdict::Accept),
        Ask::Verifier(ask) => {
            let verifier = match ask.scheme() {
                Scheme::Scram(hash) => Verifier::Scram(Scram::derive_with(hash, PASSWORD, b"salt", 1)),
                Scheme::CramMd5 => Verifier::CramMd5(CramMd5::derive(PASSWORD)),
                _ => Verifier::Plaintext(Secret::new(PASSWORD)),
            };
            ask.answer(Some(verifier))
        }
        Ask::Token(ask) => ask.answer(TokenVerdict::Accept(Login::parse("tim").expect("a name"))),
        Ask::Proxy(ask) => ask.answer(Verdict::Accept),
        ask => ask.defer(),
    }
}
