//! One helper: the ends of its channel and of its leash.

use crate::{
    errands::{Ends, Errands, Order},
    helper::{
        RETIRED,
        answer::{Answer, LONGEST, NUMBER, NoAnswer},
        backend::Kind,
    },
    turns::NoTurn,
};
use nix::{
    errno::Errno,
    sys::socket::{MsgFlags, recv, send},
};
use sasl_system::descriptors;
use sasl_wire::frame::Decoded;
use std::{
    fs::File,
    io,
    os::fd::{AsFd, AsRawFd},
    pin::pin,
    time::Duration,
};
use tokio::{
    io::AsyncReadExt,
    net::{
        UnixStream,
        unix::pipe::{Receiver, Sender},
    },
    select,
    time::{sleep, timeout},
};

/// How long one may take to start.
const STARTING: Duration = Duration::from_secs(5);

/// How long one may take to end after it has closed its channel.
const ENDING: Duration = Duration::from_secs(1);

/// A module that takes longer than this is waiting for something, or is out of bounds.
const PATIENCE_WITH_MODULES: Duration = Duration::from_millis(250);

/// What only computes has many slow hashes to compute, and more of them at once would take longer still.
const PATIENCE_WITH_HASHES: Duration = Duration::from_secs(5);

/// How long a helper may take before it lets others go first, and another may work in its place.
pub(super) const fn patience(kind: Kind) -> Duration {
    match kind {
        Kind::Pam => PATIENCE_WITH_MODULES,
        Kind::Shadow | Kind::Getpwent | Kind::Crypt => PATIENCE_WITH_HASHES,
    }
}

/// How long an answer may take to arrive whose process has ended.
const LAST_WORDS: Duration = Duration::from_millis(10);

/// Why there is no answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by nature")]
pub enum Trouble {
    /// It was nobody's turn.
    NoTurn(NoTurn),
    /// No process could be started.
    NoHelper,
    /// It ended, or closed its socket.
    Ended,
    /// It took too long, and was killed.
    Late,
    /// It answered what is no answer.
    Nonsense,
}

/// Why a process is of no more use.
#[derive(Debug)]
pub(super) enum Stopped {
    /// It did not read the request.
    Retired,
    Trouble(Trouble),
}

/// A process, ended when this is dropped, with all that it started.
#[derive(Debug)]
pub(super) struct Process {
    /// Our end of the channel, as what is read from: that a helper reads is no news, and would wake us for each request.
    channel: Receiver,
    leash: UnixStream,
    /// Its exit status, once it has come over the leash.
    status: Option<u8>,
    patience: Duration,
    /// It took long, and lets others go first.
    is_behind: bool,
}

impl Trouble {
    /// As a log has it.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::NoTurn(none) => none.text(),
            Self::NoHelper => "no helper process could be started",
            Self::Ended => "helper process ended",
            Self::Late => "helper process killed: it took too long",
            Self::Nonsense => "helper process answered nonsense",
        }
    }
}

impl Process {
    pub(super) async fn start(kind: Kind, errands: &Errands) -> Result<Self, Trouble> {
        let held = timeout(STARTING, errands.start_helper(kind)).await.map_err(|_| Trouble::NoHelper)?;
        held.and_then(|ends| Self::new(kind, ends)).map_err(|_| Trouble::NoHelper)
    }

    fn new(kind: Kind, Ends { channel, leash }: Ends) -> io::Result<Self> {
        Ok(Self {
            channel: Receiver::from_file_unchecked(File::from(channel))?,
            leash: UnixStream::from_std(leash.into())?,
            status: None,
            patience: patience(kind),
            is_behind: false,
        })
    }

    /// Whether it has ended, as one does that has retired.
    pub(super) fn has_ended(&mut self) -> bool {
        let mut status = [0];
        match self.leash.try_read(&mut status) {
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
            Ok(_) => true,
        }
    }

