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
pub const CONNECTIONS: usize = 1024;

/// How many descriptors they take at most: the second is for who looks whether it has gone.
pub const DESCRIPTORS: usize = 2 * CONNECTIONS;

/// One that speaks Dovecot's authentication protocol.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ExchangeSocket(PathBuf);

/// One that is listened at.
#[derive(Debug)]
pub struct Listening {
    socket: UnixListener,
    place: Place,
}

const MEND: &str = "name another directory in exchange.listen, or with --listen";

impl ExchangeSocket {
    /// Reads `dovecot:/PATH`, several times.
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
        let path = text.strip_prefix("dovecot:").map(PathBuf::from).filter(|path| path.is_absolute());
        path.map(Self).ok_or_else(|| format!("{text}: must be dovecot:/PATH"))
    }

    /// Listens there. The directory may be a server's own.
    ///
    /// # Errors
    /// Why not, with the path.
    pub fn listen(&self, mode: u32, group: Option<Gid>) -> Result<Listening, Failure> {
        trust_way_to(&self.0, Owner::Anybody, MEND).map_err(|why| Failure::new(format!("{self}: {why}")))?;
        let (socket, place) = listen_at(&self.0, &self.0, mode, group)?;
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
        write!(f, "dovecot:{}", self.0.display())
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
        assert_eq!(parse(&["dovecot:/run/auth"]).unwrap()[0].to_string(), "dovecot:/run/auth");
        for text in ["/run/auth", "dovecot:auth", "dovecot:", "unix:/run/auth", ""] {
            assert_eq!(parse(&[text]).unwrap_err(), format!("{text}: must be dovecot:/PATH"));
        }
        assert_eq!(parse(&["dovecot:/a", "dovecot:/b", "dovecot:/a"]).unwrap_err(), "dovecot:/a: twice");
        assert_eq!(
            parse(&["dovecot:/1", "dovecot:/2", "dovecot:/3", "dovecot:/4", "dovecot:/5"]).unwrap_err(),
            "at most 4 sockets"
        );
    }

    #[test]
    fn where_others_can_write_nothing_is_made() {
        let scratch = tempfile::tempdir().unwrap();
        let socket = ExchangeSocket(scratch.path().join("auth"));
        let mode = |mode| fs::set_permissions(scratch.path(), fs::Permissions::from_mode(mode)).unwrap();
        mode(0o777);
        let said = socket.listen(0o660, None).unwrap_err().to_string();
        assert!(
            said.starts_with("dovecot:/") && said.ends_with("others can write this directory (chmod go-w ends that)"),
            "{said}"
        );
        mode(0o755);
        let listening = socket.listen(0o660, None).unwrap();
        assert_eq!(fs::symlink_metadata(&socket.0).unwrap().permissions().mode() & 0o777, 0o660);
        listening.remove();
        assert!(!socket.0.exists());
    }
}
