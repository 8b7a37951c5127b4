//! Many processes at one store, and processes that are killed.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use sasl_core::verifier::argon2id::Memory;
use sasldb::{
    location::{Access, Location},
    name::Name,
    open::open,
    store::Store,
};
use std::{
    collections::HashSet,
    io::{BufRead, BufReader, Read},
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::LazyLock,
    thread,
    time::Duration,
};

static WRITER: LazyLock<PathBuf> = LazyLock::new(|| {
    let built = Command::new(env!("CARGO")).args(["build", "--quiet", "-p", "sasldb", "--example", "writer"]).status();
    assert!(built.unwrap().success());
    let tests = std::env::current_exe().unwrap();
    tests.parent().and_then(Path::parent).unwrap().join("examples/writer")
});

fn writer(path: &Path, prefix: &str, count: u32) -> Child {
    Command::new(&*WRITER).arg(path).args([prefix, &count.to_string()]).stdout(Stdio::piped()).spawn().unwrap()
}

fn users(store: &dyn Store) -> HashSet<Vec<u8>> {
    let mut users = HashSet::new();
    let each = &mut |record: sasldb::record::Record| {
        users.insert(record.name().user().to_vec());
        ControlFlow::Continue(())
    };
    store.list(each).unwrap();
    users
}

fn knows(store: &dyn Store, user: &str) -> bool {
    let record = store.get(Name::new(user.as_bytes(), b"example.com").unwrap()).unwrap();
    record.is_some_and(|record| record.verifiers().check(user.as_bytes(), &mut Memory::default()))
}

#[test]
fn ten_writers_of_a_hundred_users_each_lose_nothing_while_others_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    drop(open(&Location::parse(&path), Access::Create).unwrap());
    let writers: Vec<Child> = (0..10).map(|number| writer(&path, &format!("w{number}-"), 100)).collect();
    let reader = open(&Location::parse(&path), Access::Read).unwrap();
    let finished =
        thread::spawn(|| writers.into_iter().map(|writer| writer.wait_with_output().unwrap()).collect::<Vec<_>>());
    let mut most = 0;
    while !finished.is_finished() {
        let now = users(&*reader);
        assert!(now.len() >= most, "users vanished: {most}, then {}", now.len());
        assert!(now.iter().take(5).all(|user| knows(&*reader, std::str::from_utf8(user).unwrap())));
        most = now.len();
    }
    assert!(finished.join().unwrap().iter().all(|output| output.status.success()));
    assert_eq!(users(&*reader).len(), 1000);
    assert!((0..10).all(|writer| (0..100).all(|number| knows(&*reader, &format!("w{writer}-{number}")))));
}

#[test]
fn a_writer_killed_two_hundred_times_loses_nothing_that_it_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    let mut acknowledged = Vec::new();
    for round in 0..200_u64 {
        let mut child = writer(&path, &format!("r{round}-"), 1_000_000);
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        lines.read_line(&mut first).unwrap();
        thread::sleep(Duration::from_micros(round * 7919 % 3000));
        child.kill().unwrap();
        child.wait().unwrap();
        let mut rest = String::new();
        lines.read_to_string(&mut rest).unwrap();
        let whole = rest.rsplit_once('\n').map(|(whole, _)| whole).unwrap_or_default();
        acknowledged.extend(first.lines().chain(whole.lines()).map(str::to_owned));
        let store = open(&Location::parse(&path), Access::Read).unwrap();
        assert!(knows(&*store, acknowledged.last().unwrap()), "round {round}");
    }
    let store = open(&Location::parse(&path), Access::Read).unwrap();
    let there = users(&*store);
    let lost: Vec<_> =
        acknowledged.iter().filter(|user| !there.contains(user.as_bytes()) || !knows(&*store, user)).collect();
    assert!(lost.is_empty(), "{} of {} lost: {lost:?}", lost.len(), acknowledged.len());
    assert!(acknowledged.len() >= 200);
}
