//! Processes that meet at one store: none loses what another wrote, none is harmed by what becomes of another.
#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used, reason = "a test")]

use nix::unistd::Uid;
use sasl_core::verifier::{Verifier, Verifiers};
use sasldb::{
    error::{Error, Kind},
    location::{Access, Location},
    name::Name,
    open::open,
    record::Record,
    store::{Change, Store},
};
use std::{
    collections::HashSet,
    env, fs,
    io::{BufRead, BufReader, Lines, Write, stdin},
    iter,
    ops::ControlFlow,
    os::unix::{
        fs::{MetadataExt, PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    thread,
    time::Duration,
};
use tempfile::TempDir;

/// A process of ours: this very program, doing one of the [`parts`].
struct Process {
    child: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
}

/// What marks a line as said by a part, not by the test harness.
const SAYS: &str = "says: ";

impl Process {
    fn start(part: &str, location: &str, argument: &str) -> Self {
        Self::of(&mut command(part, location, argument))
    }

    fn of(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take(), child.stdout.take().unwrap());
        Self { child, input, output: BufReader::new(output).lines() }
    }

    /// What it says next, `None` when it has ended.
    fn hear(&mut self) -> Option<String> {
        let mut lines = self.output.by_ref().map_while(Result::ok);
        lines.find_map(|line| line.strip_prefix(SAYS).map(str::to_owned))
    }

    fn tell(&mut self, line: &str) {
        writeln!(self.input.as_ref().unwrap(), "{line}").unwrap();
    }

    /// Kills it, and returns what it had said by then.
    fn kill(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        self.rest()
    }

    /// Waits for its end, which must be a good one.
    fn finish(mut self) -> Vec<String> {
        self.input = None;
        let heard = self.rest();
        assert!(self.child.wait().unwrap().success(), "{heard:?}");
        heard
    }

    fn rest(&mut self) -> Vec<String> {
        iter::from_fn(|| self.hear()).collect()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(part: &str, location: &str, argument: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "parts", "--nocapture"]);
    command.env("PART", part).env("LOCATION", location).env("ARGUMENT", argument);
    command
}

/// Not a test by itself: what the processes of the tests do.
#[test]
fn parts() {
    let Ok(part) = env::var("PART") else { return };
    let location = Location::parse(env::var("LOCATION").unwrap());
    let argument = env::var("ARGUMENT").unwrap();
    match part.as_str() {
        "add" => add(&location, &argument),
        "add forever" => add_forever(&location, &argument),
        "read" => read(&location),
        "hold" => hold(&location),
        "open" => say(&match open(&location, access(&argument)) {
            Ok(store) => format!("{} users", users(&*store).len()),
            Err(error) => error.to_string(),
        }),
        part => panic!("{part}"),
    }
}

/// Adds a hundred users, opening the store for each as the tools do.
fn add(location: &Location, prefix: &str) {
    for number in 0..100 {
        let store = open(location, Access::Create).unwrap();
        store.write(&mut [put(&format!("{prefix}{number}"))].into_iter()).unwrap();
    }
}

/// Adds users until it is killed, and tells of each.
fn add_forever(location: &Location, prefix: &str) {
    let store = open(location, Access::Create).unwrap();
    for number in 0.. {
        let user = format!("{prefix}{number}");
        store.write(&mut [put(&user)].into_iter()).unwrap();
        say(&user);
    }
}

/// Reads all there is, over and over, until its input ends. No user may vanish.
fn read(location: &Location) {
    let store = open(location, Access::Read).unwrap();
    say("ready");
    let told = thread::spawn(|| stdin().lines().for_each(drop));
    let mut known = HashSet::new();
    while !told.is_finished() {
        let now = users(&*store);
        assert!(now.is_superset(&known));
        for user in &now {
            assert!(store.get(name(user)).unwrap().is_some() && store.stamp(name(user)).unwrap().stamp.is_some());
        }
        known = now;
    }
}

/// Keeps the store open, and tells at every line of input whether it is current and how many users it has. At
/// `list`, it stops in the middle of a listing. At `again`, it opens the store again.
fn hold(location: &Location) {
    let mut store = open(location, Access::Read).unwrap();
    say("ready");
    for line in stdin().lines() {
        match line.unwrap().as_str() {
            "list" => store.list(&mut |_| pause()).unwrap(),
            "again" => {
                drop(store);
                store = open(location, Access::Read).unwrap();
            }
            _ => (),
        }
        say(&format!("{} {}", if store.is_current() { "current" } else { "replaced" }, users(&*store).len()));
    }
}

fn pause() -> ControlFlow<()> {
    say("listing");
    loop {
        thread::park();
    }
}

fn say(what: &str) {
    println!("{SAYS}{what}");
}

fn access(name: &str) -> Access {
    match name {
        "read" => Access::Read,
        "write" => Access::Write,
        _ => Access::Create,
    }
}

fn name(user: &str) -> Name<'_> {
    Name::new(user.as_bytes(), b"example.com").unwrap()
}

