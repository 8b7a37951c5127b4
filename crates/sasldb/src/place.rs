//! Where a store lies: which file that is, and in which directory.

use crate::{
    error::{Error, Kind},
    location::Access,
};
use nix::unistd::Uid;
use std::{fs::Metadata, os::unix::fs::MetadataExt, path::Path};

/// Which file a path led to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    /// The file that `path` leads to now.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        path.metadata().ok().as_ref().map(Self::from)
    }
}

impl From<&Metadata> for Identity {
    fn from(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}

/// The directory of `path`.
pub(crate) fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A directory that others can write is no place for a store: they could put a link into it, or a store of their own.
pub(crate) fn trust(path: &Path, access: Access) -> Result<(), Error> {
    let directory = directory_of(path);
    let metadata = directory.metadata().map_err(|error| match access {
        Access::Create => Error::new(directory, Kind::Io("put a database there", error)),
        Access::Read | Access::Write => Error::io(path, "look at its directory", error),
    })?;
    let ours = metadata.uid() == 0 || metadata.uid() == Uid::effective().as_raw();
    match ours && metadata.mode() & 0o002 == 0 {
        true => Ok(()),
        false => Err(Error::new(directory, Kind::Untrusted)),
    }
}
