//! The daemon.

use std::process::ExitCode;

fn main() -> ExitCode {
    saslauthd_rs::daemon::main()
}
