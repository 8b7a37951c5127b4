//! The two processes of the daemon: what each may do, what becomes of one without the other, and what a service manager sees.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]
#![allow(dead_code, reason = "what is shared with other tests")]

mod running;

use nix::{
    sys::signal::{Signal, kill},
    unistd::{Gid, Group, Pid, Uid, User, chown},
};
use running::{Daemon, ask, request};
use std::{
    fs,
    io::{Read, Write},
    os::{
        fd::OwnedFd,
        unix::{
            fs::PermissionsExt,
            net::{UnixDatagram, UnixListener, UnixStream},
        },
    },
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

const OK: &[u8] = b"\0\x02OK";

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);

/// Starts what comes behind it, with the socket that is its standard input as the one that is handed over.
const HANDED_OVER: &str = r#"LISTEN_FDS=1 LISTEN_PID=$$ exec "$0" "$@" 3<&0 0</dev/null"#;

/// What stands in a line of `/proc/PID/status`.
fn status(pid: i32, name: &str) -> Vec<String> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(&format!("{name}:")));
    line.unwrap_or_default().split_whitespace().map(String::from).collect()
}

fn until(what: &str, mut is: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is() {
        assert!(start.elapsed() < PATIENCE, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// The store, for a group to read.
fn share(daemon: &Daemon, group: Gid) {
    fs::set_permissions(daemon.database().parent().unwrap(), fs::Permissions::from_mode(0o755)).unwrap();
    for (file, mode) in [("db", 0o640), ("db-lock", 0o660)] {
        let file = daemon.database().with_file_name(file);
        chown(&file, None, Some(group)).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    }
}

#[test]
fn the_process_that_serves_has_no_privileges_and_no_way_to_get_any() {
    if !Uid::current().is_root() {
        return eprintln!("not run: only root has privileges to give up");
    }
    let daemon = Daemon::prepare();
    let mail = Group::from_name("mail").unwrap().unwrap().gid;
    share(&daemon, mail);
    let daemon = daemon.run(&["--user", "nobody"], None);
    assert_eq!(daemon.ask("tim", "pencil"), OK);
    let nobody = User::from_name("nobody").unwrap().unwrap();
    let of = |name| status(daemon.serving(), name);
    assert_eq!(of("Uid"), [(); 4].map(|()| nobody.uid.to_string()));
    assert_eq!(of("Gid"), [(); 4].map(|()| nobody.gid.to_string()));
    assert!(!of("Groups").contains(&"0".into()) && of("Groups").contains(&mail.to_string()), "{:?}", of("Groups"));
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(of(set), ["0000000000000000"], "{set}");
    }
    assert_eq!([of("NoNewPrivs"), of("Seccomp")], [["1"], ["2"]]);
    assert_eq!(status(daemon.pid(), "Uid")[1], "0");
    assert_eq!([daemon.pid(), daemon.serving()].map(|pid| status(pid, "Name")), [["saslauthd"], ["saslauthd"]]);
    assert!(!daemon.log().contains("warning"), "{}", daemon.log());
}

#[test]
fn a_store_that_root_alone_can_read_is_named_at_the_start_with_what_ends_that() {
    if !Uid::current().is_root() {
        return eprintln!("not run: only root has privileges to give up");
    }
    let mut daemon = Daemon::prepare();
    fs::set_permissions(daemon.database().parent().unwrap(), fs::Permissions::from_mode(0o755)).unwrap();
    let launched = daemon.another(&["--user", "mail"]).output().unwrap();
    daemon.adopt_by_pid_file();
    let said = String::from_utf8_lossy(&launched.stderr).into_owned();
    assert!(launched.status.success() && said.contains("user mail, who serves, cannot read it (chgrp mail "), "{said}");
    let mend = said.lines().next().unwrap().split(['(', ')']).nth(1).unwrap().trim_end_matches(" ends that");
    assert!(Command::new("sh").args(["-c", mend]).status().unwrap().success());
    daemon.signal(Signal::SIGTERM);
    assert!(daemon.is_gone());
    let daemon = daemon.run(&["--user", "mail"], None);
    assert_eq!(daemon.ask("tim", "pencil"), OK);
}

/// Neither a terminal, into which it could type, nor a file of whoever started the daemon.
#[test]
fn the_process_that_serves_inherits_nothing() {
    let daemon = Daemon::prepare();
    let another = daemon.another(&["-d"]);
    let mut command = Command::new("sh");
    command.args(["-c", r#"exec 7</etc/passwd "$0" "$@""#]).arg(another.get_program()).args(another.get_args());
    let daemon = daemon.run_command(command);
    assert_eq!(daemon.ask("tim", "pencil"), OK);
    let serving = daemon.serving();
    let files = fs::read_dir(format!("/proc/{serving}/fd")).unwrap();
    let files: Vec<_> = files.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok()).collect();
    assert!(!files.contains(&"/etc/passwd".into()), "{files:?}");
    let stat = daemon.proc("stat");
    let session = stat.rsplit(") ").next().unwrap().split(' ').nth(3).unwrap();
    assert_eq!(session, serving.to_string());
}

#[test]
fn a_user_who_is_not_there_keeps_it_from_starting_and_so_does_root_by_another_name() {
    if !Uid::current().is_root() {
        return eprintln!("not run: whoever is not root becomes nobody else");
    }
    let daemon = Daemon::prepare();
    for (user, complaint) in [("nobody-at-all", "user nobody-at-all: there is no such user"), ("root", "is root")] {
        let launched = daemon.another(&["--user", user]).output().unwrap();
        let said = String::from_utf8_lossy(&launched.stderr).into_owned();
        assert_eq!(launched.status.code(), Some(1), "{said}");
        assert!(said.contains(complaint) && said.lines().count() == 1, "{said}");
        assert_eq!(daemon.files(), Vec::<String>::new());
    }
}

#[test]
fn a_serving_process_that_ends_is_started_again_and_whoever_comes_meanwhile_waits() {
    let daemon = Daemon::start(&[]);
    assert_eq!(daemon.ask("tim", "pencil"), OK);
    let first = daemon.serving();
    kill(Pid::from_raw(first), Signal::SIGKILL).unwrap();
    until("it is gone", || kill(Pid::from_raw(first), None).is_err());
    let start = Instant::now();
    assert_eq!(daemon.ask("tim", "pencil"), OK);
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    assert_ne!(daemon.serving(), first);
    assert!(daemon.log().contains("serving process ended (signal: 9 (SIGKILL))"), "{}", daemon.log());
    let mut daemon = daemon;
    daemon.signal(Signal::SIGTERM);
    assert!(daemon.ended().success());
    assert_eq!(daemon.files(), Vec::<String>::new());
}

#[test]
fn without_the_main_process_nobody_serves() {
    let mut daemon = Daemon::start(&["-a", "sasldb,getpwent"]);
    assert_eq!(daemon.ask("nobody-at-all", "x"), b"\0\x02NO");
    let serving = daemon.serving();
    daemon.signal(Signal::SIGKILL);
    daemon.ended();
    until("the serving process is gone", || kill(Pid::from_raw(serving), None).is_err());
}

/// A service manager: the socket that it keeps, and what it is told.
struct Manager {
    place: Daemon,
    socket: UnixListener,
    notified: UnixDatagram,
}

impl Manager {
    fn new() -> Self {
        let place = Daemon::prepare();
        let near = |name: &str| place.database().with_file_name(name);
        let (socket, notified) =
            (UnixListener::bind(near("mux")).unwrap(), UnixDatagram::bind(near("notify")).unwrap());
        notified.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket, notified, place }
    }

    fn start(&self) -> Child {
        let daemon = self.place.another(&["-f"]);
        let log = fs::File::create(self.place.database().with_file_name("log")).unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", HANDED_OVER]).arg(daemon.get_program()).args(daemon.get_args());
        command.env("NOTIFY_SOCKET", self.place.database().with_file_name("notify"));
        let socket = OwnedFd::from(self.socket.try_clone().unwrap());
        command.stdin(socket).stdout(Stdio::null()).stderr(log).spawn().unwrap()
    }

    /// Waits to be told something that begins so, and passes over what is said once a second.
    fn told(&self, what: &str) -> String {
        loop {
            let mut said = [0; 256];
            let length = self.notified.recv(&mut said).unwrap_or_else(|error| panic!("{what}: {error}"));
            let said = String::from_utf8(said[..length].to_vec()).unwrap();
            if said.starts_with(what) {
                return said;
            }
            assert_eq!(said, "WATCHDOG=1", "instead of {what}");
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.place.database().with_file_name("log")).unwrap()
    }

    fn connect(&self) -> UnixStream {
        let client = UnixStream::connect(self.place.database().with_file_name("mux")).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client
    }
}

fn signal(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id().try_into().unwrap()), signal).unwrap();
}

