//! The one unsafe call of this crate.
#![expect(unsafe_code, reason = "mapping a file into memory is")]

use crate::location::Access;
use heed::{Env, EnvFlags, EnvOpenOptions, WithoutTls};
use std::{io, path::Path};

/// How much address space a store takes, and so how large it may grow: 64 GiB. Where a process may not have so
/// much, half of it and so on down to one.
const MAP_SIZES: [usize; 7] = [64 << 30, 32 << 30, 16 << 30, 8 << 30, 4 << 30, 2 << 30, 1 << 30];

/// LMDB's default of 126 is for one application, not for all that authenticate.
const READERS: u32 = 1024;

/// Opens a file that [`super::file::prepare`] has looked at. Every commit is on the disk when it returns: LMDB's default.
pub(super) fn open(path: &Path, access: Access) -> heed::Result<Env<WithoutTls>> {
    let mut smaller = MAP_SIZES.into_iter();
    loop {
        let Some(size) = smaller.next() else { return Err(io::Error::from(io::ErrorKind::OutOfMemory).into()) };
        match open_with(path, access, size) {
            Err(heed::Error::Io(error)) if error.kind() == io::ErrorKind::OutOfMemory => {}
            result => return result,
        }
    }
}

fn open_with(path: &Path, access: Access, map_size: usize) -> heed::Result<Env<WithoutTls>> {
    let mut options = EnvOpenOptions::new().read_txn_without_tls();
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
