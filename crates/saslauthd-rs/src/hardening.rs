//! What a process that sees passwords does first.

use nix::sys::{
    prctl::set_dumpable,
    resource::{Resource, getrlimit, setrlimit},
};

/// No core file, and no other process of the same user that reads our memory.
pub fn keep_memory_private() {
    // Where the system refuses, there is nothing to fall back on, and no reason not to serve.
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    let _ = set_dumpable(false);
}

/// Raises the number of files that may be open to what is allowed, and gives it.
#[must_use]
pub fn raise_open_files() -> u64 {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return 1024 };
    match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
        Ok(()) => hard,
        Err(_) => soft,
    }
}
