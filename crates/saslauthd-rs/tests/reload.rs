//! What HUP does: all configuration is read again, and nobody who asks notices.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

#[allow(dead_code, reason = "other tests use the rest")]
mod running;

use nix::{
    sys::signal::Signal,
    unistd::{Uid, chown},
};
use running::{Daemon, ask, connect, request};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::{fs::PermissionsExt, net::UnixStream, process::CommandExt},
    path::PathBuf,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

const OK: &[u8] = b"\0\x02OK";
const NO: &[u8] = b"\0\x02NO";
const DONE: &str = "read the configuration again";

/// A file of configuration beside the daemon's database.
struct File(PathBuf);

impl File {
    fn of(daemon: &Daemon, name: &str, text: &str) -> Self {
        let file = Self(daemon.database().with_file_name(name));
        file.write(text);
        file
    }

    fn write(&self, text: &str) {
        fs::write(&self.0, text).unwrap();
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

/// Starts a daemon with that as its `saslauthd.toml`, and these flags.
fn with_file(text: &str, flags: &[&str]) -> (Daemon, File) {
    let daemon = Daemon::prepare();
    let file = File::of(&daemon, "x.toml", text);
    let database = format!("sasldb={}", daemon.database().display());
    let flags = flags.iter().map(|flag| if *flag == "sasldb=DATABASE" { database.as_str() } else { flag });
    let command = daemon.another(&["-d", "--config", file.path()].into_iter().chain(flags).collect::<Vec<_>>());
    (daemon.run_command(command), file)
}

/// Has it read all again, and waits until the log says `so` once more.
fn hang_up(daemon: &Daemon, so: &str) {
    let before = daemon.log().matches(so).count();
    daemon.signal(Signal::SIGHUP);
    daemon.until(so, |daemon| daemon.log().matches(so).count() > before);
}

/// What a client hears from now on, until it is closed.
fn rest(client: &mut UnixStream) -> Vec<u8> {
    let mut said = Vec::new();
    client.read_to_end(&mut said).unwrap();
    said
}

#[test]
fn a_deadline_goes_for_those_who_come_after_it() {
    let (daemon, file) = with_file("limits.deadline = 60", &[]);
    let mut before = connect(daemon.socket());
    assert_eq!(daemon.ask("tim", "pencil"), OK);
    file.write("limits.deadline = 1");
    hang_up(&daemon, DONE);
    let start = Instant::now();
    assert_eq!(rest(&mut connect(daemon.socket())), b"");
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    before.write_all(&request("tim", "pencil")).unwrap();
    assert_eq!(rest(&mut before), OK, "who was there before had its own");
}

#[test]
fn a_flag_still_wins() {
    let (daemon, file) = with_file("limits.deadline = 60", &["--deadline", "1"]);
    file.write("limits.deadline = 50");
    hang_up(&daemon, DONE);
    let start = Instant::now();
    assert_eq!(rest(&mut connect(daemon.socket())), b"");
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn requests_that_have_come_in_part_are_taken_whatever_the_limit_becomes() {
    let (daemon, file) = with_file("limits.max_field = 1000", &[]);
    let long = request(&"x".repeat(900), "pencil");
    let short = request("tim", "pencil");
    let mut begun = [(&long, 500), (&short, 5), (&long, 500)].map(|(whole, sent)| {
        let mut client = connect(daemon.socket());
        client.write_all(&whole[..sent]).unwrap();
        (client, &whole[sent..])
    });
    assert_eq!([ask(daemon.socket(), &long), daemon.ask("tim", "pencil")], [NO, OK]);
    let finish = |(client, left): &mut (UnixStream, &[u8])| {
        client.write_all(left).unwrap();
        rest(client)
    };
    for (limit, at, answer) in [(20, 0, &b"\0\x03NO "[..]), (20, 1, OK), (2000, 2, NO)] {
        file.write(&format!("limits.max_field = {limit}"));
        hang_up(&daemon, DONE);
        assert_eq!(finish(&mut begun[at]), answer, "{limit}");
    }
    assert_eq!(ask(daemon.socket(), &request(&"x".repeat(1900), "pencil")), NO);
    assert!(daemon.log().contains(&format!("[user={}...]", "x".repeat(256))), "{}", daemon.log());
}

#[test]
fn a_bad_file_changes_nothing_and_one_line_says_why() {
    let (daemon, file) = with_file("", &[]);
    let so = "x.toml: line 2: limits.deadline: must be a number of seconds from 1 to 86400; nothing is changed\n";
    for _ in 0..3 {
        file.write("\nlimits.deadline = 0");
        let before = daemon.log();
        hang_up(&daemon, so);
        // A login's own line may come behind its answer.
        let said = daemon.log()[before.len()..].to_owned();
        assert_eq!(said.lines().filter(|line| !line.contains("auth success")).count(), 1, "{said}");
        assert_eq!(daemon.ask("tim", "pencil"), OK);
    }
    fs::remove_file(file.path()).unwrap();
    hang_up(&daemon, "x.toml: cannot read: No such file or directory (os error 2); nothing is changed");
    file.write("");
    hang_up(&daemon, DONE);
    assert_eq!(daemon.ask("tim", "pencil"), OK);
}

/// A form that says yes or no to everybody, as soon as it may.
struct Form {
    port: u16,
    asked: mpsc::Receiver<()>,
    go: mpsc::Sender<()>,
}

impl Form {
    /// The first reply waits for [`Self::go`], where `waits`.
    fn start(status: &'static str, waits: bool) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let ((go, may), (is_asked, asked)) = (mpsc::channel(), mpsc::channel());
        thread::spawn(move || {
            for (number, client) in socket.incoming().enumerate() {
                let _ = is_asked.send(());
                if waits && number == 0 {
                    may.recv().unwrap();
                }
                reply(&client.unwrap(), status);
            }
        });
        Self { port, asked, go }
    }

    fn conf(&self) -> String {
        format!("httpform_url: http://127.0.0.1:{}/\nhttpform_data: u=%u&p=%p\n", self.port)
    }
}

/// Reads the request: a header, and the body that it announces.
fn reply(mut client: &TcpStream, status: &str) {
    let mut lines = BufReader::new(client);
    let mut length = 0;
    loop {
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        match line.to_ascii_lowercase().trim_end().split_once(": ") {
            Some(("content-length", bytes)) => length = bytes.parse().unwrap(),
            Some(_) => {}
            None if line.trim_end().is_empty() => break,
            None => {}
        }
    }
    lines.read_exact(&mut vec![0; length]).unwrap();
    client.write_all(format!("HTTP/1.1 {status}\r\nConnection: close\r\n\r\n").as_bytes()).unwrap();
}

#[test]
fn a_server_that_is_not_asked_any_more_is_not_believed_either_but_for_what_it_was_asked() {
    let (yes, no) = (Form::start("200 OK", true), Form::start("403 Forbidden", false));
    let daemon = Daemon::prepare();
    let conf = File::of(&daemon, "saslauthd.conf", &yes.conf());
    let command = daemon.another(&["-d", "-c", "-a", "httpform", "-O", conf.path()]);
    let daemon = daemon.run_command(command);
    let mut in_flight = connect(daemon.socket());
    in_flight.write_all(&request("ann", "pen")).unwrap();
    yes.asked.recv().unwrap();
    conf.write(&no.conf());
    hang_up(&daemon, DONE);
    assert_eq!(daemon.ask("tim", "pencil"), NO, "by the second");
    yes.go.send(()).unwrap();
    assert_eq!(rest(&mut in_flight), OK, "by the first");
    assert_eq!(daemon.ask("ann", "pen"), NO, "it was remembered beyond its time");

    conf.write(&yes.conf());
    hang_up(&daemon, DONE);
    assert_eq!([daemon.ask("ann", "pen"), daemon.ask("ann", "pen")], [OK, OK]);
    conf.write("httpform_url: nonsense");
    hang_up(&daemon, "saslauthd.conf: line 1: httpform_url: ");
    assert!(daemon.log().trim_end().ends_with("; nothing is changed"), "{}", daemon.log());
    assert_eq!(daemon.ask("ann", "pen"), OK);
    conf.write(&no.conf());
    hang_up(&daemon, DONE);
    assert_eq!(daemon.ask("ann", "pen"), NO, "it was remembered");
}

/// Threads, descriptors and children.
fn holdings(daemon: &Daemon) -> [usize; 3] {
    let entries = |what: &str| fs::read_dir(format!("/proc/{}/{what}", daemon.serving())).unwrap().count();
    let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", daemon.pid())).unwrap();
    [entries("task"), entries("fd"), children.split_whitespace().count()]
}

#[test]
fn a_hundred_times_leave_nothing_behind_and_lose_nobody() {
    let (daemon, _file) =
        with_file("throttle.enabled = false", &["-a", "sasldb,getpwent", "-O", "sasldb=DATABASE", "-n", "2", "-c"]);
    let quiet = || {
        hang_up(&daemon, DONE);
        assert_eq!(daemon.ask("nobody-at-all", "x"), NO);
    };
    quiet();
    let before = holdings(&daemon);
    let (socket, over) = (daemon.socket(), Arc::new(AtomicBool::new(false)));
    let clients: Vec<_> = [("tim", "pencil", OK), ("tim", "pencil", OK), ("nobody-at-all", "x", NO)]
        .map(|(user, password, answer)| {
            let over = Arc::clone(&over);
            thread::spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    assert_eq!(ask(socket, &request(user, password)), answer, "{user}");
                }
            })
        })
        .into();
    (0..100).for_each(|_| hang_up(&daemon, DONE));
    over.store(true, Ordering::Relaxed);
    clients.into_iter().for_each(|client| client.join().unwrap());
    quiet();
    daemon.until("it has what it had", |daemon| holdings(daemon) == before);
    assert!(!daemon.log().contains("helper process") && !daemon.log().contains("unavailable"), "{}", daemon.log());
}

#[test]
fn what_we_may_not_read_any_more_is_named_and_whom_it_is_closed_to() {
    let daemon = Daemon::prepare();
    let file = File::of(&daemon, "x.toml", "");
    let uid = if Uid::effective().is_root() { Uid::from_raw(65534) } else { Uid::effective() };
    let scratch = file.0.parent().unwrap();
    chown(scratch, Some(uid), None).unwrap();
    // Where the checkout is, nobody may be able to look.
    let program = scratch.join("saslauthd");
    fs::copy(env!("CARGO_BIN_EXE_saslauthd"), &program).unwrap();
    let mut command = Command::new(program);
    command.args(daemon.another(&["-d", "-a", "getpwent", "--config", file.path()]).get_args());
    if Uid::effective().is_root() {
        command.uid(uid.as_raw()).gid(uid.as_raw());
    }
    let daemon = daemon.run_command(command);
    fs::set_permissions(file.path(), fs::Permissions::from_mode(0o000)).unwrap();
    let so = "x.toml: cannot read: Permission denied (os error 13); nothing is changed";
    hang_up(&daemon, &format!("{so}; uid {uid} must be able to read all configuration\n"));
    assert_eq!(daemon.ask("nobody-at-all", "x"), NO);
}
