//! What a server keeps of its user, ours and theirs.

use crate::{
    case::{Case, Kept, Party},
    ours::Accounts,
};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use sasl_core::{
    identity::{Login, Realm},
    name::MechanismName,
    secret::Secret,
    verifier::{Scheme, Verifier, Verifiers, argon2id::Memory, scram::Scram},
};
use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex},
};

/// The account of a case, as our server has it.
pub(crate) fn accounts(case: &Case, kept: Kept) -> Accounts {
    let canonical = |name: &str| {
        let realm = case.server.realm.map(|realm| Realm::parse(realm).unwrap());
        Login::parse(name).unwrap().or_in(realm.as_ref())
    };
    let verifiers = match kept {
        Kept::AsVerifiers => derived(case, &canonical(case.user)),
        Kept::AsPlaintext => [Verifier::Plaintext(Secret::new(case.password))].into_iter().collect(),
    };
    Accounts { login: canonical(case.user), verifiers, proxy: case.proxy.map(canonical) }
}

/// Slow by intention, so once for each account.
fn derived(case: &Case, login: &Login) -> Verifiers {
    static DERIVED: LazyLock<Mutex<HashMap<String, Verifiers>>> = LazyLock::new(Mutex::default);
    let own = case.server.realm.unwrap_or(case.server.host).to_ascii_lowercase();
    let realms: Vec<_> =
        [own.as_str()].iter().chain(case.more_realms).map(|name| Realm::parse(name).unwrap()).collect();
    let key = format!("{login} {realms:?} {}", case.password);
    let found = DERIVED.lock().unwrap().get(&key).cloned();
    found.unwrap_or_else(|| {
        let memory = &mut Memory::default();
        let derived = Verifiers::derive(&Scheme::DERIVED, login, &realms, case.password.as_bytes(), memory).unwrap();
        let derived: Verifiers = derived.iter().map(|verifier| with_less_rounds(verifier, case.password)).collect();
        DERIVED.lock().unwrap().insert(key, derived.clone());
        derived
    })
}

/// SCRAM's, with as many as libsasl2 takes; ours are most of what the clients do. A server that keeps a password takes ours.
fn with_less_rounds(verifier: &Verifier, password: &str) -> Verifier {
    match verifier {
        Verifier::Scram(scram) => {
            Verifier::Scram(Scram::derive_with(scram.hash(), password.as_bytes(), scram.salt(), 4096))
        }
        other => other.clone(),
    }
}

/// The verifier that `mechanism` needs, as the library takes it in place of the password. `None` where it does not.
pub(crate) fn secrets(party: Party, case: &Case, mechanism: &str) -> Option<Vec<String>> {
    let accounts = accounts(case, Kept::AsVerifiers);
    let verifier = accounts.verifiers.of(Scheme::of_mechanism(MechanismName::parse(mechanism)?)?)?.to_text();
    let text = str::from_utf8(verifier.expose()).unwrap();
    let named = |name: &str, bytes: &[u8]| format!("{name}:{}", BASE64.encode(bytes));
    match (party, mechanism) {
        (Party::Libsasl2, "CRAM-MD5") => Some(vec![named("cmusaslsecretCRAM-MD5", &cram_md5_states(text))]),
        (Party::Libsasl2, "DIGEST-MD5") => Some(vec![named("cmusaslsecretDIGEST-MD5", &octets(ha1(case, text)?))]),
        (Party::Gsasl, "DIGEST-MD5") => Some(vec![named("digest", ha1(case, text)?.as_bytes())]),
        (Party::Libsasl2, name) if name.starts_with("SCRAM") => {
            Some(vec![named("authPassword", text.split('$').take(3).collect::<Vec<_>>().join("$").as_bytes())])
        }
        (Party::Gsasl, name) if name.starts_with("SCRAM") => {
            let parts = text.split(['$', ':']).skip(1).zip(["iter", "salt", "storedkey", "serverkey"]);
            Some(parts.map(|(part, name)| named(name, part.as_bytes())).collect())
        }
        _ => None,
    }
}

/// Inner and outer state; words as libsasl2 has them, most significant byte first. Our text has it the other way round.
fn cram_md5_states(text: &str) -> Vec<u8> {
    let states = octets(text.strip_prefix("{CRAM-MD5}").unwrap());
    let words = |state: &[u8]| state.chunks(4).flat_map(|word| word.iter().rev().copied()).collect::<Vec<_>>();
    [words(&states[16..]), words(&states[..16])].concat()
}

/// H(user:realm:password) by the letter of the RFC, for the spelling that the client will use.
fn ha1<'a>(case: &Case, text: &'a str) -> Option<&'a str> {
    let realm = case.server.realm.unwrap_or(case.server.host).to_ascii_lowercase();
    let wanted = format!("{}:{}:", BASE64.encode(case.tried_user), BASE64.encode(realm));
    let hashes = text.strip_prefix("{DIGEST-MD5}").unwrap().split(';').find_map(|key| key.strip_prefix(&wanted));
    hashes.and_then(|hashes| hashes.split(',').next())
}

fn octets(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}
