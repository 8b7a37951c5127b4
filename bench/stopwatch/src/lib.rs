//! What the programs that time a library in Rust share: the command line, the clock, and the median that they print.
//! `peers/exchange.h` is the same for those in C.

mod median;

use std::{
    cell::Cell,
    error::Error,
    process::ExitCode,
    time::{Duration, Instant},
};

/// What of an exchange is timed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Part {
    /// All of it, both sides together.
    Full,
    /// Every call of the client.
    Client,
    /// Every call of the server.
    Server,
}

/// Adds up the calls of one part. Those of another do not read the clock.
#[derive(Debug, Default)]
pub struct Stopwatch {
    part: Option<Part>,
    sum: Cell<Duration>,
}

/// Lets a client in, whose calls and the server's are timed.
pub type Exchange = Box<dyn FnMut(&Stopwatch) -> Result<(), Box<dyn Error>>>;

/// `PROGRAM MECHANISM full|client|server COUNT`: makes so many of the exchanges that are prepared for the mechanism, a tenth more
/// to warm up, and prints the median of the part in nanoseconds.
pub fn main(prepare: impl FnOnce(&str) -> Result<Exchange, Box<dyn Error>>) -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let Some((mechanism, part, count)) = read(&words) else {
        eprintln!("usage: PROGRAM MECHANISM full|client|server COUNT");
        return ExitCode::from(2);
    };
    match prepare(mechanism).and_then(|exchange| measure(part, count, exchange)) {
        Ok(median) => {
            println!("{}", median.as_nanos());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{mechanism}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn read(words: &[String]) -> Option<(&str, Part, usize)> {
    let [mechanism, part, count] = words else { return None };
    let part = match part.as_str() {
        "full" => Part::Full,
        "client" => Part::Client,
        "server" => Part::Server,
        _ => return None,
    };
    Some((mechanism, part, count.parse().ok()?))
}

fn measure(part: Part, count: usize, mut exchange: Exchange) -> Result<Duration, Box<dyn Error>> {
    (0..count / 10).try_for_each(|_| exchange(&Stopwatch::default()))?;
    let time = |_| {
        let watch = Stopwatch::new(part);
        watch.time(Part::Full, || exchange(&watch)).map(|()| watch.sum())
    };
    (0..count).map(time).collect::<Result<_, _>>().map(median::median)
}

impl Stopwatch {
    /// For the calls of `part`.
    #[must_use]
    pub fn new(part: Part) -> Self {
        Self { part: Some(part), sum: Cell::default() }
    }

    /// Makes a `call`, which belongs to `part`.
    pub fn time<T>(&self, part: Part, call: impl FnOnce() -> T) -> T {
        if self.part != Some(part) {
            return call();
        }
        let began = Instant::now();
        let result = counted(call);
        self.sum.set(self.sum.get() + began.elapsed());
        result
    }

    /// How long the part took.
    #[must_use]
    pub fn sum(&self) -> Duration {
        self.sum.get()
    }
}

/// Here callgrind counts, and nowhere else: it knows the function by its name.
#[inline(never)]
fn counted<T>(call: impl FnOnce() -> T) -> T {
    call()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread::sleep;

    const STEP: Duration = Duration::from_millis(2);

    #[test]
    fn only_the_part_is_timed() {
        for (part, steps) in [(Part::Full, 0), (Part::Client, 1), (Part::Server, 2)] {
            let watch = Stopwatch::new(part);
            watch.time(Part::Server, || sleep(STEP));
            watch.time(Part::Client, || sleep(STEP));
            watch.time(Part::Server, || sleep(STEP));
            assert!(watch.sum() >= steps * STEP && (steps > 0 || watch.sum().is_zero()), "{part:?} {watch:?}");
        }
    }

    #[test]
    fn a_full_exchange_is_timed_around_its_calls() {
        let serve = |part| {
            let exchange = |watch: &Stopwatch| {
                watch.time(Part::Server, || sleep(STEP));
                Ok(())
            };
            measure(part, 1, Box::new(exchange)).unwrap()
        };
        assert!(serve(Part::Full) >= STEP && serve(Part::Server) >= STEP);
        assert_eq!(serve(Part::Client), Duration::ZERO);
        assert!(measure(Part::Full, 1, Box::new(|_| Err("no".into()))).is_err());
    }

    #[test]
    fn what_is_typed() {
        let read = |line: &str| {
            let words: Vec<_> = line.split(' ').map(String::from).collect();
            read(&words).map(|(mechanism, part, count)| (mechanism.to_owned(), part, count))
        };
        assert_eq!(read("PLAIN server 10"), Some(("PLAIN".to_owned(), Part::Server, 10)));
        for bad in ["PLAIN", "PLAIN all 10", "PLAIN full x", "PLAIN full 1 2"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
