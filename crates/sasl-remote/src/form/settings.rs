//! What `saslauthd.conf` says of the form.

use super::template::{Format, Template};
use crate::{
    address::{Address, NO_PORT, port},
    conf::{Conf, ConfError},
    tls::{self, Tls, server_name},
};
use std::time::Duration;

/// All keys of httpform. Others that begin with `httpform_` mean nothing.
pub const KEYS: [&str; 12] = [
    "httpform_host",
    "httpform_port",
    "httpform_uri",
    "httpform_url",
    "httpform_data",
    "httpform_format",
    "httpform_timeout",
    "httpform_tls_cacert_file",
    "httpform_tls_cacert_dir",
    "httpform_tls_cert",
    "httpform_tls_key",
    "httpform_tls_check_peer",
];

const TIME_LIMIT: u64 = 30;
const LONGEST_TIME: u64 = 3600;

/// Where the form is, and how it is filled in.
pub(super) struct Settings {
    pub(super) address: Address,
    /// What is behind `POST`.
    pub(super) target: String,
    pub(super) tls: Option<Tls>,
    pub(super) template: Template,
    pub(super) limit: Duration,
}

/// The part of the settings that says where.
struct Place {
    address: Address,
    target: String,
    tls: Option<Tls>,
}

impl Settings {
    pub(super) fn read(conf: &Conf) -> Result<Self, ConfError> {
        let Place { address, target, tls } = match text(conf, "httpform_url")? {
            Some(url) => from_url(conf, url)?,
            None => from_host_and_port(conf)?,
        };
        let data = conf.value("httpform_data").ok_or_else(|| conf.error("httpform_data", "is needed"))?;
        let template = Template::new(data, format(conf)?).map_err(|what| conf.error("httpform_data", what))?;
        if !template.has_password() {
            return Err(conf.error("httpform_data", "has no %p: nobody would look at the password"));
        }
        Ok(Self { address, target, tls, template, limit: limit(conf)? })
    }
}

/// As in the original: without TLS.
fn from_host_and_port(conf: &Conf) -> Result<Place, ConfError> {
    if let Some(key) = tls::KEYS.map(|key| format!("httpform_{key}")).iter().find(|key| conf.value(key).is_some()) {
        return Err(conf.error(key, "needs httpform_url: https://…"));
    }
    let target = text(conf, "httpform_uri")?;
    let target = target.ok_or_else(|| conf.error("httpform_uri", "is needed, or httpform_url"))?;
    check_target(target).map_err(|what| conf.error("httpform_uri", what))?;
    let port =
        port(text(conf, "httpform_port")?.unwrap_or("80")).ok_or_else(|| conf.error("httpform_port", NO_PORT))?;
    let address = Address::new(text(conf, "httpform_host")?.unwrap_or("localhost"), port);
    let address = address.map_err(|what| conf.error("httpform_host", what))?;
    Ok(Place { address, target: target.to_owned(), tls: None })
}

/// `https://HOST[:PORT][/PATH]`, or `http://`.
fn from_url(conf: &Conf, url: &str) -> Result<Place, ConfError> {
    let bad = |what| conf.error("httpform_url", what);
    if let Some(key) = ["httpform_host", "httpform_port", "httpform_uri"].iter().find(|key| conf.value(key).is_some()) {
        return Err(conf.error(key, "is in httpform_url already"));
    }
    let (scheme, rest) = url.split_once("://").ok_or_else(|| bad("must begin with https:// or http://"))?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    check_target(path).map_err(bad)?;
    let target = if path.is_empty() { "/" } else { path }.to_owned();
    let address = |port| Address::parse(authority, port).map_err(bad);
    match scheme {
        "http" if tls::KEYS.iter().any(|key| conf.value(&format!("httpform_{key}")).is_some()) => {
            Err(bad("must begin with https://, since there are options of TLS"))
        }
        "http" => Ok(Place { address: address(80)?, target, tls: None }),
        "https" => {
            let address = address(443)?;
            server_name(&address).map_err(bad)?;
            Ok(Place { address, target, tls: Some(Tls::from_conf(conf, "httpform")?) })
        }
        _ => Err(bad("must begin with https:// or http://")),
    }
}

/// What would end the request line, or is no part of a request.
fn check_target(target: &str) -> Result<(), &'static str> {
    match target {
        _ if !target.bytes().all(|octet| octet.is_ascii_graphic()) => Err("must be printable ASCII without blanks"),
        _ if target.contains('#') => Err("must have no #"),
        _ => Ok(()),
    }
}

