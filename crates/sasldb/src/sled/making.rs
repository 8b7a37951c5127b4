//! How a new directory comes to its path: whole, or not at all. sled itself cannot go on where its first steps were
//! interrupted.

use nix::fcntl::{Flock, FlockArg};
use std::{
    ffi::OsString,
    fs::{self, DirBuilder, File, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
};

/// Has `fill` make a store in a directory that is beside `path` and closed to others, and moves it to `path` once it is
/// on the disk. An empty directory there gives it its owner and mode. One maker at a time in a directory; where another
/// was faster, nothing is made.
pub(super) fn make(path: &Path, fill: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let beside = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let beside = Flock::lock(File::open(beside)?, FlockArg::LockExclusive).map_err(|(_, error)| error)?;
    if !is_missing_or_empty(path)? {
        return Ok(());
    }
    let workshop = Workshop::enter(path)?;
    let made = workshop.0.join("store");
    DirBuilder::new().mode(0o770).create(&made)?;
    if let Ok(model) = path.metadata() {
        chown(&made, Some(model.uid()), Some(model.gid()))?;
        fs::set_permissions(&made, Permissions::from_mode(model.mode()))?;
    }
    fill(&made)?;
    fs::rename(&made, path)?;
    beside.sync_all()
}

/// Whether there is nothing at `path`, or a directory with nothing in it.
pub(super) fn is_missing_or_empty(path: &Path) -> io::Result<bool> {
    match path.read_dir() {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

/// The directory of the work, removed in the end; one that a killed process left is removed before.
struct Workshop(PathBuf);

impl Workshop {
    fn enter(path: &Path) -> io::Result<Self> {
        let mut name = OsString::from(".");
        name.push(path.file_name().unwrap_or_default());
        name.push(".unfinished");
        let workshop = path.with_file_name(name);
        match fs::remove_dir_all(&workshop) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => DirBuilder::new().mode(0o700).create(&workshop)?,
        }
        Ok(Self(workshop))
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
