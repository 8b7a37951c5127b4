//! The log: one line a decision, to syslog, and with `-d` to standard error too.
//!
//! A line is never waited for: what syslog does not take at once is lost, and counted. What a flood of requests would
//! write beyond a rate is left out, and counted; refusals and successes have a rate each, so that neither hides the
//! other.

use crate::metrics::{Family, Page};
use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::stat::fstat,
    unistd::getpid,
};
use std::{
    cell::RefCell,
    env,
    fmt::{self, Write as _},
    io::{self, Write, stderr},
    os::{fd::AsFd, unix::net::UnixDatagram},
    path::Path,
    time::{Duration, Instant},
};

/// How bad it is; the numbers are syslog's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "those of syslog that are used")]
pub enum Level {
    /// Somebody should look at it.
    Error = 3,
    /// Worth knowing.
    Warning = 4,
    /// What happens every day.
    Info = 6,
    /// With `-V` and `-d` alone.
    Debug = 7,
}

/// Which lines share a rate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by nature")]
pub enum Class {
    /// Somebody came in.
    Success,
    /// Somebody did not.
    Refusal,
    /// Nobody looked, after too many refusals: so that these do not hide those.
    Throttled,
}

/// Where lines go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by nature")]
pub enum Destination {
    /// syslog, as a daemon.
    Syslog,
    /// syslog and standard error: `-d`.
    SyslogAndStderr,
    /// Standard error alone.
    Stderr,
    /// The same, which is journald's: `-f` under systemd.
    Journal,
}

/// A log for one thread.
pub struct Log {
    destination: Destination,
    verbose: bool,
    state: RefCell<State>,
}

struct State {
    syslog: Option<Syslog>,
    rates: [Rate; 3],
    /// How many of our own there were, until we have started.
    warnings: Option<u32>,
}

/// syslog's socket, opened anew where syslog was restarted.
struct Syslog {
    path: &'static Path,
    socket: Option<UnixDatagram>,
    /// When it could not be opened last.
    failed: Option<Instant>,
    /// Lines that were not taken, as far as nobody has been told.
    lost: u64,
    lost_ever: u64,
}

/// So many lines at once, and so many a second after that.
const BURST: u32 = 1000;
const A_SECOND: u32 = 200;

const SUPPRESSED: Family = Family::counter(
    "saslauthd_log_suppressed_total",
    "Lines of the log that were left out, since there were too many of their class.",
);
const LOST: Family = Family::counter("saslauthd_log_lost_total", "Lines of the log that syslog did not take.");

/// LOG_AUTH.
const FACILITY: u8 = 4;

const SYSLOG: &str = "/dev/log";

/// How long to leave syslog alone when it could not be reached.
const PAUSE: Duration = Duration::from_secs(1);

impl Level {
    /// In front of a line that is read by a person.
    const fn word(self) -> &'static str {
        match self {
            Self::Error => "error: ",
            Self::Warning => "warning: ",
            Self::Info | Self::Debug => "",
        }
    }
}

impl Destination {
    /// Whether standard error is the journal's: systemd tells its services which file theirs is, and whoever they start
    /// may have another.
    #[must_use]
    pub fn stderr_is_the_journal() -> bool {
        let Ok(ours) = fstat(stderr()) else { return false };
        env::var("JOURNAL_STREAM").is_ok_and(|journal| journal == format!("{}:{}", ours.st_dev, ours.st_ino))
    }
}

impl Log {
    /// A log that is open.
    #[must_use]
    pub fn new(destination: Destination, verbose: bool) -> Self {
        let to_syslog = matches!(destination, Destination::Syslog | Destination::SyslogAndStderr);
        let syslog = to_syslog.then(|| Syslog::new(SYSLOG));
        let state = State { syslog, rates: [Rate::FULL; 3], warnings: Some(0) };
        Self { destination, verbose, state: RefCell::new(state) }
    }

    /// Writes a line about ourselves. Until [`Self::started`], whoever starts us sees on standard error what is wrong.
    pub fn write(&self, level: Level, text: impl fmt::Display) {
        if level == Level::Debug && !self.verbose {
            return;
        }
        let state = &mut *self.state.borrow_mut();
        if let Some(warnings) = state.warnings.as_mut().filter(|_| level as u8 <= Level::Warning as u8) {
            *warnings += 1;
            if self.destination == Destination::Syslog {
                let _ = writeln!(stderr().lock(), "saslauthd: warning: {text}");
            }
        }
        self.emit(state, level, &text);
    }

