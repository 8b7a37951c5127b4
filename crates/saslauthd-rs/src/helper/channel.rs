//! A helper's end of its channel to the daemon: a request in, an answer out, and so on.

use crate::helper::answer::{Answer, NUMBER};
use nix::{sys::stat::fstat, unistd::dup2_stdin};
use sasl_wire::{
    frame::Decoded,
    saslauthd::{Malformed, Request, decode_request},
};
use std::{
    fs::File,
    io::{self, ErrorKind, Read, Write, stdin},
    mem::ManuallyDrop,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
};
use zeroize::{Zeroize, Zeroizing};

/// The channel, and the request that is being read. It is never closed: a module may have done so, and then the number is
/// somebody else's.
pub(super) struct Channel {
    socket: ManuallyDrop<UnixStream>,
    identity: (u64, u64),
    buffer: Zeroizing<Box<[u8]>>,
    filled: usize,
    /// That of the last request.
    number: [u8; NUMBER],
}

/// Login, password, service, realm and client: all five come, those that are not known as empty ones, so that the end of a
/// request can be seen.
const FIELDS: usize = 5;

/// The longest field: what two bytes count.
const LONGEST_FIELD: usize = u16::MAX as usize;

/// Room for all.
const LONGEST_REQUEST: usize = NUMBER + FIELDS * (2 + LONGEST_FIELD);

impl Channel {
    /// Takes standard input over. Another descriptor is the channel from then on, one that is not handed on to programs which
    /// a module starts, and standard input is empty.
    pub(super) fn take_stdin() -> io::Result<Self> {
        let socket = UnixStream::from(stdin().as_fd().try_clone_to_owned()?);
        dup2_stdin(File::open("/dev/null")?)?;
        // The daemon's end may be one that does not wait, and then this one is too.
        socket.set_nonblocking(false)?;
        Self::new(socket)
    }

    fn new(socket: UnixStream) -> io::Result<Self> {
        let identity = identity(&socket)?;
        let buffer = Zeroizing::new(vec![0; LONGEST_REQUEST].into());
        Ok(Self { socket: ManuallyDrop::new(socket), identity, buffer, filled: 0, number: [0; NUMBER] })
    }

