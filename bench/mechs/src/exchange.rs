//! One exchange, timed.

use crate::account::Account;
use sasl_core::{failure::Failure, step::Reply};
use stopwatch::{Part, Stopwatch};

/// Lets the client in.
///
/// # Errors
/// Where either side is not content.
pub(crate) fn exchange(account: &Account, mechanism: &str, watch: &Stopwatch) -> Result<(), Failure> {
    let Account { server, client, channel, .. } = account;
    let store = account.store(mechanism);
    let mut response = watch.time(Part::Client, || client.choose(channel, [mechanism])?.begin())?;
    let mut reply =
        watch.time(Part::Server, || server.start(channel, mechanism, response.message()).answered_by(store));
    loop {
        match reply {
            Reply::Continue(challenge) => {
                response = watch.time(Part::Client, || response.challenge(challenge.message()))?;
                let message = response.message().unwrap_or_default();
                reply = watch.time(Part::Server, || challenge.respond(message).answered_by(store));
            }
            Reply::Done(success) => {
                watch.time(Part::Client, || response.succeeded(success.data()).map(drop))?;
                watch.time(Part::Server, || drop(success));
                return Ok(());
            }
            Reply::Fail(failure) => return Err(failure),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_measured_mechanism_lets_the_client_in() {
        let account = Account::new().unwrap();
        for mechanism in ["PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
            for part in [Part::Client, Part::Server] {
                let watch = Stopwatch::new(part);
                exchange(&account, mechanism, &watch).unwrap();
                assert!(!watch.sum().is_zero(), "{mechanism}");
            }
        }
    }
}