fn put(user: &str) -> Change {
    let text = "{CRAM-MD5}0000000000000000000000000000000000000000000000000000000000000000";
    let verifiers: Verifiers = Verifier::from_text(text.as_bytes()).into_iter().collect();
    Change::Put(Record::new(name(user), verifiers).unwrap())
}

fn users(store: &dyn Store) -> HashSet<String> {
    let mut users = HashSet::new();
    store
        .list(&mut |record| {
            assert!(users.insert(record.name().login().user().to_string()));
            ControlFlow::Continue(())
        })
        .unwrap();
    users
}

/// A place for a store.
struct Place {
    directory: TempDir,
    location: String,
}

impl Place {
    fn new(scheme: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        // So that the processes of other users can enter.
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let location = format!("{scheme}{}", directory.path().join("store").display());
        Self { directory, location }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("store")
    }

    fn open(&self, access: Access) -> Result<Box<dyn Store>, Error> {
        open(&Location::parse(&self.location), access)
    }

    fn create(&self) -> Box<dyn Store> {
        self.open(Access::Create).unwrap()
    }

    fn start(&self, part: &str, argument: &str) -> Process {
        Process::start(part, &self.location, argument)
    }

    /// What another process finds there, started by way of a shell that does something first.
    fn open_after(&self, preparation: &str, access: &str) -> String {
        let direct = command("open", &self.location, access);
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &format!("{preparation}; exec \"$0\" \"$@\"")])
            .arg(direct.get_program())
            .args(direct.get_args());
        shell.envs(direct.get_envs().filter_map(|(key, value)| Some((key, value?))));
        Process::of(&mut shell).finish().concat()
    }
}

/// Two processes read all the time, and are content in the end.
fn beside_readers(place: &Place, work: impl FnOnce()) {
    let mut readers: Vec<_> = (0..2).map(|_| place.start("read", "")).collect();
    readers.iter_mut().for_each(|reader| assert_eq!(reader.hear().unwrap(), "ready"));
    work();
    readers.into_iter().for_each(|reader| drop(reader.finish()));
}

#[test]
fn ten_processes_add_a_hundred_users_each_while_others_read() {
    let place = Place::new("");
    drop(place.create());
    beside_readers(&place, || {
        let writers: Vec<_> = (0..10).map(|number| place.start("add", &format!("writer{number}-"))).collect();
        writers.into_iter().for_each(|writer| drop(writer.finish()));
    });
    let expected = (0..10).flat_map(|writer| (0..100).map(move |number| format!("writer{writer}-{number}")));
    assert_eq!(users(&*place.open(Access::Read).unwrap()), expected.collect());
}

/// What is rewritten is wiped where it was, under whoever reads it there.
#[test]
fn readers_find_every_record_whole_while_it_is_written_again() {
    let place = Place::new("");
    place.start("add", "same-").finish();
    beside_readers(&place, || {
        for _ in 0..3 {
            let writers: Vec<_> = (0..2).map(|_| place.start("add", "same-")).collect();
            writers.into_iter().for_each(|writer| drop(writer.finish()));
        }
    });
}

#[test]
fn ten_processes_can_make_one_store() {
    for round in 0..20 {
        let place = Place::new("");
        if round % 2 == 1 {
            fs::write(place.path(), "").unwrap();
        }
        let makers: Vec<_> = (0..10).map(|_| place.start("open", "create")).collect();
        makers.into_iter().for_each(|maker| assert_eq!(maker.finish(), ["0 users"]));
    }
}

