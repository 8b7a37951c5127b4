//! `mechs MECHANISM COUNT`: client and server of sasl-core in one process, verifiers in memory. Prints medians of all
//! of an exchange and of the server's part, in nanoseconds, as one line of JSON. `bench/peers/` does the same with
//! other libraries.

mod account;
mod exchange;
mod median;

use account::Account;
use exchange::{Times, exchange};
use median::median;
use sasl_core::failure::Failure;
use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [mechanism, count] = words.as_slice() else { return usage() };
    let Ok(count) = count.parse() else { return usage() };
    match measure(mechanism, count) {
        Ok(times) => {
            println!(r#"{{"full_ns":{},"server_ns":{}}}"#, times.full.as_nanos(), times.server.as_nanos());
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("mechs: {mechanism}: {failure}: {}", failure.cause());
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    eprintln!("usage: mechs MECHANISM COUNT");
    ExitCode::from(2)
}

/// The medians of so many exchanges, after a tenth more to warm up.
fn measure(mechanism: &str, count: usize) -> Result<Times, Failure> {
    let account = Account::new()?;
    let run = |count| (0..count).map(|_| exchange(&account, mechanism)).collect::<Result<Vec<_>, _>>();
    run(count / 10)?;
    let times = run(count)?;
    Ok(Times {
        full: median(times.iter().map(|times| times.full)),
        server: median(times.iter().map(|times| times.server)),
    })
}