    /// Sends a request, and reads the answer. Who has ended before, or said what answers nothing, is of no use.
    pub(super) async fn exchange(&mut self, request: &[u8]) -> Result<Answer, Stopped> {
        if self.has_spoken_or_ended() {
            return Err(Stopped::Retired);
        }
        match self.try_exchange(request).await {
            Ok(answer) => answer.map_err(|NoAnswer| Stopped::Trouble(Trouble::Nonsense)),
            Err(_) => Err(self.stopped().await),
        }
    }

    fn has_spoken_or_ended(&self) -> bool {
        let flags = MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT;
        recv(self.channel.as_raw_fd(), &mut [0], flags).is_ok()
    }

    /// Where a module has left a process behind that holds the channel, only the end of its own process tells that no answer
    /// comes.
    async fn try_exchange(&mut self, request: &[u8]) -> io::Result<Result<Answer, NoAnswer>> {
        let (mut answered, mut takes_long) = (pin!(exchange(&self.channel, request)), pin!(sleep(self.patience)));
        loop {
            select! {
                biased;
                answered = &mut answered => return answered,
                () = ended(&mut self.leash, &mut self.status) => return timeout(LAST_WORDS, answered).await?,
                () = &mut takes_long, if !self.is_behind => {
                    order(&self.leash, Order::Lower);
                    self.is_behind = true;
                }
            }
        }
    }

    /// Puts it where others are, before the next request. One that has to stay behind is ended as if it had retired.
    pub(super) fn make_ready(&mut self) {
        if self.is_behind {
            order(&self.leash, Order::Restore);
            self.is_behind = false;
        }
    }

    /// It has ended, or its channel is closed. Unless it has retired, something may be left of it.
    async fn stopped(&mut self) -> Stopped {
        order(&self.leash, Order::Kill);
        if self.status.is_none() {
            let _ = timeout(ENDING, ended(&mut self.leash, &mut self.status)).await;
        }
        if self.status == Some(RETIRED) { Stopped::Retired } else { Stopped::Trouble(Trouble::Ended) }
    }
}

/// Waits until it has ended.
async fn ended(leash: &mut UnixStream, status: &mut Option<u8>) {
    *status = leash.read_u8().await.ok();
}

/// To whoever holds the process. Where that one is gone, the process is too.
fn order(leash: &UnixStream, order: Order) {
    let _ = descriptors::send(leash, &[order as u8], &[]);
}

/// An answer begins with the number of its request: what comes without, or late, is none.
async fn exchange(channel: &Receiver, request: &[u8]) -> io::Result<Result<Answer, NoAnswer>> {
    write(channel, request).await?;
    let (mut bytes, mut length) = ([0; NUMBER + LONGEST], 0);
    loop {
        let (number, answer) = bytes[..length].split_at(length.min(NUMBER));
        if !request.starts_with(number) {
            return Ok(Err(NoAnswer));
        }
        match Answer::decode(answer) {
            Ok(Decoded::Complete(decoded)) if decoded.encode().len() == answer.len() => return Ok(Ok(decoded)),
            Ok(Decoded::Short(_)) if length < bytes.len() => length += read(channel, &mut bytes[length..]).await?,
            Ok(_) | Err(NoAnswer) => return Ok(Err(NoAnswer)),
        }
    }
}

/// Few requests are larger than the socket's buffer.
async fn write(channel: &Receiver, mut request: &[u8]) -> io::Result<()> {
    while !request.is_empty() {
        match send(channel.as_raw_fd(), request, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL) {
            Ok(length) => request = &request[length..],
            Err(Errno::EAGAIN) => {
                let channel = File::from(channel.as_fd().try_clone_to_owned()?);
                Sender::from_file_unchecked(channel)?.writable().await?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

async fn read(channel: &Receiver, room: &mut [u8]) -> io::Result<usize> {
    loop {
        channel.readable().await?;
        match channel.try_read(room) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            read => return read,
        }
    }
}
