//! A run: clients begin, warm up, are measured, and end.

use crate::arguments::{Length, Load, Waiting};
use crate::tally::Tally;
use crate::turns::{Order, Turns};
use crate::{blocking, polling};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How long a client may take to end once the run is over. One that takes longer hangs in a call, and so is not
/// waited for.
const PATIENCE: Duration = Duration::from_secs(3);

/// What the threads of a run share.
pub(crate) struct Run {
    pub(crate) load: Load,
    pub(crate) turns: Turns,
    pub(crate) measuring: AtomicBool,
}

pub(crate) fn run(load: &Load) -> std::io::Result<String> {
    let order = Order::from(&load.length);
    let run = Arc::new(Run {
        load: load.clone(),
        turns: Turns::new(load.target.users, order),
        measuring: AtomicBool::new(order != Order::Endless),
    });
    let (sender, tallies) = channel();
    let threads = start(&run, &sender)?;
    drop(sender);
    let began = Instant::now();
    let Some(seconds) = load.length.seconds else {
        let tally = collect(&tallies, threads, None);
        return Ok(report(&tally, began.elapsed()));
    };
    let measured = measure(&run, Duration::from_secs_f64(load.warmup), Duration::from_secs_f64(seconds));
    let tally = collect(&tallies, threads, Some(PATIENCE));
    Ok(report(&tally, measured))
}

impl From<&Length> for Order {
    fn from(length: &Length) -> Self {
        match (length.each, length.logins) {
            (true, _) => Self::Each,
            (false, Some(logins)) => Self::Times(logins),
            (false, None) => Self::Endless,
        }
    }
}

fn start(run: &Arc<Run>, tallies: &Sender<Tally>) -> std::io::Result<usize> {
    let (threads, client): (_, fn(&Run, u64) -> Tally) = match run.load.io {
        Waiting::Block => (run.load.clients, blocking::run),
        Waiting::Epoll => (1, polling::run),
    };
    for thread in 0..threads {
        let (run, tallies) = (run.clone(), tallies.clone());
        let seed = run.load.seed.wrapping_mul(1_000_003).wrapping_add(thread as u64);
        thread::Builder::new().stack_size(256 * 1024).spawn(move || {
            // Nobody listens any more where the client came too late.
            let _ = tallies.send(client(&run, seed));
        })?;
    }
    Ok(threads)
}

/// Lets the clients run, measuring after the warm-up. Returns how long was measured.
fn measure(run: &Run, warmup: Duration, window: Duration) -> Duration {
    thread::sleep(warmup);
    let began = Instant::now();
    run.measuring.store(true, Relaxed);
    thread::sleep(window);
    run.measuring.store(false, Relaxed);
    let measured = began.elapsed();
    run.turns.end();
    measured
}

/// Adds up the threads' tallies. One that does not come within the patience counts as a broken login.
fn collect(tallies: &Receiver<Tally>, threads: usize, patience: Option<Duration>) -> Tally {
    let deadline = patience.map(|patience| Instant::now() + patience);
    let mut sum = Tally::new();
    for _ in 0..threads {
        let tally = match deadline {
            Some(deadline) => tallies.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok(),
            None => tallies.recv().ok(),
        };
        match tally {
            Some(tally) => sum.add(&tally),
            None => sum.broken += 1,
        }
    }
    sum
}

pub(crate) fn report(tally: &Tally, measured: Duration) -> String {
    let Tally { granted, refused, broken, backlog_full, latencies } = tally;
    let rate = latencies.len() as f64 / measured.as_secs_f64();
    let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|part| tally.microseconds(part));
    format!(r#"{{"granted":{granted},"refused":{refused},"broken":{broken},"backlog_full":{backlog_full},"#,)
        + &format!(r#""per_second":{rate:.1},"p50_us":{p50:.2},"p99_us":{p99:.2},"p999_us":{p999:.2}}}"#)
}
