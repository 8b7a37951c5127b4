//! What one user of this host, or one client of theirs, can do to others: by guessing, and by holding connections.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]
#![allow(dead_code, reason = "what is shared with other tests")]

mod running;

use nix::{
    sys::{
        resource::{Resource, getrlimit, setrlimit},
        signal::Signal,
    },
    unistd::Uid,
};
use running::{Daemon, ask, connect, request, users};
use sasl_wire::saslauthd::{Request, encode_request};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    os::unix::{fs::PermissionsExt, net::UnixStream, process::CommandExt},
    path::Path,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

const OK: &[u8] = b"\0\x02OK";
const NO: &[u8] = b"\0\x02NO";

/// Nobody's, on any host.
const ANOTHER: u32 = 54_321;

/// As slow as a check may be on a busy machine.
const CHECK: Duration = Duration::from_millis(1000);

/// What it waits for others, at most.
const ELSEWHERE: Duration = Duration::from_secs(1);

/// What anybody waits beside guesses that nobody can tell from theirs, at most.
const IN_TURN: Duration = Duration::from_secs(30);

/// Another user of this host. Asks, or opens connections, as it is told line by line; says what came of it.
const SCRIPT: &str = r#"
import socket, sys
path, kept = sys.argv[1], []
for line in sys.stdin:
    what = line.split()
    if what[0] == "drop":
        kept.clear()
        said = b"dropped"
    elif what[0] == "half":
        for _ in range(int(what[1])):
            kept.append(socket.socket(socket.AF_UNIX))
            kept[-1].connect(path)
            kept[-1].send(b"\0\3ti")
        said = b"opened"
    else:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
            client.sendall(bytes.fromhex(what[1]))
            said = client.recv(99)
    print(said.hex(), flush=True)
"#;

struct Other {
    child: Child,
    says: BufReader<std::process::ChildStdout>,
}

impl Other {
    fn of(daemon: &Daemon, uid: u32) -> Self {
        let scratch = daemon.directory().parent().unwrap().to_owned();
        fs::set_permissions(scratch, fs::Permissions::from_mode(0o711)).unwrap();
        let mut command = Command::new("python3");
        command.args(["-c", SCRIPT]).arg(daemon.socket()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.uid(uid).spawn().unwrap();
        let says = BufReader::new(child.stdout.take().unwrap());
        Self { child, says }
    }

    fn told(&mut self, what: &str) -> Vec<u8> {
        writeln!(self.child.stdin.as_mut().unwrap(), "{what}").unwrap();
        let mut line = String::new();
        self.says.read_line(&mut line).unwrap();
        let octets = line.trim().as_bytes().chunks(2).map(|hex| u8::from_str_radix(str::from_utf8(hex).unwrap(), 16));
        octets.collect::<Result<_, _>>().unwrap()
    }

    fn ask(&mut self, user: &str, password: &str) -> Vec<u8> {
        let hex: String = request(user, password).iter().map(|octet| format!("{octet:02x}")).collect();
        self.told(&format!("ask {hex}"))
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// For a client of the one who asks.
fn request_from(user: &str, password: &str, address: Option<&str>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let ([login, password], client) = ([user, password].map(str::as_bytes), address.map(str::as_bytes));
    encode_request(&Request { login, password, service: b"smtp", realm: b"example.com", client }, &mut bytes);
    bytes
}

/// Guesses over so many connections at once, as fast as it is answered, until it is told to stop.
fn guess(socket: &Path, clients: usize, address: Option<&str>, stop: &AtomicBool) {
    thread::scope(|scope| {
        for _ in 0..clients {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let mut client = connect(socket);
                    client.write_all(&request_from("tim", "wrong", address)).unwrap();
                    client.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
                    let mut said = [0; 9];
                    while !stop.load(Ordering::Relaxed) {
                        if let Ok(length) = client.read(&mut said) {
                            assert_eq!(&said[..length], NO);
                            break;
                        }
                    }
                }
            });
        }
    });
}

/// Does something while somebody guesses, and gives what came of it.
fn while_guessing<T>(socket: &Path, address: Option<&str>, does: impl FnOnce() -> T) -> T {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| guess(socket, 16, address, &stop));
        let _stops = Stops(&stop);
        does()
    })
}

