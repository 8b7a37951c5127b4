//! Every recorded exchange of the mechanisms we have, replayed against both our halves.
//!
//! `testdata/vectors.json` says who recorded what. Where the peer's verdict is not the one we want, the vector's
//! `expect` says ours.

mod client;
mod layer;
mod mutants;
mod mutated_clients;
mod mutated_servers;
mod server;

use crate::{
    auth_info::AuthInfo,
    auth_param::AuthParam,
    catalogue,
    channel::{
        Channel,
        binding::{BindingType, ChannelBinding},
    },
    client::Client,
    credentials::Credentials,
    guarantees::Guarantees,
    hex,
    host::Host,
    layer::Layer,
    mechanisms::digest_md5::Directives,
    policy::{Binding, Policy, Proxy},
    prepare::{self, Prepared},
    secret::Secret,
    server::Server,
    verifier::{
        Verifier,
        cram_md5::CramMd5,
        digest_md5::{DigestMd5, readings},
        scram::{Hash, Scram},
    },
    xtext,
};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde_json::Value;
use std::sync::LazyLock;

static VECTORS: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../testdata/vectors.json")).expect("the vectors are JSON"));

/// Exchanges of our mechanisms.
fn exchanges() -> impl Iterator<Item = Exchange> {
    VECTORS["vectors"]
        .as_array()
        .unwrap()
        .iter()
        .map(Exchange)
        .filter(|exchange| catalogue::ALL.iter().any(|mechanism| mechanism.name.as_str() == exchange.mechanism()))
}

/// From whom, as what, and the bytes.
type Message = (&'static str, &'static str, Vec<u8>);

