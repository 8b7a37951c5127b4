//! Reading a password: from a terminal, twice and unseen, or from a pipe, to its end.

use crate::exit::{Failure, status};
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        signal::{SigSet, Signal, raise},
        signalfd::{SfdFlags, SignalFd},
        termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr},
    },
    unistd::read,
};
use sasl_core::secret::Secret;
use std::{
    io::{self, IsTerminal, Write, stdin, stdout},
    os::fd::AsFd,
};
use zeroize::Zeroizing;

/// The longest password, in bytes. One that is longer is refused, never cut.
pub const LONGEST: usize = 4096;

/// A terminal hands over lines of less than so many bytes, without the newline, and silently drops the rest of a longer
/// one: one of this length may have been cut.
const LONGEST_LINE: usize = 4095;

/// How much is read at once.
const PIECE: usize = 1024;

/// How the password comes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by nature")]
pub enum Source {
    /// From the terminal, after a prompt; from a pipe, where standard input is none.
    Prompt,
    /// From standard input, without a prompt: `-p`.
    Pipe,
}

/// Reads the password of one user.
///
/// # Errors
/// With [`status::BAD_PARAMETER`] where it is empty, too long, has a NUL, or was typed differently the second time.
pub fn read_password(source: Source) -> Result<Secret, Failure> {
    let password = match source {
        Source::Prompt if stdin().is_terminal() => prompt_twice()?,
        Source::Prompt | Source::Pipe => read_input()?,
    };
    check(&password)?;
    Ok(Secret::new(password.to_vec()))
}

/// What no password may be.
///
/// # Errors
/// With [`status::BAD_PARAMETER`].
pub fn check(password: &[u8]) -> Result<(), Failure> {
    let bad = |what: &str| Err(Failure::new(status::BAD_PARAMETER, format!("invalid parameter supplied: {what}")));
    match password {
        [] => bad("the password is empty"),
        password if password.contains(&0) => bad("the password has a NUL"),
        password if password.len() > LONGEST => bad("the password is longer than 4096 bytes"),
        _ => Ok(()),
    }
}

fn prompt_twice() -> Result<Zeroizing<Vec<u8>>, Failure> {
    let [first, again] = prompt(["Password: ", "Again (for verification): "])?;
    let bad = |what| Err(Failure::new(status::BAD_PARAMETER, what));
    match *first == *again {
        false => bad("passwords don't match; aborting"),
        true if first.len() >= LONGEST_LINE => {
            bad("invalid parameter supplied: the password is longer than a terminal takes, 4094 bytes; use -p")
        }
        true => Ok(first),
    }
}

/// All of it, from a pipe or a file; a line, from a terminal. One newline at its end does not count.
fn read_input() -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut password = Zeroizing::new(Vec::with_capacity(LONGEST + 2));
    let line = stdin().is_terminal();
    while password.len() < LONGEST + 2 && !(line && password.ends_with(b"\n")) {
        let failed = |error| Failure::new(status::FAILED, format!("standard input: {error}"));
        if read_some(&mut password).map_err(failed)? == 0 {
            break;
        }
    }
    if password.ends_with(b"\n") {
        password.pop();
    }
    Ok(password)
}

