//! What the serving process, which has no privileges, has done for it by the main process, which has: the words that go
//! between the two, and the serving process' end of the line.

use crate::helper::backend::Kind;
use nix::unistd::dup2_stdin;
use sasl_system::descriptors;
use std::{
    cell::Cell,
    fs::File,
    io::{self, ErrorKind, stdin},
    os::{
        fd::{AsFd, OwnedFd},
        unix::net,
    },
};
use tokio::{io::Interest, net::UnixStream, sync::Mutex};

/// How long a word is, in bytes.
pub const LENGTH: usize = 6;

/// What the serving process says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by nature")]
pub enum Errand {
    /// Configuration is read, privileges are gone: it waits for its sockets.
    Configured,
    /// It serves.
    Serving,
    /// It is alive; said once a second.
    Alive,
    /// It has read its configuration anew, or keeps the old one.
    Reloaded,
    /// A helper is needed. The number comes back with it.
    Helper(Kind, u32),
}

/// What the main process says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by nature")]
pub enum Favour {
    /// Here is the socket to listen on, which goes when the service ends, and others behind it.
    Listen(Present),
    /// Here is one that stays, with whoever waits there, for the next service.
    ListenForOthers(Present),
    /// Here are the ends of a helper's channel and leash; or none, where it could not be started.
    Helper(u32),
}

/// Which of the sockets for exchanges that the settings have are there, a bit each: at the others, the main process could not listen.
pub type Present = u32;

/// A helper, as the serving process holds it.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "two descriptors")]
pub struct Ends {
    /// Where requests go and answers come from.
    pub channel: OwnedFd,
    /// What it is held by: it is ended when this is closed. Its exit status comes over it, and [`Order`]s go.
    pub leash: OwnedFd,
}

/// An octet to a leash.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by nature")]
#[repr(u8)]
pub enum Order {
    /// Let others go first.
    Lower = b'l',
    /// Stand where you stood.
    Restore = b'r',
    /// End, with all that was started.
    Kill = b'k',
}

/// The serving process' end. One errand that is answered follows the other.
#[derive(Debug, Default)]
pub struct Errands {
    line: Option<UnixStream>,
    turn: Mutex<()>,
    number: Cell<u32>,
}

impl Errand {
    /// As bytes.
    #[must_use]
    pub fn encode(self) -> [u8; LENGTH] {
        match self {
            Self::Configured => word(b'c', 0, 0),
            Self::Serving => word(b's', 0, 0),
            Self::Alive => word(b'a', 0, 0),
            Self::Reloaded => word(b'r', 0, 0),
            Self::Helper(kind, number) => word(b'h', kind as u8, number),
        }
    }

    /// `None` where the serving process would not have said it.
    #[must_use]
    pub fn decode(bytes: [u8; LENGTH]) -> Option<Self> {
        let [word, kind, number @ ..] = bytes;
        Some(match word {
            b'c' => Self::Configured,
            b's' => Self::Serving,
            b'a' => Self::Alive,
            b'r' => Self::Reloaded,
            b'h' => Self::Helper(Kind::numbered(kind)?, u32::from_le_bytes(number)),
            _ => return None,
        })
    }
}

impl Favour {
    /// As bytes.
    #[must_use]
    pub fn encode(self) -> [u8; LENGTH] {
        match self {
            Self::Listen(present) => word(b'l', 0, present),
            Self::ListenForOthers(present) => word(b'o', 0, present),
            Self::Helper(number) => word(b'h', 0, number),
        }
    }

    /// `None` where the main process would not have said it.
    #[must_use]
    pub fn decode(bytes: [u8; LENGTH]) -> Option<Self> {
        let [word, _, number @ ..] = bytes;
        Some(match word {
            b'l' => Self::Listen(u32::from_le_bytes(number)),
            b'o' => Self::ListenForOthers(u32::from_le_bytes(number)),
            b'h' => Self::Helper(u32::from_le_bytes(number)),
            _ => return None,
        })
    }
}

fn word(word: u8, kind: u8, number: u32) -> [u8; LENGTH] {
    let [a, b, c, d] = number.to_le_bytes();
    [word, kind, a, b, c, d]
}

impl Order {
    /// `None` for any other octet.
    #[must_use]
    pub fn decode(octet: u8) -> Option<Self> {
        [Self::Lower, Self::Restore, Self::Kill].into_iter().find(|order| *order as u8 == octet)
    }
}

impl Errands {
    /// Takes standard input over, which is empty from then on.
    ///
    /// # Errors
    /// Where standard input is no socket.
    pub fn take_stdin() -> io::Result<Self> {
        let line = net::UnixStream::from(stdin().as_fd().try_clone_to_owned()?);
        line.set_nonblocking(true)?;
        dup2_stdin(File::open("/dev/null")?)?;
        Ok(Self { line: Some(UnixStream::from_std(line)?), ..Self::default() })
    }

    /// Says what needs no answer. Where the main process is gone, this one ends soon.
    pub fn say(&self, errand: Errand) {
        let _ = self.line.as_ref().map(|line| descriptors::send(line, &errand.encode(), &[]));
    }

    /// Waits for the sockets to listen on.
    ///
    /// # Errors
    /// Where the main process is gone, or says something else.
    pub async fn sockets(&self) -> io::Result<(Favour, Vec<OwnedFd>)> {
        match self.hear().await? {
            (Favour::Helper(_), _) => Err(ErrorKind::InvalidData.into()),
            sockets => Ok(sockets),
        }
    }

    /// Has a helper started. Whoever does not wait for it any more leaves it to be ended.
    ///
    /// # Errors
    /// Where it could not be started, or there is nobody to do it.
    pub async fn start_helper(&self, kind: Kind) -> io::Result<Ends> {
        let _turn = self.turn.lock().await;
        let number = self.number.get().wrapping_add(1);
        self.number.set(number);
        self.say(Errand::Helper(kind, number));
        loop {
            let (favour, descriptors) = self.hear().await?;
            if favour == Favour::Helper(number) {
                let [channel, leash] = descriptors.try_into().map_err(|_| ErrorKind::Other)?;
                return Ok(Ends { channel, leash });
            }
        }
    }

    async fn hear(&self) -> io::Result<(Favour, Vec<OwnedFd>)> {
        let line = self.line.as_ref().ok_or(ErrorKind::NotConnected)?;
        let mut bytes = [0; LENGTH];
        let (length, descriptors) =
            line.async_io(Interest::READABLE, || descriptors::receive(line, &mut bytes)).await?;
        let favour = Favour::decode(bytes).filter(|_| length == LENGTH);
        Ok((favour.ok_or(ErrorKind::UnexpectedEof)?, descriptors))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_understood() {
        for errand in [
            Errand::Configured,
            Errand::Serving,
            Errand::Alive,
            Errand::Reloaded,
            Errand::Helper(Kind::Pam, 1),
            Errand::Helper(Kind::Crypt, u32::MAX),
        ] {
            assert_eq!(Errand::decode(errand.encode()), Some(errand));
        }
        for favour in [Favour::Listen(5), Favour::ListenForOthers(0), Favour::Helper(0x0102_0304)] {
            assert_eq!(Favour::decode(favour.encode()), Some(favour));
        }
        for order in [Order::Lower, Order::Restore, Order::Kill] {
            assert_eq!(Order::decode(order as u8), Some(order));
        }
    }

    #[test]
    fn anything_else_is_not() {
        assert_eq!(Errand::decode(word(b'h', 99, 0)), None);
        assert_eq!((Errand::decode(*b"xxxxxx"), Favour::decode(*b"xxxxxx"), Order::decode(b'x')), (None, None, None));
    }
}
