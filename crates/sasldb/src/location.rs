//! Where a store is, of which kind, and what it is opened for.

use std::{
    ffi::OsStr,
    fmt, io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf, absolute},
};

/// The place of a store: a file of LMDB, or behind `sled:` a directory of sled.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "each kind is a file of this crate")]
pub enum Location {
    /// LMDB's one file; its lock file, with `-lock` behind the name, lies beside it.
    Lmdb(PathBuf),
    /// sled's directory.
    Sled(PathBuf),
}

/// What for, and what if there is none.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by nature")]
pub enum Access {
    /// To read; an error where there is no store.
    Read,
    /// To read and write; an error where there is no store.
    Write,
    /// To read and write; a new store where there is none.
    Create,
}

impl Location {
    /// Reads a path, or `sled:` and a path.
    #[must_use]
    pub fn parse(text: impl AsRef<OsStr>) -> Self {
        match text.as_ref().as_bytes().strip_prefix(b"sled:") {
            Some(path) => Self::Sled(OsStr::from_bytes(path).into()),
            None => Self::Lmdb(text.as_ref().into()),
        }
    }

    /// The path without its kind.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::Lmdb(path) | Self::Sled(path) => path,
        }
    }

    /// The same place, wherever the process goes.
    ///
    /// # Errors
    /// Where the path is empty, or the working directory cannot be read.
    pub fn absolute(self) -> io::Result<Self> {
        Ok(match self {
            Self::Lmdb(path) => Self::Lmdb(absolute(path)?),
            Self::Sled(path) => Self::Sled(absolute(path)?),
        })
    }

    /// Whether anything is there.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.path().symlink_metadata().is_ok()
    }
}

/// `/etc/sasldb2`, as in the original.
impl Default for Location {
    fn default() -> Self {
        Self::Lmdb("/etc/sasldb2".into())
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lmdb(path) => path.display().fmt(f),
            Self::Sled(path) => write!(f, "sled:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_tells_the_kind() {
        assert_eq!(Location::parse("/etc/x"), Location::Lmdb("/etc/x".into()));
        assert_eq!(Location::parse("sled:/var/x"), Location::Sled("/var/x".into()));
        assert_eq!(Location::parse("sled:/var/x").to_string(), "sled:/var/x");
        assert_eq!(Location::default().to_string(), "/etc/sasldb2");
    }

    #[test]
    fn a_relative_path_can_be_held_on_to() {
        let here = std::env::current_dir().unwrap();
        for (text, expected) in [("db", format!("{}/db", here.display())), ("sled:/x", "sled:/x".into())] {
            assert_eq!(Location::parse(text).absolute().unwrap().to_string(), expected);
        }
        assert!(Location::parse("sled:").absolute().is_err());
    }
}
