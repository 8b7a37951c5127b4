//! A client as libsasl2 writes it: connect, write, read, close, each call blocking. One thread a client.

use crate::load::Run;
use crate::outcome::Outcome;
use crate::request::{self, Reply};
use crate::tally::Tally;
use fastrand::Rng;
use std::io::{Result, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

pub(crate) fn run(run: &Run, seed: u64) -> Tally {
    let target = &run.load.target;
    let mut dice = Rng::with_seed(seed);
    let mut tally = Tally::new();
    let mut request = Vec::new();
    while let Some(user) = run.turns.take(&mut dice) {
        request::write(target, user, &mut request);
        let began = Instant::now();
        let outcome = login(&target.socket, &request).unwrap_or(Outcome::Broken);
        tally.count(outcome);
        if outcome != Outcome::Broken && run.measuring.load(Relaxed) {
            tally.time(began.elapsed());
        }
    }
    tally
}

/// One login, from no socket to no socket.
pub(crate) fn login(socket: &Path, request: &[u8]) -> Result<Outcome> {
    let mut stream = UnixStream::connect(socket)?;
    stream.write_all(request)?;
    let mut reply = Reply::new();
    loop {
        if let Some(outcome) = reply.read(&mut stream)? {
            return Ok(outcome);
        }
    }
}
