//! The second store: a directory of sled, for the one process that owns it.
//!
//! sled's flush does not wait for the disk, so every file is synchronised here before a write counts.

mod making;

use crate::{
    error::{Error, Kind},
    location::Access,
    meta,
    name::Name,
    place::{Identity, trust},
    record::{Record, Stamp, key},
    store::{Change, Seen, Store, Warning},
};
use sasl_core::secret::Secret;
use sled::{Batch, Db, IVec};
use std::{
    collections::BTreeMap,
    fs::File,
    io,
    ops::ControlFlow,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    thread,
    time::Duration,
};

/// An open directory.
pub(crate) struct Sled {
    path: PathBuf,
    access: Access,
    identity: Identity,
    records: Db,
    /// How often it was written to. Held to write, so that a listing is of one moment, and what an edit read is what it
    /// changes.
    writes: RwLock<u64>,
}

/// A store of users is small beside what sled would keep in memory by default.
const CACHE: u64 = 16 * 1024 * 1024;

/// The file that every sled directory has.
const DATA: &str = "db";

/// How often to try for the lock, 5 ms apart.
const PATIENCE: u32 = 20;

impl Sled {
    pub(crate) fn open(path: &Path, access: Access) -> Result<Self, Error> {
        let failed = |attempt| move |error| Error::io(path, attempt, error);
        check_directory(path, access)?;
        trust(path, access)?;
        let empty = making::is_missing_or_empty(path).map_err(failed("open"))?;
        match access {
            Access::Create if empty => making::make(path, fill).map_err(failed("create"))?,
            _ if empty => return Err(Error::new(path, Kind::Missing)),
            _ if path.join(DATA).exists() => {}
            _ => return Err(Error::new(path, Kind::Foreign("another kind of directory"))),
        }
        let records = records_of(path, access).map_err(|kind| Error::new(path, kind))?;
        let identity = Identity::from(&path.metadata().map_err(failed("look at"))?);
        let store = Self { path: path.into(), access, identity, records, writes: RwLock::default() };
        match store.value(meta::KEY)?.as_deref().and_then(<[u8]>::first) {
            Some(&meta::FORMAT) => Ok(store),
            Some(_) => Err(store.error(Kind::Newer)),
            None => Err(store.error(Kind::Foreign("a sled directory of another program"))),
        }
    }

    fn value(&self, key: &[u8]) -> Result<Option<IVec>, Error> {
        self.records.get(key).map_err(|error| self.failed("read", error))
    }

    fn reading(&self) -> RwLockReadGuard<'_, u64> {
        self.writes.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn writing(&self) -> Result<RwLockWriteGuard<'_, u64>, Error> {
        match self.access {
            Access::Read => Err(self.error(Kind::Io("write", io::ErrorKind::PermissionDenied.into()))),
            Access::Write | Access::Create => Ok(self.writes.write().unwrap_or_else(PoisonError::into_inner)),
        }
    }

    fn apply(&self, writes: &mut u64, changes: &mut dyn Iterator<Item = Change>) -> Result<(), Error> {
        // By key, what it will be.
        let mut new: BTreeMap<Vec<u8>, Option<Record>> = BTreeMap::new();
        for change in changes {
            match change {
                Change::Put(record) => new.insert(key(record.name()).to_vec(), Some(record)),
                Change::Replace(record) => {
                    let key = key(record.name()).to_vec();
                    let old = new.remove(&key).map_or_else(|| self.get(record.name()), Ok)?;
                    new.insert(key, Some(record.disabled_like(old.as_ref())))
                }
                Change::Delete(user, realm) => match Name::new(&user, &realm) {
                    Ok(name) => new.insert(key(name).to_vec(), None),
                    Err(_) => None,
                },
            };
        }
        let mut batch = Batch::default();
        for (key, record) in new {
            match record {
                Some(record) => batch.insert(key, record.encode().as_slice()),
                None => batch.remove(key),
            }
        }
        *writes += 1;
        self.records.apply_batch(batch).map_err(|error| self.failed("write", error))?;
        self.sync()
    }

    /// The bytes are in the files once sled has flushed, and on the disk once the files are synchronised.
    fn sync(&self) -> Result<(), Error> {
        self.records.flush().map_err(|error| self.failed("write", error))?;
        sync_all(&self.path).map_err(|error| self.error(Kind::Io("synchronise", error)))
    }

    fn failed(&self, attempt: &'static str, error: sled::Error) -> Error {
        self.error(kind(attempt, error))
    }

    fn error(&self, kind: Kind) -> Error {
        Error::new(&self.path, kind)
    }
}

