//! What every kind of store does, and what only one of them does.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use nix::fcntl::{Flock, FlockArg};
use sasl_core::{
    secret::Secret,
    verifier::{Scheme, Verifier, Verifiers, argon2id::Memory},
};
use sasldb::{
    error::{Error, Kind},
    location::{Access, Location},
    name::Name,
    open::open,
    record::{Record, Status},
    store::{Change, Store},
};
use std::{
    fs::{self, File, Permissions},
    iter,
    ops::ControlFlow,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    thread,
};

fn name<'a>(user: &'a str, realm: &'a str) -> Name<'a> {
    Name::new(user.as_bytes(), realm.as_bytes()).unwrap()
}

fn record(name: Name<'_>, password: &str) -> Record {
    let verifiers =
        Verifiers::derive(&[Scheme::CramMd5], &name.login(), &[], password.as_bytes(), &mut Memory::default());
    Record::new(name, verifiers.unwrap()).unwrap()
}

fn put(store: &dyn Store, name: Name<'_>, password: &str) {
    store.write(&mut [Change::Put(record(name, password))].into_iter()).unwrap();
}

fn listed(store: &dyn Store) -> Vec<String> {
    let mut names = Vec::new();
    let each = &mut |record: Record| {
        names.push(record.name().login().to_string());
        ControlFlow::Continue(())
    };
    store.list(each).unwrap();
    names
}

fn has_password(store: &dyn Store, name: Name<'_>, password: &str) -> bool {
    let record = store.get(name).unwrap();
    record.is_some_and(|record| record.verifiers().check(password.as_bytes(), &mut Memory::default()))
}

/// Runs a test with a new store of each kind.
fn each_kind(test: impl Fn(&Location, &dyn Store)) {
    let directory = tempfile::tempdir().unwrap();
    let lmdb = Location::parse(directory.path().join("db"));
    let sled = Location::parse(format!("sled:{}", directory.path().join("sled").display()));
    for location in [lmdb, sled] {
        assert!(matches!(failure(&location, Access::Read).kind(), Kind::Missing), "{location}");
        assert!(matches!(failure(&location, Access::Write).kind(), Kind::Missing), "{location}");
        assert!(!location.exists(), "{location}: made by reading");
        test(&location, &*open(&location, Access::Create).unwrap());
    }
}

fn failure(location: &Location, access: Access) -> Error {
    open(location, access).err().expect("it should not open")
}

#[test]
fn what_is_put_is_got_and_what_is_deleted_is_gone() {
    each_kind(|_, store| {
        let (tim, bob) = (name("tim", "example.com"), name("bob", "example.com"));
        put(store, tim, "pencil");
        assert!(has_password(store, tim, "pencil") && !has_password(store, tim, "pen"));
        assert!(store.get(bob).unwrap().is_none() && store.stamp(bob).unwrap().stamp.is_none());
        put(store, tim, "pen");
        assert!(has_password(store, tim, "pen") && !has_password(store, tim, "pencil"));
        store.write(&mut [Change::delete(tim), Change::delete(bob)].into_iter()).unwrap();
        assert!(store.get(tim).unwrap().is_none());
    });
}

#[test]
fn a_stamp_stays_with_its_record_and_changes_with_every_other() {
    each_kind(|_, store| {
        let tim = name("tim", "r");
        put(store, tim, "pencil");
        let first = store.stamp(tim).unwrap();
        assert_eq!(store.stamp(tim).unwrap(), first);
        assert_eq!(Some(store.get(tim).unwrap().unwrap().stamp()), first.stamp);
        put(store, tim, "pencil");
        assert_ne!(store.stamp(tim).unwrap().stamp, first.stamp);
    });
}

