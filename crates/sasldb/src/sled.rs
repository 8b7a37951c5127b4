//! The second store: a directory of sled, for the one process that owns it.
//!
//! sled's flush does not wait for the disk, so every file is synchronised here before a write counts.

use crate::{
    error::{Error, Kind},
    location::Access,
    meta,
    name::Name,
    record::{Record, Stamp, key},
    store::{Change, Store, Warning},
};
use sasl_core::secret::Secret;
use sled::{Batch, Db, IVec};
use std::{
    fs::{DirBuilder, File},
    io,
    ops::ControlFlow,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
};

/// An open directory.
pub(crate) struct Sled {
    path: PathBuf,
    identity: (u64, u64),
    records: Db,
}

/// A store of users is small beside what sled would keep in memory by default.
const CACHE: u64 = 16 * 1024 * 1024;

impl Sled {
    pub(crate) fn open(path: &Path, access: Access) -> Result<Self, Error> {
        if access == Access::Create && !path.exists() {
            DirBuilder::new().mode(0o770).create(path).map_err(|error| Error::io(path, "create", error))?;
        }
        let metadata = path.metadata().map_err(|error| Error::io(path, "open", error))?;
        if !metadata.is_dir() {
            return Err(Error::new(path, Kind::Foreign("no directory")));
        }
        if metadata.mode() & 0o007 != 0 {
            return Err(Error::new(path, Kind::Untrusted));
        }
        if access != Access::Create && !path.join("conf").exists() {
            return Err(Error::new(path, Kind::Missing));
        }
        let records = sled::Config::new().path(path).cache_capacity(CACHE).flush_every_ms(None).open();
        let records = records.map_err(|error| Error::new(path, kind("open", error)))?;
        let store = Self { path: path.into(), identity: (metadata.dev(), metadata.ino()), records };
        store.check_format(access)?;
        Ok(store)
    }

    fn check_format(&self, access: Access) -> Result<(), Error> {
        match self.value(meta::KEY)?.as_deref().and_then(<[u8]>::first) {
            Some(&meta::FORMAT) => Ok(()),
            Some(_) => Err(self.error(Kind::Newer)),
            None if access == Access::Create => {
                let meta = meta::generate().map_err(|kind| self.error(kind))?;
                self.records.insert(meta::KEY, meta).map_err(|error| self.failed("create", error))?;
                self.sync()
            }
            None => Err(self.error(Kind::Missing)),
        }
    }

    fn value(&self, key: &[u8]) -> Result<Option<IVec>, Error> {
        self.records.get(key).map_err(|error| self.failed("read", error))
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
    fn stamp(&self, name: Name<'_>) -> Result<Option<Stamp>, Error> {
        self.value(&key(name))?.as_deref().map(Stamp::of).transpose().map_err(|kind| self.error(kind))
    }

    fn get(&self, name: Name<'_>) -> Result<Option<Record>, Error> {
        let key = key(name);
        let record = self.value(&key)?.map(|value| Record::decode(&key, &value));
        record.transpose().map_err(|kind| self.error(kind))
    }

    fn list(&self, each: &mut dyn FnMut(Record) -> ControlFlow<()>) -> Result<(), Error> {
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
        let mut batch = Batch::default();
        for change in changes {
            match change {
                Change::Put(record) => batch.insert(&*key(record.name()), record.encode().as_slice()),
                Change::Delete(user, realm) => {
                    Name::new(&user, &realm).map(|name| batch.remove(&*key(name))).unwrap_or_default()
                }
            }
        }
        self.records.apply_batch(batch).map_err(|error| self.failed("write", error))?;
        self.sync()
    }

    fn edit(&self, name: Name<'_>, change: &mut dyn FnMut(Option<Record>) -> Option<Change>) -> Result<(), Error> {
        let key = key(name);
        loop {
            let old = self.value(&key)?;
            let record =
                old.as_ref().map(|value| Record::decode(&key, value)).transpose().map_err(|kind| self.error(kind))?;
            let new = match change(record) {
                None => return Ok(()),
                Some(Change::Put(record)) => Some(record.encode().to_vec()),
                Some(Change::Delete(..)) => None,
            };
            let swapped =
                self.records.compare_and_swap(&*key, old, new).map_err(|error| self.failed("write", error))?;
            if swapped.is_ok() {
                return self.sync();
            }
        }
    }

    fn secret(&self) -> Result<Secret, Error> {
        meta::secret(self.value(meta::KEY)?.as_deref()).map_err(|kind| self.error(kind))
    }

    fn is_current(&self) -> bool {
        self.path.metadata().is_ok_and(|metadata| (metadata.dev(), metadata.ino()) == self.identity)
    }

    /// What could be wrong keeps it from opening.
    fn warnings(&self) -> Vec<Warning> {
        Vec::new()
    }
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