/// Kills a writer at a different moment each time; what it told of must be there, and all of it readable. `holder` is
/// there to keep what was killed from being forgotten.
fn killed(place: &Place, times: u64, holder: Option<&mut Process>) {
    let mut told = HashSet::new();
    if let Some(holder) = holder {
        assert_eq!(holder.hear().unwrap(), "ready");
    }
    for time in 0..times {
        let mut writer = place.start("add forever", &format!("{time}-"));
        told.extend((0..time % 3).map(|_| writer.hear().unwrap()));
        thread::sleep(Duration::from_micros(time * 377 % 5000));
        told.extend(writer.kill());
        match place.open(Access::Read) {
            Ok(store) => assert!(users(&*store).is_superset(&told)),
            Err(error) => assert!(matches!(error.kind(), Kind::Missing) && told.is_empty(), "{error}"),
        }
    }
    assert!(told.len() as u64 > times / 2, "{} users in {times} processes", told.len());
    let store = place.open(Access::Write).unwrap();
    store.write(&mut [put("after")].into_iter()).unwrap();
    assert!(told.iter().all(|user| store.get(name(user)).unwrap().is_some()));
}

#[test]
fn a_writer_killed_two_hundred_times_loses_nothing() {
    killed(&Place::new(""), 200, None);
}

#[test]
fn a_writer_killed_beside_a_daemon_loses_nothing() {
    let place = Place::new("");
    drop(place.create());
    killed(&place, 100, Some(&mut place.start("hold", "")));
}

#[test]
fn a_writer_to_sled_killed_fifty_times_loses_nothing() {
    killed(&Place::new("sled:"), 50, None);
}

/// Without that, no page that was in use then could ever be used again, and the file would grow with each write.
#[test]
fn a_reader_that_was_killed_is_forgotten() {
    let place = Place::new("");
    place.create().write(&mut (0..100).map(|number| put(&format!("user{number}")))).unwrap();
    // While anybody is there, the list of readers is kept.
    let mut other = place.start("hold", "");
    assert_eq!(other.hear().unwrap(), "ready");
    let mut reader = place.start("hold", "");
    reader.tell("list");
    assert_eq!([reader.hear().unwrap(), reader.hear().unwrap()], ["ready", "listing"]);
    reader.kill();
    let store = place.open(Access::Write).unwrap();
    let before = place.path().metadata().unwrap().len();
    (0..200).for_each(|_| store.write(&mut [put("user7")].into_iter()).unwrap());
    let after = place.path().metadata().unwrap().len();
    assert!(after < before + 100_000, "from {before} to {after}");
}

#[test]
fn a_store_can_be_deleted_and_made_again_while_a_process_has_it_open() {
    let place = Place::new("");
    place.create().write(&mut (0..5).map(|number| put(&format!("user{number}")))).unwrap();
    let mut holder = place.start("hold", "");
    assert_eq!(holder.hear().unwrap(), "ready");
    for round in 1..5 {
        fs::remove_file(place.path()).unwrap();
        let store = place.create();
        for number in 0..round {
            store.write(&mut [put(&format!("other{number}"))].into_iter()).unwrap();
        }
        drop(store);
        holder.tell("");
        assert!(holder.hear().unwrap().starts_with("replaced "));
        holder.tell("again");
        assert_eq!(holder.hear().unwrap(), format!("current {round}"));
    }
    holder.finish();
}

/// LMDB would take the old file's state, which the lock file has, for the new one's.
#[test]
fn a_backup_put_in_place_under_a_running_process_is_not_used_before_it_lets_go() {
    let place = Place::new("");
    let store = place.create();
    store.write(&mut [put("old")].into_iter()).unwrap();
    let backup = place.directory.path().join("backup");
    fs::copy(place.path(), &backup).unwrap();
    (0..5).for_each(|_| store.write(&mut [put("new")].into_iter()).unwrap());
    drop(store);
    let mut holder = place.start("hold", "");
    assert_eq!(holder.hear().unwrap(), "ready");
    fs::rename(backup, place.path()).unwrap();
    for access in [Access::Read, Access::Write, Access::Create] {
        let error = place.open(access).err().unwrap().to_string();
        assert!(error.contains("replaced while a process had it open"), "{error}");
    }
    holder.tell("again");
    assert_eq!(holder.hear().unwrap(), "current 1");
    assert_eq!(users(&*place.open(Access::Write).unwrap()).len(), 1);
}