impl Store for Sled {
    fn revision(&self) -> u64 {
        *self.reading()
    }

    fn stamp(&self, name: Name<'_>) -> Result<Seen, Error> {
        let revision = self.reading();
        let stamp = self.value(&key(name))?.as_deref().map(Stamp::of).transpose().map_err(|kind| self.error(kind))?;
        Ok(Seen { stamp, revision: *revision })
    }

    fn get(&self, name: Name<'_>) -> Result<Option<Record>, Error> {
        let key = key(name);
        let record = self.value(&key)?.map(|value| Record::decode(&key, &value));
        record.transpose().map_err(|kind| self.error(kind))
    }

    fn list(&self, each: &mut dyn FnMut(Record) -> ControlFlow<()>) -> Result<(), Error> {
        let _reading = self.reading();
        for entry in self.records.iter() {
            let (key, value) = entry.map_err(|error| self.failed("read", error))?;
            if meta::is_own(&key) {
                continue;
            }
            if each(Record::decode(&key, &value).map_err(|kind| self.error(kind))?).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn write(&self, changes: &mut dyn Iterator<Item = Change>) -> Result<(), Error> {
        self.apply(&mut *self.writing()?, changes)
    }

    fn edit(&self, name: Name<'_>, change: &mut dyn FnMut(Option<Record>) -> Option<Change>) -> Result<(), Error> {
        let mut writes = self.writing()?;
        match change(self.get(name)?) {
            Some(change) => self.apply(&mut writes, &mut [change].into_iter()),
            None => Ok(()),
        }
    }

    fn secret(&self) -> Result<Secret, Error> {
        meta::secret(self.value(meta::KEY)?.as_deref()).map_err(|kind| self.error(kind))
    }

    fn is_current(&self) -> bool {
        Identity::of(&self.path).is_some_and(|now| now == self.identity)
    }

    fn is_settled(&self) -> bool {
        true
    }

    /// What could be wrong keeps it from opening.
    fn warnings(&self) -> Vec<Warning> {
        Vec::new()
    }
}

/// A directory that others may enter is no place for a store.
fn check_directory(path: &Path, access: Access) -> Result<(), Error> {
    match path.metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound && access == Access::Create => Ok(()),
        Err(error) => Err(Error::io(path, "open", error)),
        Ok(metadata) if !metadata.is_dir() => Err(Error::new(path, Kind::Foreign("no directory"))),
        Ok(metadata) if metadata.mode() & 0o007 != 0 => Err(Error::new(path, Kind::Untrusted)),
        Ok(_) => Ok(()),
    }
}

/// Makes a store of an empty directory.
fn fill(path: &Path) -> io::Result<()> {
    let meta = meta::generate().map_err(|_| io::Error::other("the system gives no randomness"))?;
    let records = config(path).open()?;
    records.insert(meta::KEY, meta)?;
    records.flush()?;
    sync_all(path)
}

/// Opens the directory. Its lock can outlast a process that was killed, or the moment between a fork and an exec, by a
/// little: writers wait for that, and readers, who may be serving others, do not.
fn records_of(path: &Path, access: Access) -> Result<Db, Kind> {
    let patience = if access == Access::Read { 0 } else { PATIENCE };
    let open = || {
        making::clear_unfinished(&path.join(DATA), path).map_err(|error| kind("open", error.into()))?;
        config(path).open().map_err(|error| kind("open", error))
    };
    for _ in 0..patience {
        match open() {
            Err(Kind::Busy) => thread::sleep(Duration::from_millis(5)),
            opened => return opened,
        }
    }
    open()
}

fn config(path: &Path) -> sled::Config {
    sled::Config::new().path(path).cache_capacity(CACHE).flush_every_ms(None)
}

fn sync_all(directory: &Path) -> io::Result<()> {
    for entry in directory.read_dir()? {
        let path = entry?.path();
        match path.is_dir() {
            true => sync_all(&path)?,
            false => File::open(&path)?.sync_all()?,
        }
    }
    File::open(directory)?.sync_all()
}

fn kind(attempt: &'static str, error: sled::Error) -> Kind {
    match error {
        sled::Error::Io(error) if error.to_string().contains("could not acquire lock") => Kind::Busy,
        sled::Error::Io(error) => Kind::Io(attempt, error),
        sled::Error::Corruption { .. } => Kind::Damaged("sled says so"),
        other => Kind::Io(attempt, io::Error::other(other.to_string())),
    }
}