    /// Waits for a request; `None` where the daemon has closed its end. One that is malformed is whole, and can be answered.
    ///
    /// # Errors
    /// Where the channel is broken, or has bytes that are no request.
    pub(super) fn receive(&mut self) -> io::Result<Option<Result<Request<'_>, Malformed>>> {
        self.wipe();
        while !is_whole(self.buffer[..self.filled].get(NUMBER..).unwrap_or_default())? {
            match self.socket.read(&mut self.buffer[self.filled..]) {
                Ok(0) if self.filled == 0 => return Ok(None),
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(length) => self.filled += length,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let (number, request) = self.buffer[..self.filled].split_at(NUMBER);
        self.number.copy_from_slice(number);
        match decode_request(request, LONGEST_FIELD) {
            Ok(Decoded::Complete(request)) => Ok(Some(Ok(request))),
            Ok(Decoded::Short(_)) => Err(ErrorKind::InvalidData.into()),
            Err(malformed) => Ok(Some(Err(malformed))),
        }
    }

    /// Forgets the request, and answers it.
    ///
    /// # Errors
    /// Where the channel is broken, or no longer the channel: nothing is written to anything else.
    pub(super) fn send(&mut self, answer: Answer) -> io::Result<()> {
        self.wipe();
        match identity(&*self.socket)? == self.identity {
            true => self.socket.write_all(&[&self.number, &*answer.encode()].concat()),
            false => Err(ErrorKind::NotConnected.into()),
        }
    }

    fn wipe(&mut self) {
        self.buffer[..self.filled].zeroize();
        self.filled = 0;
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Which file it is, whatever its number.
fn identity(file: impl AsFd) -> io::Result<(u64, u64)> {
    let status = fstat(file)?;
    Ok((status.st_dev, status.st_ino))
}

/// Whether all fields have come. What comes behind them, before the answer, is an error.
fn is_whole(mut bytes: &[u8]) -> io::Result<bool> {
    for _ in 0..FIELDS {
        let Some((length, rest)) = bytes.split_first_chunk::<2>() else { return Ok(false) };
        let Some(rest) = rest.get(usize::from(u16::from_be_bytes(*length))..) else { return Ok(false) };
        bytes = rest;
    }
    if bytes.is_empty() { Ok(true) } else { Err(ErrorKind::InvalidData.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sasl_system::finding::Finding;
    use sasl_wire::saslauthd::{Field, encode_request};
    use std::{os::fd::AsRawFd, thread};

    fn pair() -> (UnixStream, Channel) {
        let (daemon, ours) = UnixStream::pair().unwrap();
        (daemon, Channel::new(ours).unwrap())
    }

    const NUMBERED: [u8; NUMBER] = *b"numb";

    fn request(login: &[u8], password: &[u8]) -> Vec<u8> {
        let mut bytes = NUMBERED.to_vec();
        encode_request(&Request { login, password, service: b"smtp", realm: b"", client: Some(b"") }, &mut bytes);
        bytes
    }

    #[test]
    fn one_request_after_the_other_and_then_the_end() {
        let (mut daemon, mut channel) = pair();
        for login in [&b"tim"[..], b"ann"] {
            daemon.write_all(&request(login, b"pencil")).unwrap();
            assert_eq!(channel.receive().unwrap().unwrap().unwrap().login, login);
            channel.send(Answer::at_once(Finding::Accepted)).unwrap();
            let mut answer = [0; 8];
            daemon.read_exact(&mut answer).unwrap();
            assert_eq!(&answer, b"numb\0\x02OK");
        }
        drop(daemon);
        assert!(channel.receive().unwrap().is_none());
    }

    #[test]
    fn a_request_that_comes_in_pieces_is_waited_for_its_fifth_field_too() {
        let (mut daemon, mut channel) = pair();
        let bytes = request(&[b'x'; LONGEST_FIELD], &[b'y'; LONGEST_FIELD]);
        let writer = thread::spawn(move || {
            let (first, last) = bytes.split_at(bytes.len() - 2);
            daemon.write_all(first).unwrap();
            thread::sleep(std::time::Duration::from_millis(50));
            daemon.write_all(last).unwrap();
            daemon
        });
        let received = channel.receive().unwrap().unwrap().unwrap();
        assert_eq!([received.login.len(), received.password.len()], [LONGEST_FIELD; 2]);
        assert_eq!(received.client, Some(&b""[..]));
        drop(writer.join().unwrap());
    }

    #[test]
    fn nothing_of_a_request_stays_in_memory() {
        let (mut daemon, mut channel) = pair();
        daemon.write_all(&request(b"tim", b"pencil")).unwrap();
        assert!(channel.receive().unwrap().is_some());
        channel.send(Answer::at_once(Finding::Wrong)).unwrap();
        assert!(channel.buffer.iter().all(|byte| *byte == 0));
    }

    #[test]
    fn what_is_empty_or_has_a_nul_is_still_a_request() {
        let (mut daemon, mut channel) = pair();
        daemon.write_all(&request(b"", b"pencil")).unwrap();
        assert_eq!(channel.receive().unwrap(), Some(Err(Malformed::Empty(Field::Login))));
        daemon.write_all(&request(b"tim", b"pen\0cil")).unwrap();
        assert_eq!(channel.receive().unwrap(), Some(Err(Malformed::Nul(Field::Password))));
    }

    #[test]
    fn two_requests_at_once_and_half_a_one_are_errors() {
        let (mut daemon, mut channel) = pair();
        daemon.write_all(&[request(b"tim", b"pencil"), vec![0]].concat()).unwrap();
        assert_eq!(channel.receive().unwrap_err().kind(), ErrorKind::InvalidData);
        let (mut daemon, mut channel) = pair();
        daemon.write_all(&request(b"tim", b"pencil")[..9]).unwrap();
        drop(daemon);
        assert_eq!(channel.receive().unwrap_err().kind(), ErrorKind::UnexpectedEof);
    }

    #[test]
    fn nothing_is_written_to_what_took_the_channels_place() {
        let (_daemon, mut channel) = pair();
        let (mut somebody, other) = UnixStream::pair().unwrap();
        channel.socket = ManuallyDrop::new(other);
        assert!(channel.socket.as_raw_fd() >= 0);
        assert_eq!(channel.send(Answer::at_once(Finding::Accepted)).unwrap_err().kind(), ErrorKind::NotConnected);
        somebody.set_nonblocking(true).unwrap();
        assert_eq!(somebody.read(&mut [0; 4]).unwrap_err().kind(), ErrorKind::WouldBlock);
    }
}