/// One recorded exchange.
#[derive(Clone, Copy)]
struct Exchange(&'static Value);

impl Exchange {
    fn id(self) -> &'static str {
        self.0["id"].as_str().unwrap()
    }

    fn mechanism(self) -> &'static str {
        self.0["mechanism"].as_str().unwrap()
    }

    /// A parameter, also one whose bytes are no clean UTF-8.
    fn param(self, name: &str) -> Option<Vec<u8>> {
        let params = &self.0["params"];
        let raw = params[format!("{name}_b64")].as_str().map(|text| BASE64.decode(text).unwrap());
        raw.or_else(|| params[name].as_str().map(|text| text.as_bytes().to_vec()))
    }

    fn text(self, name: &str) -> Option<String> {
        self.param(name).map(|text| String::from_utf8(text).unwrap())
    }

    fn host(self) -> Host {
        let host = Host::new(
            &self.text("service").unwrap_or("smtp".into()),
            &self.text("host").unwrap_or("mail.example.com".into()),
        );
        match self.0["params"]["port"].as_u64() {
            Some(port) => host.with_port(u16::try_from(port).unwrap()),
            None => host,
        }
    }

    /// What lay below, as the server saw it.
    fn servers_channel(self) -> Channel {
        let other = |kind, data: &[u8]| Channel::plain().with_binding(ChannelBinding::new(kind, data));
        match self.id() {
            "cy-scram-plus-data-mismatch" => other(BindingType::TlsUnique, b"another"),
            "cy-scram-plus-name-mismatch" => other(BindingType::TlsExporter, &self.param("cb_data").unwrap()),
            _ => self.channel(),
        }
    }

    /// What lay below, as the client saw it.
    fn channel(self) -> Channel {
        let channel =
            Channel::tls(self.0["params"]["external_ssf"].as_u64().map_or(0, |bits| u32::try_from(bits).unwrap()));
        let nobody = self.mechanism() != "EXTERNAL" || self.id() == "cy-ext-noid";
        let channel = match self.param("external_id").or((!nobody).then(|| b"tim".to_vec())) {
            Some(identity) => channel.with_external(identity),
            None => channel,
        };
        match (self.text("cb_type"), self.param("cb_data")) {
            (Some(kind), Some(data)) => channel.with_binding(ChannelBinding::new(binding_type(&kind), data)),
            _ => channel,
        }
    }

    fn messages(self) -> Vec<Message> {
        let message = |message: &'static Value| {
            let text = |name: &str| message[name].as_str().unwrap();
            (text("from"), text("as"), BASE64.decode(text("b64")).unwrap())
        };
        self.0["exchange"].as_array().unwrap().iter().map(message).collect()
    }

    /// The nonce in a recorded digest-challenge.
    fn nonce_sent(self) -> Option<String> {
        let (.., challenge) = self.messages().into_iter().next()?;
        let directives = Directives::parse(&challenge).ok()?;
        directives.one("nonce").ok()?.map(|nonce| String::from_utf8(nonce.to_vec()).unwrap())
    }

    /// The bits that a side asked for: least and most, and how large a packet it takes.
    fn strength(self, side: &str) -> (u32, u32, u32) {
        let number = |name: &str, default| match &self.0["params"][format!("{side}_{name}")] {
            Value::String(text) => text.parse().unwrap(),
            value => value.as_u64().map_or(default, |number| u32::try_from(number).unwrap()),
        };
        let abused = !self.0["layer_cases"].is_null();
        (number("min_ssf", 0), number("max_ssf", if abused { 128 } else { 0 }), number("maxbuf", 65536))
    }

    /// SCRAM keys with the recorded salt.
    fn scram_keys(self, password: &[u8]) -> Option<Scram> {
        let hash = match self.mechanism().strip_suffix("-PLUS").unwrap_or(self.mechanism()) {
            "SCRAM-SHA-1" => Hash::Sha1,
            "SCRAM-SHA-256" => Hash::Sha256,
            "SCRAM-SHA-512" => Hash::Sha512,
            _ => return None,
        };
        let salt = self.param("salt").unwrap_or(b"salt".to_vec());
        let iterations = self.0["params"]["iterations"].as_u64().map_or(4096, |count| u32::try_from(count).unwrap());
        let password = self.param("server_password").unwrap_or(password.to_vec());
        Some(Scram::derive_with(hash, &password, &salt, iterations))
    }

    /// The recorded packets, there and back: `ways` are the names of what we send and of what we receive.
    fn check_layer(self, layer: Option<Layer>, [send, receive]: [&str; 2]) {
        let recorded = &self.0["layer"];
        if recorded.is_null() {
            return;
        }
        let mut layer = layer.unwrap_or_else(|| panic!("{} has no layer", self.id()));
        let bytes = |packet: &Value, name: &str| BASE64.decode(packet[name].as_str().unwrap()).unwrap();
        for packet in recorded[send].as_array().unwrap() {
            let mut wire = Vec::new();
            layer.encode(&bytes(packet, "plain_b64"), &mut wire);
            assert_eq!(wire, bytes(packet, "wire_b64"), "{}", self.id());
        }
        for packet in recorded[receive].as_array().unwrap() {
            let mut plain = Vec::new();
            layer.decode(&bytes(packet, "wire_b64"), &mut plain).unwrap();
            assert_eq!(plain, bytes(packet, "plain_b64"), "{}", self.id());
        }
    }

    fn expect(self) -> Option<&'static str> {
        self.0["expect"].as_str()
    }

    fn succeeded(self) -> bool {
        self.0["outcome"] == "success"
    }
}

fn binding_type(name: &str) -> BindingType {
    let all = [BindingType::TlsUnique, BindingType::TlsServerEndPoint, BindingType::TlsExporter];
    all.into_iter().find(|kind| kind.as_str() == name).unwrap()
}

