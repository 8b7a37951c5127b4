//! Where scrapers find the metrics: an address of this host alone.

use crate::{exit::Failure, socket::listen_at};
use sasl_system::descriptors;
use std::{
    fmt, fs, io,
    net::{self, SocketAddr},
    os::{fd::OwnedFd, unix},
    path::PathBuf,
};

/// One such place.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by nature")]
pub enum Endpoint {
    /// A port at a loopback address.
    Tcp(SocketAddr),
    /// A socket in the file system.
    Unix(PathBuf),
}

/// One that is listened at.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "complete by nature")]
pub enum Bound {
    /// Whoever is on this host gets through.
    Tcp(net::TcpListener),
    /// Whoever gets at the file.
    Unix(unix::net::UnixListener),
}

/// With the socket of clients and the control socket, as many as go from one process to another at once.
const MOST: usize = descriptors::MOST - 2;

/// Whoever may enter the directory may scrape. There is no secret on the page.
const MODE: u32 = 0o666;

impl Endpoint {
    /// Reads `127.0.0.1:PORT`, `[::1]:PORT` or `unix:/PATH`.
    ///
    /// # Errors
    /// Why it is none, for whoever wrote it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:").map(PathBuf::from) {
            return if path.is_absolute() {
                Ok(Self::Unix(path))
            } else {
                Err(wrong(text, "the path must be absolute"))
            };
        }
        match text.parse::<SocketAddr>() {
            Ok(address) if address.ip().to_canonical().is_loopback() => Ok(Self::Tcp(address)),
            Ok(_) => Err(wrong(text, "other hosts could read it there")),
            Err(_) => Err(wrong(text, "is no address")),
        }
    }

    /// Reads several.
    ///
    /// # Errors
    /// Where one of them is none, or there are too many.
    pub fn parse_all<'a>(texts: impl Iterator<Item = &'a str>) -> Result<Vec<Self>, String> {
        let all = texts.map(Self::parse).collect::<Result<Vec<_>, _>>()?;
        if all.len() <= MOST { Ok(all) } else { Err(format!("at most {MOST} addresses")) }
    }

    /// Listens there.
    ///
    /// # Errors
    /// With the address, where that cannot be.
    pub fn bind(&self) -> Result<OwnedFd, Failure> {
        match self {
            Self::Tcp(address) => {
                net::TcpListener::bind(address).map(OwnedFd::from).map_err(|error| self.failed(&error))
            }
            Self::Unix(path) => listen_at(path, path, MODE, None).map(OwnedFd::from),
        }
    }

    /// What was bound here, perhaps by another process.
    #[must_use]
    pub fn bound(&self, socket: OwnedFd) -> Bound {
        match self {
            Self::Tcp(_) => Bound::Tcp(socket.into()),
            Self::Unix(_) => Bound::Unix(socket.into()),
        }
    }

    /// Removes the file that it has, if it has one.
    pub fn remove(&self) {
        if let Self::Unix(path) = self {
            let _ = fs::remove_file(path);
        }
    }

    fn failed(&self, error: &io::Error) -> Failure {
        Failure::new(format!("metrics: {self}: {error}"))
    }
}

fn wrong(text: &str, why: &str) -> String {
    format!("{text}: {why}; it must be 127.0.0.1:PORT, [::1]:PORT or unix:/PATH")
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_this_host_alone() {
        for text in ["127.0.0.1:9464", "127.8.8.8:1", "[::1]:9464", "unix:/run/x/metrics"] {
            assert_eq!(Endpoint::parse(text).unwrap().to_string(), text);
        }
        for (text, why) in [
            ("0.0.0.0:9464", "other hosts"),
            ("192.0.2.1:9464", "other hosts"),
            ("[::]:9464", "other hosts"),
            ("[::ffff:192.0.2.1]:9464", "other hosts"),
            ("localhost:9464", "is no address"),
            ("127.0.0.1", "is no address"),
            ("unix:metrics", "must be absolute"),
            ("", "is no address"),
        ] {
            let said = Endpoint::parse(text).unwrap_err();
            assert!(said.starts_with(text) && said.contains(why), "{said}");
        }
    }
}
