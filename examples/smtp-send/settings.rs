//! What the flags mean.

use clap::ArgMatches;
use sasl_core::auth_options::AuthOptions;
use smtp::exit::Failure;
use std::{path::PathBuf, time::Duration};

/// What to send, how, to whom.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The name in its certificate, and for SASL.
    pub(crate) server_name: String,
    pub(crate) tls: Tls,
    pub(crate) authorities: PathBuf,
    /// A certificate and its key.
    pub(crate) client: Option<(PathBuf, PathBuf)>,
    pub(crate) auth_info: Option<PathBuf>,
    pub(crate) options: AuthOptions,
    pub(crate) max_ssf: u32,
    pub(crate) auth: Need,
    pub(crate) fallback: Fallback,
    pub(crate) helo: String,
    pub(crate) timeout: Duration,
    pub(crate) verbose: bool,
    pub(crate) sender: String,
    pub(crate) recipients: Vec<String>,
}

/// When TLS begins.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Tls {
    /// With the first octet.
    AtOnce,
    /// With STARTTLS, or nothing is sent.
    Upgrade,
    /// With STARTTLS, where the server offers it.
    UpgradeIfOffered,
    /// Never.
    Never,
}

/// Whether there is nothing to send without it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Need {
    Required,
    Wished,
}

/// What to do when the server refuses a mechanism.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fallback {
    Never,
    ToWeaker,
}

/// Decides what a command line asks for.
pub(crate) fn decide(typed: &ArgMatches) -> Result<Settings, Failure> {
    let text = |name: &str| typed.get_one::<String>(name).map(String::as_str).unwrap_or_default();
    let file = |name: &str| typed.get_one::<PathBuf>(name).cloned();
    let (host, port) = address(text("server"))?;
    Ok(Settings {
        server_name: typed.get_one("server-name").cloned().unwrap_or_else(|| host.clone()),
        host,
        port,
        tls: tls(typed),
        authorities: file("ca").unwrap_or_default(),
        client: file("client-cert").zip(file("client-key")),
        auth_info: file("auth-info"),
        options: text("options").parse().map_err(|error| Failure::of("--options", error))?,
        max_ssf: typed.get_one("max-ssf").copied().unwrap_or_default(),
        auth: if typed.get_flag("require-auth") { Need::Required } else { Need::Wished },
        fallback: if typed.get_flag("fall-back") { Fallback::ToWeaker } else { Fallback::Never },
        helo: word("--helo", text("helo"))?,
        timeout: Duration::from_secs(typed.get_one("timeout").copied().unwrap_or(300)),
        verbose: typed.get_flag("verbose"),
        sender: word("--from", text("from"))?,
        recipients: recipients(typed)?,
    })
}

fn address(text: &str) -> Result<(String, u16), Failure> {
    let parts = text.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
    let (host, port) = parts.ok_or_else(|| Failure::of(text, "that is not HOST:PORT"))?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    word("HOST", bare).map(|host| (host, port))
}

fn tls(typed: &ArgMatches) -> Tls {
    match ["tls", "require-tls", "without-tls"].map(|name| typed.get_flag(name)) {
        [true, ..] => Tls::AtOnce,
        [_, true, _] => Tls::Upgrade,
        [.., true] => Tls::Never,
        _ => Tls::UpgradeIfOffered,
    }
}

fn recipients(typed: &ArgMatches) -> Result<Vec<String>, Failure> {
    typed.get_many::<String>("recipients").into_iter().flatten().map(|text| word("RECIPIENT", text)).collect()
}

/// What becomes a part of a command must not become another one.
fn word(what: &str, text: &str) -> Result<String, Failure> {
    match text.bytes().all(|octet| matches!(octet, b' '..=b'~') && !b"<>".contains(&octet)) {
        true => Ok(text.into()),
        false => Err(Failure::of(what, "only printable ASCII without < and > will do")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli;

    fn asked(words: &[&str]) -> Result<Settings, String> {
        let typed = cli::command().try_get_matches_from([&["smtp-send"], words].concat());
        typed.map_err(|error| error.to_string()).and_then(|typed| decide(&typed).map_err(|failure| failure.to_string()))
    }

    #[test]
    fn the_definition_is_sound() {
        cli::command().debug_assert();
    }

    #[test]
    fn the_defaults() {
        let settings = asked(&["--from", "tim@example.org", "mail.example.org:587", "a@b", "c@d"]).unwrap();
        assert_eq!((settings.host.as_str(), settings.port), ("mail.example.org", 587));
        assert_eq!(settings.server_name, "mail.example.org");
        assert_eq!(
            (settings.tls, settings.auth, settings.fallback),
            (Tls::UpgradeIfOffered, Need::Wished, Fallback::Never)
        );
        assert_eq!(settings.options, "A p y".parse().unwrap());
        assert_eq!(settings.recipients, ["a@b", "c@d"]);
    }

    #[test]
    fn an_address_may_be_ipv6() {
        let settings = asked(&["--from=", "--tls", "[::1]:465", "a@b"]).unwrap();
        assert_eq!((settings.host.as_str(), settings.tls, settings.sender.as_str()), ("::1", Tls::AtOnce, ""));
    }

    #[test]
    fn what_is_refused() {
        for words in [
            &["mail:587", "a@b"][..],
            &["--from=x", "mail:587"],
            &["--from=x", "mail", "a@b"],
            &["--from=x", "mail:port", "a@b"],
            &["--from=x", "mail:587", "a@b>\r\nRCPT TO:<c@d"],
            &["--from=x", "--options=u", "mail:587", "a@b"],
            &["--from=x", "--client-cert=c", "mail:587", "a@b"],
        ] {
            assert!(asked(words).is_err(), "{words:?}");
        }
    }
}
