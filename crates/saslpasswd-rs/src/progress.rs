//! How far long work has come, on a terminal.

use std::{
    io::{IsTerminal, stderr},
    time::{Duration, Instant},
};

/// A line on standard error that counts, where that is a terminal.
#[derive(Debug)]
pub struct Progress {
    what: &'static str,
    total: usize,
    done: usize,
    shown: Option<Instant>,
    terminal: bool,
}

const EVERY: Duration = Duration::from_millis(200);

impl Progress {
    /// Nothing done yet of `total`.
    #[must_use]
    pub fn new(what: &'static str, total: usize) -> Self {
        Self { what, total, done: 0, shown: None, terminal: stderr().is_terminal() }
    }

    /// So many more are done.
    pub fn advance(&mut self, more: usize) {
        self.done += more;
        if self.terminal && self.shown.is_none_or(|shown| shown.elapsed() >= EVERY) {
            self.shown = Some(Instant::now());
            eprint!("\r{} of {} {} ", self.done, self.total, self.what);
        }
    }

    /// All is done, or nothing more will be.
    pub fn finish(self) {
        if self.terminal {
            eprintln!("\r{} of {} {} ", self.done, self.total, self.what);
        }
    }
}
