//! The file beside the store in which its users meet.
//!
//! LMDB keeps a table of readers in it, so whoever may read the store must be able to write it: it has the store's owner
//! and group, and is writable for the group where the store is readable for it. Never for others.
//!
//! LMDB's locks on it are POSIX record locks, and a process loses those as soon as it closes *any* descriptor of the
//! file. So one that may be in use is only opened as a path (`O_PATH`), which does no harm.

use nix::{
    fcntl::{AT_FDCWD, AtFlags},
    libc,
    unistd::{AccessFlags, Gid, Uid, faccessat, fchownat},
};
use std::{
    ffi::OsString,
    fs::{self, File, Metadata, OpenOptions, Permissions},
    io,
    os::{
        fd::AsRawFd,
        unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    },
    path::{Path, PathBuf},
};

/// Where LMDB keeps the lock file of the store at `path`.
pub(super) fn path_of(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push("-lock");
    name.into()
}

/// Makes the lock file where there is none, fits it to the `store` beside it where that is ours to do, and sees that we
/// may use it.
pub(super) fn prepare(path: &Path, store: &Metadata) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        // Where nobody can write, LMDB reads without one.
        Err(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => return Ok(()),
        made => drop(made?),
    }
    let lock = OpenOptions::new().read(true).custom_flags(libc::O_PATH | libc::O_NOFOLLOW).open(path)?;
    let metadata = lock.metadata()?;
    if !metadata.is_file() || metadata.nlink() != 1 {
        return Err(io::Error::other("it is no file of its own"));
    }
    if Uid::effective().is_root() || Uid::effective().as_raw() == metadata.uid() {
        fit(&lock, &metadata, store)?;
    }
    Ok(faccessat(AT_FDCWD, path, AccessFlags::R_OK | AccessFlags::W_OK, AtFlags::AT_EACCESS)?)
}

fn fit(lock: &File, current: &Metadata, store: &Metadata) -> io::Result<()> {
    let mode = if store.mode() & 0o040 == 0 { 0o600 } else { 0o660 };
    if (current.uid(), current.gid()) != (store.uid(), store.gid()) {
        let uid = Uid::effective().is_root().then(|| Uid::from_raw(store.uid()));
        fchownat(lock, "", uid, Some(Gid::from_raw(store.gid())), AtFlags::AT_EMPTY_PATH)?;
    }
    if current.mode() & 0o777 != mode {
        fs::set_permissions(format!("/proc/self/fd/{}", lock.as_raw_fd()), Permissions::from_mode(mode))?;
    }
    Ok(())
}
