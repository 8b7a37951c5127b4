//! The process at the other end of a connection.

use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::socket::{UnixCredentials, getsockopt, sockopt::PeerCredentials},
};
use std::{
    fmt,
    os::{fd::AsFd, unix::net::UnixStream},
    sync::Arc,
};

/// Who asks whether a password is right.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a connection, and what came over it")]
pub struct Client {
    /// The connection of the process that asks.
    pub stream: Arc<UnixStream>,
    /// `address;port` of whom it asks for, where it says so.
    pub address: Option<Vec<u8>>,
}

/// The address without the port behind it.
#[must_use]
pub fn host_of(address: &[u8]) -> &[u8] {
    address.split(|byte| *byte == b';').next().unwrap_or_default()
}

/// Whom the system says that is; nobody where it does not.
#[must_use]
pub fn uid(stream: &UnixStream) -> u32 {
    credentials(stream).map_or(u32::MAX, |peer| peer.uid())
}

/// Whether it has closed its connection, and not just its own half of it.
#[must_use]
pub fn has_gone(stream: &UnixStream) -> bool {
    let mut polled = [PollFd::new(stream.as_fd(), PollFlags::empty())];
    let hung_up = |flags: PollFlags| flags.intersects(PollFlags::POLLHUP | PollFlags::POLLERR);
    poll(&mut polled, PollTimeout::ZERO).is_ok() && polled[0].revents().is_some_and(hung_up)
}

/// It as a log has it, asked for only where it is shown.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "a way to show a stream")]
pub struct Peer<'a>(pub &'a UnixStream);

impl fmt::Display for Peer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match credentials(self.0) {
            Some(peer) => write!(f, "[pid={}] [uid={}]", peer.pid(), peer.uid()),
            None => f.write_str("[pid=] [uid=]"),
        }
    }
}

fn credentials(stream: &UnixStream) -> Option<UnixCredentials> {
    getsockopt(stream, PeerCredentials).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Shutdown;

    #[test]
    fn a_host_is_the_address_alone() {
        assert_eq!(host_of(b"192.0.2.1;25"), b"192.0.2.1");
        assert_eq!(host_of(b"2001:db8::1;25"), b"2001:db8::1");
        assert_eq!(host_of(b""), b"");
    }

    #[test]
    fn whoever_only_stopped_sending_has_not_gone() {
        let (gone, peer) = UnixStream::pair().unwrap();
        drop(peer);
        let (half, half_peer) = UnixStream::pair().unwrap();
        half_peer.shutdown(Shutdown::Write).unwrap();
        assert!(has_gone(&gone) && !has_gone(&half));
    }
}
