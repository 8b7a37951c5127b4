//! What a process that sees passwords and verifiers does first.

use nix::sys::{
    prctl::set_dumpable,
    resource::{Resource, setrlimit},
};

/// No core file, and no other process of the same user that reads our memory.
pub fn keep_memory_private() {
    // Where the system refuses, there is nothing to fall back on, and no reason not to go on.
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    let _ = set_dumpable(false);
}
