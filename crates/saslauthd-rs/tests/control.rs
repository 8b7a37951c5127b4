//! What the daemon says of itself: its metrics, over the control socket and to scrapers, and the commands that ask it.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod page;
#[allow(dead_code, reason = "what other tests need of it")]
mod running;

use nix::{
    pty::openpty,
    sys::termios::{LocalFlags, tcgetattr},
};
use page::Page;
use running::{Daemon, connect};
use std::{
    fs::{self, File},
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::{
        fs::{PermissionsExt, chown},
        net::UnixStream,
        process::CommandExt,
    },
    path::Path,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

const GET: &str = "GET /metrics HTTP/1.0\r\n\r\n";

fn say(mut stream: impl Read + Write, words: &str) -> String {
    stream.write_all(words.as_bytes()).unwrap();
    let mut said = String::new();
    let _ = stream.read_to_string(&mut said);
    said
}

fn control(daemon: &Daemon, words: &str) -> String {
    say(connect(&daemon.directory().join("control")), words)
}

fn scrape(daemon: &Daemon) -> Page {
    Page::read(control(daemon, GET).split_once("\r\n\r\n").unwrap().1)
}

fn saslauthd(words: &[&str], daemon: &Daemon) -> Output {
    Command::new(env!("CARGO_BIN_EXE_saslauthd")).args(words).arg("-m").arg(daemon.directory()).output().unwrap()
}

/// A port that nobody has.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn counts_are_there_from_the_start_and_right_after_known_logins() {
    let daemon = Daemon::start(&[]);
    let before = scrape(&daemon);
    for result in ["accepted", "refused", "unavailable"] {
        for backend in ["sasldb", "none"] {
            assert_eq!(before.value("saslauthd_requests_total", &[("backend", backend), ("result", result)]), 0.0);
        }
    }
    for (user, password) in [("tim", "pencil"), ("tim", "pencil"), ("tim", "pencil"), ("tim", "x"), ("nobody", "x")] {
        daemon.ask(user, password);
    }
    running::ask(daemon.socket(), &[0xff; 4]);
    let page = scrape(&daemon);
    let requests = |result| page.value("saslauthd_requests_total", &[("backend", "sasldb"), ("result", result)]);
    assert_eq!(["accepted", "refused", "unavailable"].map(requests), [3.0, 2.0, 0.0]);
    let lookups = |result| page.value("saslauthd_cache_lookups_total", &[("result", result)]);
    assert_eq!(["hit", "miss"].map(lookups), [2.0, 3.0]);
    assert_eq!(page.value("saslauthd_check_duration_seconds_count", &[("backend", "sasldb")]), 3.0);
    assert_eq!(page.value("saslauthd_turned_away_total", &[("reason", "malformed")]), 1.0);
    assert_eq!(page.value("saslauthd_cache_entries", &[]), 1.0);
    assert_eq!(page.value("saslauthd_store_errors_total", &[]), 0.0);
    assert!(page.value("saslauthd_start_time_seconds", &[]) > 1.7e9);
    let info = [("version", env!("CARGO_PKG_VERSION")), ("mechanisms", "sasldb")];
    assert_eq!(page.value("saslauthd_info", &info), 1.0);
}

#[test]
fn silent_clients_and_trouble_with_the_store_are_seen() {
    let daemon = Daemon::start_without_database(&["--deadline", "1"]);
    let silent = connect(daemon.socket());
    let start = Instant::now();
    while scrape(&daemon).value("saslauthd_connections_incomplete", &[]) != 1.0 {
        assert!(start.elapsed() < Duration::from_secs(10));
    }
    daemon.ask("tim", "pencil");
    assert_eq!((&silent).read_to_end(&mut Vec::new()).unwrap(), 0, "it waits until it is closed");
    let page = scrape(&daemon);
    assert_eq!(page.value("saslauthd_turned_away_total", &[("reason", "late")]), 1.0);
    assert!(page.value("saslauthd_store_errors_total", &[]) >= 1.0);
    let unavailable = [("backend", "sasldb"), ("result", "unavailable")];
    assert_eq!(page.value("saslauthd_requests_total", &unavailable), 1.0);
}