fn strings(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

fn number(value: &Value) -> u32 {
    u32::try_from(value.as_u64().unwrap()).unwrap()
}

fn ours(list: Vec<&str>) -> Vec<&str> {
    list.into_iter().filter(|name| catalogue::ALL.iter().any(|mechanism| mechanism.name.as_str() == *name)).collect()
}

#[test]
fn the_lists_that_libsasl2_offers() {
    let rows = VECTORS["listmech_cyrus_server"].as_array().unwrap();
    for row in rows {
        let (server, channel) = lister(row);
        let offer: Vec<_> = server.offer(&channel).map(|name| name.to_string()).collect();
        assert_eq!(offer, ours(strings(&row["list"])), "{}", row["case"]);
    }
    assert_eq!(rows.len(), 27);
}

/// The server and the channel of a row of the lists.
fn lister(row: &Value) -> (Server, Channel) {
    let [min, max, buffer, external] =
        ["min_ssf", "max_ssf", "maxbufsize", "external_ssf"].map(|name| number(&row[name]));
    let options = &row["options"];
    let binding = options["cb"].as_array();
    let demand = |binding: &Vec<Value>| if binding[2] == 1 { Binding::Required } else { Binding::Optional };
    let policy = Policy::default()
        .demanding(Guarantees::from_bits(number(&row["security_flags"])))
        .with_strength(min, max)
        .with_max_buffer(buffer)
        .with_channel_binding(binding.map_or(Binding::Optional, demand))
        .with_proxy(if options["flags"] == 8 { Proxy::Required } else { Proxy::Ask });
    let mut channel = Channel::tls(external);
    if let Some(identity) = row["external_auth_id"].as_str() {
        channel = channel.with_external(identity);
    }
    if let Some(binding) = binding {
        channel = channel.with_binding(ChannelBinding::new(binding_type(binding[0].as_str().unwrap()), b"abc"));
    }
    let builder = Server::builder(catalogue::STANDARD, Host::new("smtp", "mail.example.com")).policy(policy);
    match options["mech_list"].as_str() {
        Some(list) => (builder.mech_list(list.split(' ')).build(), channel),
        None => (builder.build(), channel),
    }
}

/// Minus its oddities: ours sends the name with `-PLUS` where it binds.
#[test]
fn the_mechanisms_that_a_libsasl2_client_chooses() {
    for row in VECTORS["client_choice_cyrus"].as_array().unwrap() {
        let case = row["case"].as_str().unwrap();
        let required = if case.starts_with("critical") { Binding::Required } else { Binding::Optional };
        let policy = Policy::default().demanding(Guarantees::NONE).with_channel_binding(required);
        let credentials = Credentials::new("user", Secret::new("pencil"));
        let client = Client::new(catalogue::ALL, Host::new("smtp", "mail.example.com"), credentials);
        let client = client.with_policy(policy);
        let binds = case.contains("cb");
        let binding = ChannelBinding::new(BindingType::TlsUnique, b"abc");
        let channel = if binds { Channel::plain().with_binding(binding) } else { Channel::plain() };
        let choice = client.choose(&channel, strings(&row["offered"]));
        let chosen = choice.as_ref().ok().map(|choice| choice.name().to_string());
        assert_eq!(chosen.as_deref().map(|name| name.trim_end_matches("-PLUS")), row["chosen"].as_str(), "{case}");
        let Some(recorded) = row["first_message"].as_str().filter(|_| binds) else { continue };
        // A list of one may be what an attacker left of a longer one: ours says `y` to that too.
        let flag = if case.contains("only one") { "y" } else { recorded.split(',').next().unwrap() };
        let begun = choice.unwrap().begin().unwrap();
        assert!(begun.message().unwrap().starts_with(format!("{flag},,n=user,r=").as_bytes()), "{case}");
    }
}

#[test]
fn end_points_of_certificates_are_those_of_openssl() {
    let mut compared = 0;
    for row in VECTORS["channel_bindings"].as_array().unwrap() {
        let certificate = octets(row["certificate_der_hex"].as_str().unwrap());
        let binding = ChannelBinding::tls_server_end_point(&certificate).unwrap();
        assert_eq!(binding.data(), octets(row["tls-server-end-point_hex"].as_str().unwrap()), "{row}");
        compared += 1;
    }
    assert_eq!(compared, 7);
}

fn octets(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn xtext_as_rfc_3461_has_it() {
    let octets = |row: &Value, name: &str| row[name].as_str().map(|text| BASE64.decode(text).unwrap());
    for row in VECTORS["xtext"]["encode"].as_array().unwrap() {
        assert_eq!(xtext::encode(&octets(row, "plain_b64").unwrap()), row["rfc_xtext"].as_str().unwrap());
    }
    for row in VECTORS["xtext"]["decode"].as_array().unwrap() {
        let text = row["xtext"].as_str().unwrap();
        assert_eq!(xtext::decode(text.as_bytes()), octets(row, "plain_b64"), "{text}");
    }
    assert_eq!(AuthParam::parse(b"+00"), None, "a NUL is no part of a mailbox");
}

/// Rows of `saslprep` come from libidn, those of `precis` show SASLprep beside its successor. libidn says what is left
/// also where that is nothing; for us it is no result (RFC 5802 section 2.2).
#[test]
fn saslprep_as_libidn_has_it() {
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(ToString::to_string);
    let ours = |prepared: Option<Prepared<'_>>| prepared.map(|it| String::from_utf8(it.expose().to_vec()).unwrap());
    let [saslprep, precis] = ["saslprep", "precis"].map(|section| VECTORS[section].as_array().unwrap());
    for row in saslprep {
        let input = row["input"].as_str().unwrap().as_bytes();
        assert_eq!(ours(prepare::stored(input)), text(&row["stored"]), "{row}");
        assert_eq!(ours(prepare::query(input)), text(&row["query"]), "{row}");
    }
    for row in precis {
        let input = row["input"].as_str().unwrap().as_bytes();
        assert_eq!(ours(prepare::query(input)), text(&row["SASLprep_query"]), "{row}");
    }
    assert_eq!((saslprep.len(), precis.len()), (27, 18));
}

#[test]
fn auth_info_as_sendmail_reads_it() {
    for row in VECTORS["authinfo"].as_array().unwrap() {
        let info = AuthInfo::parse(row["rhs"].as_str().unwrap());
        assert_eq!(info.is_ok(), row["attempts_auth"].as_bool().unwrap(), "{row}");
        let (Ok(info), Some(login)) = (info, row["authid"].as_str()) else { continue };
        let credentials = info.credentials();
        assert_eq!(*credentials.login, *login.as_bytes(), "{row}");
        assert_eq!(credentials.password().unwrap().expose(), row["password"].as_str().unwrap().as_bytes(), "{row}");
        let acts_as = credentials.acts_as.as_deref().unwrap_or(&credentials.login);
        assert_eq!(acts_as, row["authzid"].as_str().unwrap().as_bytes(), "{row}");
    }
}

#[test]
fn verifiers_as_other_programs_derive_them() {
    let mut compared = 0;
    for row in VECTORS["secrets"].as_array().unwrap() {
        let text = |name: &str| row[name].as_str().unwrap();
        compared += 1;
        match text("kind") {
            "cram-md5-states" => {
                let states = CramMd5::derive(text("password").as_bytes());
                assert_eq!(states.to_text().expose(), format!("{{CRAM-MD5}}{}", text("dovecot_hex")).as_bytes());
                let digest = states.digest(row["check"]["challenge"].as_str().unwrap().as_bytes());
                assert_eq!(hex::text(digest), row["check"]["digest"].as_str().unwrap());
            }
            "digest-md5-ha1" => {
                let made = readings(text("user").as_bytes(), text("realm").as_bytes(), text("password").as_bytes());
                let made: Vec<_> = made.iter().map(|ha1| hex::text(ha1.0)).collect();
                for reading in
                    ["ha1_rfc2831_per_field_latin1_hex", "ha1_raw_utf8_hex", "ha1_gsasl_password_only_latin1_hex"]
                {
                    assert!(made.iter().any(|made| made == text(reading)), "{row}");
                }
            }
            "scram-verifier" => {
                let hash = match text("mechanism") {
                    "SCRAM-SHA-1" => Hash::Sha1,
                    "SCRAM-SHA-256" => Hash::Sha256,
                    _ => Hash::Sha512,
                };
                let salt = BASE64.decode(text("salt_b64")).unwrap();
                let made = Scram::derive_with(hash, text("password").as_bytes(), &salt, number(&row["iterations"]));
                assert_eq!(made.to_text().expose(), text("cyrus_authPassword").as_bytes());
            }
            "argon2id" => {
                let verifier = Verifier::from_text(text("phc").as_bytes()).unwrap();
                assert!(verifier.check(text("password").as_bytes(), &mut Default::default()));
            }
            _ => compared -= 1,
        }
    }
    assert!(compared >= 15, "{compared} compared");
    assert!(DigestMd5::from_text("{DIGEST-MD5}").is_err());
}
