//! Is the daemon there, and does it know the first user?

use crate::arguments::Probe;
use crate::blocking::login;
use crate::outcome::Outcome;
use crate::request;
use std::io::{Error, Result};
use std::thread::sleep;
use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_micros(200);

pub(crate) fn run(probe: &Probe) -> Result<String> {
    let mut bytes = Vec::new();
    request::write(&probe.target, 0, &mut bytes);
    let began = Instant::now();
    loop {
        match login(&probe.target.socket, &bytes) {
            Ok(Outcome::Granted) => return Ok(r#"{"granted":1}"#.into()),
            Ok(_) => return Err(Error::other("the login was refused")),
            Err(error) if began.elapsed().as_secs_f64() > probe.seconds => return Err(error),
            Err(_) => sleep(PAUSE),
        }
    }
}
