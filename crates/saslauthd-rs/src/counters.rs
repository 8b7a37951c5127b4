//! What has happened since the start, other than logins.

use std::cell::Cell;

/// Counts up.
#[derive(Debug, Default)]
pub struct Counter(Cell<u64>);

/// One for each kind of trouble.
#[derive(Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "read by whoever shows it")]
pub struct Counters {
    /// Requests that were answered `NO` for want of room.
    pub overloaded: Counter,
    /// Attempts that were held back after wrong passwords, and then looked at.
    pub held_back: Counter,
    /// Attempts that were not looked at, after wrong passwords.
    pub throttled: Counter,
    /// Connections without a request that were closed to make room.
    pub shed: Counter,
    /// Connections without a request that were closed at the deadline.
    pub late: Counter,
    /// Requests that make no sense.
    pub malformed: Counter,
}

impl Counter {
    /// One more.
    pub fn add(&self) {
        self.0.set(self.0.get() + 1);
    }

    /// How many there were.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.get()
    }
}
