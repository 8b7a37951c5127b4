//! What every store can do. `tests/conformance.rs` holds each kind to it.

use crate::{
    error::Error,
    name::Name,
    record::{Record, Stamp},
};
use sasl_core::secret::Secret;
use std::ops::ControlFlow;

/// A place of records. One handle serves all threads.
pub trait Store: Send + Sync {
    /// What the store is at, without reading any of it: the cheapest way to learn that nothing has changed. Another
    /// number after every write, of whatever process; a store that is opened anew may begin anew.
    fn revision(&self) -> u64;

    /// The stamp of the record of `name`, without reading the rest of it: whether this one has changed.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn stamp(&self, name: Name<'_>) -> Result<Seen, Error>;

    /// The record of `name`, checked against its checksum. Disabled ones too.
    ///
    /// # Errors
    /// Where the store cannot be read, or the record is damaged.
    fn get(&self, name: Name<'_>) -> Result<Option<Record>, Error>;

    /// Shows every record, in the order of the keys, until told to stop. They are of one moment, unless a writer wipes
    /// one that is about to be shown: from there on they are of a later one. `each` must not use the
    /// same store: a thread has one reading of it at a time.
    ///
    /// # Errors
    /// Where the store cannot be read, or a record is damaged.
    fn list(&self, each: &mut dyn FnMut(Record) -> ControlFlow<()>) -> Result<(), Error>;

    /// Makes all the changes or none, and returns once they are on the disk. Of what they replaced or removed, LMDB's
    /// file keeps nothing; sled's log keeps it for a while.
    ///
    /// # Errors
    /// Where the store cannot be written; it is then as it was.
    fn write(&self, changes: &mut dyn Iterator<Item = Change>) -> Result<(), Error>;

    /// Reads and changes the record of `name` with nobody in between; for `None` nothing is written. `change` must not
    /// use the same store.
    ///
    /// # Errors
    /// As [`Self::write`].
    fn edit(&self, name: Name<'_>, change: &mut dyn FnMut(Option<Record>) -> Option<Change>) -> Result<(), Error>;

    /// 32 random bytes that were made with the store: the key for what unknown users are answered with.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn secret(&self) -> Result<Secret, Error>;

    /// Whether its path still leads to it: not once the file was replaced or removed.
    fn is_current(&self) -> bool;

    /// Whether what is read is the newest that was written: not while a writer is about to tell of it, nor after one was
    /// killed that could not, nor where the store was replaced and somebody has the former one open. Only the first goes
    /// by without anybody doing anything: who has the store open for long opens it anew.
    fn is_settled(&self) -> bool;

    /// What an administrator should put right. Empty in a store as this program makes it.
    fn warnings(&self) -> Vec<Warning>;
}

/// What was seen of a record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "complete by nature")]
pub struct Seen {
    /// Its stamp, if there is such a record.
    pub stamp: Option<Stamp>,
    /// When: it may be less than [`Store::revision`] says at that time, where a writer has not finished.
    pub revision: u64,
}

/// A change of one record.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "complete by nature")]
pub enum Change {
    /// Puts the record in the place of the one of the same name, if there is one.
    Put(Record),
    /// The same, but who is disabled at that moment stays so; an error where that cannot be read.
    Replace(Record),
    /// Removes the record of that user and realm, if there is one.
    Delete(Box<[u8]>, Box<[u8]>),
}

/// Something about a store that works, but should not be so. `Display` is a sentence with the path.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Warning(pub(crate) String);

impl Change {
    /// Removes the record of `name`.
    #[must_use]
    pub fn delete(name: Name<'_>) -> Self {
        Self::Delete(name.user().into(), name.realm().into())
    }
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
