//! What a client saw.

use crate::outcome::Outcome;
use hdrhistogram::Histogram;
use std::time::Duration;

/// Counts over the whole run, and the latencies of the part that is measured.
pub(crate) struct Tally {
    pub(crate) granted: u64,
    pub(crate) refused: u64,
    pub(crate) broken: u64,
    /// Connections refused because the daemon's backlog was full, and tried again. Blocking clients wait instead.
    pub(crate) backlog_full: u64,
    /// Nanoseconds from before the socket was made to the last byte of the reply.
    pub(crate) latencies: Histogram<u64>,
}

impl Tally {
    pub(crate) fn new() -> Self {
        let latencies = Histogram::new(3).expect("three digits are allowed");
        Self { granted: 0, refused: 0, broken: 0, backlog_full: 0, latencies }
    }

    pub(crate) fn count(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Granted => self.granted += 1,
            Outcome::Refused => self.refused += 1,
            Outcome::Broken => self.broken += 1,
        }
    }

    pub(crate) fn time(&mut self, taken: Duration) {
        let nanoseconds = u64::try_from(taken.as_nanos()).unwrap_or(u64::MAX);
        self.latencies.record(nanoseconds).expect("the histogram grows");
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.granted += other.granted;
        self.refused += other.refused;
        self.broken += other.broken;
        self.backlog_full += other.backlog_full;
        self.latencies.add(&other.latencies).expect("the histogram grows");
    }

    /// The latency in microseconds under which this part of the logins stayed.
    pub(crate) fn microseconds(&self, part: f64) -> f64 {
        Duration::from_nanos(self.latencies.value_at_quantile(part)).as_secs_f64() * 1e6
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_exact_to_a_thousandth() {
        let mut tally = Tally::new();
        (1..=1000).for_each(|millisecond| tally.time(Duration::from_millis(millisecond)));
        for (part, expected) in [(0.5, 500e3), (0.99, 990e3), (1.0, 1000e3)] {
            let seen = tally.microseconds(part);
            assert!((seen / expected - 1.0).abs() < 1e-3, "{part}: {seen}");
        }
    }

    #[test]
    fn tallies_add_up() {
        let (mut one, mut other) = (Tally::new(), Tally::new());
        one.count(Outcome::Granted);
        other.count(Outcome::Granted);
        other.count(Outcome::Broken);
        other.time(Duration::from_micros(5));
        one.add(&other);
        assert_eq!((one.granted, one.refused, one.broken, one.latencies.len()), (2, 0, 1, 1));
    }
}
