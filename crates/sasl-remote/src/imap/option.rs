//! What `-O` says of IMAP servers.

use crate::{
    address::{Address, NO_PORT, port},
    tls::{KEYS, PeerCheck, Tls, TlsOptions, server_name},
};

const IMAP: u16 = 143;
const IMAPS: u16 = 993;

/// One of the servers.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) address: Address,
    pub(super) security: Security,
}

/// What keeps others from reading along.
#[derive(Debug)]
pub(super) enum Security {
    /// Nothing.
    None,
    /// TLS from the first octet.
    Tls(Tls),
    /// TLS behind the command STARTTLS.
    StartTls(Tls),
}

/// What comes before `://`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Scheme {
    Imap,
    Imaps,
    StartTls,
}

/// Reads the servers, which blanks separate: at least one.
pub(super) fn servers(option: &str) -> Result<Vec<Server>, String> {
    let words: Vec<&str> = option.split_ascii_whitespace().collect();
    if words.is_empty() {
        return Err("no host name; try -O imaps://HOST".into());
    }
    words.iter().map(|word| server(word).map_err(|what| format!("{word}: {what}"))).collect()
}

fn server(word: &str) -> Result<Server, String> {
    match word.split_once("://") {
        Some(("imap", rest)) => from_uri(Scheme::Imap, rest),
        Some(("imaps", rest)) => from_uri(Scheme::Imaps, rest),
        Some(("imap+starttls", rest)) => from_uri(Scheme::StartTls, rest),
        Some(_) => Err("neither imap:// nor imaps:// nor imap+starttls://".into()),
        None => Ok(Server { address: host_and_port(word)?, security: Security::None }),
    }
}

/// As in the original: `host`, or `host/port`.
fn host_and_port(word: &str) -> Result<Address, &'static str> {
    match word.split_once('/') {
        Some((host, text)) => Address::new(host, port(text).ok_or(NO_PORT)?),
        None => Address::new(word, IMAP),
    }
}

/// `HOST[:PORT][/][?KEY=VALUE[&KEY=VALUE…]]`.
fn from_uri(scheme: Scheme, rest: &str) -> Result<Server, String> {
    let (authority, query) = rest.split_once('?').unwrap_or((rest, ""));
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    let address = Address::parse(authority, if scheme == Scheme::Imaps { IMAPS } else { IMAP })?;
    let security = match scheme {
        Scheme::Imap if query.is_empty() => Security::None,
        Scheme::Imap => return Err("options of TLS, but no TLS".into()),
        Scheme::Imaps => Security::Tls(tls(&address, query)?),
        Scheme::StartTls => Security::StartTls(tls(&address, query)?),
    };
    Ok(Server { address, security })
}

/// `option=value`, with `&` between; the names are those of `saslauthd.conf` without the prefix.
fn tls(address: &Address, query: &str) -> Result<Tls, String> {
    server_name(address)?;
    let mut options = TlsOptions::default();
    for each in query.split('&').filter(|each| !each.is_empty()) {
        set(&mut options, each).map_err(|what| format!("{each}: {what}"))?;
    }
    Tls::new(&options).map_err(|error| format!("{}: {error}", error.part().key()))
}

fn set(options: &mut TlsOptions, each: &str) -> Result<(), String> {
    match each.split_once('=') {
        None | Some((_, "")) => return Err("no value".into()),
        Some(("tls_cacert_file", path)) => options.authorities = Some(path.into()),
        Some(("tls_cacert_dir", path)) => options.authorities_directory = Some(path.into()),
        Some(("tls_cert", path)) => options.certificate = Some(path.into()),
        Some(("tls_key", path)) => options.key = Some(path.into()),
        Some(("tls_check_peer", "yes")) => options.check = PeerCheck::Required,
        Some(("tls_check_peer", "no")) => options.check = PeerCheck::DangerouslyOff,
        Some(("tls_check_peer", _)) => return Err("must be yes or no".into()),
        Some(_) => return Err(format!("not one of {}", KEYS.join(", "))),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(option: &str) -> Vec<String> {
        let describe = |server: Server| {
            let security = match server.security {
                Security::None => "plain",
                Security::Tls(_) => "tls",
                Security::StartTls(_) => "starttls",
            };
            format!("{} {security}", server.address)
        };
        servers(option).expect(option).into_iter().map(describe).collect()
    }

    #[test]
    fn a_server_is_named_as_in_the_original_or_by_a_uri() {
        for (option, server) in [
            ("imap.example", "imap.example/143 plain"),
            ("imap.example/1143", "imap.example/1143 plain"),
            ("imap.example/imaps", "imap.example/993 plain"),
            ("127.0.0.1/imap", "127.0.0.1/143 plain"),
            ("::1", "::1/143 plain"),
            ("::1/143", "::1/143 plain"),
            ("[::1]/143", "::1/143 plain"),
            ("imap://a", "a/143 plain"),
            ("imap://a:9/", "a/9 plain"),
            ("imaps://a", "a/993 tls"),
            ("imaps://[::1]:9", "::1/9 tls"),
            ("imap+starttls://a", "a/143 starttls"),
            ("imaps://a?tls_check_peer=no", "a/993 tls"),
        ] {
            assert_eq!(described(option), [server], "{option}");
        }
        assert_eq!(described(" a  b/9\timaps://c "), ["a/143 plain", "b/9 plain", "c/993 tls"]);
    }

    #[test]
    fn what_is_wrong_is_said_of_the_word_that_is() {
        for (option, words) in [
            ("", "no host name"),
            (" \t", "no host name"),
            ("/143", "/143: no host name"),
            ("a/", "a/: the port must be"),
            ("a/0", "a/0: the port must be"),
            ("a/99999", "a/99999: the port must be"),
            ("a/nosuchsvc", "a/nosuchsvc: the port must be"),
            ("a/143/x", "a/143/x: the port must be"),
            ("a:143", "a:143: no possible host name"),
            ("good b@c", "b@c: no possible host name"),
            ("http://a", "http://a: neither imap://"),
            ("imaps://", "imaps://: no host name"),
            ("imaps://a/x", "imaps://a/x: no possible host name"),
            ("imap://a?tls_check_peer=no", "options of TLS, but no TLS"),
            ("imaps://a?check_peer=no", "check_peer=no: not one of tls_cacert_file, tls_"),
            ("imaps://a?tls_cacert_file=/no/such", "imaps://a?tls_cacert_file=/no/such: tls_cacert_file: "),
            ("imaps://a?tls_cert=/no/such", "tls_cert: /no/such: "),
            ("imaps://a?tls_key=/no/such", "tls_key: is of no use without a certificate"),
            ("imaps://a?tls_cacert_file=", "tls_cacert_file=: no value"),
            ("imaps://a?tls_check_peer=off", "tls_check_peer=off: must be yes or no"),
            ("imaps://fe80::1%eth0", "needs brackets"),
            ("imaps://[fe80::1%eth0]", "no name that a certificate can have"),
        ] {
            let error = servers(option).expect_err(option);
            assert!(error.contains(words), "{option}: {error}");
        }
    }
}
