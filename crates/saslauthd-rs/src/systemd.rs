//! What systemd and whoever works like it say to a service that starts, and want to hear: sockets that wait already
//! (`sd_listen_fds(3)`), and how it gets on (`sd_notify(3)`).

use nix::{
    sys::{
        socket::{AddressFamily, SockaddrLike, SockaddrStorage, getsockname, getsockopt, sockopt::AcceptConn},
        time::TimeValLike,
    },
    time::{ClockId, clock_gettime},
};
use sasl_system::descriptors::handed_over;
use std::{
    env,
    ffi::OsStr,
    io,
    os::{
        fd::{AsRawFd, OwnedFd},
        linux::net::SocketAddrExt,
        unix::{
            ffi::OsStrExt,
            net::{SocketAddr, UnixDatagram, UnixListener},
        },
    },
    process,
};

/// Where the service manager listens, if there is one.
#[derive(Debug)]
pub struct Manager(Option<SocketAddr>);

/// What it wants to hear.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by nature")]
pub enum State {
    /// It serves.
    Ready,
    /// It reads its configuration anew; [`State::Ready`] follows.
    Reloading,
    /// It ends.
    Stopping,
    /// It is alive.
    Alive,
}

impl Manager {
    /// The one that the environment names.
    #[must_use]
    pub fn from_environment() -> Self {
        Self(env::var_os("NOTIFY_SOCKET").as_deref().and_then(|path| address(path).ok()))
    }

    /// Tells it, without waiting. Where nobody listens, nothing is lost.
    pub fn tell(&self, state: State) {
        let Some(address) = &self.0 else { return };
        let _ = UnixDatagram::unbound().and_then(|socket| {
            socket.set_nonblocking(true)?;
            socket.send_to_addr(state.text().as_bytes(), address)
        });
    }
}

/// A path, or behind an `@` a name without one.
fn address(path: &OsStr) -> io::Result<SocketAddr> {
    match path.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(path),
    }
}

impl State {
    fn text(self) -> String {
        match self {
            Self::Ready => "READY=1".into(),
            Self::Reloading => format!("RELOADING=1\nMONOTONIC_USEC={}", now()),
            Self::Stopping => "STOPPING=1".into(),
            Self::Alive => "WATCHDOG=1".into(),
        }
    }
}

fn now() -> i64 {
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(0, |now| now.num_microseconds())
}

/// The socket that somebody listens on for us already: the first of those that are handed over to this process that is one.
/// Call it once, before anything else is opened.
#[must_use]
pub fn socket_handed_over() -> Option<UnixListener> {
    let number = |name| env::var(name).ok().and_then(|text| text.parse::<u32>().ok());
    let is_for_us = number("LISTEN_PID") == Some(process::id());
    let count = number("LISTEN_FDS").filter(|_| is_for_us).and_then(|count| usize::try_from(count).ok())?;
    handed_over(count).into_iter().find(listens).map(UnixListener::from)
}

fn listens(socket: &OwnedFd) -> bool {
    let family = getsockname::<SockaddrStorage>(socket.as_raw_fd()).ok().and_then(|address| address.family());
    family == Some(AddressFamily::Unix) && getsockopt(socket, AcceptConn).unwrap_or(false)
}

/// What of the environment is not for other programs.
pub const OURS: [&str; 4] = ["NOTIFY_SOCKET", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_at_a_path_and_at_a_name_without_one() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("notify");
        let name = format!("@saslauthd-test-{}", process::id());
        let there = SocketAddr::from_abstract_name(&name.as_bytes()[1..]).unwrap();
        for (heard, named) in [
            (UnixDatagram::bind(&path).unwrap(), path.as_os_str()),
            (UnixDatagram::bind_addr(&there).unwrap(), OsStr::new(&name)),
        ] {
            let manager = Manager(Some(address(named).unwrap()));
            for (state, text) in
                [(State::Ready, "READY=1"), (State::Stopping, "STOPPING=1"), (State::Alive, "WATCHDOG=1")]
            {
                manager.tell(state);
                let mut said = [0; 64];
                let length = heard.recv(&mut said).unwrap();
                assert_eq!(&said[..length], text.as_bytes());
            }
        }
        Manager(Some(address(path.as_os_str()).unwrap())).tell(State::Ready);
        Manager(None).tell(State::Ready);
    }

    #[test]
    fn reloading_says_since_when() {
        let before = now();
        let text = State::Reloading.text();
        let since = text.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap().parse::<i64>().unwrap();
        assert!(before > 0 && (before..=now()).contains(&since));
    }
}
