//! The file itself: made with the right mode, looked at before LMDB trusts it.

use crate::{
    error::{Error, Kind},
    location::Access,
    store::Warning,
};
use nix::{libc, unistd::Uid};
use std::{
    fs::{File, OpenOptions, Permissions},
    io::{self, Read},
    os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown},
    path::{Path, PathBuf},
};

/// Which file a path led to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    pub(crate) fn of(path: &Path) -> Option<Self> {
        path.metadata().ok().map(|metadata| Self { device: metadata.dev(), inode: metadata.ino() })
    }
}

/// Makes the file and its lock file where that is wanted, and sees that the file is one for LMDB.
pub(super) fn prepare(path: &Path, access: Access) -> Result<Identity, Error> {
    let mut options = OpenOptions::new();
    options.read(true).write(access != Access::Read).mode(0o660).custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC);
    let file = match access {
        Access::Create => options.create(true).open(path),
        Access::Read | Access::Write => options.open(path),
    };
    let file = file.map_err(|error| open_error(path, error))?;
    let attempt = |what| move |error| Error::io(path, what, error);
    let metadata = file.metadata().map_err(attempt("look at"))?;
    if !metadata.is_file() {
        return Err(Error::new(path, Kind::Foreign("no file")));
    }
    match (metadata.len(), access) {
        (0, Access::Create) => keep_from_others(&file).map_err(attempt("set the mode of"))?,
        (0, _) => return Err(Error::new(path, Kind::Missing)),
        (length, _) => check(&file, length).map_err(|kind| Error::new(path, kind))?,
    }
    if access != Access::Read {
        prepare_lock(path, &file)?;
    }
    Identity::of(path).ok_or_else(|| Error::new(path, Kind::Missing))
}

/// A new store is for its owner and group, whatever the umask was.
fn keep_from_others(file: &File) -> io::Result<()> {
    let mode = file.metadata()?.mode() & 0o660;
    file.set_permissions(Permissions::from_mode(mode))
}

/// Whoever may read the store must be able to write its lock file, so that one has the store's group.
fn prepare_lock(path: &Path, store: &File) -> Result<(), Error> {
    let lock_path = lock_path(path);
    let attempt = |what| {
        let lock_path = lock_path.clone();
        move |error| Error::new(lock_path, Kind::Io(what, error))
    };
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC);
    let lock = options.open(&lock_path).map_err(attempt("open the lock file"))?;
    let (store, current) =
        (store.metadata().map_err(attempt("look at"))?, lock.metadata().map_err(attempt("look at"))?);
    let mode = if store.mode() & 0o040 == 0 { 0o600 } else { 0o660 };
    if current.uid() == Uid::effective().as_raw() || Uid::effective().is_root() {
        if (current.uid(), current.gid()) != (store.uid(), store.gid()) {
            fchown(&lock, Some(store.uid()), Some(store.gid())).map_err(attempt("give to the store's group"))?;
        }
        if current.mode() & 0o777 != mode {
            lock.set_permissions(Permissions::from_mode(mode)).map_err(attempt("set the mode of"))?;
        }
    }
    Ok(())
}

fn lock_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-lock");
    name.into()
}

fn open_error(path: &Path, error: io::Error) -> Error {
    match error.raw_os_error() {
        Some(libc::ELOOP) => Error::new(path, Kind::Foreign("a symbolic link")),
        Some(libc::EISDIR) => Error::new(path, Kind::Foreign("a directory")),
        _ => Error::io(path, "open", error),
    }
}

/// Offsets in a meta page, of which there are two at the start of an LMDB file; and in Berkeley DB's first page.
mod offset {
    pub(super) const MAGIC: usize = 16;
    pub(super) const VERSION: usize = 20;
    pub(super) const PAGE_SIZE: usize = 40;
    pub(super) const LAST_PAGE: usize = 136;
    pub(super) const TRANSACTION: usize = 144;
    pub(super) const BERKELEY_MAGIC: usize = 12;
}

const META_LENGTH: usize = 152;
const LMDB_MAGIC: u32 = 0xbeef_c0de;
const LMDB_VERSION: u32 = 1;
const BERKELEY_MAGICS: [u32; 2] = [0x0006_1561, 0x0005_3162];

/// Pages that a transaction took and gave back unused need not be in the file.
const UNWRITTEN_PAGES: u64 = 64;

/// LMDB maps the file and believes what it says: reading behind the end of one that was cut off would kill us.
fn check(file: &File, length: u64) -> Result<(), Kind> {
    let unreadable = |error| Kind::Io("read", error);
    let mut first = [0; META_LENGTH];
    let read = file.take(META_LENGTH as u64).read(&mut first).map_err(unreadable)?;
    if BERKELEY_MAGICS.contains(&word(&first, offset::BERKELEY_MAGIC)) {
        return Err(Kind::Foreign("a Berkeley DB file, as Cyrus SASL up to 2.1.28 makes it"));
    }
    if read < META_LENGTH || word(&first, offset::MAGIC) != LMDB_MAGIC || word(&first, offset::VERSION) != LMDB_VERSION
    {
        return Err(Kind::Foreign("another kind of file"));
    }
    let page_size = u64::from(word(&first, offset::PAGE_SIZE));
    if !(512..=65536).contains(&page_size) || length < 2 * page_size {
        return Err(Kind::Damaged("it is cut off"));
    }
    let mut second = [0; META_LENGTH];
    file.read_exact_at(&mut second, page_size).map_err(unreadable)?;
    let newest = if long(&second, offset::TRANSACTION) > long(&first, offset::TRANSACTION) { &second } else { &first };
    let needed = long(newest, offset::LAST_PAGE).saturating_add(1).saturating_sub(UNWRITTEN_PAGES);
    match needed.saturating_mul(page_size) <= length {
        true => Ok(()),
        false => Err(Kind::Damaged("it is cut off")),
    }
}

fn word(page: &[u8; META_LENGTH], at: usize) -> u32 {
    page[at..].first_chunk().copied().map_or(0, u32::from_ne_bytes)
}

fn long(page: &[u8; META_LENGTH], at: usize) -> u64 {
    page[at..].first_chunk().copied().map_or(0, u64::from_ne_bytes)
}

pub(super) fn warnings(path: &Path) -> Vec<Warning> {
    let Ok(metadata) = path.metadata() else { return Vec::new() };
    let warn = |what: &str| Warning(format!("{}: {what}", path.display()));
    let mut warnings = Vec::new();
    if metadata.mode() & 0o007 != 0 {
        warnings
            .push(warn("others may read or write it: whoever reads it can try passwords on it (chmod o= ends that)"));
    }
    if metadata.uid() != 0 && metadata.uid() != Uid::effective().as_raw() {
        warnings.push(warn("it belongs neither to root nor to the user of this program"));
    }
    warnings
}
