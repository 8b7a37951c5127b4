//! Opening a store, whichever kind it is.

use crate::{
    error::Error,
    lmdb::Lmdb,
    location::{Access, Location},
    sled::Sled,
    store::Store,
};

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