#[test]
fn a_revision_is_another_after_every_change() {
    each_kind(|_, store| {
        let (tim, bob) = (name("tim", "r"), name("bob", "r"));
        let mut seen = vec![store.revision()];
        let mut is_new = |what| {
            let revision = store.revision();
            assert_eq!(store.stamp(tim).unwrap().revision, revision, "{what}");
            assert!(!seen.contains(&revision), "{what}");
            seen.push(revision);
        };
        put(store, tim, "pencil");
        is_new("a user added");
        put(store, bob, "pencil");
        is_new("another");
        store.edit(tim, &mut |old| old?.with_status(Status::Disabled).ok().map(Change::Put)).unwrap();
        is_new("disabled");
        store.write(&mut [Change::delete(bob)].into_iter()).unwrap();
        is_new("deleted");
        assert_eq!(store.revision(), *seen.last().unwrap());
    });
}

#[test]
fn a_user_can_be_disabled_and_enabled_without_losing_the_password() {
    each_kind(|_, store| {
        let tim = name("tim", "r");
        put(store, tim, "pencil");
        for status in [Status::Disabled, Status::Enabled] {
            let change = &mut |old: Option<Record>| Some(Change::Put(old?.with_status(status).unwrap()));
            store.edit(tim, change).unwrap();
            assert_eq!(store.get(tim).unwrap().unwrap().status(), status);
        }
        assert!(has_password(store, tim, "pencil"));
        store.edit(name("bob", "r"), &mut |old| old.map(Change::Put)).unwrap();
        assert_eq!(listed(store), ["tim@r"]);
    });
}

#[test]
fn a_user_who_is_replaced_stays_disabled() {
    each_kind(|_, store| {
        let (tim, bob) = (name("tim", "r"), name("bob", "r"));
        put(store, tim, "pencil");
        store.edit(tim, &mut |old| old?.with_status(Status::Disabled).ok().map(Change::Put)).unwrap();
        store.write(&mut [tim, bob].map(|name| Change::Replace(record(name, "pen"))).into_iter()).unwrap();
        let status = |name| store.get(name).unwrap().unwrap().status();
        assert_eq!([status(tim), status(bob)], [Status::Disabled, Status::Enabled]);
        assert!(has_password(store, tim, "pen") && has_password(store, bob, "pen"));
        let disabled = record(bob, "pencil").with_status(Status::Disabled).unwrap();
        store.write(&mut [Change::Put(disabled), Change::Replace(record(bob, "pencil"))].into_iter()).unwrap();
        assert_eq!(status(bob), Status::Disabled);
        store.write(&mut [Change::delete(bob), Change::Replace(record(bob, "pencil"))].into_iter()).unwrap();
        assert_eq!(status(bob), Status::Enabled);
    });
}

#[test]
fn a_record_that_is_written_again_as_it_was_stays() {
    each_kind(|_, store| {
        let tim = name("tim", "r");
        let written = record(tim, "pencil");
        let put = || Change::Put(written.clone());
        store.write(&mut [put()].into_iter()).unwrap();
        store.write(&mut [put()].into_iter()).unwrap();
        store.edit(tim, &mut |old| old.map(Change::Put)).unwrap();
        store.write(&mut [put(), put(), Change::delete(tim), put()].into_iter()).unwrap();
        assert!(has_password(store, tim, "pencil") && listed(store) == ["tim@r"]);
    });
}

#[test]
fn what_an_edit_changes_is_what_it_says() {
    each_kind(|_, store| {
        let (tim, bob) = (name("tim", "r"), name("bob", "r"));
        put(store, tim, "pencil");
        store.edit(tim, &mut |_| Some(Change::Put(record(bob, "pen")))).unwrap();
        assert!(has_password(store, tim, "pencil") && has_password(store, bob, "pen"));
        store.edit(tim, &mut |_| Some(Change::delete(bob))).unwrap();
        assert_eq!(listed(store), ["tim@r"]);
    });
}

#[test]
fn edits_of_many_threads_lose_nothing() {
    each_kind(|_, store| {
        let tim = name("tim", "r");
        let append = |old: Option<Record>| {
            let old: Vec<_> = old.iter().flat_map(|record| record.verifiers().iter().cloned()).collect();
            let verifiers = old.into_iter().chain([Verifier::Plaintext(Secret::new("x"))]).collect();
            Some(Change::Put(Record::new(tim, verifiers).unwrap()))
        };
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..10).for_each(|_| store.edit(tim, &mut append.clone()).unwrap()));
                scope.spawn(|| (0..50).for_each(|_| drop((store.get(tim), store.stamp(tim).unwrap()))));
            }
        });
        assert_eq!(store.get(tim).unwrap().unwrap().verifiers().iter().count(), 40);
    });
}

