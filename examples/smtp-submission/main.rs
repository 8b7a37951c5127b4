//! A server that mail clients submit messages to (RFC 6409), to be read, and to be tried with any client. See `--help`.

mod answers;
mod certificates;
mod cli;
mod command;
mod connection;
mod delivery;
mod listener;
mod mailbox;
mod message;
mod reply;
mod run;
mod session;
mod settings;
mod site;
mod tls;

use std::process::ExitCode;

fn main() -> ExitCode {
    smtp::exit::status("smtp-submission", run::main())
}
