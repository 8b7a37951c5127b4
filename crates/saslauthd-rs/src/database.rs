//! The store that passwords are checked against, as a daemon holds it: opened when it is there, opened again when
//! it was replaced, let go of when it fills memory.

use crate::{
    log::{Level, Log},
    metrics::{Count, Family, Page},
};
use sasl_core::secret::Secret;
use sasldb::{
    error::{Error, Kind},
    location::{Access, Location},
    name::Name,
    open::open,
    record::{Record, Stamp},
    store::Store,
};
use std::{
    fs,
    num::NonZeroU32,
    os::unix::fs::MetadataExt,
    rc::Rc,
    thread,
    time::{Duration, SystemTime},
};

/// When so many KiB of files are in our memory that were not when the store was opened, it is opened anew: its pages
/// then belong to the system alone.
const MOST_MAPPED: u64 = 1024;

/// The store, wherever it is now.
pub struct Database {
    place: Location,
    open: Option<Box<dyn Store>>,
    /// What the store that is open was at last.
    seen: u64,
    /// What we call that.
    revision: Revision,
    /// What was in memory then, of our own program above all.
    mapped: u64,
    /// How the file looked last.
    look: Option<Look>,
    /// For how many seconds it has been behind its file.
    behind: u32,
    /// Why it cannot be opened before the next second: somebody else has to let go of it.
    waiting: bool,
    /// What went wrong last: it is logged when it is new.
    trouble: String,
    errors: Count,
    log: Rc<Log>,
}

const ERRORS: Family =
    Family::counter("saslauthd_store_errors_total", "How often the store could not be opened or read.");

/// For how many seconds a writer may be busy with one transaction.
const LONGEST_BEHIND: u32 = 10;

/// How often to look, a millisecond apart, whether a writer at work is done.
const LOOKS: u32 = 20;

/// When a file was changed last, by whatever means, and how long it is.
type Look = (SystemTime, i64, i64, u64);

/// What the database is at: another after every change, and every opening, that was noticed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Revision(NonZeroU32);

impl Revision {
    /// The first.
    pub const FIRST: Self = Self(NonZeroU32::MIN);

    /// The one after it.
    #[must_use]
    pub fn next(self) -> Self {
        self.0.checked_add(1).map_or(Self::FIRST, Self)
    }
}

impl Database {
    /// The store at `wanted`. There need not be one yet: it is looked for until it is there.
    ///
    /// The original has its one store and takes no notice of `-O`, so that there may be anything behind it. Where that
    /// names nothing now, and there is a store of ours in the original's place, we serve that one, and say so.
    #[must_use]
    pub fn new(wanted: &Location, log: Rc<Log>) -> Self {
        let original = Location::default();
        let passed_over = !wanted.exists() && open(&original, Access::Read).is_ok();
        let place = if passed_over { original } else { wanted.clone() };
        if place != *wanted {
            log.write(Level::Warning, format_args!("{wanted}: no such database, passed over for {place}"));
        }
        let mut database = Self {
            place,
            open: None,
            seen: 0,
            revision: Revision::FIRST,
            mapped: 0,
            look: None,
            behind: 0,
            waiting: false,
            trouble: String::new(),
            errors: Count::default(),
            log,
        };
        let opened = database.reopen();
        if database.note(opened).is_ok() {
            database.introduce();
        }
        database
    }

    /// What it is at, without reading any of it. `None` where there is no store.
    pub fn revision(&mut self) -> Option<Revision> {
        let now = self.open.as_ref()?.revision();
        if now != self.seen {
            self.seen = now;
            self.revision = self.revision.next();
        }
        Some(self.revision)
    }

    /// The stamp of the record of `name`, and as of which revision, if it is as of this one.
    ///
    /// # Errors
    /// Where there is no store, or it cannot be read.
    pub fn stamp(&mut self, name: Name<'_>) -> Result<(Option<Stamp>, Option<Revision>), Error> {
        let seen = self.ask(|store| store.stamp(name))?;
        let revision = self.revision().filter(|_| seen.revision == self.seen);
        Ok((seen.stamp, revision))
    }

    /// As [`Store::get`].
    ///
    /// # Errors
    /// Where there is no store, or it cannot be read.
    pub fn get(&mut self, name: Name<'_>) -> Result<Option<Record>, Error> {
        self.ask(|store| store.get(name))
    }