#[test]
fn a_write_that_fails_in_the_middle_changes_nothing() {
    each_kind(|_, store| {
        put(store, name("tim", "r"), "pencil");
        let changes = ["tim", "bob"].map(|user| Change::Put(record(name(user, "r"), "pen")));
        let mut changes = changes.into_iter().chain(iter::once_with(|| panic!("as it should")));
        assert!(catch_unwind(AssertUnwindSafe(|| store.write(&mut changes))).is_err());
        assert!(has_password(store, name("tim", "r"), "pencil") && listed(store) == ["tim@r"]);
        put(store, name("bob", "r"), "pen");
        assert_eq!(listed(store).len(), 2);
    });
}

#[test]
fn what_was_opened_to_be_read_is_not_written_to() {
    let directory = tempfile::tempdir().unwrap();
    for scheme in ["", "sled:"] {
        let location = Location::parse(format!("{scheme}{}/db{scheme}", directory.path().display()));
        put(&*open(&location, Access::Create).unwrap(), name("tim", "r"), "pencil");
        let store = open(&location, Access::Read).unwrap();
        assert!(store.write(&mut [Change::delete(name("tim", "r"))].into_iter()).is_err());
        assert!(store.edit(name("tim", "r"), &mut |_| Some(Change::delete(name("tim", "r")))).is_err());
        assert_eq!(listed(&*store), ["tim@r"]);
    }
}

#[test]
fn names_of_every_length_and_content_are_apart() {
    each_kind(|_, store| {
        let long = "u".repeat(1024);
        let names = [
            ("a", "b"),
            ("a", ""),
            ("a@b", ""),
            ("a\nb", "c"),
            ("é", "日本"),
            (&long, "r"),
            (&long[1..], "r"),
            (&long, &long),
        ];
        for (user, realm) in names {
            put(store, name(user, realm), user);
        }
        let octets = Name::new(b"\xff\xfe", b"\x01").unwrap();
        put(store, octets, "octets");
        assert!(names.iter().all(|(user, realm)| has_password(store, name(user, realm), user)));
        assert!(has_password(store, octets, "octets"));
        assert_eq!(listed(store).len(), names.len() + 1);
    });
}

#[test]
fn a_listing_stops_when_told_and_holds_one_moment() {
    each_kind(|_, store| {
        let names: Vec<String> = (0..100).map(|number| format!("user{number:03}")).collect();
        store.write(&mut names.iter().map(|user| Change::Put(record(name(user, "r"), "p")))).unwrap();
        assert_eq!(listed(store), names.iter().map(|user| format!("{user}@r")).collect::<Vec<_>>());
        let mut seen = 0;
        let each = &mut |_| {
            seen += 1;
            if seen == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        store.list(each).unwrap();
        assert_eq!(seen, 3);
    });
}

#[test]
fn what_was_written_is_there_after_opening_again_and_the_secret_is_the_same() {
    let directory = tempfile::tempdir().unwrap();
    for location in
        [directory.path().join("db").into_os_string(), format!("sled:{}/s", directory.path().display()).into()]
    {
        let location = Location::parse(location);
        let store = open(&location, Access::Create).unwrap();
        put(&*store, name("tim", "r"), "pencil");
        let secret = store.secret().unwrap();
        assert_eq!(secret.expose().len(), 32);
        drop(store);
        for access in [Access::Read, Access::Write, Access::Create] {
            let store = open(&location, access).unwrap();
            assert!(has_password(&*store, name("tim", "r"), "pencil"), "{location} {access:?}");
            assert!(store.secret().unwrap().matches(secret.expose()));
            assert!(store.is_current() && store.warnings().is_empty());
        }
    }
}

#[test]
fn a_store_that_was_replaced_or_removed_is_not_current() {
    let directory = tempfile::tempdir().unwrap();
    let (path, other) = (directory.path().join("db"), directory.path().join("other"));
    put(&*open(&Location::parse(&other), Access::Create).unwrap(), name("bob", "r"), "pen");
    let store = open(&Location::parse(&path), Access::Create).unwrap();
    fs::rename(&other, &path).unwrap();
    assert!(!store.is_current());
    drop(store);
    assert_eq!(listed(&*open(&Location::parse(&path), Access::Read).unwrap()), ["bob@r"]);
}

#[test]
fn others_never_read_a_new_store_and_a_warning_says_so_of_an_old_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    let mode = |path: &Path| path.metadata().unwrap().mode() & 0o777;
    drop(open(&Location::parse(&path), Access::Create).unwrap());
    assert_eq!(mode(&path) & 0o007, 0);
    assert_eq!(mode(&directory.path().join("db-lock")) & 0o007, 0);
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    let warnings = open(&Location::parse(&path), Access::Write).unwrap().warnings();
    assert!(warnings[0].to_string().contains("others may read"), "{warnings:?}");
}

