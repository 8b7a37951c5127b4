//! Where scrapers find the metrics: an address of this host alone.

use crate::{
    exchange_socket::MOST as MOST_EXCHANGE_SOCKETS,
    exit::Failure,
    socket::{Place, listen_at},
    trust::{Owner, trust_way_to},
};
use nix::sys::socket::{AddressFamily, SockaddrLike, SockaddrStorage, getsockname};
use sasl_system::descriptors;
use std::{
    fmt, io,
    net::{self, SocketAddr},
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
        unix,
    },
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

/// With the socket of clients, the control socket and those for exchanges, as many as go from one process to another at once.
const MOST: usize = descriptors::MOST - 2 - MOST_EXCHANGE_SOCKETS;

/// So many are served at once at each, and at the control socket. Others wait.
pub const AT_ONCE: usize = 16;

/// How many descriptors each takes, with those that it serves.
pub const DESCRIPTORS: usize = 1 + AT_ONCE;

/// Whoever may enter the directory may scrape. There is no secret on the page.
const MODE: u32 = 0o666;

const MEND: &str = "name a directory of root's in metrics.listen, or with --metrics";

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
    /// Where one of them is none or is there twice, or there are too many.
    pub fn parse_all(texts: &[&str]) -> Result<Vec<Self>, String> {
        let all = texts.iter().map(|text| Self::parse(text)).collect::<Result<Vec<_>, _>>()?;
        let twice = all.iter().enumerate().find(|(at, each)| all[..*at].contains(each));
        match twice {
            Some((_, endpoint)) => Err(format!("{endpoint}: twice")),
            None if all.len() > MOST => Err(format!("at most {MOST} addresses")),
            None => Ok(all),
        }
    }

    fn bind(&self) -> Result<Listening, Failure> {
        let failed = |error: &dyn fmt::Display| Failure::new(format!("metrics: {self}: {error}"));
        let (socket, place) = match self {
            Self::Tcp(address) => (net::TcpListener::bind(address).map_err(|error| failed(&error))?.into(), None),
            Self::Unix(path) => {
                trust_way_to(path, Owner::Trusted, MEND).map_err(|why| failed(&why))?;
                let (socket, place) = listen_at(path, path, MODE, None).map_err(|failure| failed(&failure))?;
                (socket.into(), Some(place))
            }
        };
        Ok(Listening { endpoint: self.clone(), socket, place })
    }
}

/// One that we listen at.
#[derive(Debug)]
pub struct Listening {
    endpoint: Endpoint,
    socket: OwnedFd,
    /// The file that it has, if it has one.
    place: Option<Place>,
}

impl Listening {
    /// Listens at all of them that it can, and says why not at the others.
    #[must_use]
    pub fn at(endpoints: &[Endpoint]) -> (Vec<Self>, Vec<Failure>) {
        let (mut all, mut failures) = (Vec::new(), Vec::new());
        for endpoint in endpoints {
            match endpoint.bind() {
                Ok(listening) => all.push(listening),
                Err(failure) => failures.push(failure),
            }
        }
        (all, failures)
    }

    /// Where it is.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Removes the file that it has, if it has one, and that is still the one.
    pub fn remove(&self) {
        self.place.iter().for_each(Place::remove);
    }
}

impl AsFd for Listening {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Bound {
    /// What a socket is, perhaps of another process: it says so itself.
    ///
    /// # Errors
    /// Where it is neither.
    pub fn of(socket: OwnedFd) -> io::Result<Self> {
        match getsockname::<SockaddrStorage>(socket.as_raw_fd())?.family() {
            Some(AddressFamily::Unix) => Ok(Self::Unix(socket.into())),
            Some(AddressFamily::Inet | AddressFamily::Inet6) => Ok(Self::Tcp(socket.into())),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
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
    use std::{fs, os::unix::fs::PermissionsExt};

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

    #[test]
    fn an_address_counts_once() {
        let said = Endpoint::parse_all(&["[::1]:1", "unix:/x", "[::1]:1"]).unwrap_err();
        assert_eq!(said, "[::1]:1: twice");
    }

    #[test]
    fn an_address_that_is_taken_keeps_none_of_the_others() {
        let scratch = tempfile::tempdir().unwrap();
        let taken = net::TcpListener::bind("127.0.0.1:0").unwrap();
        let all = [
            Endpoint::Tcp(taken.local_addr().unwrap()),
            Endpoint::Unix(scratch.path().join("metrics")),
            Endpoint::parse("127.0.0.1:0").unwrap(),
        ];
        let (listening, failures) = Listening::at(&all);
        assert_eq!(failures.len(), 1, "{failures:?}");
        assert!(failures[0].to_string().starts_with(&format!("metrics: {}: Address already in use", all[0])));
        assert_eq!(listening.iter().map(Listening::endpoint).collect::<Vec<_>>(), [&all[1], &all[2]]);
        let kinds: Vec<_> = listening.into_iter().map(|each| Bound::of(each.socket).unwrap()).collect();
        assert!(matches!(kinds[..], [Bound::Unix(_), Bound::Tcp(_)]));
    }

    #[test]
    fn a_way_that_others_can_change_is_not_taken() {
        let scratch = tempfile::tempdir().unwrap();
        let (open, link) = (scratch.path().join("open"), scratch.path().join("link"));
        fs::create_dir_all(open.join("within")).unwrap();
        let mode = |mode| fs::set_permissions(&open, fs::Permissions::from_mode(mode)).unwrap();
        unix::fs::symlink(open.join("within"), &link).unwrap();
        for way in [open.join("within"), link] {
            let endpoint = Endpoint::Unix(way.join("metrics"));
            mode(0o777);
            let said = endpoint.bind().unwrap_err().to_string();
            assert!(said.starts_with("metrics: unix:/") && said.contains("open: others can write this"), "{said}");
            mode(0o1777);
            endpoint.bind().unwrap().remove();
            assert!(!way.join("metrics").exists());
        }
        let said = Endpoint::Unix(open.join("metrics")).bind().unwrap_err().to_string();
        assert!(said.contains("open: others can write this"), "{said}");
    }
}
