//! Sets, removes, disables and imports users.

use std::process::ExitCode;

fn main() -> ExitCode {
    saslpasswd_rs::saslpasswd2::main()
}
