//! Opening a store, whichever kind it is.

use crate::{error::Error, lmdb::Lmdb, location::Location, sled::Sled, store::Store};

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

/// Opens the store at `location`.
///
/// # Errors
/// [`Kind::Missing`](crate::error::Kind::Missing) without [`Access::Create`] where there is none; the other kinds where it cannot be opened.
pub fn open(location: &Location, access: Access) -> Result<Box<dyn Store>, Error> {
    Ok(match location {
        Location::Lmdb(path) => Box::new(Lmdb::open(path, access)?),
        Location::Sled(path) => Box::new(Sled::open(path, access)?),
    })
}
