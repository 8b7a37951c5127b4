//! How a new directory comes to its path: whole, or not at all. sled itself cannot go on where its first steps were
//! interrupted.

use crate::place::{Identity, directory_of};
use nix::{
    fcntl::{Flock, FlockArg},
    libc,
    unistd::Uid,
};
use std::{
    ffi::OsString,
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown},
    path::{Path, PathBuf},
};

/// Has `fill` make a store in a directory that is beside `path` and closed to others, and moves it to `path` once it is
/// on the disk. An empty directory there gives it its owner and mode. One maker at a time; where another was faster,
/// nothing is made.
pub(super) fn make(path: &Path, fill: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let workshop = Workshop::enter(path)?;
    if !is_missing_or_empty(path)? {
        return Ok(());
    }
    let made = workshop.path.join("store");
    DirBuilder::new().mode(0o770).create(&made)?;
    if let Ok(model) = path.metadata() {
        let made = open_directory(&made)?;
        fchown(&made, Some(model.uid()), Some(model.gid()))?;
        made.set_permissions(Permissions::from_mode(model.mode()))?;
    }
    fill(&made)?;
    fs::rename(&made, path)?;
    File::open(directory_of(path))?.sync_all()
}

/// Whether there is nothing at `path`, or a directory with nothing in it.
pub(super) fn is_missing_or_empty(path: &Path) -> io::Result<bool> {
    match path.read_dir() {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

/// The directory of the work, which whoever works in it has locked, and removes in the end. Nobody else can lock it: it
/// is closed to them.
struct Workshop {
    path: PathBuf,
    _lock: Flock<File>,
}

impl Workshop {
    fn enter(path: &Path) -> io::Result<Self> {
        let mut name = OsString::from(".");
        name.push(path.file_name().unwrap_or_default());
        name.push(".unfinished");
        let path = path.with_file_name(name);
        loop {
            match DirBuilder::new().mode(0o700).create(&path) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
            let opened = match open_directory(&path) {
                // Whoever had it before has just removed it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                opened => opened?,
            };
            let metadata = opened.metadata()?;
            if metadata.uid() != Uid::effective().as_raw() || metadata.mode() & 0o077 != 0 {
                return Err(io::Error::other(format!("{} is in the way", path.display())));
            }
            let lock = Flock::lock(opened, FlockArg::LockExclusive).map_err(|(_, error)| error)?;
            if fs::symlink_metadata(&path).is_ok_and(|there| Identity::from(&there) == Identity::from(&metadata)) {
                clear(&path)?;
                return Ok(Self { path, _lock: lock });
            }
        }
    }
}

/// Removes snapshots that a process was killed over, which sled would take for whole ones. It holds sled's own lock on
/// `data` meanwhile: where somebody else has that, there is nothing to do.
pub(super) fn clear_unfinished(data: &Path, directory: &Path) -> io::Result<()> {
    let Ok(_lock) = Flock::lock(File::open(data)?, FlockArg::LockExclusiveNonblock) else { return Ok(()) };
    for entry in directory.read_dir()? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "generating") {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn open_directory(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(libc::O_DIRECTORY | libc::O_NOFOLLOW).open(path)
}

/// Removes what one that was killed has left.
fn clear(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path.join("store")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}
