//! One helper: a process of our own program, at the other end of a socket.

use crate::{
    helper::{
        RETIRED,
        answer::{Answer, LONGEST, NoAnswer},
        backend::Kind,
    },
    turns::NoTurn,
};
use nix::{
    errno::Errno,
    sys::{
        signal::{Signal, kill, killpg},
        socket::{MsgFlags, recv, send},
    },
    unistd::Pid,
};
use sasl_system::priority;
use sasl_wire::frame::Decoded;
use std::{
    fs::{self, File},
    io,
    os::{
        fd::{AsFd, AsRawFd, OwnedFd},
        unix::net::UnixStream,
    },
    pin::pin,
    process::Stdio,
    time::Duration,
};
use tokio::{
    net::unix::pipe::{Receiver, Sender},
    process::{Child, Command},
    select,
    time::{sleep, timeout},
};

/// How long one may take to end after it has closed its socket.
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

/// So many of what a helper started are looked at, to see what they started.
const MOST_DESCENDANTS: usize = 1024;

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

/// A process, killed when it is dropped, with all that it started.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    group: Option<Pid>,
    /// Our end of the channel, as what is read from: that a helper reads is no news, and would wake us for each request.
    socket: Receiver,
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
    pub(super) fn start(kind: Kind) -> Result<Self, Trouble> {
        Self::try_start(kind).map_err(|_| Trouble::NoHelper)
    }

    /// The program is the one that runs, even where another was installed meanwhile. Of the environment it gets nothing.
    fn try_start(kind: Kind) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let child = Command::new("/proc/self/exe")
            .arg0("saslauthd")
            .args(["--helper", kind.name()])
            .env_clear()
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::null())
            .process_group(0)
            .spawn()?;
        let group = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
        let socket = Receiver::from_file_unchecked(File::from(OwnedFd::from(ours)))?;
        Ok(Self { child, group, socket, patience: patience(kind), is_behind: false })
    }

    /// Whether it has ended, as one does that has retired. Then it has been waited for.
    pub(super) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends a request, and reads the answer. What was said before that answers nothing, and whoever said it is of no use.
    pub(super) async fn exchange(&mut self, request: &[u8]) -> Result<Answer, Stopped> {
        if self.has_spoken() {
            return Err(Stopped::Retired);
        }
        match self.try_exchange(request).await {
            Ok(answer) => answer.map_err(|NoAnswer| Stopped::Trouble(Trouble::Nonsense)),
            Err(_) => Err(self.stopped().await),
        }
    }

    fn has_spoken(&self) -> bool {
        let flags = MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT;
        recv(self.socket.as_raw_fd(), &mut [0], flags).is_ok_and(|length| length > 0)
    }

    /// Where a module has left a process behind that holds the socket, only the end of its own process tells that no answer
    /// comes.
    async fn try_exchange(&mut self, request: &[u8]) -> io::Result<Result<Answer, NoAnswer>> {
        let (mut answered, mut takes_long) = (pin!(exchange(&self.socket, request)), pin!(sleep(self.patience)));
        loop {
            select! {
                biased;
                answered = &mut answered => return answered,
                _ = self.child.wait() => return timeout(LAST_WORDS, answered).await?,
                () = &mut takes_long, if !self.is_behind => {
                    self.group.into_iter().for_each(priority::lower);
                    self.is_behind = true;
                }
            }
        }
    }

    /// Whether it is as ready as others for the next request: one that had to stand behind them may have to stay there.
    pub(super) fn is_ready(&mut self) -> bool {
        if self.is_behind {
            self.is_behind = self.group.is_none_or(|group| priority::restore(group).is_err());
        }
        !self.is_behind
    }

    /// It has ended, or its socket is closed. Unless it has retired, something may be left of it.
    async fn stopped(&mut self) -> Stopped {
        self.kill();
        match timeout(ENDING, self.child.wait()).await {
            Ok(Ok(status)) if status.code() == Some(RETIRED.into()) => Stopped::Retired,
            _ => Stopped::Trouble(Trouble::Ended),
        }
    }

    /// Once. One that is ending keeps its status.
    fn kill(&mut self) {
        if let Some(group) = self.group.take() {
            // Some modules put what they start into a group of its own. Once it has been waited for, its number may be another's.
            for pid in self.child.id().map(|_| descendants(group)).unwrap_or_default() {
                let _ = kill(pid, Signal::SIGKILL);
            }
            // It may have ended, and left nobody behind.
            let _ = killpg(group, Signal::SIGKILL);
        }
    }
}

async fn exchange(socket: &Receiver, request: &[u8]) -> io::Result<Result<Answer, NoAnswer>> {
    write(socket, request).await?;
    let (mut bytes, mut length) = ([0; LONGEST], 0);
    loop {
        match Answer::decode(&bytes[..length]) {
            Ok(Decoded::Complete(answer)) if answer.encode().len() == length => return Ok(Ok(answer)),
            Ok(Decoded::Short(_)) if length < bytes.len() => length += read(socket, &mut bytes[length..]).await?,
            Ok(_) | Err(NoAnswer) => return Ok(Err(NoAnswer)),
        }
    }
}

/// Few requests are larger than the socket's buffer.
async fn write(socket: &Receiver, mut request: &[u8]) -> io::Result<()> {
    while !request.is_empty() {
        match send(socket.as_raw_fd(), request, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL) {
            Ok(length) => request = &request[length..],
            Err(Errno::EAGAIN) => {
                let socket = File::from(socket.as_fd().try_clone_to_owned()?);
                Sender::from_file_unchecked(socket)?.writable().await?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

async fn read(socket: &Receiver, room: &mut [u8]) -> io::Result<usize> {
    loop {
        socket.readable().await?;
        match socket.try_read(room) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            read => return read,
        }
    }
}

/// What a process has started, and what that has. None where the system does not tell.
fn descendants(of: Pid) -> Vec<Pid> {
    let mut all = vec![of];
    for at in 0..MOST_DESCENDANTS {
        let Some(parent) = all.get(at) else { break };
        let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
        all.extend(children.split_whitespace().filter_map(|pid| pid.parse().ok()).map(Pid::from_raw));
    }
    all.split_off(1)
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
