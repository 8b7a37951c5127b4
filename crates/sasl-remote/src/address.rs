//! Where a server is.

use std::{fmt, fs, net::Ipv6Addr};

const SERVICES: &str = "/etc/services";

/// A host, by name or by address, and a TCP port.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Address {
    host: String,
    port: u16,
}

impl Address {
    /// An IPv6 address may be in brackets, and need not.
    ///
    /// # Errors
    /// What is wrong with `host`, in words.
    pub fn new(host: &str, port: u16) -> Result<Self, &'static str> {
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        match bare {
            "" => Err("no host name"),
            _ if !is_host(bare) => Err("no possible host name"),
            _ => Ok(Self { host: bare.to_owned(), port }),
        }
    }

    /// Reads `host` or `host:port`, as in a URI. There an IPv6 address needs its brackets.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &str, default_port: u16) -> Result<Self, &'static str> {
        let bracket = text.rfind(']').map_or(0, |index| index + 1);
        match text[bracket..].find(':').map(|index| index + bracket) {
            Some(colon) if text[colon + 1..].contains(':') => Err("an IPv6 address needs brackets"),
            Some(colon) => Self::new(&text[..colon], port(&text[colon + 1..]).ok_or(NO_PORT)?),
            None => Self::new(text, default_port),
        }
    }

    /// The name or the address, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// As in a URI: `host:port`, an IPv6 address in brackets.
    #[must_use]
    pub fn authority(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

/// As the original writes it: `host/port`.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.port)
    }
}

/// What is said of a port that is none.
pub const NO_PORT: &str = "the port must be a number from 1 to 65535, or the name of a TCP service";

/// Reads a port: a number, or the name of a service as in `/etc/services`.
#[must_use]
pub fn port(text: &str) -> Option<u16> {
    match text {
        "http" => Some(80),
        "imap" | "imap2" => Some(143),
        "https" => Some(443),
        "imaps" => Some(993),
        _ if text.starts_with(|first: char| first.is_ascii_digit()) => text.parse().ok().filter(|port| *port > 0),
        _ => fs::read_to_string(SERVICES).ok().and_then(|table| service(&table, text)),
    }
}

fn service(table: &str, name: &str) -> Option<u16> {
    table.lines().find_map(|line| {
        let mut words = line.split('#').next()?.split_whitespace();
        let (first, port) = (words.next()?, words.next()?.strip_suffix("/tcp")?);
        (first == name || words.any(|alias| alias == name)).then(|| port.parse().ok())?
    })
}

/// A name, or an address; behind a link-local address, `%` and the interface.
fn is_host(text: &str) -> bool {
    let is_word = |text: &str| text.bytes().all(|octet| octet.is_ascii_alphanumeric() || b".-_".contains(&octet));
    let (host, zone) = text.split_once('%').unwrap_or((text, ""));
    is_word(zone) && (is_word(host) && zone.is_empty() || host.parse::<Ipv6Addr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ports_of_a_uri() {
        for (text, host, port) in [
            ("a.example", "a.example", 143),
            ("a.example:99", "a.example", 99),
            ("a:imaps", "a", 993),
            ("[::1]", "::1", 143),
            ("[::1]:99", "::1", 99),
        ] {
            let address = Address::parse(text, 143).expect(text);
            assert_eq!((address.host(), address.port()), (host, port), "{text}");
        }
    }

    #[test]
    fn what_is_no_address() {
        for text in [
            "", ":", ":99", "a:", "a:0", "a:65536", "a:1x", "a:-1", "a:nosuch", "::1", "[::1", "[]", "a b", "ä", "a@b",
            "[::1]x:9", "a%b", "[a:9]",
        ] {
            assert!(Address::parse(text, 143).is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_is_written_in_two_ways() {
        let address = Address::new("[::1]", 80).unwrap();
        assert_eq!((address.to_string(), address.authority()), ("::1/80".into(), "[::1]:80".into()));
        assert_eq!(Address::new("a", 80).unwrap().authority(), "a:80");
    }

    #[test]
    fn services_have_names_and_aliases() {
        let table = "# comment\nimap2\t143/tcp imap # mail\nx 5/udp\nx 6/tcp y\n\nbroken\n";
        assert_eq!(
            ["imap2", "imap", "x", "y", "mail", "broken"].map(|name| service(table, name)),
            [Some(143), Some(143), Some(6), Some(6), None, None]
        );
    }
}