/// As an administrator may have it, who changes a copy. What LMDB knows of the old file is one transaction less.
#[test]
fn a_changed_copy_put_in_place_under_a_running_process_loses_nothing() {
    let place = Place::new("");
    place.create().write(&mut [put("old")].into_iter()).unwrap();
    let copy = place.directory.path().join("copy");
    fs::copy(place.path(), &copy).unwrap();
    open(&Location::parse(&copy), Access::Write).unwrap().write(&mut [put("new")].into_iter()).unwrap();
    let mut holder = place.start("hold", "");
    assert_eq!(holder.hear().unwrap(), "ready");
    fs::rename(copy, place.path()).unwrap();
    for access in [Access::Write, Access::Create] {
        let error = place.open(access).unwrap().write(&mut [put("lost")].into_iter()).unwrap_err().to_string();
        assert!(error.contains("replaced while a process had it open"), "{error}");
    }
    holder.tell("again");
    assert_eq!(holder.hear().unwrap(), "current 2");
    place.open(Access::Write).unwrap().write(&mut [put("last")].into_iter()).unwrap();
    holder.tell("");
    assert_eq!(holder.hear().unwrap(), "current 3");
}

/// The file is the one that it was, its lock file is not.
#[test]
fn a_store_that_was_away_for_a_moment_is_opened_anew() {
    let place = Place::new("");
    place.create().write(&mut [put("tim")].into_iter()).unwrap();
    let aside = place.directory.path().join("aside");
    let mut holder = place.start("hold", "");
    assert_eq!(holder.hear().unwrap(), "ready");
    fs::rename(place.path(), &aside).unwrap();
    drop(place.create());
    fs::rename(&aside, place.path()).unwrap();
    holder.tell("");
    assert_eq!(holder.hear().unwrap(), "replaced 1");
    holder.tell("again");
    assert_eq!(holder.hear().unwrap(), "current 1");
}

#[test]
fn an_open_store_sees_what_another_process_writes() {
    let place = Place::new("");
    let store = place.create();
    let before = store.revision();
    place.start("add", "user").finish();
    let seen = store.stamp(name("user99")).unwrap();
    assert!(seen.stamp.is_some() && seen.revision > before && store.revision() == seen.revision);
    assert!(store.is_current());
}

/// The words that begin a process with that umask, and where we are root with those groups alone on the host.
fn on_a_host(place: &Place, groups: &str, umask: &str) -> String {
    if !Uid::effective().is_root() {
        return format!("umask {umask}");
    }
    let file = place.directory.path().join("group");
    fs::write(&file, groups).unwrap();
    let inside = format!("mount --bind {} /etc/group; umask {umask}; exec \"$0\" \"$@\"", file.display());
    format!("exec unshare --mount sh -ec '{inside}' \"$0\" \"$@\"")
}

#[test]
fn a_new_store_is_never_for_others() {
    for (umask, mode) in [("000", 0o640), ("022", 0o640), ("077", 0o600)] {
        let place = Place::new("");
        let host = on_a_host(&place, "root:x:0:\n", umask);
        assert_eq!(place.open_after(&host, "create"), "0 users");
        assert_eq!(place.path().metadata().unwrap().mode() & 0o777, mode, "umask {umask}");
        let lock = if mode & 0o040 == 0 { 0o600 } else { 0o660 };
        assert_eq!(Path::new(&format!("{}-lock", place.location)).metadata().unwrap().mode() & 0o777, lock);
        let place = Place::new("sled:");
        assert_eq!(place.open_after(&format!("umask {umask}"), "create"), "0 users");
        assert_eq!(place.path().metadata().unwrap().mode() & 0o007, 0, "umask {umask}");
    }
}

