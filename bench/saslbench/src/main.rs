//! `saslbench`: closed-loop load on an authentication daemon. Each client logs in, waits for the whole reply, and
//! logs in again. One line of JSON on standard output says what came of it.

mod arguments;
mod blocking;
mod exchanges;
mod idle;
mod load;
mod outcome;
mod polling;
mod probe;
mod request;
mod tally;
mod turns;

use arguments::{Arguments, Mode};
use clap::Parser;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::process::ExitCode;

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("saslbench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> std::io::Result<String> {
    raise_file_limit()?;
    match &arguments.mode {
        Mode::Saslauthd(load) => load::run(load),
        Mode::Exchanges(all) => exchanges::run(all),
        Mode::Idle(idle) => idle::run(idle),
        Mode::Probe(probe) => probe::run(probe),
    }
}

/// Takes as many open files as the system grants: 10,000 clients need 10,000.
fn raise_file_limit() -> nix::Result<()> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)
}
