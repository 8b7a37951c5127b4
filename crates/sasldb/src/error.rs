//! What can go wrong with a store, and where.

use std::{error, fmt, io, path::PathBuf};

/// Why a store did not do what it was asked.
#[derive(Debug)]
pub struct Error {
    path: PathBuf,
    kind: Kind,
}

/// What went wrong.
#[derive(Debug)]
#[non_exhaustive]
pub enum Kind {
    /// There is no store.
    Missing,
    /// What is there is no store of ours; with what it is instead.
    Foreign(&'static str),
    /// A store, but damaged; with what is wrong.
    Damaged(&'static str),
    /// Made by a later version of this program.
    Newer,
    /// Its path leads to another file than it did, and a process has the former one open.
    Replaced,
    /// A directory where others could put something else in the place of a store.
    Untrusted,
    /// This process has it open already, and can have it open once.
    Open,
    /// Another process owns it.
    Busy,
    /// The system refused; with what was attempted.
    Io(&'static str, io::Error),
    /// There is no randomness for stamps and keys.
    NoRandomness,
}

impl Error {
    /// `kind`, with the store at `path`.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, kind: Kind) -> Self {
        Self { path: path.into(), kind }
    }

    pub(crate) fn io(path: impl Into<PathBuf>, attempt: &'static str, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::new(path, Kind::Missing),
            _ => Self::new(path, Kind::Io(attempt, error)),
        }
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> &Kind {
        &self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.kind {
            Kind::Missing => write!(f, "{path}: no such database"),
            Kind::Foreign(what) => write!(f, "{path}: not a database of this program but {what}"),
            Kind::Damaged(what) => write!(f, "{path}: damaged database: {what}"),
            Kind::Newer => write!(f, "{path}: made by a later version of this program"),
            Kind::Replaced => {
                write!(f, "{path}: it was replaced while a process had it open; that process must end or open it again")
            }
            Kind::Untrusted => write!(
                f,
                "{path}: others can reach into this directory: it must belong to root or to you, and others must not write it (nor read it, for sled)"
            ),
            Kind::Open => write!(f, "{path}: this process has it open already"),
            Kind::Busy => write!(f, "{path}: another process has it open, and a sled store has one owner at a time"),
            Kind::Io(attempt, error) => write!(f, "{path}: cannot {attempt}: {error}"),
            Kind::NoRandomness => write!(f, "{path}: the system gives no randomness"),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match &self.kind {
            Kind::Io(_, error) => Some(error),
            _ => None,
        }
    }
}