#[test]
fn helpers_are_counted_by_kind() {
    let daemon = Daemon::start(&["-a", "getpwent"]);
    daemon.ask("nobody there", "x");
    daemon.ask("nobody there", "x");
    let page = scrape(&daemon);
    assert_eq!(page.value("saslauthd_helper_starts_total", &[("kind", "getpwent")]), 1.0);
    assert_eq!(page.value("saslauthd_helpers", &[("kind", "getpwent"), ("state", "idle")]), 1.0);
    assert_eq!(page.value("saslauthd_helper_ends_total", &[("kind", "getpwent"), ("reason", "ended")]), 0.0);
    assert_eq!(page.value("saslauthd_check_duration_seconds_count", &[("backend", "getpwent")]), 2.0);
    assert_eq!(page.value("saslauthd_requests_total", &[("backend", "getpwent"), ("result", "refused")]), 2.0);
}

/// Every metric is explained, and nothing else is.
#[test]
fn the_documentation_has_the_metrics_that_there_are() {
    let text = include_str!("../../../docs/observability.md");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `saslauthd_")?.split(['`', '{']).next());
    let mut explained: Vec<_> = rows.map(|name| format!("saslauthd_{name}")).collect();
    explained.sort();
    let mut all = scrape(&Daemon::start(&[])).names();
    all.extend(scrape(&Daemon::start(&["-a", "sasldb,shadow"])).names());
    all.sort();
    all.dedup();
    assert_eq!(all, explained);
}

#[test]
fn the_control_socket_is_for_its_owner_alone() {
    let daemon = Daemon::start(&[]);
    let socket = daemon.directory().join("control");
    assert_eq!(socket.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert!(control(&daemon, GET).starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4"));
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    fs::set_permissions(daemon.directory().parent().unwrap(), fs::Permissions::from_mode(0o755)).unwrap();
    let asked = as_nobody(&daemon);
    let said = String::from_utf8_lossy(&asked.stderr).into_owned();
    assert!(!asked.status.success() && said.contains("control: only root"), "{said}");
    // Who gets there all the same is not served.
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o666)).unwrap();
    let asked = as_nobody(&daemon);
    let said = String::from_utf8_lossy(&asked.stderr).into_owned();
    assert!(!asked.status.success() && asked.stdout.is_empty(), "{asked:?}");
    let whom = "it answers root, and whom it was started as, alone";
    assert!(said.contains(&format!("control: the daemon closed the connection; {whom}")), "{said}");
}

fn as_nobody(daemon: &Daemon) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_saslauthd"));
    command.args(["status", "-m"]).arg(daemon.directory()).uid(65534).gid(65534).output().unwrap()
}

#[test]
fn what_is_no_request_is_told_so_and_who_says_nothing_is_let_go() {
    let daemon = Daemon::start(&[]);
    assert!(control(&daemon, "GET / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404 "));
    assert!(control(&daemon, "POST /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404 "));
    assert!(control(&daemon, "nonsense\r\n\r\n").starts_with("HTTP/1.1 400 "));
    let silent: Vec<_> = (0..20).map(|_| connect(&daemon.directory().join("control"))).collect();
    drop(silent);
    let mut half = connect(&daemon.directory().join("control"));
    half.write_all(b"GET /metrics").unwrap();
    assert!(control(&daemon, GET).starts_with("HTTP/1.1 200 "), "one that is slow is in nobody's way");
    let start = Instant::now();
    let silent: Vec<_> = (0..14).map(|_| connect(&daemon.directory().join("control"))).collect();
    assert!(control(&daemon, GET).starts_with("HTTP/1.1 200 "));
    assert!(start.elapsed() < Duration::from_millis(900), "so many are in nobody's way: {:?}", start.elapsed());
    drop(silent);
    assert_eq!(half.read(&mut [0; 64]).unwrap(), 0);
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
}

