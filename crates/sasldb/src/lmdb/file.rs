//! The file itself: made with the right mode, looked at before LMDB trusts it.

use super::lock;
use crate::{
    error::{Error, Kind},
    location::Access,
    place::{Identity, directory_of, trust},
    store::Warning,
};
use nix::{
    fcntl::{FallocateFlags, Flock, FlockArg, fallocate},
    libc,
    unistd::{Group, Uid},
};
use std::{
    fs::{self, File, OpenOptions, Permissions},
    io,
    os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown},
    path::Path,
};

/// The group of the daemon that runs without privileges.
const READERS: &str = "saslauth";

/// A file that LMDB may be given.
pub(super) struct Prepared {
    pub(super) identity: Identity,
    /// Held until the file is a store, where it was empty: nobody else makes one of it meanwhile.
    _making: Option<Flock<File>>,
}

/// Makes the file and its lock file where that is wanted, and sees that both are fit for LMDB, which opens them by
/// their names: so nobody else may be able to put something else there.
pub(super) fn prepare(path: &Path, access: Access) -> Result<Prepared, Error> {
    let attempt = |what| move |error| Error::io(path, what, error);
    if path.is_dir() {
        return Err(Error::new(path, Kind::Foreign("a directory; one of sled is called sled:DIRECTORY")));
    }
    trust(path, access)?;
    let file = open_file(path, access)?;
    let making = match (file.metadata().map_err(attempt("look at"))?.len(), access) {
        (0, Access::Create) => Some(make(path, &file).map_err(attempt("create"))?),
        _ => None,
    };
    let metadata = file.metadata().map_err(attempt("look at"))?;
    match metadata.len() {
        0 if making.is_none() => return Err(Error::new(path, Kind::Missing)),
        0 => {}
        _ => check(&file).map_err(|kind| Error::new(path, kind))?,
    }
    let lock = lock::path_of(path);
    let attempt = "use the lock file, which every reader must be able to write";
    lock::prepare(&lock, &metadata).map_err(|error| Error::new(lock, Kind::Io(attempt, error)))?;
    Ok(Prepared { identity: Identity::from(&metadata), _making: making })
}

/// To write, wherever we may: in a container, that makes the image's file the one that everybody has.
fn open_file(path: &Path, access: Access) -> Result<File, Error> {
    let mut options = OpenOptions::new();
    // Without waiting, where it is a pipe.
    options.read(true).mode(0o640).custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_NONBLOCK);
    let opened = match options.write(true).create(access == Access::Create).open(path) {
        Err(_) if access == Access::Read => options.write(false).open(path),
        opened => opened,
    };
    let file = opened.map_err(|error| open_error(path, error))?;
    match file.metadata().map_err(|error| Error::io(path, "look at", error))?.is_file() {
        true => Ok(file),
        false => Err(Error::new(path, Kind::Foreign("no file"))),
    }
}

/// Makes an empty file ours, unless somebody else was faster. A lock file that a former store left may be in use
/// still, with what LMDB knew of that store in it, so it gives way; nobody can have met in it over this one, which was
/// never open.
fn make(path: &Path, file: &File) -> io::Result<Flock<File>> {
    let making = Flock::lock(file.try_clone()?, FlockArg::LockExclusive).map_err(|(_, error)| error)?;
    if file.metadata()?.len() == 0 {
        keep_from_others(file)?;
        match fs::remove_file(lock::path_of(path)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => File::open(directory_of(path))?.sync_all()?,
        }
    }
    Ok(making)
}

/// A new store is for its owner and group, whatever the umask was. One of root's is for the daemon, too, where that has a
/// group of its own.
fn keep_from_others(file: &File) -> io::Result<()> {
    let readers = Group::from_name(READERS).ok().flatten().filter(|_| Uid::effective().is_root());
    // A group that the file cannot have, as in a container, is none.
    let mode = match readers.map(|group| fchown(file, None, Some(group.gid.as_raw()))) {
        Some(Ok(())) => 0o640,
        _ => file.metadata()?.mode() & 0o640,
    };
    file.set_permissions(Permissions::from_mode(mode))
}

fn open_error(path: &Path, error: io::Error) -> Error {
    match error.raw_os_error() {
        Some(libc::ELOOP) => Error::new(path, Kind::Foreign("a symbolic link")),
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

/// Pages at the end that a transaction took and gave back unused need not be in the file. More than a few never are.
const UNWRITTEN_PAGES: u64 = 64;
const A_FEW_PAGES: u64 = 8;

const CUT_OFF: Kind = Kind::Damaged("it is cut off");

/// What the file held after a transaction.
struct Meta {
    transaction: u64,
    page_size: u64,
    pages: u64,
}

/// LMDB maps the file and believes what it says: reading behind the end of one that was cut off would kill us. Where
/// little is missing, which need not mean that it was cut off, the file is made as long as it should be, if we may
/// write it: what was lost is zeros then, which LMDB takes for no page.
fn check(file: &File) -> Result<(), Kind> {
    let [first, second] = metas(file)?;
    let newest = if second.transaction > first.transaction { second } else { first };
    let needed = newest.pages.saturating_mul(newest.page_size);
    let missing = || {
        // Asked for after the metas, as a writer makes the file longer before it says so.
        let length = file.metadata().map_err(|error| Kind::Io("look at", error))?.len();
        let missing = needed.saturating_sub(length);
        if missing > 0 && !length.is_multiple_of(newest.page_size) { Err(CUT_OFF) } else { Ok((length, missing)) }
    };
    let (length, short) = missing()?;
    if short > 0 && short <= UNWRITTEN_PAGES * newest.page_size {
        lengthen(file, length, short);
    }
    match missing()? {
        (_, short) if short <= A_FEW_PAGES * newest.page_size => Ok(()),
        _ => Err(CUT_OFF),
    }
}

/// Whoever else makes it longer at the same time loses nothing.
fn lengthen(file: &File, length: u64, missing: u64) {
    let bounds = libc::off_t::try_from(length).ok().zip(libc::off_t::try_from(missing).ok());
    if let Some((start, missing)) = bounds {
        let _ = fallocate(file, FallocateFlags::empty(), start, missing);
    }
}

/// Both meta pages; the one with the later transaction counts.
fn metas(file: &File) -> Result<[Meta; 2], Kind> {
    let mut first = [0; META_LENGTH];
    let read = file.read_at(&mut first, 0).map_err(|error| Kind::Io("read", error))?;
    if BERKELEY_MAGICS.contains(&word(&first, offset::BERKELEY_MAGIC)) {
        return Err(Kind::Foreign(
            "a Berkeley DB file, as Cyrus SASL up to 2.1.28 makes it (README.md tells how to migrate)",
        ));
    }
    if read < META_LENGTH || word(&first, offset::MAGIC) != LMDB_MAGIC || word(&first, offset::VERSION) != LMDB_VERSION
    {
        return Err(Kind::Foreign("another kind of file"));
    }
    let page_size = u64::from(word(&first, offset::PAGE_SIZE));
    if !(512..=65536).contains(&page_size) {
        return Err(CUT_OFF);
    }
    let mut second = [0; META_LENGTH];
    file.read_exact_at(&mut second, page_size).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => CUT_OFF,
        _ => Kind::Io("read", error),
    })?;
    let meta = |page| {
        let pages = long(page, offset::LAST_PAGE).saturating_add(1);
        Meta { transaction: long(page, offset::TRANSACTION), page_size, pages }
    };
    Ok([meta(&first), meta(&second)])
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