    /// Whether all of it is on standard error.
    #[must_use]
    pub fn is_on_stderr(&self) -> bool {
        self.destination != Destination::Syslog
    }

    /// The start is over: from now on, standard error is for those who asked for it. Gives how many warnings there were.
    pub fn started(&self) -> u32 {
        self.state.borrow_mut().warnings.take().unwrap_or_default()
    }

    /// Writes a line of a class that anybody can make grow, unless its rate is used up. The text is made only where
    /// it is written.
    pub fn decision<T: fmt::Display>(&self, class: Class, level: Level, text: impl FnOnce() -> T) {
        let state = &mut *self.state.borrow_mut();
        if state.rates[class as usize].takes() {
            self.emit(state, level, &text());
        }
    }

    /// Says how many lines were left out in the second that is over, and how many were lost. Call it once a second.
    pub fn tick(&self) {
        let state = &mut *self.state.borrow_mut();
        let classes =
            [(Class::Success, "successes"), (Class::Refusal, "refusals"), (Class::Throttled, "throttled attempts")];
        for (class, what) in classes {
            match state.rates[class as usize].refill() {
                0 => {}
                count => self.emit(state, Level::Warning, &format_args!("{count} more lines of {what} suppressed")),
            }
        }
        if let Some(syslog) = &mut state.syslog {
            syslog.admit_losses();
        }
    }

    /// Puts on a page how many lines were never written.
    pub fn measure(&self, page: &mut Page) {
        let state = self.state.borrow();
        for (class, name) in [(Class::Success, "success"), (Class::Refusal, "refusal"), (Class::Throttled, "throttled")]
        {
            let Rate { left_out, left_out_ever, .. } = state.rates[class as usize];
            page.add(&SUPPRESSED, &[("class", name)], left_out_ever + left_out);
        }
        page.add(&LOST, &[], state.syslog.as_ref().map_or(0, |syslog| syslog.lost_ever));
    }

    /// Opens syslog anew, as after it was restarted.
    pub fn reopen(&self) {
        if let Some(syslog) = &mut self.state.borrow_mut().syslog {
            syslog.reopen();
        }
    }

    fn emit(&self, state: &mut State, level: Level, text: &dyn fmt::Display) {
        if self.is_on_stderr() && takes_a_line(stderr()) {
            let _ = match self.destination {
                Destination::Journal => writeln!(stderr().lock(), "<{}>{text}", level as u8),
                _ => writeln!(stderr().lock(), "saslauthd[{}]: {}{text}", getpid(), level.word()),
            };
        }
        if let Some(syslog) = &mut state.syslog {
            syslog.send(level, text);
        }
    }
}

impl Syslog {
    fn new(path: &'static str) -> Self {
        let mut syslog = Self { path: Path::new(path), socket: None, failed: None, lost: 0, lost_ever: 0 };
        syslog.reopen();
        syslog
    }

    /// Sends a line, or counts it as lost.
    fn send(&mut self, level: Level, text: &dyn fmt::Display) {
        let lost = u64::from(!self.takes(level, text));
        self.lost += lost;
        self.lost_ever += lost;
    }

    fn takes(&mut self, level: Level, text: &dyn fmt::Display) -> bool {
        let mut line = String::with_capacity(256);
        let _ = write!(line, "<{}>saslauthd[{}]: {text}", FACILITY << 3 | level as u8, getpid());
        match self.try_send(&line) {
            Ok(_) => true,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
            Err(_) if self.failed.is_some_and(|failed| failed.elapsed() < PAUSE) => false,
            Err(_) => {
                self.reopen();
                self.try_send(&line).is_ok()
            }
        }
    }

    fn try_send(&self, line: &str) -> io::Result<usize> {
        self.socket.as_ref().map_or(Err(io::ErrorKind::NotConnected.into()), |socket| socket.send(line.as_bytes()))
    }

    fn reopen(&mut self) {
        self.socket = connect(self.path).ok();
        self.failed = self.socket.is_none().then(Instant::now);
    }