#[test]
fn a_new_store_of_roots_is_for_the_daemons_group_and_an_old_one_stays_as_it_is() {
    if !Uid::effective().is_root() {
        return eprintln!("only root can try this: it takes a group of another number");
    }
    let of = |path: &Path| {
        let metadata = path.metadata().unwrap();
        (metadata.uid(), metadata.gid(), metadata.mode() & 0o777)
    };
    for umask in ["000", "022", "077"] {
        let place = Place::new("");
        let lock = PathBuf::from(format!("{}-lock", place.location));
        let host = on_a_host(&place, "root:x:0:\nsaslauth:x:61234:\n", umask);
        assert_eq!(place.open_after(&host, "create"), "0 users");
        assert_eq!([of(&place.path()), of(&lock)], [(0, 61234, 0o640), (0, 61234, 0o660)], "umask {umask}");
        chown(place.path(), None, Some(0)).unwrap();
        fs::set_permissions(place.path(), fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(place.open_after(&host, "create"), "0 users");
        assert_eq!([of(&place.path()), of(&lock)], [(0, 0, 0o600), (0, 0, 0o600)], "umask {umask}");
    }
}

#[test]
fn little_address_space_is_enough() {
    let place = Place::new("");
    place.create().write(&mut [put("tim")].into_iter()).unwrap();
    assert_eq!(place.open_after("ulimit -v 4000000", "write"), "1 users");
}

#[test]
fn whoever_may_not_read_or_lock_the_store_is_told_why() {
    const NOBODY: u32 = 65534;
    let place = Place::new("");
    drop(place.create());
    let lock = PathBuf::from(format!("{}-lock", place.location));
    if chown(place.path(), None, Some(NOBODY)).is_err() {
        return eprintln!("only root can try this: it takes a second user");
    }
    let open_as_nobody = |access: &str| {
        let mut command = command("open", &place.location, access);
        Process::of(command.uid(NOBODY).gid(NOBODY)).finish().concat()
    };
    let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();

    set(&place.path(), 0o640);
    let refused = open_as_nobody("read");
    assert!(
        refused.contains("-lock: cannot use the lock file") && refused.ends_with("Permission denied (os error 13)"),
        "{refused}"
    );
    drop(place.open(Access::Read).unwrap());
    assert_eq!(open_as_nobody("read"), "0 users", "the lock file follows the store");
    let refused = open_as_nobody("write");
    assert_eq!(refused, format!("{}: cannot open: Permission denied (os error 13)", place.path().display()));
    set(&place.path(), 0o660);
    assert_eq!(open_as_nobody("write"), "0 users");

    // Who cannot make it whole again does not touch it.
    let store = place.open(Access::Write).unwrap();
    store.write(&mut (0..600).map(|number| put(&format!("user{number}")))).unwrap();
    drop(store);
    set(&place.path(), 0o640);
    let (whole, length) = (fs::read(place.path()).unwrap(), place.path().metadata().unwrap().len());
    fs::File::options().write(true).open(place.path()).unwrap().set_len(length - 20 * 4096).unwrap();
    assert!(open_as_nobody("read").ends_with("damaged database: it is cut off"));
    fs::write(place.path(), whole).unwrap();
    assert_eq!(open_as_nobody("read"), "600 users");

    fs::remove_file(&lock).unwrap();
    let refused = open_as_nobody("read");
    assert!(refused.contains("cannot use the lock file"), "there is none, and none can be made: {refused}");
    drop(place.open(Access::Read).unwrap());
    set(&place.path(), 0o600);
    let refused = open_as_nobody("read");
    assert_eq!(refused, format!("{}: cannot open: Permission denied (os error 13)", place.path().display()));
    fs::remove_file(place.path()).unwrap();
    let refused = open_as_nobody("create");
    assert_eq!(refused, format!("{}: cannot open: Permission denied (os error 13)", place.path().display()));
}

/// What sled leaves when it is killed over a snapshot, it would take for the newest one.
#[test]
fn a_snapshot_of_sled_that_was_not_finished_does_no_harm() {
    let place = Place::new("sled:");
    place.create().write(&mut [put("tim")].into_iter()).unwrap();
    for access in [Access::Read, Access::Write] {
        fs::write(place.path().join("snap.FFFFFFFF00000000.generating"), "").unwrap();
        assert_eq!(users(&*place.open(access).unwrap()).len(), 1);
    }
}

#[test]
fn a_sled_store_is_refused_to_a_second_process() {
    let place = Place::new("sled:");
    let store = place.create();
    let refused = place.start("open", "read").finish().concat();
    assert!(refused.contains("another process has it open"), "{refused}");
    drop(store);
    assert_eq!(place.start("open", "read").finish(), ["0 users"]);
}