#[test]
fn scrapers_get_metrics_and_nothing_else() {
    let (port, scratch) = (free_port(), tempfile::tempdir().unwrap());
    let (address, path) = (format!("127.0.0.1:{port}"), scratch.path().join("metrics"));
    let unix = format!("unix:{}", path.display());
    let mut daemon = Daemon::start(&["--metrics", &address, "--metrics", &unix]);
    for said in [say(TcpStream::connect(&address).unwrap(), GET), say(UnixStream::connect(&path).unwrap(), GET)] {
        assert!(said.starts_with("HTTP/1.1 200 OK\r\n"), "{said}");
        Page::read(said.split_once("\r\n\r\n").unwrap().1);
    }
    let check = "POST /check HTTP/1.1\r\nContent-Length: 0\r\n\r\n";
    assert!(say(TcpStream::connect(&address).unwrap(), check).starts_with("HTTP/1.1 404 "));
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o666);
    daemon.signal(nix::sys::signal::Signal::SIGTERM);
    assert!(daemon.ended().success());
    assert!(!path.exists());
}

#[test]
fn an_address_that_is_taken_is_no_reason_not_to_serve() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let daemon = Daemon::start(&["--metrics", &address]);
    assert!(daemon.ask("tim", "pencil").windows(2).any(|two| two == b"OK"));
    assert!(daemon.log().contains(&format!("metrics: {address}: Address already in use")), "{}", daemon.log());
}

#[test]
fn a_run_directory_that_is_somebody_elses_is_named_with_whose_it_is() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let daemon = Daemon::prepare();
    let said = || String::from_utf8(daemon.another(&["-d"]).output().unwrap().stderr).unwrap();
    fs::create_dir(daemon.directory()).unwrap();
    chown(daemon.directory(), Some(65534), None).unwrap();
    assert!(said().contains("run: belongs to nobody: start it as that user, or name another directory with -m"));
    chown(daemon.directory(), Some(0), None).unwrap();
    fs::set_permissions(daemon.directory(), fs::Permissions::from_mode(0o777)).unwrap();
    assert!(said().contains("run: others can write this directory (chmod go-w ends that)"), "{}", said());
}

#[test]
fn the_configuration_is_bad_where_a_start_would_fail() {
    let daemon = Daemon::prepare();
    let said = |flags: &[&str]| {
        let checked = daemon.another(&[&["--check-config"], flags].concat()).output().unwrap();
        assert_eq!(checked.status.code(), Some(1), "{checked:?}");
        String::from_utf8(checked.stderr).unwrap()
    };
    assert!(said(&["--socket-group", "nosuch"]).contains("--socket-group: no group nosuch"));
    assert!(said(&["--metrics", "127.0.0.1:1", "--metrics", "127.0.0.1:1"]).contains("--metrics: 127.0.0.1:1: twice"));
    if nix::unistd::geteuid().is_root() {
        assert!(said(&["--user", "nosuch"]).contains("--user: user nosuch: there is no such user"));
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_str().unwrap();
        fs::write(&file, "\nuser = \"nosuch\"").unwrap();
        let all = said(&["--config", path]);
        assert!(all.contains(&format!("{path}: user: user nosuch: there is no such user")), "{all}");
        fs::write(&file, "socket_group = \"nosuch\"").unwrap();
        let all = said(&["--config", path]);
        assert!(all.contains(&format!("{path}: socket_group: no group nosuch")), "{all}");
    }
}