/// Stops those who guess, whatever came of it.
struct Stops<'a>(&'a AtomicBool);

impl Drop for Stops<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn looked_at(daemon: &Daemon) -> usize {
    daemon.log().matches("[user=tim] [service=smtp] [realm=example.com] [mech=sasldb] [reason=wrong password]").count()
}

/// What comes back, and how long that took.
fn timed(ask: impl FnOnce() -> Vec<u8>) -> (Vec<u8>, Duration) {
    let start = Instant::now();
    (ask(), start.elapsed())
}

fn fills_the_first_seconds(daemon: &Daemon) {
    let start = Instant::now();
    while looked_at(daemon) < 20 {
        assert!(start.elapsed() < Duration::from_secs(20), "{}", daemon.log());
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_guesser_has_few_guesses_and_the_user_comes_in_from_elsewhere() {
    let daemon = Daemon::start(&[]);
    let socket = daemon.socket();
    users::set(daemon.database(), "ann", "pen");
    let guesser = Some("192.0.2.1;25");
    while_guessing(socket, guesser, || {
        fills_the_first_seconds(&daemon);
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(8) {
            let (said, took) = timed(|| ask(socket, &request_from("tim", "pencil", Some("192.0.2.2;25"))));
            assert!(said == OK && took < ELSEWHERE + CHECK, "another client: {said:?} {took:?}");
            let (said, took) = timed(|| daemon.ask("ann", "pen"));
            assert!(said == OK && took < CHECK, "another user: {said:?} {took:?}");
            let (said, took) = timed(|| ask(socket, &request_from("ann", "pen", guesser)));
            assert!(said == OK && took < ELSEWHERE + CHECK, "another user from the same address: {said:?} {took:?}");
            thread::sleep(Duration::from_millis(200));
        }
    });
    let (looked_at, log) = (looked_at(&daemon), daemon.log());
    assert!((20..=60).contains(&looked_at), "{looked_at} guesses");
    assert!(log.contains("[reason=throttled]") && log.contains("[class=throttled]"), "{log}");
    let held_back = log.lines().filter(|line| line.contains("auth success") && line.contains(" [throttled=1"));
    assert!(held_back.count() > 3, "{log}");
}

/// Through a mail server that says nothing of its clients, they are all one.
#[test]
fn the_user_comes_in_beside_a_guesser_whom_nobody_can_tell_from_them() {
    let daemon = Daemon::start(&[]);
    users::set(daemon.database(), "ann", "pen");
    assert_eq!(daemon.ask("tim", "pencil"), OK);
    while_guessing(daemon.socket(), None, || {
        fills_the_first_seconds(&daemon);
        let (seen, start) = (looked_at(&daemon), Instant::now());
        for _ in 0..2 {
            let (said, took) = timed(|| daemon.ask("tim", "pencil"));
            eprintln!("the right one, remembered, beside 16 guesses at once: {took:?}");
            assert!(said == OK && took > ELSEWHERE && took < IN_TURN, "{said:?} {took:?}");
            let (said, took) = timed(|| daemon.ask("ann", "pen"));
            assert!(said == OK && took < CHECK, "another user: {said:?} {took:?}");
        }
        let (seen, time) = (looked_at(&daemon) - seen, start.elapsed());
        assert!(seen <= 5 + 2 * usize::try_from(time.as_secs()).unwrap(), "{seen} guesses in {time:?}");
        assert!(!daemon.log().contains("[reason=throttled]"), "{}", daemon.log());
    });
}

#[test]
fn the_user_comes_in_by_another_user_of_this_host() {
    if !Uid::current().is_root() {
        return eprintln!("not run: only root can be several users");
    }
    let daemon = Daemon::start(&[]);
    let mut other = Other::of(&daemon, ANOTHER);
    while_guessing(daemon.socket(), None, || {
        fills_the_first_seconds(&daemon);
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(5) {
            let (said, took) = timed(|| other.ask("tim", "pencil"));
            assert!(said == OK && took < ELSEWHERE + CHECK, "{said:?} {took:?}");
        }
    });
    let looked_at = looked_at(&daemon);
    assert!((20..=60).contains(&looked_at), "{looked_at} guesses");
    assert!(daemon.log().contains(&format!("[uid={ANOTHER}] [class=ok]")), "{}", daemon.log());
}

#[test]
fn unknown_users_are_throttled_as_others_are() {
    let daemon = Daemon::start(&[]);
    let waits = ["tim", "nobody"].map(|user| {
        assert!((0..20).all(|_| daemon.ask(user, "wrong") == NO));
        timed(|| daemon.ask(user, "wrong")).1
    });
    assert!(waits.iter().all(|wait| (1..3).contains(&wait.as_secs())), "{waits:?}");
}

#[test]
fn without_a_throttle_nobody_waits() {
    let daemon = Daemon::start(&["--no-throttle"]);
    let (_, took) = timed(|| {
        assert!((0..25).all(|_| daemon.ask("tim", "wrong") == NO));
        daemon.ask("tim", "pencil")
    });
    assert_eq!(looked_at(&daemon), 25, "{took:?}");
    assert!(!daemon.log().contains("throttled"));
}

#[test]
fn a_guesser_with_thousands_of_connections_takes_no_room_and_does_not_hold_up_the_end() {
    let mut daemon = Daemon::start(&[]);
    users::set(daemon.database(), "ann", "pen");
    assert_eq!(daemon.ask("ann", "pen"), OK);
    let guess = request("tim", "wrong");
    let clients: Vec<UnixStream> = (0..3000)
        .map(|_| {
            let mut client = connect(daemon.socket());
            client.write_all(&guess).unwrap();
            client
        })
        .collect();
    let (said, took) = timed(|| daemon.ask("ann", "pen"));
    // Behind three thousand that came before.
    assert!(said == OK && took < 3 * CHECK, "{said:?} {took:?}");
    fills_the_first_seconds(&daemon);
    let start = Instant::now();
    daemon.signal(Signal::SIGTERM);
    for mut client in clients {
        let mut said = Vec::new();
        client.read_to_end(&mut said).unwrap();
        assert_eq!(said, NO);
    }
    assert!(daemon.ended().success());
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert!(looked_at(&daemon) <= 24, "{}", looked_at(&daemon));
}

#[test]
fn ten_thousand_half_requests_of_one_user_are_nothing_to_others_and_gone_when_they_are() {
    if !Uid::current().is_root() {
        return eprintln!("not run: only root can be several users");
    }
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    let count = 10_000.min(usize::try_from(hard).unwrap().saturating_sub(200));
    let daemon = Daemon::start(&["--deadline", "60"]);
    let mut flood = Other::of(&daemon, ANOTHER);
    let descriptors = |daemon: &Daemon| fs::read_dir(format!("/proc/{}/fd", daemon.serving())).unwrap().count();
    assert_eq!(daemon.ask("tim", "pencil"), OK);
    let before = descriptors(&daemon);
    flood.told(&format!("half {count}"));
    for _ in 0..20 {
        let (said, took) = timed(|| daemon.ask("tim", "pencil"));
        // The first of them behind ten thousand that came before.
        assert!(said == OK && took < 3 * CHECK, "{said:?} {took:?}");
    }
    let memory = daemon.memory();
    assert!(memory < 64 * 1024, "{memory} KiB");
    flood.told("drop");
    let start = Instant::now();
    while descriptors(&daemon) > before {
        assert!(start.elapsed() < Duration::from_secs(5), "{} of {count} are left", descriptors(&daemon) - before);
        thread::sleep(Duration::from_millis(10));
    }
    eprintln!("{count} half requests: {memory} KiB, {:?} until all are gone", start.elapsed());
}

/// With room for some 30.
#[test]
fn whoever_floods_closes_connections_of_their_own() {
    if !Uid::current().is_root() {
        return eprintln!("not run: only root can be several users");
    }
    let daemon = Daemon::start_limited(&["--deadline", "60"], 56);
    let mut flood = Other::of(&daemon, ANOTHER);
    let whole = request("tim", "pencil");
    let mut slow = connect(daemon.socket());
    slow.write_all(&whole[..5]).unwrap();
    flood.told("half 300");
    assert_eq!(daemon.ask("tim", "pencil"), OK);
    slow.write_all(&whole[5..]).unwrap();
    let mut said = Vec::new();
    slow.read_to_end(&mut said).unwrap();
    assert_eq!(said, OK, "the oldest of all, but not of whoever has most");
}