#[test]
fn what_is_no_store_is_left_alone_and_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    let refused = |content: &[u8], words: &str| {
        fs::write(&path, content).unwrap();
        for access in [Access::Read, Access::Write, Access::Create] {
            let error = failure(&Location::parse(&path), access).to_string();
            assert!(error.contains(words) && error.contains("db"), "{error}");
        }
        assert_eq!(fs::read(&path).unwrap(), content, "it was changed");
    };
    refused(b"hello\n", "another kind of file");
    refused(&[0; 12288], "another kind of file");
    refused(&[&[0; 12][..], &0x0006_1561_u32.to_ne_bytes(), &[0; 4080]].concat(), "Berkeley DB");
    fs::write(&path, b"").unwrap();
    assert!(matches!(failure(&Location::parse(&path), Access::Read).kind(), Kind::Missing));
    fs::create_dir(directory.path().join("folder")).unwrap();
    let folder = Location::parse(directory.path().join("folder"));
    assert!(matches!(failure(&folder, Access::Create).kind(), Kind::Foreign(_)));
    symlink(&path, directory.path().join("link")).unwrap();
    assert!(
        failure(&Location::parse(directory.path().join("link")), Access::Create).to_string().contains("symbolic link")
    );
    assert!(matches!(failure(&Location::parse("/nonexistent/db"), Access::Read).kind(), Kind::Missing));
    let nowhere = failure(&Location::parse("/nonexistent/db"), Access::Create).to_string();
    assert!(nowhere.starts_with("/nonexistent: cannot put a database there: No such file"), "{nowhere}");
}

#[test]
fn a_damaged_record_is_an_error_and_not_another_password() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    put(&*open(&Location::parse(&path), Access::Create).unwrap(), name("tim", "r"), "pencil");
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.windows(10).rposition(|window| window == b"{CRAM-MD5}").unwrap() + 12;
    bytes[at] ^= 1;
    fs::write(&path, bytes).unwrap();
    let store = open(&Location::parse(&path), Access::Read).unwrap();
    assert!(matches!(store.get(name("tim", "r")).unwrap_err().kind(), Kind::Damaged(_)));
    assert!(store.list(&mut |_| ControlFlow::Continue(())).is_err());
    drop(store);
    let store = open(&Location::parse(&path), Access::Write).unwrap();
    let replaced = store.write(&mut [Change::Replace(record(name("tim", "r"), "pen"))].into_iter());
    assert!(replaced.unwrap_err().to_string().contains("the record of tim@r is damaged"), "was he disabled?");
}

