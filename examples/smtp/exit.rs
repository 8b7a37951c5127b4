//! How the programs end.

use std::{fmt, process::ExitCode};

/// Why a program could not do what it was asked: a text for standard error, and a status.
#[derive(Debug)]
pub struct Failure {
    text: String,
    status: u8,
}

/// The status of whoever could not do it.
const FAILED: u8 = 1;

/// And of whoever was asked what makes no sense, as clap has it.
const NONSENSE: u8 = 2;

impl Failure {
    /// A failure in these words.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), status: FAILED }
    }

    /// A failure of `what`: a file, an address, a flag.
    #[must_use]
    pub fn of(what: impl fmt::Display, error: impl fmt::Display) -> Self {
        Self::new(format!("{what}: {error}"))
    }

    /// The same, of a command line.
    #[must_use]
    pub fn of_the_command_line(self) -> Self {
        Self { status: NONSENSE, ..self }
    }
}

/// The exit status of `program`, once its failure was said on standard error.
#[must_use]
pub fn status(program: &str, outcome: Result<(), Failure>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{program}: {failure}");
            ExitCode::from(failure.status)
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
