//! The default store: one LMDB file, shared by any number of processes.

mod environment;
mod file;
mod lock;
mod wipe;

use crate::{
    error::{Error, Kind},
    location::Access,
    meta,
    name::Name,
    place::Identity,
    record::{Record, Stamp, key},
    store::{Change, Seen, Store, Warning},
};
use heed::{CommitOrAbort, Database, Env, RoTxn, RwTxn, WithTls, types::Bytes};
use sasl_core::secret::Secret;
use std::{
    ops::{Bound, ControlFlow},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};
use wipe::Removed;
use zeroize::Zeroizing;

/// An open file.
pub(crate) struct Lmdb {
    path: PathBuf,
    identity: Identity,
    lock: Option<Identity>,
    environment: Env<WithTls>,
    records: Database<'static, Bytes, Bytes>,
}

/// How often to read again what a writer has wiped meanwhile.
const ATTEMPTS: usize = 100;

impl Lmdb {
    pub(crate) fn open(path: &Path, access: Access) -> Result<Self, Error> {
        // A process opens a file once, or it would lose its locks: see `lock`. Its threads ask one after the other.
        static OPENING: Mutex<()> = Mutex::new(());
        let _opening = OPENING.lock().unwrap_or_else(PoisonError::into_inner);
        if is_open(path) {
            return Err(Error::new(path, Kind::Open));
        }
        let prepared = file::prepare(path, access)?;
        let failed = |error| Error::new(path, kind("open", error));
        let environment = environment::open(path, access).map_err(failed)?;
        environment.clear_stale_readers().map_err(failed)?;
        let records = records_of(&environment).map_err(failed)?;
        let records = records.ok_or_else(|| Error::new(path, Kind::Damaged("no table of records")))?;
        let lock = Identity::of(&lock::path_of(path));
        let store = Self { path: path.into(), identity: prepared.identity, lock, environment, records };
        store.check_format(access)?;
        Ok(store)
    }

    fn is_in_place(&self) -> bool {
        Identity::of(&self.path).is_some_and(|now| now == self.identity)
    }

    /// A file without a format is new, and becomes a store only where one may be made.
    fn check_format(&self, access: Access) -> Result<(), Error> {
        let (format, empty) = self.read(|reading| {
            let meta = self.records.get(reading, meta::KEY)?;
            Ok((meta.and_then(|meta| meta.first().copied()), self.records.is_empty(reading)?))
        })?;
        match format {
            Some(meta::FORMAT) => Ok(()),
            Some(_) => Err(self.error(Kind::Newer)),
            None if !empty => Err(self.error(Kind::Foreign("an LMDB file of another program"))),
            None if access == Access::Create => self.format(),
            None => Err(self.error(Kind::Missing)),
        }
    }

    /// Somebody else may have come first.
    fn format(&self) -> Result<(), Error> {
        let meta = meta::generate().map_err(|kind| self.error(kind))?;
        self.change("create", |writing| {
            if self.records.is_empty(writing)? {
                self.records.put(writing, meta::KEY, &meta)?;
            }
            Ok(())
        })
    }

