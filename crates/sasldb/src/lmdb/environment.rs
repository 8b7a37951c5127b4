//! The one unsafe call of this crate.
#![expect(unsafe_code, reason = "mapping a file into memory is")]

use crate::location::Access;
use heed::{Env, EnvFlags, EnvOpenOptions, WithTls};
use std::{io, path::Path};

/// How much address space a store takes, and so how large it may grow: 64 GiB. Where a process may not have so
/// much, half of it and so on down to one.
const LARGEST_MAP: usize = 64 << 30;
const SMALLEST_MAP: usize = 1 << 30;

/// One a thread that reads, of every process. LMDB's default of 126 is for one application, not for all that authenticate.
const READERS: u32 = 1024;

/// Opens a file that [`super::file::prepare`] has looked at. Every commit is on the disk when it returns: LMDB's default.
pub(super) fn open(path: &Path, access: Access) -> heed::Result<Env<WithTls>> {
    let mut size = LARGEST_MAP;
    loop {
        match open_with(path, access, size) {
            Err(heed::Error::Io(error)) if is_for_space(&error) && size > SMALLEST_MAP => size /= 2,
            result => return result,
        }
    }
}

/// A limit says that there is no memory; valgrind, that so large a map is not valid.
fn is_for_space(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::OutOfMemory | io::ErrorKind::InvalidInput)
}

fn open_with(path: &Path, access: Access, map_size: usize) -> heed::Result<Env<WithTls>> {
    let mut options = EnvOpenOptions::new();
    options.map_size(map_size).max_readers(READERS);
    let flags = match access {
        Access::Read => EnvFlags::NO_SUB_DIR | EnvFlags::READ_ONLY,
        Access::Write | Access::Create => EnvFlags::NO_SUB_DIR,
    };
    // SAFETY: the map may change under our feet only by LMDB's own writers, which keep to its lock file and never
    // overwrite a page that a reader can see: the file lies where only the store's owner and group can write, was
    // seen to be LMDB's and not cut off, and none of the flags that weaken locking or durability is set.
    unsafe { options.flags(flags).open(path) }
}
