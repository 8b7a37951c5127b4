//! What the flags mean.

use clap::ArgMatches;
use sasl_core::{auth_options::AuthOptions, catalogue, identity::Realm};
use sasldb::{location::Location, users::realm_of_this_host};
use smtp::exit::Failure;
use std::{net::SocketAddr, path::PathBuf, time::Duration};

/// How to serve.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) listen: SocketAddr,
    pub(crate) listen_tls: SocketAddr,
    pub(crate) timeout: Duration,
    pub(crate) hostname: String,
    pub(crate) database: Location,
    pub(crate) realm: Realm,
    /// `None` for all of them.
    pub(crate) mechanisms: Option<Vec<String>>,
    pub(crate) options: AuthOptions,
    pub(crate) max_ssf: u32,
    pub(crate) take_from: TakeFrom,
    pub(crate) certificates: Certificates,
    /// Domains, in lower case.
    pub(crate) local: Vec<String>,
    /// Where messages go; `None` for nowhere.
    pub(crate) deliver: Option<PathBuf>,
    pub(crate) max_size: usize,
}

/// From whom messages are taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum TakeFrom {
    /// From anybody, for local recipients; for others from those who authenticated.
    Anybody,
    /// From those who authenticated.
    Authenticated,
}

/// Where certificates come from.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Certificates {
    /// Files, and one with the authorities of clients.
    Given { certificate: PathBuf, key: PathBuf, client_ca: Option<PathBuf> },
    /// An authority of our own, for tests; and where to write what it made.
    Made { write_to: Option<PathBuf> },
}

/// Decides what a command line asks for.
pub(crate) fn decide(typed: &ArgMatches) -> Result<Settings, Failure> {
    let hostname = hostname(typed)?;
    Ok(Settings {
        listen: *value(typed, "listen"),
        listen_tls: *value(typed, "listen-tls"),
        timeout: Duration::from_secs(*value(typed, "timeout")),
        database: typed.get_one::<String>("database").map(Location::parse).unwrap_or_default(),
        realm: realm(typed, &hostname)?,
        mechanisms: mechanisms(value::<String>(typed, "mechanisms"))?,
        options: value::<String>(typed, "options").parse().map_err(|error| Failure::of("--options", error))?,
        max_ssf: *value(typed, "max-ssf"),
        take_from: if typed.get_flag("require-auth") { TakeFrom::Authenticated } else { TakeFrom::Anybody },
        certificates: certificates(typed),
        local: local(typed, &hostname),
        deliver: typed.get_one("deliver").cloned(),
        max_size: usize::try_from(*value::<u32>(typed, "max-size")).unwrap_or(usize::MAX),
        hostname,
    })
}

/// Of a flag that has a default.
fn value<'t, T: Clone + Send + Sync + 'static>(typed: &'t ArgMatches, name: &str) -> &'t T {
    typed.get_one(name).expect("it has a default")
}

fn hostname(typed: &ArgMatches) -> Result<String, Failure> {
    let name = match typed.get_one::<String>("hostname") {
        Some(name) => name.to_ascii_lowercase(),
        None => realm_of_this_host().map_err(|error| Failure::of("--hostname", error))?.to_string(),
    };
    let sound = name.bytes().all(|octet| octet.is_ascii_alphanumeric() || b".-_[]:".contains(&octet));
    if sound { Ok(name) } else { Err(Failure::new("--hostname: that is no name of a host")) }
}

fn realm(typed: &ArgMatches, hostname: &str) -> Result<Realm, Failure> {
    let name = typed.get_one::<String>("realm").map_or(hostname, String::as_str);
    Realm::parse(name).map_err(|failure| Failure::of("--realm", failure.cause()))
}

fn mechanisms(list: &str) -> Result<Option<Vec<String>>, Failure> {
    let names: Vec<_> = list.split([' ', ',']).filter(|name| !name.is_empty()).collect();
    if names == ["all"] {
        return Ok(None);
    }
    let known = |name: &str| catalogue::STANDARD.iter().any(|known| known.name.as_str().eq_ignore_ascii_case(name));
    match names.iter().find(|name| !known(name)) {
        Some(unknown) => Err(Failure::of("--mechanisms", format_args!("there is no {unknown} here"))),
        None => Ok(Some(names.into_iter().map(Into::into).collect())),
    }
}

fn certificates(typed: &ArgMatches) -> Certificates {
    let file = |name: &str| typed.get_one::<PathBuf>(name).cloned();
    match (file("cert"), file("key")) {
        (Some(certificate), Some(key)) => Certificates::Given { certificate, key, client_ca: file("client-ca") },
        _ => Certificates::Made { write_to: file("write-certs") },
    }
}

fn local(typed: &ArgMatches, hostname: &str) -> Vec<String> {
    match typed.get_many::<String>("local") {
        Some(domains) => domains.map(|domain| domain.to_ascii_lowercase()).collect(),
        None => vec![hostname.into()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli;

    fn asked(line: &str) -> Result<Settings, String> {
        let words = format!("smtp-submission --hostname Mail.Example.ORG {line}");
        let typed = cli::command().try_get_matches_from(words.split_whitespace());
        typed.map_err(|error| error.to_string()).and_then(|typed| decide(&typed).map_err(|failure| failure.to_string()))
    }

    #[test]
    fn the_definition_is_sound() {
        cli::command().debug_assert();
    }

    #[test]
    fn the_defaults_are_the_classic_configuration() {
        let settings = asked("").unwrap();
        assert_eq!(settings.mechanisms.unwrap(), ["LOGIN", "PLAIN", "DIGEST-MD5", "CRAM-MD5"]);
        assert_eq!(settings.options, "A p y".parse().unwrap());
        assert_eq!(
            (settings.hostname.as_str(), settings.realm.as_bytes()),
            ("mail.example.org", &b"mail.example.org"[..])
        );
        assert_eq!(settings.local, ["mail.example.org"]);
        assert_eq!(settings.certificates, Certificates::Made { write_to: None });
        assert_eq!(settings.take_from, TakeFrom::Anybody);
    }

    #[test]
    fn what_the_flags_change() {
        let settings =
            asked("--mechanisms all --local A.example --local b.example --realm r --cert c --key k --max-ssf 128");
        let settings = settings.unwrap();
        assert_eq!((settings.mechanisms, settings.max_ssf), (None, 128));
        assert_eq!(settings.local, ["a.example", "b.example"]);
        assert_eq!(settings.realm.as_bytes(), b"r");
        let [certificate, key] = ["c", "k"].map(PathBuf::from);
        assert_eq!(settings.certificates, Certificates::Given { certificate, key, client_ca: None });
    }

    #[test]
    fn what_is_refused_names_its_flag() {
        for (line, words) in [
            ("--cert c", "--key"),
            ("--client-ca c", "--cert"),
            ("--write-certs d --cert c --key k", "--write-certs"),
            ("--options u", "--options: unknown"),
            ("--mechanisms PLAIN,SCRAM-SHA256", "--mechanisms: there is no SCRAM-SHA256 here"),
            ("--listen 2587", "--listen"),
            ("--timeout 0", "--timeout"),
            ("--max-size 0", "--max-size"),
            ("--realm=", "--realm"),
        ] {
            let said = asked(line).expect_err(line);
            assert!(said.contains(words), "{line}: {said}");
        }
    }
}
