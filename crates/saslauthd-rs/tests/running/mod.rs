//! A daemon that runs, and is ended with the test.

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use sasl_wire::saslauthd::{Request, encode_request};
use std::{
    fs,
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

const REALM: &str = "example.com";

pub(crate) struct Daemon {
    scratch: TempDir,
    child: Option<Child>,
    pid: i32,
}

impl Daemon {
    /// Starts one that knows `tim`, whose password is `pencil`.
    pub(crate) fn start(flags: &[&str]) -> Self {
        Self::prepare().run(flags, None)
    }

    pub(crate) fn start_without_database(flags: &[&str]) -> Self {
        let daemon = Self::prepare();
        fs::remove_file(daemon.database()).unwrap();
        daemon.run(flags, None)
    }

    /// Starts one that may have so many files open.
    pub(crate) fn start_limited(flags: &[&str], files: u32) -> Self {
        Self::prepare().run(flags, Some(files))
    }

    /// All but the daemon.
    pub(crate) fn prepare() -> Self {
        let scratch = tempfile::Builder::new().prefix("saslauthd-").tempdir().unwrap();
        let daemon = Self { scratch, child: None, pid: 0 };
        users::set(daemon.database(), "tim", "pencil");
        daemon
    }

    pub(crate) fn run(self, flags: &[&str], files: Option<u32>) -> Self {
        let mut command = self.another(&[&["-d"], flags].concat());
        if let Some(files) = files {
            let words: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
            command = Command::new("prlimit");
            command.arg(format!("--nofile={files}:{files}")).arg(env!("CARGO_BIN_EXE_saslauthd")).args(words);
        }
        self.run_command(command)
    }

    /// Starts it in the foreground, by a command from [`Self::another`].
    pub(crate) fn run_command(mut self, mut command: Command) -> Self {
        let log = fs::File::create(self.scratch.path().join("log")).unwrap();
        let child = command.stderr(log).stdout(Stdio::null()).stdin(Stdio::null()).spawn().unwrap();
        self.pid = i32::try_from(child.id()).unwrap();
        self.child = Some(child);
        self.until("it listens", |daemon| UnixStream::connect(daemon.socket()).is_ok());
        self
    }

    /// Starts it again in the same place, once nobody serves there any more.
    pub(crate) fn restart(self) -> Self {
        self.until("nobody listens", |daemon| UnixStream::connect(daemon.socket()).is_err());
        self.run(&[], None)
    }

    /// The command that starts a daemon in the same place.
    pub(crate) fn another(&self, flags: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_saslauthd"));
        if !flags.contains(&"-a") {
            command.args(["-a", "sasldb"]);
        }
        command.arg("-O").arg(format!("sasldb={}", self.database().display()));
        command.arg("-m").arg(self.directory()).args(flags);
        command
    }

    /// Takes over one that has detached.
    pub(crate) fn adopt_by_pid_file(&mut self) {
        let pid = fs::read_to_string(self.directory().join("saslauthd.pid")).unwrap();
        self.pid = pid.trim().parse().unwrap();
    }

    pub(crate) fn pid(&self) -> i32 {
        self.pid
    }

    pub(crate) fn database(&self) -> &'static Path {
        Box::leak(self.scratch.path().join("db").into_boxed_path())
    }

    pub(crate) fn directory(&self) -> PathBuf {
        self.scratch.path().join("run")
    }

    pub(crate) fn socket(&self) -> &'static Path {
        Box::leak(self.directory().join("mux").into_boxed_path())
    }

    pub(crate) fn ask(&self, user: &str, password: &str) -> Vec<u8> {
        ask(self.socket(), &request(user, password))
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.scratch.path().join("log")).unwrap()
    }

    /// What is in the run directory.
    pub(crate) fn files(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.directory())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid), signal).unwrap();
    }

    pub(crate) fn ended(&mut self) -> ExitStatus {
        self.child.take().unwrap().wait().unwrap()
    }

    /// Whether it ends within ten seconds.
    pub(crate) fn is_gone(&self) -> bool {
        self.until("it is gone", |daemon| kill(Pid::from_raw(daemon.pid), None).is_err());
        true
    }

    /// The process that serves, a child of the main one.
    pub(crate) fn serving(&self) -> i32 {
        let children = format!("/proc/{0}/task/{0}/children", self.pid);
        let children = fs::read_to_string(children).unwrap();
        let serves = |pid: &&str| {
            fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.starts_with(b"saslauthd\0--serve\0"))
        };
        children.split(' ').find(serves).unwrap().parse().unwrap()
    }

    /// A file in the serving process' directory.
    pub(crate) fn proc(&self, file: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{file}", self.serving())).unwrap()
    }

    /// What it has in memory, in KiB.
    pub(crate) fn memory(&self) -> u64 {
        let status = self.proc("status");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// The processor time it has used.
    pub(crate) fn cpu(&self) -> Duration {
        let schedstat = self.proc("schedstat");
        Duration::from_nanos(schedstat.split(' ').next().unwrap().parse().unwrap())
    }

    /// Waits until that is so, for ten seconds.
    pub(crate) fn until(&self, what: &str, mut is: impl FnMut(&Self) -> bool) {
        let start = Instant::now();
        while !is(self) {
            assert!(start.elapsed() < Duration::from_secs(10), "waited in vain until {what}");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        } else if self.pid > 0 && self.directory().join("saslauthd.pid").exists() {
            let _ = kill(Pid::from_raw(self.pid), Signal::SIGKILL);
        }
    }
}

