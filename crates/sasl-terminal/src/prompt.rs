//! Lines that are typed unseen.

use crate::input::{LONGEST, PIECE, read_some};
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        signal::{SigSet, Signal, raise},
        signalfd::{SfdFlags, SignalFd},
        termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr},
    },
};
use std::{
    array,
    io::{self, Write, stdin},
    os::fd::AsFd,
};
use zeroize::Zeroizing;

/// Reads lines that are not shown, after a prompt each. From before the first prompt to the end of the last line, nothing
/// that is typed is shown, and whatever signal comes, the terminal is put right before it has its effect; after a pause,
/// the prompt is shown again.
///
/// # Errors
/// Where standard input is no terminal, or cannot be read; or where nothing can be written to `out`.
pub fn prompt<const N: usize>(texts: [&str; N], out: &mut dyn Write) -> io::Result<[Zeroizing<Vec<u8>>; N]> {
    let signals = signals_held_back()?;
    let mut hidden = Hidden::new()?;
    let mut lines = array::from_fn(|_| Zeroizing::default());
    for (text, line) in texts.into_iter().zip(&mut lines) {
        loop {
            say(text, out)?;
            match read_line(&signals, out)? {
                Ok(typed) => break *line = typed,
                Err(signal) => {
                    drop(hidden);
                    say("\n", out)?;
                    deliver(signal, &signals)?;
                    hidden = Hidden::new()?;
                }
            }
        }
    }
    Ok(lines)
}

/// A line, or the signal that came before its end. The end of input ends a line too, which the terminal does not show.
fn read_line(signals: &HeldBack, out: &mut dyn Write) -> io::Result<Result<Zeroizing<Vec<u8>>, Signal>> {
    let mut line = Zeroizing::new(Vec::with_capacity(LONGEST + 1));
    while line.len() <= LONGEST && !line.ends_with(b"\n") {
        if let Some(signal) = wait(signals)? {
            return Ok(Err(signal));
        }
        // A full piece has more behind it: the terminal hands over a line in as many reads as it takes.
        let length = read_some(&mut line)?;
        if length < PIECE && !line.ends_with(b"\n") {
            say("\n", out)?;
            return Ok(Ok(line));
        }
    }
    line.pop();
    Ok(Ok(line))
}

fn say(text: &str, out: &mut dyn Write) -> io::Result<()> {
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