    /// Reads the newest snapshot.
    ///
    /// LMDB believes the lock file about which one that is. Writers write what they have written before they tell of it
    /// there, and one that is killed does not tell: so it is the last of our file, or the one before. Where it is
    /// neither, the lock file is about another file, which was here before or has come since.
    fn read<T>(&self, read: impl FnOnce(&RoTxn<'_, WithTls>) -> heed::Result<T>) -> Result<T, Error> {
        let failed = |error| self.error(kind("read", error));
        let before = self.revision();
        let reading = self.environment.read_txn().map_err(failed)?;
        let id = reading.id() as u64;
        if id + 1 < before || id > self.revision() {
            return Err(self.error(Kind::Replaced));
        }
        read(&reading).map_err(failed)
    }

    /// Makes a transaction that goes on from the newest one, or none.
    fn change(
        &self,
        attempt: &'static str,
        change: impl FnOnce(&mut RwTxn<'_>) -> heed::Result<()>,
    ) -> Result<(), Error> {
        let failed = |error| self.error(kind(attempt, error));
        let mut writing = self.environment.write_txn().map_err(failed)?;
        if !self.is_in_place() || writing.id() as u64 != self.revision() + 1 {
            return Err(self.error(Kind::Replaced));
        }
        change(&mut writing).and_then(|()| writing.commit()).map_err(failed)
    }

    /// Makes changes, and sees that nothing is left of what they replaced or removed.
    fn change_and_wipe(
        &self,
        change: impl FnOnce(&mut RwTxn<'_>, &mut Removed) -> heed::Result<()>,
    ) -> Result<(), Error> {
        let mut removed = Removed::new();
        self.change("write", |writing| change(writing, &mut removed))?;
        if removed.is_empty() {
            return Ok(());
        }
        // A transaction that changes nothing: it keeps other writers away.
        let locked = self.environment.write_txn().map_err(|error| self.error(kind("wipe", error)))?;
        let page_size = self.environment.unnamed_database_stat().page_size.into();
        // The file that was written to, whatever has its name now.
        let wiped = self.environment.try_clone_inner_file().map_err(|error| self.error(kind("wipe", error)))?;
        let wiped = wipe::wipe(&wiped, page_size, &removed);
        locked.abort();
        wiped.map_err(|error| self.error(Kind::Io("wipe removed records from", error)))?;
        if self.is_in_place() { Ok(()) } else { Err(self.error(Kind::Replaced)) }
    }

    fn apply(&self, writing: &mut RwTxn<'_>, change: &Change, removed: &mut Removed) -> heed::Result<()> {
        match change {
            Change::Put(record) => self.put(writing, record, removed),
            Change::Replace(record) => {
                let key = key(record.name());
                let old = self.records.get(writing, &key)?.map(|value| Record::decode(&key, value)).transpose();
                let damaged = || format!("the record of {} is damaged: delete it first", record.name().login());
                let old = old.map_err(|_| heed::Error::Decoding(damaged().into()))?;
                self.put(writing, &record.clone().disabled_like(old.as_ref()), removed)
            }
            Change::Delete(user, realm) => {
                let Ok(name) = Name::new(user, realm) else { return Ok(()) };
                self.blank(writing, &key(name), removed)?;
                self.records.delete(writing, &key(name)).map(drop)
            }
        }
    }

    fn put(&self, writing: &mut RwTxn<'_>, record: &Record, removed: &mut Removed) -> heed::Result<()> {
        let key = key(record.name());
        self.blank(writing, &key, removed)?;
        // Where the same record is written again, it is none of those.
        removed.remove(record.stamp().as_bytes());
        self.records.put(writing, &key, &record.encode())
    }

    /// Overwrites a value with zeros where it lies: what LMDB takes out of a page, it leaves in it.
    fn blank(&self, writing: &mut RwTxn<'_>, key: &[u8], removed: &mut Removed) -> heed::Result<()> {
        let Some(old) = self.records.get(writing, key)? else { return Ok(()) };
        wipe::note(removed, old);
        let zeros = vec![0; old.len()];
        self.records.put(writing, key, &zeros)
    }

    /// Reads of a record, once more where a writer has wiped it meanwhile.
    fn read_whole<T>(&self, read: impl Fn(&RoTxn<'_, WithTls>) -> heed::Result<Result<T, Kind>>) -> Result<T, Error> {
        let mut attempts = 0..ATTEMPTS;
        loop {
            let (answer, is_old) = self.read(|reading| Ok((read(reading)?, self.is_old(reading))))?;
            match answer {
                Err(_) if is_old && attempts.next().is_some() => {}
                answer => return answer.map_err(|kind| self.error(kind)),
            }
        }
    }

    /// Lists what comes after the key `after`, and notes there how far it came.
    fn list_after(
        &self,
        after: &mut Vec<u8>,
        reading: &RoTxn<'_, WithTls>,
        each: &mut dyn FnMut(Record) -> ControlFlow<()>,
    ) -> heed::Result<Listed> {
        let from = (Bound::Excluded(&after.clone()[..]), Bound::Unbounded);
        for entry in self.records.range(reading, &from)? {
            let (key, value) = entry?;
            if !meta::is_own(key) {
                match decode(key, value) {
                    Err(kind) => return Ok(Listed::Damaged(kind, self.is_old(reading))),
                    Ok(record) => {
                        if each(record).is_break() {
                            break;
                        }
                    }
                }
            }
            key.clone_into(after);
        }
        Ok(Listed::All)
    }

    /// Whether a writer has come since: it may have wiped what this snapshot has.
    fn is_old(&self, reading: &RoTxn<'_, WithTls>) -> bool {
        (reading.id() as u64) < self.revision()
    }

    fn error(&self, kind: Kind) -> Error {
        Error::new(&self.path, kind)
    }
}

impl Store for Lmdb {
    fn revision(&self) -> u64 {
        self.environment.info().last_txn_id as u64
    }

    fn stamp(&self, name: Name<'_>) -> Result<Seen, Error> {
        self.read_whole(|reading| {
            let stamp = self.records.get(reading, &key(name))?.map(Stamp::of).transpose();
            Ok(stamp.map(|stamp| Seen { stamp, revision: reading.id() as u64 }))
        })
    }

    fn get(&self, name: Name<'_>) -> Result<Option<Record>, Error> {
        let key = key(name);
        self.read_whole(|reading| Ok(self.records.get(reading, &key)?.map(|value| decode(&key, value)).transpose()))
    }

    fn list(&self, each: &mut dyn FnMut(Record) -> ControlFlow<()>) -> Result<(), Error> {
        let mut after = meta::KEY.to_vec();
        let (mut attempts, mut before) = (0..ATTEMPTS, after.clone());
        loop {
            let listed = self.read(|reading| self.list_after(&mut after, reading, each))?;
            if before != after {
                (attempts, before) = (0..ATTEMPTS, after.clone());
            }
            match listed {
                Listed::All => return Ok(()),
                Listed::Damaged(_, true) if attempts.next().is_some() => {}
                Listed::Damaged(kind, _) => return Err(self.error(kind)),
            }
        }
    }

    fn write(&self, changes: &mut dyn Iterator<Item = Change>) -> Result<(), Error> {
        self.change_and_wipe(|writing, removed| {
            for change in changes {
                self.apply(writing, &change, removed)?;
            }
            Ok(())
        })
    }

    fn edit(&self, name: Name<'_>, change: &mut dyn FnMut(Option<Record>) -> Option<Change>) -> Result<(), Error> {
        let mut damaged = None;
        self.change_and_wipe(|writing, removed| {
            let key = key(name);
            let old = self.records.get(writing, &key)?.map(|value| Record::decode(&key, value)).transpose();
            match old {
                Ok(old) => change(old).map_or(Ok(()), |change| self.apply(writing, &change, removed)),
                Err(kind) => {
                    damaged = Some(kind);
                    Ok(())
                }
            }
        })?;
        damaged.map_or(Ok(()), |kind| Err(self.error(kind)))
    }

    fn secret(&self) -> Result<Secret, Error> {
        let secret = self.read(|reading| Ok(meta::secret(self.records.get(reading, meta::KEY)?)))?;
        secret.map_err(|kind| self.error(kind))
    }

    fn is_current(&self) -> bool {
        self.is_in_place() && Identity::of(&lock::path_of(&self.path)) == self.lock && self.read(|_| Ok(())).is_ok()
    }

    fn is_settled(&self) -> bool {
        self.read(|reading| Ok(!self.is_old(reading))).unwrap_or(false)
    }

    fn warnings(&self) -> Vec<Warning> {
        file::warnings(&self.path)
    }
}

/// How far a listing came.
enum Listed {
    All,
    /// To a record that cannot be read; in an old snapshot, since it was wiped: the next one has what is in its place.
    Damaged(Kind, bool),
}

/// Out of a copy: in the file, a writer may be wiping it.
fn decode(key: &[u8], value: &[u8]) -> Result<Record, Kind> {
    Record::decode(key, &Zeroizing::new(value.to_vec()))
}

fn is_open(path: &Path) -> bool {
    path.canonicalize().is_ok_and(|path| heed::env_closing_event(path).is_some())
}

/// The table without a name, which every LMDB file has.
fn records_of(environment: &Env<WithTls>) -> heed::Result<Option<Database<'static, Bytes, Bytes>>> {
    let reading = environment.read_txn()?;
    let opened = environment.open_databases_and_commit(reading, |opener, reading| {
        let records = opener.open_database::<Bytes, Bytes>(reading, None)?;
        Ok::<_, heed::Error>(CommitOrAbort::<_, ()>::Commit(records))
    })?;
    Ok(opened.unwrap_commit())
}

fn kind(attempt: &'static str, error: heed::Error) -> Kind {
    match error {
        heed::Error::Io(error) => Kind::Io(attempt, error),
        heed::Error::Mdb(heed::MdbError::Corrupted | heed::MdbError::PageNotFound | heed::MdbError::Panic) => {
            Kind::Damaged("a page is not what it should be")
        }
        heed::Error::Mdb(heed::MdbError::Invalid | heed::MdbError::VersionMismatch) => {
            Kind::Foreign("no LMDB file of this version")
        }
        other => Kind::Io(attempt, std::io::Error::other(other.to_string())),
    }
}