fn answer(mut client: UnixStream) -> Vec<u8> {
    let mut said = Vec::new();
    client.read_to_end(&mut said).unwrap();
    said
}

#[test]
fn who_waits_at_a_socket_that_was_handed_over_is_served_by_this_one_or_the_next() {
    let manager = Manager::new();
    let asked = || {
        let mut client = manager.connect();
        client.write_all(&request("tim", "pencil")).unwrap();
        client
    };
    let early: Vec<_> = (0..100).map(|_| asked()).collect();
    let mut daemon = manager.start();
    let refused = |clients: Vec<_>| clients.into_iter().map(answer).filter(|answer| answer != OK).count();
    assert_eq!(refused(early), 0, "of those who came before there was a daemon");
    manager.told("READY=1");
    let mut clients: Vec<_> = (0..100).map(|_| asked()).collect();
    signal(&daemon, Signal::SIGTERM);
    clients.extend((0..100).map(|_| asked()));
    assert!(daemon.wait().unwrap().success());
    manager.told("STOPPING=1");
    let mut daemon = manager.start();
    manager.told("READY=1");
    assert_eq!(refused(clients), 0, "{}", manager.log());
    signal(&daemon, Signal::SIGTERM);
    assert!(daemon.wait().unwrap().success(), "{}", manager.log());
    assert!(manager.place.database().with_file_name("mux").exists());
    assert_eq!(manager.place.files(), Vec::<String>::new());
}