    fn admit_losses(&mut self) {
        let lost = self.lost;
        if lost > 0 && self.takes(Level::Warning, &format_args!("{lost} lines lost, which syslog did not take")) {
            self.lost = 0;
        }
    }
}

/// Whether writing a line would not wait: of a pipe that nobody empties, too.
fn takes_a_line(file: impl AsFd) -> bool {
    let mut polled = [PollFd::new(file.as_fd(), PollFlags::POLLOUT)];
    poll(&mut polled, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
}

fn connect(path: &Path) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.connect(path)?;
    Ok(socket)
}

#[derive(Clone, Copy)]
struct Rate {
    left: u32,
    /// In this second.
    left_out: u64,
    /// In those before.
    left_out_ever: u64,
}

impl Rate {
    const FULL: Self = Self { left: BURST, left_out: 0, left_out_ever: 0 };

    fn takes(&mut self) -> bool {
        match self.left.checked_sub(1) {
            Some(left) => self.left = left,
            None => self.left_out += 1,
        }
        self.left_out == 0
    }

    /// A second is over. Gives how many lines were left out.
    fn refill(&mut self) -> u64 {
        self.left = self.left.saturating_add(A_SECOND).min(BURST);
        self.left_out_ever += self.left_out;
        std::mem::take(&mut self.left_out)
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Log({:?})", self.destination)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_cut_to_its_rate_and_counted() {
        let mut rate = Rate::FULL;
        assert_eq!((0..5000).filter(|_| rate.takes()).count(), BURST as usize);
        assert_eq!(rate.refill(), 4000);
        assert_eq!((0..5000).filter(|_| rate.takes()).count(), A_SECOND as usize);
        assert_eq!((0..10).map(|_| rate.refill()).sum::<u64>(), 4800);
        assert_eq!((0..5000).filter(|_| rate.takes()).count(), BURST as usize);
    }

    #[test]
    fn what_syslog_does_not_take_is_counted_and_one_that_was_restarted_gets_the_next_line() {
        let scratch = tempfile::tempdir().unwrap();
        let path: &'static str = Box::leak(scratch.path().join("log").to_str().unwrap().into());
        let receive = |syslog: &UnixDatagram| {
            let mut line = [0; 256];
            let length = syslog.recv(&mut line).unwrap();
            String::from_utf8(line[..length].to_vec()).unwrap()
        };
        let mut ours = Syslog::new(path);
        ours.send(Level::Info, &"nobody is there");
        assert_eq!(ours.lost, 1);
        ours.failed = None;
        let theirs = UnixDatagram::bind(path).unwrap();
        ours.send(Level::Info, &"first");
        assert_eq!(receive(&theirs), format!("<38>saslauthd[{}]: first", getpid()));
        ours.admit_losses();
        assert!(receive(&theirs).ends_with(": 1 lines lost, which syslog did not take"));
        std::fs::remove_file(path).unwrap();
        drop(theirs);
        let theirs = UnixDatagram::bind(path).unwrap();
        ours.send(Level::Error, &"after a restart");
        assert_eq!(receive(&theirs), format!("<35>saslauthd[{}]: after a restart", getpid()));
        (0..5000).for_each(|_| ours.send(Level::Info, &"a flood that nobody reads"));
        assert!(ours.lost > 0, "it would have waited");
    }

    #[test]
    fn what_is_left_out_is_not_even_made() {
        let state = RefCell::new(State { syslog: None, rates: [Rate::FULL; 3], warnings: None });
        let log = Log { destination: Destination::Syslog, verbose: false, state };
        let mut made = 0;
        for _ in 0..BURST + 10 {
            log.decision(Class::Refusal, Level::Debug, || {
                made += 1;
                ""
            });
        }
        assert_eq!(made, BURST);
        assert_eq!(log.state.borrow().rates[Class::Refusal as usize].left_out, 10);
        assert_eq!(log.state.borrow().rates[Class::Success as usize].left, BURST);
        let mut page = Page::default();
        log.measure(&mut page);
        for (class, count) in [("success", 0), ("refusal", 10), ("throttled", 0)] {
            let line = format!("saslauthd_log_suppressed_total{{class=\"{class}\"}} {count}\n");
            assert!(page.text().contains(&line), "{line} in {}", page.text());
        }
    }
}
