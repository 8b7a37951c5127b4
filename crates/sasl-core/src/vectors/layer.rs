//! Recorded packets against our layer.

use super::{Exchange, VECTORS};
use crate::{
    hex,
    layer::{Agreed, Keys, Layer, Protection},
};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use md5::{Digest, Md5};
use serde_json::Value;

/// The keys of RFC 2831 sections 2.3 and 2.4, for one direction.
fn keys(h_a1: [u8; 16], cipher: &str, direction: &str) -> Keys {
    let used = match cipher {
        "rc4-40" => 5,
        "rc4-56" => 7,
        _ => 16,
    };
    let key = |h_a1: &[u8], text: String| Md5::new_with_prefix(h_a1).chain_update(text).finalize().into();
    Keys {
        signing: key(&h_a1, format!("Digest session key to {direction} signing key magic constant")),
        sealing: key(&h_a1[..used], format!("Digest H(A1) to {direction} sealing key magic constant")),
    }
}

/// The two ends of a recorded layer: the client's, and the server's.
fn ends(h_a1: &Value, cipher: &Value, maxbufs: [usize; 2]) -> [Layer; 2] {
    let h_a1 = hex::decode(h_a1.as_str().unwrap().as_bytes()).unwrap();
    let (cipher, protection) = match cipher.as_str() {
        None => ("", Protection::Integrity),
        Some("des") => ("des", Protection::Des),
        Some(cipher) if cipher.starts_with("rc4") => (cipher, Protection::Rc4),
        Some(other) => panic!("{other}"),
    };
    let to_server = keys(h_a1, cipher, "client-to-server");
    let to_client = keys(h_a1, cipher, "server-to-client");
    let agreed = |[own_maxbuf, peer_maxbuf]: [usize; 2]| Agreed { protection, ssf: 1, own_maxbuf, peer_maxbuf };
    let [client, server] = maxbufs;
    [
        Layer::new(&agreed([client, server]), &to_server, &to_client),
        Layer::new(&agreed([server, client]), &to_client, &to_server),
    ]
}

fn octets(value: &Value) -> Vec<u8> {
    value.as_str().map(|text| BASE64.decode(text).unwrap()).unwrap_or_default()
}

fn list(value: &'static Value) -> impl Iterator<Item = &'static Value> {
    value.as_array().into_iter().flatten()
}

fn vectors() -> impl Iterator<Item = Exchange> {
    list(&VECTORS["vectors"]).map(Exchange)
}

/// Makes and reads the packets of one direction; tells how many they were.
fn compare(packets: impl Iterator<Item = &'static Value>, from: &mut Layer, to: &mut Layer) -> usize {
    let compare = |packet: &Value| {
        let (plain, wire) = (octets(&packet["plain_b64"]), octets(&packet["wire_b64"]));
        let [mut encoded, mut decoded] = [vec![], vec![]];
        from.encode(&plain, &mut encoded);
        to.decode(&wire, &mut decoded).unwrap();
        assert_eq!((encoded, decoded), (wire, plain));
    };
    packets.map(compare).count()
}

#[test]
fn packets_that_libsasl2_made() {
    let mut compared = 0;
    for exchange in vectors().filter(|exchange| exchange.0["layer"].is_object()) {
        let layer = &exchange.0["layer"];
        let [mut client, mut server] = ends(&exchange.0["computed"]["h_a1_hex"], &layer["cipher"], [4096, 8192]);
        let maxout = |side: &str| usize::try_from(layer[side]["maxout"].as_u64().unwrap()).unwrap();
        assert_eq!(server.max_plaintext(), maxout("server_props"), "{}", exchange.id());
        assert_eq!(
            client.max_plaintext() + 4,
            maxout("client_props"),
            "{}: a client does not spare four octets",
            exchange.id()
        );
        compared += compare(list(&layer["c2s"]), &mut client, &mut server);
        compared += compare(list(&layer["s2c"]), &mut server, &mut client);
    }
    assert!(compared >= 20, "{compared} compared");
}

#[test]
fn packets_that_somebody_tampered_with() {
    let mut compared = 0;
    for exchange in vectors() {
        for case in list(&exchange.0["layer_cases"]) {
            let name = case["case"].as_str().unwrap();
            let [_, mut server] = ends(&case["h_a1_hex"], &exchange.0["params"]["cipher"], [4096, 8192]);
            for feed in list(&case["feeds"]) {
                let mut plain = Vec::new();
                let decoded = server.decode(&octets(&feed["wire_b64"]), &mut plain);
                assert_eq!(decoded.is_ok(), feed["rc"] == "SASL_OK", "{}: {name}", exchange.id());
                assert_eq!(plain, octets(&feed["plain_b64"]), "{}: {name}", exchange.id());
            }
            compared += 1;
        }
    }
    assert_eq!(compared, 36);
}
