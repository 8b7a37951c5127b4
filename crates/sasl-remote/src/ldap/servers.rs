//! The servers of a directory: where they are, and which to try first.

use crate::address::Address;
use std::{cell::RefCell, path::PathBuf, time::Duration};
use tokio::time::Instant;

/// How long a server that failed comes behind the others.
pub(crate) const PAUSE: Duration = Duration::from_secs(30);

const LDAP: u16 = 389;
const LDAPS: u16 = 636;

/// One server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Server {
    /// As the log names it.
    pub(crate) uri: String,
    pub(crate) place: Place,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Place {
    Tcp(Address, Security),
    Unix(PathBuf),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Security {
    /// Whoever is on the way reads the passwords.
    None,
    /// From the first octet.
    Tls,
    /// Asked for before anything else is said.
    StartTls,
}

/// All servers, in the order of the configuration.
#[derive(Debug)]
pub(crate) struct Servers {
    list: Vec<Server>,
    /// When each of them failed last, unless it has worked since.
    failures: RefCell<Vec<Option<Instant>>>,
}

impl Server {
    /// Reads a URI: `ldap://HOST[:PORT]/`, `ldaps://...` or `ldapi://PATH`, where `/` is `%2F`. `plain` is what becomes of the
    /// first.
    pub(crate) fn parse(uri: &str, plain: Security) -> Result<Self, &'static str> {
        let (scheme, rest) = uri.split_once("://").ok_or("must be ldap://, ldaps:// or ldapi:// and a host")?;
        let (host, behind) = rest.split_once('/').unwrap_or((rest, ""));
        let place = match scheme.to_ascii_lowercase().as_str() {
            _ if !behind.is_empty() => {
                return Err("must end behind the host and the port: nothing else of a URI counts");
            }
            "ldap" => Place::Tcp(address(host, LDAP)?, plain),
            "ldaps" => Place::Tcp(address(host, LDAPS)?, Security::Tls),
            "ldapi" if plain == Security::StartTls => return Err("there is no StartTLS over ldapi://"),
            "ldapi" if host.is_empty() => Place::Unix(PathBuf::from("/var/run/slapd/ldapi")),
            "ldapi" => Place::Unix(PathBuf::from(decoded(host)?)),
            _ => return Err("must be ldap://, ldaps:// or ldapi:// and a host"),
        };
        Ok(Self { uri: uri.to_owned(), place })
    }

    pub(crate) fn needs_tls(&self) -> bool {
        matches!(self.place, Place::Tcp(_, Security::Tls | Security::StartTls))
    }
}

impl Servers {
    pub(crate) fn new(list: Vec<Server>) -> Self {
        let failures = RefCell::new(vec![None; list.len()]);
        Self { list, failures }
    }

    pub(crate) fn get(&self, number: usize) -> &Server {
        &self.list[number]
    }

    /// The numbers of all servers, those first that did not fail of late.
    pub(crate) fn order(&self) -> Vec<usize> {
        let failures = self.failures.borrow();
        let failed = |number: &usize| failures[*number].is_some_and(|failure| failure.elapsed() < PAUSE);
        let (bad, good): (Vec<_>, Vec<_>) = (0..self.list.len()).partition(failed);
        [good, bad].concat()
    }

    /// Puts a server behind the others for a while.
    pub(crate) fn blame(&self, number: usize) {
        self.failures.borrow_mut()[number] = Some(Instant::now());
    }

    /// It works again.
    pub(crate) fn absolve(&self, number: usize) {
        self.failures.borrow_mut()[number] = None;
    }
}

/// Without a host, this one.
fn address(host: &str, port: u16) -> Result<Address, &'static str> {
    match host {
        "" => Address::new("localhost", port),
        host => Address::parse(host, port),
    }
}

fn decoded(text: &str) -> Result<String, &'static str> {
    let (mut octets, mut rest) = (Vec::new(), text.as_bytes());
    loop {
        rest = match rest {
            [] => return String::from_utf8(octets).map_err(|_| "must be UTF-8"),
            [b'%', high, low, rest @ ..] => {
                let pair = [*high, *low];
                let octet = str::from_utf8(&pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
                octets.push(octet.filter(|octet| *octet != 0).ok_or("% must come before two hexadecimal digits")?);
                rest
            }
            [b'%', ..] => return Err("% must come before two hexadecimal digits"),
            [octet, rest @ ..] => {
                octets.push(*octet);
                rest
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(uri: &str) -> Place {
        Server::parse(uri, Security::None).expect(uri).place
    }

    #[test]
    fn uris_of_every_kind() {
        let tcp = |host, port, security| Place::Tcp(Address::new(host, port).unwrap(), security);
        assert_eq!(place("ldap://localhost/"), tcp("localhost", 389, Security::None));
        assert_eq!(place("LDAP://a.example:3890"), tcp("a.example", 3890, Security::None));
        assert_eq!(place("ldap:///"), tcp("localhost", 389, Security::None));
        assert_eq!(place("ldaps://[::1]/"), tcp("::1", 636, Security::Tls));
        assert_eq!(place("ldapi://%2Frun%2Fslapd%2fldapi/"), Place::Unix("/run/slapd/ldapi".into()));
        let upgraded = Server::parse("ldap://a", Security::StartTls).unwrap();
        assert_eq!(upgraded.place, tcp("a", 389, Security::StartTls));
        assert!(upgraded.needs_tls() && !Server::parse("ldap://a", Security::None).unwrap().needs_tls());
        assert_eq!(Server::parse("ldaps://a", Security::StartTls).unwrap().place, tcp("a", 636, Security::Tls));
    }

    #[test]
    fn what_is_no_server() {
        for uri in
            ["foo", "http://a/", "ldap:/a", "ldap://a/dc=x", "ldap://a:0/", "ldap://::1/", "ldapi://%2", "ldapi://%zz"]
        {
            assert!(Server::parse(uri, Security::None).is_err(), "{uri}");
        }
        assert!(Server::parse("ldapi:///", Security::StartTls).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_failed_comes_last_for_a_while() {
        let uris = ["ldap://a", "ldap://b", "ldap://c"];
        let servers = Servers::new(uris.map(|uri| Server::parse(uri, Security::None).unwrap()).to_vec());
        assert_eq!(servers.order(), [0, 1, 2]);
        servers.blame(0);
        assert_eq!(servers.order(), [1, 2, 0]);
        servers.blame(1);
        assert_eq!(servers.order(), [2, 0, 1]);
        servers.absolve(1);
        assert_eq!(servers.order(), [1, 2, 0]);
        tokio::time::advance(PAUSE).await;
        assert_eq!(servers.order(), [0, 1, 2]);
    }
}
