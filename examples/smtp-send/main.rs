//! Sends a message to a submission server, after it has authenticated as sendmail's `AuthInfo` says. See `--help`.

mod accounts;
mod cli;
mod dialogue;
mod login;
mod message;
mod run;
mod settings;
mod submission;
mod tls;

use std::process::ExitCode;

fn main() -> ExitCode {
    smtp::exit::status("smtp-send", run::main())
}
