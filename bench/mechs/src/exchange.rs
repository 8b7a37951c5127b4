//! One exchange, timed.

use crate::account::Account;
use sasl_core::{failure::Failure, step::Reply};
use std::time::{Duration, Instant};

/// How long an exchange took.
pub(crate) struct Times {
    pub(crate) full: Duration,
    pub(crate) server: Duration,
}

/// Lets the client in.
///
/// # Errors
/// Where either side is not content.
pub(crate) fn exchange(account: &Account, mechanism: &str) -> Result<Times, Failure> {
    let Account { server, client, channel, .. } = account;
    let store = if mechanism == "PLAIN" { &account.plain } else { &account.hashed };
    let began = Instant::now();
    let mut clock = Clock::default();
    let mut response = client.start(channel, mechanism)?;
    let mut reply = clock.time(|| server.start(channel, mechanism, response.message()).answered_by(store));
    loop {
        match reply {
            Reply::Continue(challenge) => {
                response = response.challenge(challenge.message())?;
                let message = response.message().unwrap_or_default();
                reply = clock.time(|| challenge.respond(message).answered_by(store));
            }
            Reply::Done(success) => {
                response.succeeded(success.data())?;
                clock.time(|| drop(success));
                return Ok(Times { full: began.elapsed(), server: clock.sum });
            }
            Reply::Fail(failure) => return Err(failure),
        }
    }
}

/// Adds up the server's moves.
#[derive(Default)]
struct Clock {
    sum: Duration,
}

impl Clock {
    fn time<T>(&mut self, call: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let result = call();
        self.sum += began.elapsed();
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_measured_mechanism_lets_the_client_in() {
        let account = Account::new().unwrap();
        for mechanism in ["PLAIN", "CRAM-MD5", "DIGEST-MD5"] {
            let times = exchange(&account, mechanism).unwrap();
            assert!(times.server < times.full, "{mechanism}");
        }
    }
}