    /// As [`Store::secret`].
    ///
    /// # Errors
    /// Where there is no store, or it cannot be read.
    pub fn secret(&mut self) -> Result<Secret, Error> {
        self.ask(|store| store.secret())
    }

    /// Once more, where another store has taken the place of the one that was open.
    fn ask<T>(&mut self, question: impl Fn(&dyn Store) -> Result<T, Error>) -> Result<T, Error> {
        if self.waiting {
            return Err(Error::new(self.place.path(), Kind::Busy));
        }
        let mut answer = self.store().and_then(&question);
        if answer.as_ref().is_err_and(|error| matches!(error.kind(), Kind::Replaced)) && self.open.is_some() {
            answer = self.reopen_settled().and_then(|()| self.store().and_then(&question));
        }
        self.note(answer)
    }

    /// Looks whether the store is still the one that is open, and small in memory. Call it once a second.
    pub fn refresh(&mut self) {
        let waited = std::mem::take(&mut self.waiting);
        if waited || self.open.as_ref().is_some_and(|store| !store.is_current()) || self.is_stuck() {
            let reopened = self.reopen_settled();
            let _ = self.note(reopened);
        } else if self.open.is_some() && mapped() > self.mapped + MOST_MAPPED {
            let reopened = self.reopen();
            let _ = self.note(reopened);
        }
        // Written over by hand, it may be at the number that we know.
        let look = look(&self.place);
        if self.look != look {
            self.look = look;
            self.revision = self.revision.next();
        }
    }

    /// Opens the store that is there now. LMDB will not have one file open twice, so the old one goes first.
    ///
    /// # Errors
    /// Where there is none, or it cannot be opened.
    pub fn reopen(&mut self) -> Result<(), Error> {
        self.open = None;
        let opened = open(&self.place, Access::Read);
        self.waiting = opened.as_ref().is_err_and(|error| matches!(error.kind(), Kind::Replaced | Kind::Busy));
        let store = opened?;
        self.seen = store.revision();
        self.revision = self.revision.next();
        self.open = Some(store);
        self.mapped = mapped();
        Ok(())
    }

    /// Whether it has been behind for so long that no writer can be the reason.
    fn is_stuck(&mut self) -> bool {
        let before = self.revision;
        let unchanged = self.revision() == Some(before);
        let behind = unchanged && self.open.as_ref().is_some_and(|store| !store.is_settled());
        self.behind = if behind { self.behind + 1 } else { 0 };
        self.behind > LONGEST_BEHIND
    }

    /// Opens it anew, and lets go of it where it is behind: once nobody has it open any more, that heals.
    fn reopen_settled(&mut self) -> Result<(), Error> {
        self.behind = 0;
        self.reopen()?;
        for _ in 0..LOOKS {
            if self.store()?.is_settled() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(1));
        }
        self.open = None;
        self.waiting = true;
        Err(Error::new(self.place.path(), Kind::Replaced))
    }

    /// Puts on a page how often there was trouble.
    pub fn measure(&self, page: &mut Page) {
        page.add_count(&ERRORS, &[], &self.errors);
    }

    fn introduce(&self) {
        self.log.write(Level::Info, format_args!("database is {}", self.place));
        for warning in self.open.iter().flat_map(|store| store.warnings()) {
            self.log.write(Level::Warning, warning);
        }
    }

    fn store(&mut self) -> Result<&dyn Store, Error> {
        if self.open.is_none() {
            self.reopen()?;
        }
        Ok(&**self.open.as_ref().expect("it was just opened"))
    }

    fn note<T>(&mut self, result: Result<T, Error>) -> Result<T, Error> {
        match &result {
            Ok(_) if self.trouble.is_empty() => {}
            Ok(_) => self.trouble.clear(),
            Err(error) => {
                self.errors.add();
                let text = error.to_string();
                if text != self.trouble {
                    self.log.write(Level::Error, &text);
                    self.trouble = text;
                }
            }
        }
        result
    }
}

fn look(place: &Location) -> Option<Look> {
    let metadata = place.path().metadata().ok()?;
    Some((metadata.modified().ok()?, metadata.ctime(), metadata.ctime_nsec(), metadata.len()))
}

/// KiB of files that are in this process's memory.
fn mapped() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let files = status.lines().find_map(|line| line.strip_prefix("RssFile:"));
    files.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok()).unwrap_or(0)
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("place", &self.place).finish_non_exhaustive()
    }
}
