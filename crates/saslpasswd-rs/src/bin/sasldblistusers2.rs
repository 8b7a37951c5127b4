//! Lists users.

use std::process::ExitCode;

fn main() -> ExitCode {
    saslpasswd_rs::sasldblistusers2::main()
}