#[test]
fn status_is_for_people() {
    let daemon = Daemon::start(&[]);
    for password in ["pencil", "pencil", "x"] {
        daemon.ask("tim", password);
    }
    let shown = saslauthd(&["status"], &daemon);
    assert!(shown.status.success() && shown.stderr.is_empty(), "{shown:?}");
    let text = String::from_utf8(shown.stdout).unwrap();
    let line = |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{text}"));
    assert!(
        line("saslauthd ").starts_with(&format!("saslauthd {}, serving since 20", env!("CARGO_PKG_VERSION"))),
        "{text}"
    );
    assert_eq!(line("mechanisms"), "mechanisms   sasldb");
    let row: Vec<_> = line("  sasldb").split_whitespace().collect();
    assert_eq!(row[..5], ["sasldb", "2", "1", "0", "about"], "{text}");
    assert_eq!(line("remembered"), "remembered   1 of 3 requests (33 %); 1 passwords");
    assert!(line("turned away").contains("throttled 0"), "{text}");
    assert!(line("turned away").ends_with("; 0 more had to wait after wrong passwords"), "{text}");
    assert_eq!(line("store"), "store        0 errors");
}

#[test]
fn without_a_daemon_status_names_the_socket_and_fails() {
    let mut daemon = Daemon::start(&[]);
    daemon.signal(nix::sys::signal::Signal::SIGKILL);
    daemon.ended();
    let said = |words: &[&str]| {
        let output = saslauthd(words, &daemon);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let socket = daemon.directory().join("control");
    assert_eq!(
        said(&["status"]),
        format!("saslauthd: {}: no daemon runs there; -m names its run directory\n", socket.display())
    );
    fs::remove_file(Path::new(&socket)).unwrap();
    assert!(said(&["status"]).contains("control: no daemon runs there"));
}

fn check(daemon: &Daemon, words: &[&str], password: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_saslauthd"));
    command.arg("check").args(words).arg("-m").arg(daemon.directory());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // One that finds no daemon ends before it reads.
    let _ = child.stdin.take().unwrap().write_all(password.as_bytes());
    child.wait_with_output().unwrap()
}

/// What it ended with, and what it said without the times.
fn found(output: &Output) -> (Option<i32>, String) {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let is_time = |word: &&str| word.parse::<f64>().is_err();
    let lines = text.lines().map(|line| line.split(' ').filter(is_time).collect::<Vec<_>>().join(" ") + "\n");
    (output.status.code(), lines.collect())
}

#[test]
fn a_check_tells_how_a_login_is_decided() {
    let daemon = Daemon::start(&["-a", "sasldb,getpwent"]);
    let tim = ["-u", "tim", "-r", "example.com", "-s", "smtp"];
    let head = "login        tim, realm example.com, service smtp\nlooked up    tim; in sasldb in realm example.com\n";
    let said = |rest: &str| format!("{head}{rest}");
    let not_asked = "getpwent     not asked, since sasldb has decided\n";
    assert_eq!(
        found(&check(&daemon, &tim, "wrong\n")),
        (
            Some(1),
            said(&format!(
                "remembered   no\nsasldb       refused: wrong password, ms; this decides\n{not_asked}answer       NO\n"
            ))
        )
    );
    let accepted = format!("sasldb       accepted: password, ms; this decides\n{not_asked}answer       OK\n");
    assert_eq!(found(&check(&daemon, &tim, "pencil")), (Some(0), said(&format!("remembered   no\n{accepted}"))));
    let yes = "remembered   yes: a client hears OK at once. Here the back ends are asked all the same\n";
    assert_eq!(found(&check(&daemon, &tim, "pencil\n")), (Some(0), said(&format!("{yes}{accepted}"))));
    let (code, text) = found(&check(&daemon, &["-u", "no\u{1b}body"], "x\n"));
    assert_eq!(code, Some(1));
    assert!(text.starts_with("login        no\\u{1b}body, no realm, service imap\n"), "{text}");
    assert!(text.contains(", this host's, since there is none in the request\n"), "{text}");
    let unknown = "unknown: unknown user, ms; the next is asked\ngetpwent     unknown: unknown user, ms; there is no other to ask\n";
    assert!(text.ends_with(&format!("sasldb       {unknown}answer       NO\n")), "{text}");

    let page = scrape(&daemon);
    let requests = |result| page.value("saslauthd_requests_total", &[("backend", "sasldb"), ("result", result)]);
    assert_eq!(["accepted", "refused"].map(requests), [0.0, 0.0], "none was a login");
    let log = daemon.log();
    let line = "check: [user=tim] [service=smtp] [realm=example.com] [answer=NO] [pid=";
    assert!(log.contains(line) && !log.contains(": auth "), "{log}");
    assert!(log.contains(&format!("[uid={}]", nix::unistd::geteuid())), "{log}");
    for secret in ["pencil", "wrong\n"] {
        assert!(!log.replace("wrong password", "").contains(secret), "{log}");
    }
}

#[test]
fn a_check_says_why_there_is_no_database() {
    let daemon = Daemon::start_without_database(&[]);
    let (code, text) = found(&check(&daemon, &["-u", "tim"], "pencil\n"));
    let why = format!("unavailable: database unavailable: {}: no such database, ms", daemon.database().display());
    assert!(code == Some(1) && text.contains(&why), "{text}");
}

#[test]
fn a_check_applies_what_is_configured() {
    let daemon = Daemon::start(&["-r", "--no-cache"]);
    let (code, text) = found(&check(&daemon, &["-u", "tim", "-r", "example.com"], "pencil\n"));
    assert_eq!(code, Some(1));
    assert!(
        text.contains("looked up    tim@example.com, which is login and realm combined: -r; in sasldb in realm"),
        "{text}"
    );
    assert!(text.contains("remembered   no, the cache is off\n"), "{text}");
}

#[test]
fn a_check_without_an_answer_is_neither_yes_nor_no() {
    let mut daemon = Daemon::start(&[]);
    let long = "x".repeat(257);
    for (user, password, why) in [
        ("tim", "", "control: password empty"),
        ("tim", "a\0b\n", "NUL"),
        ("tim", &long, "too long"),
        ("tim", &"x".repeat(5000), "too long"),
        ("", "x\n", "control: login empty"),
    ] {
        let output = check(&daemon, &["-u", user], password);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && said.contains(why), "{why}: {said}");
        assert!(output.stdout.is_empty());
    }
    assert_eq!(check(&daemon, &[], "x\n").status.code(), Some(2), "no user");
    daemon.signal(nix::sys::signal::Signal::SIGTERM);
    assert!(daemon.ended().success());
    let output = check(&daemon, &["-u", "tim"], "");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("control: no daemon runs there"));
}