/// Reads once, within the capacity, so that no copy of a password stays behind in memory that was let go.
fn read_some(password: &mut Zeroizing<Vec<u8>>) -> io::Result<usize> {
    let mut chunk = Zeroizing::new([0; PIECE]);
    let room = (LONGEST + 2 - password.len()).min(chunk.len());
    loop {
        match read(stdin(), &mut chunk[..room]) {
            Ok(length) => {
                password.extend(&chunk[..length]);
                return Ok(length);
            }
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn prompt(texts: [&str; 2]) -> Result<[Zeroizing<Vec<u8>>; 2], Failure> {
    prompted(texts).map_err(|error| Failure::new(status::FAILED, format!("terminal: {error}")))
}

/// Reads lines that are not shown, after a prompt each. From before the first prompt to the end of the last line, nothing
/// that is typed is shown, and whatever signal comes, the terminal is put right before it has its effect; after a pause,
/// the prompt is shown again.
fn prompted(texts: [&str; 2]) -> io::Result<[Zeroizing<Vec<u8>>; 2]> {
    let signals = signals_held_back()?;
    let mut hidden = Hidden::new()?;
    let mut lines = [Zeroizing::default(), Zeroizing::default()];
    for (text, line) in texts.into_iter().zip(&mut lines) {
        loop {
            say(text)?;
            match read_line(&signals)? {
                Ok(typed) => break *line = typed,
                Err(signal) => {
                    drop(hidden);
                    say("\n")?;
                    deliver(signal, &signals)?;
                    hidden = Hidden::new()?;
                }
            }
        }
    }
    Ok(lines)
}

/// A line, or the signal that came before its end. The end of input ends a line too, which the terminal does not show.
fn read_line(signals: &HeldBack) -> io::Result<Result<Zeroizing<Vec<u8>>, Signal>> {
    let mut line = Zeroizing::new(Vec::with_capacity(LONGEST + 2));
    while line.len() < LONGEST + 2 && !line.ends_with(b"\n") {
        if let Some(signal) = wait(signals)? {
            return Ok(Err(signal));
        }
        // A full piece has more behind it: the terminal hands over a line in as many reads as it takes.
        let length = read_some(&mut line)?;
        if length < PIECE && !line.ends_with(b"\n") {
            say("\n")?;
            return Ok(Ok(line));
        }
    }
    line.pop();
    Ok(Ok(line))
}

fn say(text: &str) -> io::Result<()> {
    let mut out = stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Those that end or stop a program, and the one that lets it go on after a stop that nobody can hold back. Not those
/// that stop one in the background: it is not to touch a terminal that is another's.
const SIGNALS: [Signal; 16] = [
    Signal::SIGINT,
    Signal::SIGTERM,
    Signal::SIGHUP,
    Signal::SIGQUIT,
    Signal::SIGTSTP,
    Signal::SIGCONT,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGALRM,
    Signal::SIGVTALRM,
    Signal::SIGPROF,
    Signal::SIGXCPU,
    Signal::SIGXFSZ,
    Signal::SIGIO,
    Signal::SIGPWR,
    Signal::SIGSTKFLT,
];

/// They are read, not suffered, while this lives.
struct HeldBack {
    set: SigSet,
    signals: SignalFd,
}

fn signals_held_back() -> io::Result<HeldBack> {
    let set: SigSet = SIGNALS.into_iter().collect();
    set.thread_block()?;
    let signals = SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
    Ok(HeldBack { set, signals })
}

impl HeldBack {
    /// A signal that has come.
    fn came(&self) -> io::Result<Option<Signal>> {
        let came = self.signals.read_signal()?;
        Ok(came.and_then(|came| i32::try_from(came.ssi_signo).ok()).and_then(|number| Signal::try_from(number).ok()))
    }
}

impl Drop for HeldBack {
    fn drop(&mut self) {
        let _ = self.set.thread_unblock();
    }
}

/// Waits for a line or a signal.
fn wait(held: &HeldBack) -> io::Result<Option<Signal>> {
    let (input, signals) = (stdin(), held.signals.as_fd());
    let mut files = [PollFd::new(signals, PollFlags::POLLIN), PollFd::new(input.as_fd(), PollFlags::POLLIN)];
    loop {
        match poll(&mut files, PollTimeout::NONE) {
            Ok(_) => break,
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    held.came()
}

/// Lets a signal have its effect: the end, or a pause after which we go on. What ends the pause is no news then; what
/// else came in it has its effect too.
fn deliver(signal: Signal, held: &HeldBack) -> io::Result<()> {
    let mut next = Some(signal);
    while let Some(signal) = next {
        if signal != Signal::SIGCONT {
            let set: SigSet = [signal].into_iter().collect();
            raise(signal)?;
            set.thread_unblock()?;
            set.thread_block()?;
        }
        next = held.came()?;
    }
    Ok(())
}

/// A terminal that shows nothing but the end of the line, until this is dropped.
struct Hidden(Termios);

impl Hidden {
    fn new() -> io::Result<Self> {
        let before = tcgetattr(stdin())?;
        let mut hidden = before.clone();
        hidden.local_flags.remove(LocalFlags::ECHO);
        hidden.local_flags.insert(LocalFlags::ECHONL);
        tcsetattr(stdin(), SetArg::TCSAFLUSH, &hidden)?;
        Ok(Self(before))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        let _ = tcsetattr(stdin(), SetArg::TCSANOW, &self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_password_may_be() {
        assert!(check(b"pencil").is_ok() && check(b" ").is_ok() && check(&[b'x'; LONGEST]).is_ok());
        for bad in [&b""[..], b"a\0b", &[b'x'; LONGEST + 1]] {
            assert!(check(bad).is_err(), "{} bytes", bad.len());
        }
    }
}
