//! What a process does to itself: becoming two; and, where it lets others' code in, before that, when that code has made two of
//! it, and at the end.
#![expect(unsafe_code, reason = "it calls C")]

use nix::{
    errno::Errno,
    libc::{_exit, SIG_DFL, SIGCHLD, SIGRTMAX, SYS_close_range, c_uint, close, signal, syscall},
    sys::signal::SigSet,
    unistd::{ForkResult, Pid, fork, getpid},
};

use std::{
    fs::{self, DirEntry},
    io,
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

/// Makes a second process of this one; which of the two it is, each is told.
///
/// # Errors
/// Where other threads run, of which the second process would have half of what they were doing, and where the system gives no
/// process.
pub fn divide() -> io::Result<ForkResult> {
    if fs::read_dir("/proc/self/task")?.count() != 1 {
        return Err(io::Error::other("something that was loaded into it runs threads; -f starts it in the foreground"));
    }
    // SAFETY: no other thread is in the middle of anything.
    Ok(unsafe { fork() }?)
}

/// Ends without another word: what libraries have put by for the end of the process is not run.
pub fn end_at_once(status: u8) -> ! {
    // SAFETY: it only ends the process; that nothing is cleaned up is the point.
    unsafe { _exit(status.into()) }
}

/// Closes every descriptor but the first three: whoever started the program may have libraries that let theirs be handed on. Call
/// it before anything else is opened.
pub fn close_inherited() {
    const FIRST: c_uint = 3;
    // SAFETY: nothing in this process owns one of them yet.
    if unsafe { syscall(SYS_close_range, FIRST, c_uint::MAX, 0) } == 0 {
        return;
    }
    // The system is older than that call. The list has a descriptor of its own, which is closed when it is read.
    let open: Vec<i32> = fs::read_dir("/proc/self/fd").into_iter().flatten().filter_map(number).collect();
    for descriptor in open.into_iter().filter(|descriptor| *descriptor >= 3) {
        // SAFETY: as above.
        let _ = unsafe { close(descriptor) };
    }
}

fn number(entry: io::Result<DirEntry>) -> Option<i32> {
    entry.ok()?.file_name().to_str()?.parse().ok()
}

/// Ends of children are told, and no signal is held back, whatever whoever started the program made of that. Call it where no other
/// thread runs.
pub fn hear_of_children_and_signals() {
    // SAFETY: the default action runs no code of ours.
    let _ = unsafe { signal(SIGCHLD, SIG_DFL) };
    hold_no_signal_back();
}

/// Every signal has its effect, and none is held back: what a program should find when it starts, whoever started it.
/// Call it where no other thread runs.
pub fn take_signals_as_they_come() {
    for number in 1..=SIGRTMAX() {
        // SAFETY: the default action runs no code of ours. A number that may not be set is refused.
        let _ = unsafe { signal(number, SIG_DFL) };
    }
    hold_no_signal_back();
}

fn hold_no_signal_back() {
    // It can only fail for arguments that are not valid.
    let _: Result<(), Errno> = SigSet::empty().thread_set_mask();
}
