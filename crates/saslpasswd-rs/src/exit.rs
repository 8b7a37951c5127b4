//! How the programs end.

use std::{
    ffi::OsString,
    fmt,
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

/// Exit statuses: the numbers of libsasl2's codes without their sign.
pub mod status {
    /// Usage, or a database that cannot be used (SASL_FAIL).
    pub const FAILED: u8 = 1;
    /// An application whose passwords are elsewhere (SASL_NOMECH).
    pub const NO_MECHANISM: u8 = 4;
    /// A user or a password that cannot be (SASL_BADPARAM).
    pub const BAD_PARAMETER: u8 = 7;
    /// SASL_NOUSER.
    pub const NO_USER: u8 = 20;
    /// SASL_CONFIGERR.
    pub const BAD_CONFIGURATION: u8 = 100;
    /// What a shell makes of a program that a closed pipe has ended.
    pub const BROKEN_PIPE: u8 = 141;
}

/// Why a program could not do what it was asked: a text for standard error, and the exit status.
#[derive(Debug)]
pub struct Failure {
    status: u8,
    text: String,
}

impl Failure {
    /// A failure with that status.
    #[must_use]
    pub fn new(status: u8, text: impl Into<String>) -> Self {
        Self { status, text: text.into() }
    }

    /// Why nothing can be written there. Where whoever reads has had enough, as head has, that needs no words.
    #[must_use]
    pub fn of_standard_output(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::new(status::BROKEN_PIPE, ""),
            _ => Self::new(status::FAILED, format!("standard output: {error}")),
        }
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
/// As [`Failure::of_standard_output`].
pub fn print(text: &str) -> Result<(), Failure> {
    io::stdout().write_all(text.as_bytes()).map_err(|error| Failure::of_standard_output(&error))
}

/// The name a program was called by, without its directory.
#[must_use]
pub fn program_name(words: &[OsString], otherwise: &str) -> String {
    let name = words.first().and_then(|word| Path::new(word).file_name());
    name.map_or_else(|| otherwise.to_owned(), |name| name.to_string_lossy().into_owned())
}

impl From<sasldb::error::Error> for Failure {
    fn from(error: sasldb::error::Error) -> Self {
        Self::new(status::FAILED, error.to_string())
    }
}

impl From<sasl_core::failure::Failure> for Failure {
    fn from(failure: sasl_core::failure::Failure) -> Self {
        Self::new(status::FAILED, failure.cause())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
