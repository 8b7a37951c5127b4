//! How the programs end.

use std::{
    fmt,
    io::{self, Write},
    process::ExitCode,
};

/// Why a program could not do what it was asked: a text for standard error, and the exit status.
#[derive(Debug)]
pub struct Failure {
    status: u8,
    text: String,
}

/// As in the original: the daemon did not start, or was told nonsense.
pub const FAILED: u8 = 1;
/// As in the original: another instance runs.
pub const RUNNING: u8 = 2;
/// `saslauthd check` has no answer.
pub const TROUBLE: u8 = 2;
/// As in the original's `testsaslauthd`: the last try was refused or failed.
pub const REFUSED: u8 = 255;

impl Failure {
    /// A failure with [`FAILED`].
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self { status: FAILED, text: text.into() }
    }

    /// One whose reason somebody else has said.
    #[must_use]
    pub fn silent(status: u8) -> Self {
        Self { status, text: String::new() }
    }

    /// The same with another status.
    #[must_use]
    pub fn with_status(self, status: u8) -> Self {
        Self { status, ..self }
    }

    /// The exit status.
    #[must_use]
    pub fn status(&self) -> u8 {
        self.status
    }

    /// Says it on standard error, behind the program's name.
    #[must_use]
    pub fn report(&self, program: &str) -> ExitCode {
        for line in self.text.lines() {
            eprintln!("{program}: {line}");
        }
        ExitCode::from(self.status)
    }
}

/// Writes what was asked for to standard output.
///
/// # Errors
/// Where nothing can be written there.
pub fn print(text: &str) -> Result<(), Failure> {
    io::stdout().write_all(text.as_bytes()).map_err(|error| Failure::new(format!("standard output: {error}")))
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
