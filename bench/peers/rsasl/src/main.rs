//! `rsasl MECHANISM full|client|server COUNT`: client and server of rsasl in one process, the password or the derived keys in
//! memory. Its configurations serve all exchanges.

mod account;

use account::{Account, Checked};
use rsasl::{
    mechname::Mechname,
    prelude::{SASLClient, SASLServer},
};
use std::{error::Error, process::ExitCode, sync::Arc};
use stopwatch::{Exchange, Part, Stopwatch};

fn main() -> ExitCode {
    stopwatch::main(prepare)
}

fn prepare(mechanism: &str) -> Result<Exchange, Box<dyn Error>> {
    let (account, mechanism) = (Account::new(mechanism)?, mechanism.to_owned());
    Ok(Box::new(move |watch| exchange(&account, &mechanism, watch)))
}

/// Lets the client in.
fn exchange(account: &Account, mechanism: &str, watch: &Stopwatch) -> Result<(), Box<dyn Error>> {
    let mechanism = Mechname::parse(mechanism.as_bytes())?;
    let start = || SASLServer::<Checked>::new(Arc::clone(&account.server)).start_suggested(mechanism);
    let mut server = watch.time(Part::Server, start)?;
    let start = || SASLClient::new(Arc::clone(&account.client)).start_suggested(&[mechanism]);
    let mut client = watch.time(Part::Client, start)?;
    let (mut challenge, mut response) = (Vec::new(), Vec::new());
    let (mut spoken, mut runs) = (client.are_we_first(), true);
    if spoken {
        runs = watch.time(Part::Client, || client.step(None, &mut response))?.is_running();
    }
    loop {
        challenge.clear();
        let state = watch.time(Part::Server, || server.step(spoken.then_some(&response), &mut challenge))?;
        if runs {
            response.clear();
            runs = watch.time(Part::Client, || client.step(Some(&challenge), &mut response))?.is_running();
            spoken = true;
        }
        if !state.is_running() {
            break;
        }
    }
    let fits = watch.time(Part::Server, || server.validation()) == Some(true);
    watch.time(Part::Client, || drop(client));
    watch.time(Part::Server, || drop(server));
    if fits && !runs { Ok(()) } else { Err("one side is not content".into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_measured_mechanism_lets_the_client_in() {
        for mechanism in ["PLAIN", "LOGIN", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
            for part in [Part::Client, Part::Server] {
                let watch = Stopwatch::new(part);
                prepare(mechanism).unwrap()(&watch).unwrap();
                assert!(!watch.sum().is_zero(), "{mechanism}");
            }
        }
    }
}
