//! `mechs MECHANISM full|client|server COUNT`: client and server of sasl-core in one process, verifiers in memory. Prints the
//! median of that part of an exchange, in nanoseconds. `bench/peers/` does the same with other libraries. In the place of a
//! mechanism, `encode-24` and the like have base64 timed.

mod account;
mod codec;
mod exchange;

use account::Account;
use codec::Task;
use exchange::exchange;
use std::{error::Error, process::ExitCode};
use stopwatch::Exchange;

fn main() -> ExitCode {
    stopwatch::main(prepare)
}

fn prepare(what: &str) -> Result<Exchange, Box<dyn Error>> {
    if let Some(mut task) = Task::parse(what) {
        return Ok(Box::new(move |_| Ok(task.run()?)));
    }
    let (account, mechanism) = (Account::new().map_err(|failure| failure.cause())?, what.to_owned());
    Ok(Box::new(move |watch| Ok(exchange(&account, &mechanism, watch).map_err(|failure| failure.cause())?)))
}
