//! Whose password it is, and what is kept of it.

use crate::exit::{Failure, status};
use clap::ArgMatches;
use sasl_core::{
    app_conf::AppConf,
    identity::{Login, Realm},
    name::MechanismName,
    verifier::Scheme,
};
use sasldb::{name::Name, users::realm_of_this_host};
use std::{ffi::OsString, os::unix::ffi::OsStrExt};

/// What is kept of a password.
pub(crate) struct Kept {
    pub(crate) schemes: Vec<Scheme>,
    /// The realms for which DIGEST-MD5 keys are made, besides the user's own.
    pub(crate) digest_realms: Vec<Realm>,
    /// Where users without a realm are put.
    pub(crate) realm: Realm,
}

impl Kept {
    /// What the flags and the application's options say.
    pub(crate) fn of(typed: &ArgMatches, options: &AppConf, realm: Realm) -> Result<Self, Failure> {
        let mut schemes = match typed.get_one::<String>("verifiers") {
            Some(list) => schemes_named(list)?,
            None => schemes_needed(options),
        };
        if typed.get_flag("no-plain") {
            schemes.retain(|scheme| *scheme != Scheme::Argon2id);
        }
        if schemes.is_empty() {
            let text = "-n: nothing would be kept of the password, as nothing but PLAIN and LOGIN is to use it";
            return Err(Failure::new(status::FAILED, text));
        }
        if typed.get_flag("plaintext") {
            schemes.push(Scheme::Plaintext);
        }
        let typed = typed.get_many::<OsString>("digest-realm").into_iter().flatten().map(|realm| realm.as_bytes());
        let named = typed.chain(options.words("digest_realm")).map(Realm::parse);
        let digest_realms = named.chain([Ok(realm_of_this_host()?)]).collect::<Result<_, _>>();
        Ok(Self {
            schemes,
            digest_realms: digest_realms.map_err(|_| bad_name("--digest-realm: realm too long"))?,
            realm,
        })
    }
}

/// Reads a userid. Control characters are refused: they could be made to look like something else in a listing.
pub(crate) fn read_login(userid: &[u8], realm: &Realm) -> Result<Login, Failure> {
    if userid.iter().chain(realm.as_bytes()).any(u8::is_ascii_control) {
        return Err(bad_name("userid or realm with a control character"));
    }
    let login = Login::parse(userid).map_err(|failure| bad_name(failure.cause()))?;
    Ok(login.or_in(Some(realm)))
}

/// The name under which the record of `login` is kept.
pub(crate) fn name(login: &Login) -> Result<Name<'_>, Failure> {
    let realm = login.realm().map(Realm::as_bytes).unwrap_or_default();
    Name::new(login.user().as_bytes(), realm).map_err(|failure| bad_name(failure.cause()))
}

pub(crate) fn bad_name(what: &str) -> Failure {
    Failure::new(status::BAD_PARAMETER, format!("invalid parameter supplied: {what}"))
}

fn schemes_named(list: &str) -> Result<Vec<Scheme>, Failure> {
    let names = list.split([',', ' ']).filter(|name| !name.is_empty());
    let scheme = |name: &str| {
        let scheme = name.parse().ok().filter(|scheme| *scheme != Scheme::Plaintext);
        let known = Scheme::DERIVED.map(Scheme::as_str).join(" ");
        scheme.ok_or_else(|| {
            Failure::new(status::FAILED, format!("--verifiers: no verifier {name:?}; there are {known}"))
        })
    };
    match names.map(scheme).collect::<Result<Vec<_>, _>>() {
        Ok(schemes) if schemes.is_empty() => Err(Failure::new(status::FAILED, "--verifiers: an empty list")),
        schemes => schemes,
    }
}

/// What the mechanisms of `mech_list` need; all there is, where it is not set or needs nothing.
fn schemes_needed(options: &AppConf) -> Vec<Scheme> {
    let names = options.words("mech_list").filter_map(|name| MechanismName::parse(std::str::from_utf8(name).ok()?));
    let needed: Vec<Scheme> = names.filter_map(Scheme::of_mechanism).collect();
    match needed.is_empty() {
        true => Scheme::DERIVED.to_vec(),
        false => Scheme::DERIVED.into_iter().filter(|scheme| needed.contains(scheme)).collect(),
    }
}
