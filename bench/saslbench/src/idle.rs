//! Clients that connect and say nothing.

use crate::arguments::Idle;
use std::io::{ErrorKind, Read, Result};
use std::os::unix::net::UnixStream;
use std::thread::sleep;
use std::time::{Duration, Instant};

pub(crate) fn run(idle: &Idle) -> Result<String> {
    let mut streams = Vec::new();
    for _ in 0..idle.clients {
        let stream = UnixStream::connect(&idle.socket)?;
        stream.set_nonblocking(true)?;
        streams.push(stream);
    }
    let connected = streams.len();
    let began = Instant::now();
    let mut last_closed = Duration::ZERO;
    while began.elapsed().as_secs_f64() < idle.seconds {
        let before = streams.len();
        streams.retain_mut(is_open);
        if streams.len() < before {
            last_closed = began.elapsed();
        }
        sleep(Duration::from_millis(20));
    }
    let closed = connected - streams.len();
    let last = last_closed.as_secs_f64();
    Ok(format!(r#"{{"connected":{connected},"closed":{closed},"last_closed_seconds":{last:.2}}}"#))
}

fn is_open(stream: &mut UnixStream) -> bool {
    matches!(stream.read(&mut [0; 64]), Err(error) if error.kind() == ErrorKind::WouldBlock)
}