pub(crate) fn request(user: &str, password: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let [login, password, realm] = [user, password, REALM].map(str::as_bytes);
    encode_request(&Request { login, password, service: b"smtp", realm, client: None }, &mut bytes);
    bytes
}

/// Connects, and waits while the system says that there is no room.
pub(crate) fn connect(socket: &Path) -> UnixStream {
    let start = Instant::now();
    loop {
        match UnixStream::connect(socket) {
            Ok(stream) => {
                stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
                return stream;
            }
            Err(error) => assert!(start.elapsed() < Duration::from_secs(10), "{error}"),
        }
    }
}

pub(crate) fn ask(socket: &Path, bytes: &[u8]) -> Vec<u8> {
    let mut client = connect(socket);
    client.write_all(bytes).unwrap();
    let mut said = Vec::new();
    let mut chunk = [0; 64];
    // A daemon that did not read all that was sent resets the connection behind its answer.
    while let Ok(length @ 1..) = client.read(&mut chunk) {
        said.extend(&chunk[..length]);
    }
    said
}

/// The users of a daemon's store.
pub(crate) mod users {
    use sasl_core::verifier::{Scheme, Verifiers, argon2id::Memory};
    use sasldb::{
        location::{Access, Location},
        name::Name,
        open::open,
        record::{Record, Status},
        store::{Change, Store},
        users::realm_of_this_host,
    };
    use std::path::Path;

    fn store(database: &Path) -> Box<dyn Store> {
        open(&Location::parse(database), Access::Create).unwrap()
    }

    fn name(user: &str) -> Name<'_> {
        Name::new(user.as_bytes(), super::REALM.as_bytes()).unwrap()
    }

    pub(crate) fn set(database: &Path, user: &str, password: &str) {
        set_for(&[Scheme::Argon2id], database, user, password);
    }

    pub(crate) fn set_for(schemes: &[Scheme], database: &Path, user: &str, password: &str) {
        let (name, host) = (name(user), realm_of_this_host().unwrap());
        let verifiers = Verifiers::derive(schemes, &name.login(), &[host], password.as_bytes(), &mut Memory::default());
        store(database).write(&mut [Change::Put(Record::new(name, verifiers.unwrap()).unwrap())].into_iter()).unwrap();
    }

    pub(crate) fn change(database: &Path, user: &str, status: Status) {
        let change = &mut |old: Option<Record>| Some(Change::Put(old?.with_status(status).unwrap()));
        store(database).edit(name(user), change).unwrap();
    }

    pub(crate) fn delete(database: &Path, user: &str) {
        store(database).write(&mut [Change::delete(name(user))].into_iter()).unwrap();
    }
}
