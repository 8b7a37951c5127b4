//! The client that an administrator tries the daemon with.

use std::process::ExitCode;

fn main() -> ExitCode {
    saslauthd_rs::testsaslauthd::main()
}