#[test]
fn a_service_manager_is_told_how_it_gets_on() {
    let manager = Manager::new();
    let mut daemon = manager.start();
    manager.told("READY=1");
    signal(&daemon, Signal::SIGHUP);
    let since = manager.told("RELOADING=1");
    assert!(since["RELOADING=1".len()..].starts_with("\nMONOTONIC_USEC="), "{since}");
    manager.told("READY=1");
    manager.told("WATCHDOG=1");
    // What is dead is not said to be alive.
    let serving = fs::read_to_string(format!("/proc/{0}/task/{0}/children", daemon.id())).unwrap();
    let serving = Pid::from_raw(serving.trim().parse().unwrap());
    kill(serving, Signal::SIGSTOP).unwrap();
    manager.notified.set_read_timeout(Some(Duration::from_millis(1500))).unwrap();
    let mut said = [0; 64];
    while manager.notified.recv(&mut said).is_ok() {}
    manager.notified.set_read_timeout(Some(PATIENCE)).unwrap();
    kill(serving, Signal::SIGCONT).unwrap();
    manager.told("WATCHDOG=1");
    signal(&daemon, Signal::SIGTERM);
    manager.told("STOPPING=1");
    assert!(daemon.wait().unwrap().success());
}

#[test]
fn a_socket_that_is_handed_over_to_somebody_else_is_not_taken() {
    let manager = Manager::new();
    let mut command = manager.place.another(&["-f"]);
    let daemon = command.env("LISTEN_FDS", "1").env("LISTEN_PID", "1").stdin(Stdio::null()).spawn();
    let mut daemon = daemon.unwrap();
    until("it listens on its own", || UnixStream::connect(manager.place.socket()).is_ok());
    assert_eq!(ask(manager.place.socket(), &request("tim", "pencil")), OK);
    signal(&daemon, Signal::SIGTERM);
    assert!(daemon.wait().unwrap().success());
}

#[test]
fn a_helper_for_shadow_may_read_and_nothing_else() {
    if !Uid::current().is_root() {
        return eprintln!("not run: only root has privileges to give up");
    }
    let daemon = Daemon::prepare();
    share(&daemon, Group::from_name("mail").unwrap().unwrap().gid);
    let daemon = daemon.run(&["-a", "sasldb,shadow", "-n", "1", "--user", "nobody"], None);
    assert_eq!(daemon.ask("nobody-at-all", "x"), b"\0\x02NO");
    assert!(daemon.log().contains("[mech=shadow] [reason=unknown user]"), "{}", daemon.log());
    let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", daemon.pid())).unwrap();
    let helper = children.split_whitespace().map(|pid| pid.parse().unwrap()).find(|pid| *pid != daemon.serving());
    let helper = helper.expect("it is kept for the next request");
    let nobody = User::from_name("nobody").unwrap().unwrap();
    assert_eq!(status(helper, "Uid"), [(); 4].map(|()| nobody.uid.to_string()));
    // CAP_DAC_READ_SEARCH is the third of the list.
    assert_eq!(["CapPrm", "CapEff"].map(|set| status(helper, set)), [["0000000000000004"], ["0000000000000004"]]);
    assert_eq!(["CapBnd", "CapInh"].map(|set| status(helper, set)), [["0000000000000000"], ["0000000000000000"]]);
    assert_eq!(status(helper, "NoNewPrivs"), ["1"]);
}
