//! The LMDB store as a file among others: its mode, what is refused, what is noticed.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use sasl_core::{
    secret::Secret,
    verifier::{Verifier, Verifiers},
};
use sasldb::{
    error::{Error, Kind},
    location::{Access, Location},
    name::Name,
    open::open,
    record::Record,
    store::{Change, Store},
};
use std::{
    fs::{self, OpenOptions, Permissions},
    iter,
    ops::ControlFlow,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
};
use tempfile::TempDir;

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("sasldb2")
    }

    fn lock(&self) -> PathBuf {
        self.0.path().join("sasldb2-lock")
    }

    fn open(&self, access: Access) -> Result<Box<dyn Store>, Error> {
        open(&Location::parse(self.path()), access)
    }

    fn create(&self) -> Box<dyn Store> {
        self.open(Access::Create).unwrap()
    }

    fn refusal(&self, access: Access) -> Error {
        self.open(access).err().unwrap_or_else(|| panic!("{access:?} was granted"))
    }
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().mode() & 0o7777
}

fn name(user: &str) -> Name<'_> {
    Name::new(user.as_bytes(), b"example.com").unwrap()
}

fn put(user: &str, password: &str) -> Change {
    let verifiers: Verifiers = [Verifier::Plaintext(Secret::new(password))].into_iter().collect();
    Change::Put(Record::new(name(user), verifiers).unwrap())
}

fn fill(store: &dyn Store, users: u32) {
    store.write(&mut (0..users).map(|number| put(&user(number), "pencil"))).unwrap();
}

fn user(number: u32) -> String {
    format!("user{number:04}")
}

/// What the store says of each user, and how many it lists; every answer that is not an error must be right.
fn ask(store: &dyn Store, users: u32) -> Result<(), Error> {
    for number in 0..users {
        let user = user(number);
        let record = store.get(name(&user))?.unwrap_or_else(|| panic!("{user} is gone"));
        assert_eq!(record.name().user(), user.as_bytes());
        assert!(record.verifiers().check(b"pencil", &mut Default::default()));
        assert_eq!(store.stamp(name(&user))?.stamp, Some(record.stamp()));
    }
    let mut count = 0;
    store.list(&mut |_| {
        count += 1;
        ControlFlow::Continue(())
    })?;
    assert_eq!(count, users);
    Ok(())
}

#[test]
fn the_lock_file_follows_the_store() {
    let place = Place::new();
    drop(place.create());
    for (store, lock) in [(0o600, 0o600), (0o640, 0o660), (0o660, 0o660), (0o644, 0o660), (0o440, 0o660)] {
        fs::set_permissions(place.path(), Permissions::from_mode(store)).unwrap();
        drop(place.open(Access::Read).unwrap());
        assert_eq!(mode(&place.lock()), lock, "beside {store:o}");
        fs::remove_file(place.lock()).unwrap();
        drop(place.open(Access::Read).unwrap());
        assert_eq!(mode(&place.lock()), lock, "new beside {store:o}");
    }
}

#[test]
fn a_link_to_the_directory_is_followed_and_no_second_door() {
    let place = Place::new();
    let store = place.create();
    symlink(place.0.path(), place.0.path().join("link")).unwrap();
    let other = Location::parse(place.0.path().join("link/sasldb2"));
    assert!(matches!(open(&other, Access::Read).err().unwrap().kind(), Kind::Open));
    drop(store);
    assert!(open(&other, Access::Read).is_ok());
}

/// The other program's table has the names that ours has, and no secret.
#[test]
fn the_lmdb_file_of_another_program_is_refused() {
    let place = Place::new();
    let store = place.create();
    fill(&*store, 3);
    drop(store);
    // Under another key, the store's own record is no more: as if somebody else had made the file.
    let mut bytes = fs::read(place.path()).unwrap();
    let at: Vec<_> = (0..bytes.len() - 5).filter(|at| &bytes[*at..at + 5] == b"\0meta").collect();
    at.iter().for_each(|at| bytes[at + 1] = b'M');
    fs::write(place.path(), bytes).unwrap();
    for access in [Access::Read, Access::Create] {
        let error = place.refusal(access);
        assert!(matches!(error.kind(), Kind::Foreign(_)) && error.to_string().contains("another program"), "{error}");
    }
}

/// LMDB would read behind the end, which kills.
#[test]
fn a_file_that_was_cut_off_is_refused_or_found_damaged() {
    let place = Place::new();
    fill(&*place.create(), 300);
    let whole = fs::read(place.path()).unwrap();
    let mut damaged = 0;
    for length in iter::once(1).chain((512..whole.len()).step_by(512)) {
        fs::write(place.path(), &whole[..length]).unwrap();
        match place.open(Access::Read).and_then(|store| ask(&*store, 300)) {
            Err(error) if matches!(error.kind(), Kind::Damaged(_)) => damaged += 1,
            Err(error) => assert!(length < 20 && matches!(error.kind(), Kind::Foreign(_)), "{length}: {error}"),
            // The page that lists the free ones is nothing to a reader.
            Ok(()) => assert!(whole.len() - length <= 4096, "{length}"),
        }
    }
    assert!(damaged > 100, "{damaged}");
    fs::write(place.path(), &whole).unwrap();
    ask(&*place.open(Access::Read).unwrap(), 300).unwrap();
}

#[test]
fn a_file_with_pages_that_nobody_needs_may_be_short() {
    let place = Place::new();
    fill(&*place.create(), 300);
    let store = place.open(Access::Write).unwrap();
    store.write(&mut (10..300).map(|number| Change::delete(name(&user(number))))).unwrap();
    store.write(&mut [put("user0001", "pencil")].into_iter()).unwrap();
    store.write(&mut [put("user0001", "pencil")].into_iter()).unwrap();
    drop(store);
    let last = last_page(&place.path());
    let file = OpenOptions::new().write(true).open(place.path()).unwrap();
    assert!(file.metadata().unwrap().len() >= (last + 1) * 4096);
    file.set_len(last * 4096).unwrap();
    ask(&*place.open(Access::Read).unwrap(), 10).unwrap();
}

/// The last page that the newer of the two meta pages speaks of.
fn last_page(path: &Path) -> u64 {
    let bytes = fs::read(path).unwrap();
    let word = |at: usize| u64::from_ne_bytes(*bytes[at..].first_chunk().unwrap());
    let meta = if word(152) > word(4096 + 152) { 0 } else { 4096 };
    word(meta + 144)
}

#[test]
fn a_store_that_was_replaced_is_not_written_to() {
    let place = Place::new();
    let store = place.create();
    fs::remove_file(place.path()).unwrap();
    let error = store.write(&mut [put("tim", "x")].into_iter()).unwrap_err();
    assert!(error.to_string().contains("replaced"), "{error}");
}