#[test]
fn nobody_holds_up_the_making_of_a_store() {
    let directory = tempfile::tempdir().unwrap();
    let _locked = Flock::lock(File::open(directory.path()).unwrap(), FlockArg::LockExclusive).unwrap();
    for scheme in ["", "sled:"] {
        let location = Location::parse(format!("{scheme}{}/db{scheme}", directory.path().display()));
        assert!(open(&location, Access::Create).is_ok(), "{location}");
    }
    let left = directory.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
    fs::create_dir(directory.path().join(".s.unfinished")).unwrap();
    fs::set_permissions(directory.path().join(".s.unfinished"), Permissions::from_mode(0o755)).unwrap();
    let theirs = failure(&Location::parse(format!("sled:{}/s", directory.path().display())), Access::Create);
    assert!(theirs.to_string().contains("is in the way"), "{theirs}");
    assert!(left.iter().all(|name| !name.to_str().unwrap().contains("unfinished")), "{left:?}");
}

#[test]
fn a_sled_store_has_one_owner() {
    let directory = tempfile::tempdir().unwrap();
    let location = Location::parse(format!("sled:{}/s", directory.path().display()));
    let owner = open(&location, Access::Create).unwrap();
    assert!(matches!(failure(&location, Access::Read).kind(), Kind::Busy));
    drop(owner);
    assert!(open(&location, Access::Read).is_ok());
    fs::create_dir(directory.path().join("home")).unwrap();
    fs::write(directory.path().join("home/letter"), b"").unwrap();
    fs::set_permissions(directory.path().join("home"), Permissions::from_mode(0o700)).unwrap();
    let home = Location::parse(format!("sled:{}/home", directory.path().display()));
    assert!(matches!(failure(&home, Access::Create).kind(), Kind::Foreign(_)));
}

#[test]
fn what_was_replaced_or_deleted_is_nowhere_in_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    let store = open(&Location::parse(&path), Access::Create).unwrap();
    let plaintext =
        |password: &str| -> Verifiers { [Verifier::Plaintext(Secret::new(password))].into_iter().collect() };
    let set = |user: &str, password: &str| {
        let record = Record::new(name(user, "r"), plaintext(password)).unwrap();
        store.write(&mut [Change::Put(record)].into_iter()).unwrap();
    };
    let holds = |text: &str| fs::read(&path).unwrap().windows(text.len()).any(|window| window == text.as_bytes());
    for round in (0..30).step_by(4) {
        let users: Vec<String> = (0..round * 3).map(|number| format!("user{number}")).collect();
        users.iter().for_each(|user| set(user, "a password that stays"));
        set("tim", "hunter2-first");
        assert!(holds("hunter2-first"));
        set("tim", "hunter2-second, and longer");
        assert!(!holds("hunter2-first"), "replaced, round {round}");
        store
            .edit(name("tim", "r"), &mut |old| Some(Change::Put(Record::new(old?.name(), plaintext("short")).unwrap())))
            .unwrap();
        assert!(!holds("hunter2"), "edited, round {round}");
        set("tim", "hunter2-third");
        store.write(&mut [Change::delete(name("tim", "r"))].into_iter()).unwrap();
        assert!(!holds("hunter2"), "deleted, round {round}");
        assert_eq!(listed(&*store).len(), users.len());
    }
}

#[test]
fn a_place_that_others_can_reach_is_no_place_for_a_store() {
    let directory = tempfile::tempdir().unwrap();
    let open_to_all = directory.path().join("open");
    fs::create_dir(&open_to_all).unwrap();
    fs::set_permissions(&open_to_all, Permissions::from_mode(0o1777)).unwrap();
    let sled = |path: &Path| format!("sled:{}", path.display()).into();
    for text in [open_to_all.join("db").into_os_string(), sled(&open_to_all), sled(&open_to_all.join("sled"))] {
        assert!(matches!(failure(&Location::parse(text), Access::Create).kind(), Kind::Untrusted));
    }
    let victim = directory.path().join("victim");
    fs::write(&victim, b"precious").unwrap();
    let path = directory.path().join("db");
    drop(open(&Location::parse(&path), Access::Create).unwrap());
    fs::remove_file(directory.path().join("db-lock")).unwrap();
    symlink(&victim, directory.path().join("db-lock")).unwrap();
    for access in [Access::Read, Access::Write, Access::Create] {
        assert!(failure(&Location::parse(&path), access).to_string().contains("db-lock"));
    }
    assert_eq!(fs::read(&victim).unwrap(), b"precious");
}
