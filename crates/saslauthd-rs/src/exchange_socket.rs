//! Where servers come in that leave whole exchanges to the daemon.

use crate::{
    exit::Failure,
    socket::{Place, listen_at},
    trust::{Owner, trust_way_to},
};
use nix::unistd::Gid;
use std::{
    fmt,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixListener,
    },
    path::PathBuf,
};

/// So many sockets are enough for the servers of a host, each in its own root.
pub const MOST: usize = 4;

/// So many connections are held. A mail server has one for each of its processes.
const CONNECTIONS: usize = 1024;

/// Each takes so many descriptors: the second is for who looks whether it has gone.
pub const DESCRIPTORS: usize = 2;

/// How many connections are held where so many files may be open: those that ask by `mux` must not go without.
#[must_use]
pub fn connections(files: u64) -> usize {
    let files = usize::try_from(files).unwrap_or(usize::MAX);
    (files / 8 / DESCRIPTORS).clamp(1, CONNECTIONS)
}

/// One of them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ExchangeSocket {
    protocol: Protocol,
    path: PathBuf,
}

/// What is spoken there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "Dovecot has two sides")]
pub enum Protocol {
    /// Dovecot's authentication protocol: exchanges.
    Exchanges,
    /// Its other side, for root: who came in, and what it takes to serve them.
    Userdb,
}

/// What is in front of the path.
const NAMES: [(&str, Protocol); 2] = [("dovecot", Protocol::Exchanges), ("dovecot-userdb", Protocol::Userdb)];

/// Of a socket that root alone may use.
const OF_ROOT: u32 = 0o600;

/// One that is listened at.
#[derive(Debug)]
pub struct Listening {
    socket: UnixListener,
    place: Place,
}

const MEND: &str = "name another directory in exchange.listen, or with --listen";

impl ExchangeSocket {
    /// Reads `dovecot:/PATH` and `dovecot-userdb:/PATH`, several times.
    ///
    /// # Errors
    /// Where one of them is none or is there twice, or there are too many.
    pub fn parse_all(texts: &[&str]) -> Result<Vec<Self>, String> {
        let all = texts.iter().map(|text| Self::parse(text)).collect::<Result<Vec<_>, _>>()?;
        let twice = all.iter().enumerate().find(|(at, each)| all[..*at].contains(each));
        match twice {
            Some((_, socket)) => Err(format!("{socket}: twice")),
            None if all.len() > MOST => Err(format!("at most {MOST} sockets")),
            None => Ok(all),
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let known = |(name, path): (&str, &str)| {
            let (_, protocol) = NAMES.iter().find(|(known, _)| *known == name)?;
            Some(Self { protocol: *protocol, path: path.into() }).filter(|socket| socket.path.is_absolute())
        };
        text.split_once(':')
            .and_then(known)
            .ok_or_else(|| format!("{text}: must be dovecot:/PATH or dovecot-userdb:/PATH"))
    }

    /// What is spoken there.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Listens there. The directory may be a server's own, where that has its clients.
    ///
    /// # Errors
    /// Why not, with the path.
    pub fn listen(&self, mode: u32, group: Option<Gid>) -> Result<Listening, Failure> {
        let (owner, mode, group) = match self.protocol {
            Protocol::Exchanges => (Owner::Anybody, mode, group),
            Protocol::Userdb => (Owner::Trusted, OF_ROOT, None),
        };
        trust_way_to(&self.path, owner, MEND).map_err(Failure::new)?;
        let (socket, place) = listen_at(&self.path, &self.path, mode, group)?;
        Ok(Listening { socket, place })
    }
}

impl Listening {
    /// Removes its file, if that is still the one.
    pub fn remove(&self) {
        self.place.remove();
    }
}

impl AsFd for Listening {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl fmt::Display for ExchangeSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.iter().find(|(_, protocol)| *protocol == self.protocol).map_or("", |(name, _)| name);
        write!(f, "{name}:{}", self.path.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::PermissionsExt};

    fn parse(texts: &[&str]) -> Result<Vec<ExchangeSocket>, String> {
        ExchangeSocket::parse_all(texts)
    }

    #[test]
    fn a_path_with_its_protocol_and_nothing_else() {
        for text in ["dovecot:/run/auth", "dovecot-userdb:/run/master"] {
            assert_eq!(parse(&[text]).unwrap()[0].to_string(), text);
        }
        for text in ["/run/auth", "dovecot:auth", "dovecot:", "unix:/run/auth", ""] {
            assert_eq!(parse(&[text]).unwrap_err(), format!("{text}: must be dovecot:/PATH or dovecot-userdb:/PATH"));
        }
        assert_eq!(parse(&["dovecot:/a", "dovecot:/b", "dovecot:/a"]).unwrap_err(), "dovecot:/a: twice");
        assert_eq!(
            parse(&["dovecot:/1", "dovecot:/2", "dovecot:/3", "dovecot:/4", "dovecot:/5"]).unwrap_err(),
            "at most 4 sockets"
        );
    }

    /// They could put another in its place: what is above is everybody's.
    #[test]
    fn a_directory_of_somebody_else_in_one_for_everybody_will_not_do() {
        if !nix::unistd::Uid::current().is_root() {
            return eprintln!("not run: only root gives directories away");
        }
        let scratch = tempfile::tempdir_in("/tmp").unwrap();
        fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let socket = ExchangeSocket { protocol: Protocol::Exchanges, path: scratch.path().join("auth") };
        socket.listen(0o600, None).unwrap().remove();
        std::os::unix::fs::chown(scratch.path(), Some(65534), None).unwrap();
        let said = socket.listen(0o600, None).unwrap_err().to_string();
        assert!(said.contains("/tmp: everybody's, with a directory of somebody else in it; name another"), "{said}");
    }

    #[test]
    fn where_others_can_write_nothing_is_made() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("auth");
        let socket = ExchangeSocket { protocol: Protocol::Exchanges, path: path.clone() };
        let mode = |mode| fs::set_permissions(scratch.path(), fs::Permissions::from_mode(mode)).unwrap();
        mode(0o777);
        let said = socket.listen(0o660, None).unwrap_err().to_string();
        assert!(
            said.starts_with('/') && said.ends_with("others can write this directory (chmod go-w ends that)"),
            "{said}"
        );
        mode(0o755);
        let listening = socket.listen(0o660, None).unwrap();
        assert_eq!(fs::symlink_metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
        listening.remove();
        assert!(!path.exists());
        let socket = ExchangeSocket { protocol: Protocol::Userdb, ..socket };
        let _listening = socket.listen(0o666, None).unwrap();
        assert_eq!(fs::symlink_metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "root's alone");
    }
}
