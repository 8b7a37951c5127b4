//! What a process that lets others' code in does to itself: before, when that code has made two of it, and at the end.
#![expect(unsafe_code, reason = "it calls C")]

use nix::{
    errno::Errno,
    libc::{_exit, SIG_DFL, SIGRTMAX, signal},
    sys::signal::SigSet,
    unistd::{Pid, getpid},
};

/// The process that we are.
#[derive(Clone, Copy, Debug)]
pub struct Process(Pid);

impl Process {
    /// The one that calls.
    #[must_use]
    pub fn current() -> Self {
        Self(getpid())
    }

    /// Ends at once where we are not this process but a copy: what was called has forked, and both came back. A copy that
    /// went on would answer for the other.
    pub fn end_if_copied(self) {
        if getpid() != self.0 {
            end_at_once(1);
        }
    }
}

/// Ends without another word: what libraries have put by for the end of the process is not run.
pub fn end_at_once(status: u8) -> ! {
    // SAFETY: it only ends the process; that nothing is cleaned up is the point.
    unsafe { _exit(status.into()) }
}

/// Every signal has its effect, and none is held back: what a program should find when it starts, whoever started it.
/// Call it where no other thread runs.
pub fn take_signals_as_they_come() {
    for number in 1..=SIGRTMAX() {
        // SAFETY: the default action runs no code of ours. A number that may not be set is refused.
        let _ = unsafe { signal(number, SIG_DFL) };
    }
    // It can only fail for arguments that are not valid.
    let _: Result<(), Errno> = SigSet::empty().thread_set_mask();
}