/// A password that is typed is not shown, and whatever ends the program, the terminal shows again what is typed.
#[test]
fn a_password_is_typed_unseen_and_the_terminal_put_right() {
    let daemon = Daemon::start(&[]);
    for (typed, code) in [("pencil\n", Some(0)), ("x\n", Some(1)), ("\x03", None), ("\x1c", None)] {
        let pty = openpty(None, None).unwrap();
        let (mut screen, line) = (File::from(pty.master), File::from(pty.slave));
        let shows = || tcgetattr(&line).unwrap().local_flags.contains(LocalFlags::ECHO);
        let mut command = Command::new("env");
        command.args(["--default-signal", "setsid", "--ctty", "--wait", env!("CARGO_BIN_EXE_saslauthd")]);
        command.args(["check", "-u", "tim", "-r", "example.com", "-m"]).arg(daemon.directory());
        let side = || Stdio::from(line.try_clone().unwrap());
        let mut child = command.stdin(side()).stdout(side()).stderr(side()).spawn().unwrap();
        let mut seen = Vec::new();
        while !seen.ends_with(b"Password: ") {
            let mut octet = [0];
            screen.read_exact(&mut octet).unwrap();
            seen.push(octet[0]);
        }
        assert!(!shows(), "{typed:?}");
        screen.write_all(typed.as_bytes()).unwrap();
        let ended = child.wait().unwrap();
        assert!(shows(), "{typed:?}");
        assert_eq!(ended.code().filter(|code| *code < 128), code, "{typed:?}: {ended:?}");
        let mut rest = [0; 4096];
        let length = screen.read(&mut rest).unwrap();
        assert!(!String::from_utf8_lossy(&rest[..length]).contains("pencil"), "{typed:?}");
    }
}
