//! The log: one line a decision, to syslog, and with `-d` to standard error too.
//!
//! A line is never waited for: what syslog does not take at once is counted and left out. So is what a flood of
//! requests would write beyond a rate; refusals and successes have a rate each, so that neither hides the other.

use nix::unistd::getpid;
use std::{
    cell::RefCell,
    fmt::{self, Write as _},
    io::Write,
    os::unix::net::UnixDatagram,
    path::Path,
    time::Instant,
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
}

/// Where lines go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by nature")]
pub enum Destination {
    /// syslog, as a daemon.
    Syslog,
    /// syslog and standard error: `-d`.
    SyslogAndStderr,
    /// Standard error alone, for whoever collects it, such as journald: `-f` under systemd.
    Stderr,
}

/// A log for one thread.
pub struct Log {
    destination: Destination,
    verbose: bool,
    state: RefCell<State>,
}

struct State {
    syslog: Option<UnixDatagram>,
    tried: Instant,
    rates: [Rate; 2],
}

/// So many lines at once, and so many a second after that.
const BURST: u32 = 1000;
const A_SECOND: u32 = 200;

/// LOG_AUTH.
const FACILITY: u8 = 4;

const SYSLOG: &str = "/dev/log";

impl Log {
    /// A log that is open.
    #[must_use]
    pub fn new(destination: Destination, verbose: bool) -> Self {
        let state = State { syslog: connect(destination), tried: Instant::now(), rates: [Rate::FULL, Rate::FULL] };
        Self { destination, verbose, state: RefCell::new(state) }
    }

    /// Writes a line about ourselves.
    pub fn write(&self, level: Level, text: impl fmt::Display) {
        if level == Level::Debug && !self.verbose {
            return;
        }
        self.emit(&mut self.state.borrow_mut(), level, &text);
    }

    /// Writes a line of a class that anybody can make grow, unless its rate is used up. The text is made only where
    /// it is written.
    pub fn decision<T: fmt::Display>(&self, class: Class, level: Level, text: impl FnOnce() -> T) {
        let state = &mut *self.state.borrow_mut();
        if state.rates[class as usize].takes() {
            self.emit(state, level, &text());
        }
    }

    /// Says how many lines were left out in the second that is over. Call it once a second.
    pub fn tick(&self) {
        let state = &mut *self.state.borrow_mut();
        for (class, what) in [(Class::Success, "successes"), (Class::Refusal, "refusals")] {
            match state.rates[class as usize].refill() {
                0 => {}
                count => self.emit(state, Level::Warning, &format_args!("{count} more lines of {what} suppressed")),
            }
        }
    }

    /// Opens syslog anew, as after it was restarted.
    pub fn reopen(&self) {
        self.state.borrow_mut().syslog = connect(self.destination);
    }

    fn emit(&self, state: &mut State, level: Level, text: &dyn fmt::Display) {
        if self.destination != Destination::Syslog {
            let _ = writeln!(std::io::stderr().lock(), "saslauthd[{}]: {text}", getpid());
        }
        if self.destination != Destination::Stderr {
            state.send(self.destination, level, text);
        }
    }
}

impl State {
    fn send(&mut self, destination: Destination, level: Level, text: &dyn fmt::Display) {
        let mut line = String::with_capacity(256);
        let _ = write!(line, "<{}>saslauthd[{}]: {text}", FACILITY << 3 | level as u8, getpid());
        if self.syslog.is_none() && self.tried.elapsed().as_secs() >= 1 {
            self.syslog = connect(destination);
            self.tried = Instant::now();
        }
        let Some(syslog) = &self.syslog else { return };
        match syslog.send(line.as_bytes()) {
            Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => self.syslog = None,
            Ok(_) | Err(_) => {}
        }
    }
}

fn connect(destination: Destination) -> Option<UnixDatagram> {
    if destination == Destination::Stderr || !Path::new(SYSLOG).exists() {
        return None;
    }
    let socket = UnixDatagram::unbound().ok()?;
    socket.set_nonblocking(true).ok()?;
    socket.connect(SYSLOG).ok()?;
    Some(socket)
}

struct Rate {
    left: u32,
    left_out: u64,
}

impl Rate {
    const FULL: Self = Self { left: BURST, left_out: 0 };

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
    fn what_is_left_out_is_not_even_made() {
        let log = Log::new(Destination::Stderr, false);
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
    }
}