fn format(conf: &Conf) -> Result<Format, ConfError> {
    match text(conf, "httpform_format")? {
        None | Some("form") => Ok(Format::Form),
        Some("json") => Ok(Format::Json),
        Some(_) => Err(conf.error("httpform_format", "must be form or json")),
    }
}

fn limit(conf: &Conf) -> Result<Duration, ConfError> {
    match conf.number("httpform_timeout")?.unwrap_or(TIME_LIMIT) {
        seconds @ 1..=LONGEST_TIME => Ok(Duration::from_secs(seconds)),
        _ => Err(conf.error("httpform_timeout", "must be 1 to 3600 seconds")),
    }
}

/// Without the white space at its end: where a name or a number is wanted, nobody means it.
fn text<'a>(conf: &'a Conf, key: &str) -> Result<Option<&'a str>, ConfError> {
    conf.text(key).map(|text| text.map(str::trim_end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn read(text: &str) -> Result<Settings, String> {
        let conf = Conf::parse(Path::new("/x"), text.as_bytes()).map_err(|error| error.to_string())?;
        Settings::read(&conf).map_err(|error| error.to_string())
    }

    #[test]
    fn the_place_of_the_form() {
        for (text, address, target, tls) in [
            ("httpform_uri: /a\n", "localhost/80", "/a", false),
            ("httpform_host: h \nhttpform_port: 8088\t\nhttpform_uri: /a?b \n", "h/8088", "/a?b", false),
            ("httpform_host: ::1\nhttpform_port: http\nhttpform_uri: /\n", "::1/80", "/", false),
            ("httpform_url: http://h/a\n", "h/80", "/a", false),
            ("httpform_url: https://h\n", "h/443", "/", true),
            ("httpform_url: https://[::1]:99/a/b?c=d \n", "::1/99", "/a/b?c=d", true),
            ("httpform_url: https://h/\nhttpform_tls_check_peer: no\n", "h/443", "/", true),
        ] {
            let settings = read(&format!("{text}httpform_data: %p")).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((settings.address.to_string().as_str(), &*settings.target), (address, target), "{text}");
            assert_eq!((settings.tls.is_some(), settings.limit.as_secs()), (tls, 30), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_of_its_line() {
        for (text, complaint) in [
            ("a: b", "/x: httpform_uri: is needed, or httpform_url"),
            ("httpform_uri: /a", "/x: httpform_data: is needed"),
            ("httpform_uri: /a b", "/x: line 1: httpform_uri: must be printable"),
            ("httpform_uri: /a#b", "/x: line 1: httpform_uri: must have no #"),
            ("httpform_uri: /a\nhttpform_port: 0", "/x: line 2: httpform_port: the port must be"),
            ("httpform_uri: /a\nhttpform_host: a b", "/x: line 2: httpform_host: no possible host name"),
            ("httpform_url: https://h/\nhttpform_uri: /a", "/x: line 2: httpform_uri: is in httpform_url already"),
            ("httpform_url: h/a", "/x: line 1: httpform_url: must begin with"),
            ("httpform_url: ftp://h/a", "/x: line 1: httpform_url: must begin with"),
            ("httpform_url: https:///a", "/x: line 1: httpform_url: no host name"),
            ("httpform_url: https://u:p@h/a", "/x: line 1: httpform_url: "),
            ("httpform_url: https://h?a", "/x: line 1: httpform_url: no possible host name"),
            ("httpform_url: http://h/\nhttpform_tls_cert: /a", "/x: line 1: httpform_url: must begin with https://"),
            ("httpform_uri: /\nhttpform_tls_cert: /a", "/x: line 2: httpform_tls_cert: needs httpform_url"),
            ("httpform_url: https://h/\nhttpform_tls_cert: /no/such", "/x: line 2: httpform_tls_cert: /no/such: "),
            ("httpform_uri: /a\nhttpform_data: %p\nhttpform_format: xml", "/x: line 3: httpform_format: must be"),
            ("httpform_uri: /a\nhttpform_data: u=%u&p=%%p&", "/x: line 2: httpform_data: has no %p"),
            ("httpform_uri: /a\nhttpform_data: u=%u\nhttpform_format: json", "/x: line 2: httpform_data: is no JSON"),
            ("httpform_uri: /a\nhttpform_data: %p\nhttpform_timeout: 0", "/x: line 3: httpform_timeout: must be 1 to"),
            ("httpform_uri: /a\nhttpform_data: %p\nhttpform_timeout: 1m", "/x: line 3: httpform_timeout: must be a"),
        ] {
            let error = read(text).map(|_| ()).expect_err(text);
            assert!(error.starts_with(complaint), "{text}: {error}");
        }
    }
}
