//! The daemon as its clients and its administrator see it: the real program, on a socket, with a store.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod running;

use nix::{
    sys::{
        resource::{Resource, getrlimit, setrlimit},
        signal::Signal,
    },
    unistd::{Uid, User},
};
use running::{Daemon, ask, connect, request, users};
use sasl_wire::saslauthd::{Request, encode_request};
use sasldb::record::Status;
use std::{
    io::{Read, Write},
    os::unix::{
        fs::{FileExt, PermissionsExt},
        net::{UnixListener, UnixStream},
    },
    process::{Command, Output},
    thread,
    time::{Duration, Instant},
};

const OK: &[u8] = b"\0\x02OK";
const NO: &[u8] = b"\0\x02NO";

#[test]
fn right_wrong_and_unknown() {
    let daemon = Daemon::start(&[]);
    assert_eq!(daemon.ask("tim", "pencil"), OK);
    assert_eq!(daemon.ask("tim", "pencil"), OK, "remembered");
    for (user, password) in
        [("tim", "pencil "), ("tim", "penci"), ("TIM", "pencil"), ("nobody", "pencil"), ("tim@example.com", "pencil")]
    {
        assert_eq!(daemon.ask(user, password), NO, "{user} {password}");
    }
}

#[test]
fn a_changed_disabled_or_deleted_user_is_out_at_once_although_remembered() {
    let daemon = Daemon::start(&[]);
    let answers = |password: &str| [daemon.ask("tim", password), daemon.ask("tim", password)];
    assert_eq!(answers("pencil"), [OK, OK]);
    users::set(daemon.database(), "tim", "another");
    assert_eq!(answers("pencil"), [NO, NO]);
    assert_eq!(answers("another"), [OK, OK]);
    users::change(daemon.database(), "tim", Status::Disabled);
    assert_eq!(answers("another"), [NO, NO]);
    users::change(daemon.database(), "tim", Status::Enabled);
    assert_eq!(answers("another"), [OK, OK]);
    users::delete(daemon.database(), "tim");
    assert_eq!(answers("another"), [NO, NO]);
}

#[test]
fn a_database_that_was_written_over_is_noticed_whatever_its_number() {
    let daemon = Daemon::start(&[]);
    let other = daemon.database().with_extension("other");
    std::fs::copy(daemon.database(), &other).unwrap();
    // Both have as many transactions now.
    users::set(daemon.database(), "ann", "pen");
    users::change(&other, "tim", Status::Disabled);
    assert_eq!([daemon.ask("tim", "pencil"), daemon.ask("tim", "pencil")], [OK, OK]);
    let bytes = std::fs::read(&other).unwrap();
    let file = std::fs::File::options().write(true).open(daemon.database()).unwrap();
    file.write_all_at(&bytes, 0).unwrap();
    file.set_len(bytes.len() as u64).unwrap();
    let start = Instant::now();
    while daemon.ask("tim", "pencil") == OK {
        assert!(start.elapsed() < Duration::from_secs(3), "a disabled user is let in");
        thread::sleep(Duration::from_millis(50));
    }
}

/// As an administrator may have it, who changes a copy: one transaction more than the lock file tells of.
#[test]
fn a_changed_copy_put_in_place_is_noticed_by_every_daemon() {
    let daemon = Daemon::start(&[]);
    let other = Daemon::start(&["-O", daemon.database().to_str().unwrap()]);
    let copy = daemon.database().with_extension("copy");
    std::fs::copy(daemon.database(), &copy).unwrap();
    users::set(&copy, "ann", "pen");
    std::fs::rename(copy, daemon.database()).unwrap();
    let start = Instant::now();
    while [daemon.ask("ann", "pen"), other.ask("ann", "pen")] != [OK, OK] {
        assert!(start.elapsed() < Duration::from_secs(6), "somebody has not noticed");
        thread::sleep(Duration::from_millis(50));
    }
    users::set(daemon.database(), "bob", "pen");
    assert_eq!([daemon.ask("bob", "pen"), other.ask("bob", "pen")], [OK, OK]);
}

#[test]
fn whoever_is_deleted_while_a_check_waits_is_not_let_in() {
    let daemon = Daemon::start(&["-n", "1"]);
    let (socket, deleted) = (daemon.socket(), daemon.database());
    let crowd: Vec<_> =
        (0..40).map(|number| thread::spawn(move || ask(socket, &request(&format!("nobody{number}"), "x")))).collect();
    thread::sleep(Duration::from_millis(100));
    let tim = thread::spawn(move || ask(socket, &request("tim", "pencil")));
    thread::sleep(Duration::from_millis(50));
    assert!(!tim.is_finished(), "nobody was before him");
    users::delete(deleted, "tim");
    assert!(!tim.is_finished(), "he did not wait long enough");
    assert_eq!(tim.join().unwrap(), NO);
    assert!(crowd.into_iter().all(|one| one.join().unwrap() == NO));
}

#[test]
fn a_password_that_is_set_again_while_it_is_checked_is_still_right() {
    let daemon = Daemon::start(&["-n", "1", "--no-cache"]);
    let (socket, mut asked) = (daemon.socket(), Vec::new());
    for password in ["pencil", "another"] {
        asked.extend(
            (0..20).map(|number| thread::spawn(move || ask(socket, &request(&format!("nobody{number}"), "x")))),
        );
        thread::sleep(Duration::from_millis(50));
        let tim = thread::spawn(move || ask(socket, &request("tim", "pencil")));
        thread::sleep(Duration::from_millis(50));
        users::set(daemon.database(), "tim", password);
        assert!(!tim.is_finished(), "he did not wait long enough");
        assert_eq!(tim.join().unwrap(), if password == "pencil" { OK } else { NO });
    }
    assert!(asked.into_iter().all(|one| one.join().unwrap() == NO));
}

#[test]
fn a_database_that_appears_goes_and_is_replaced_is_followed() {
    let daemon = Daemon::start_without_database(&[]);
    assert_eq!(daemon.ask("tim", "pencil"), NO);
    users::set(daemon.database(), "tim", "pencil");
    assert_eq!(daemon.ask("tim", "pencil"), OK);
    let other = daemon.database().with_extension("other");
    users::set(&other, "tim", "another");
    std::fs::rename(&other, daemon.database()).unwrap();
    thread::sleep(Duration::from_millis(2200));
    assert_eq!([daemon.ask("tim", "pencil"), daemon.ask("tim", "another")], [NO, OK]);
}

#[test]
fn silent_and_half_requests_are_closed_at_the_deadline_and_nobody_waits_for_them() {
    let daemon = Daemon::start(&["--deadline", "1"]);
    let whole = request("tim", "pencil");
    let mut waiting: Vec<UnixStream> = [0, 1, 5, whole.len() - 1]
        .map(|sent| {
            let mut client = connect(daemon.socket());
            client.write_all(&whole[..sent]).unwrap();
            client
        })
        .into();
    assert_eq!(daemon.ask("tim", "pencil"), OK);
    let start = Instant::now();
    for client in &mut waiting {
        let mut said = Vec::new();
        client.read_to_end(&mut said).unwrap();
        assert_eq!(said, b"");
    }
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert!(daemon.log().contains("no request within the deadline"));
}

#[test]
fn a_request_may_come_octet_by_octet() {
    let daemon = Daemon::start(&[]);
    let mut client = connect(daemon.socket());
    for octet in request("tim", "pencil") {
        client.write_all(&[octet]).unwrap();
        thread::sleep(Duration::from_millis(2));
    }
    let mut said = Vec::new();
    client.read_to_end(&mut said).unwrap();
    assert_eq!(said, OK);
}

#[test]
fn a_client_that_keeps_its_connection_costs_nothing() {
    let daemon = Daemon::start(&["-n", "1"]);
    let kept: Vec<UnixStream> = (0..50)
        .map(|_| {
            let mut client = connect(daemon.socket());
            client.write_all(&request("tim", "pencil")).unwrap();
            let mut said = [0; 4];
            client.read_exact(&mut said).unwrap();
            assert_eq!(said, OK);
            client
        })
        .collect();
    assert_eq!(daemon.ask("tim", "pencil"), OK);
    drop(kept);
}

#[test]
fn ten_thousand_silent_clients_leave_the_service_answering() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    let count = 10_000.min(usize::try_from(hard).unwrap().saturating_sub(200));
    let daemon = Daemon::start(&["--deadline", "60"]);
    assert_eq!(daemon.ask("tim", "pencil"), OK);
    let silent: Vec<UnixStream> = (0..count).map(|_| connect(daemon.socket())).collect();
    let start = Instant::now();
    for _ in 0..20 {
        assert_eq!(daemon.ask("tim", "pencil"), OK);
        assert_eq!(daemon.ask("tim", "wrong"), NO);
    }
    assert!(start.elapsed() < Duration::from_secs(10), "{:?} behind {count} silent clients", start.elapsed());
    assert!(daemon.memory() < 64 * 1024, "{} KiB", daemon.memory());
    drop(silent);
    assert_eq!(daemon.ask("tim", "pencil"), OK);
}

#[test]
fn at_the_limit_of_open_files_the_oldest_silent_client_makes_room() {
    let daemon = Daemon::start_limited(&["--deadline", "60"], 60);
    let silent: Vec<UnixStream> = (0..400).map(|_| connect(daemon.socket())).collect();
    for _ in 0..6 {
        assert_eq!(daemon.ask("tim", "pencil"), OK);
    }
    let before = daemon.cpu();
    thread::sleep(Duration::from_millis(500));
    assert!(daemon.cpu() - before < Duration::from_millis(200), "it spins");
    drop(silent);
}

#[test]
fn a_thousand_clients_at_once_are_all_answered() {
    let daemon = Daemon::start(&[]);
    assert_eq!(daemon.ask("tim", "pencil"), OK);
    let mut clients: Vec<UnixStream> = (0..1000).map(|_| connect(daemon.socket())).collect();
    for client in &mut clients {
        client.write_all(&request("tim", "pencil")).unwrap();
    }
    for client in &mut clients {
        let mut said = Vec::new();
        client.read_to_end(&mut said).unwrap();
        assert_eq!(said, OK);
    }
}

#[test]
fn remembered_logins_do_not_wait_behind_slow_ones() {
    let daemon = Daemon::start(&["-n", "1", "--no-throttle"]);
    assert_eq!(daemon.ask("tim", "pencil"), OK);
    let slow: Vec<UnixStream> = (0..60)
        .map(|_| {
            let mut client = connect(daemon.socket());
            client.write_all(&request("tim", "wrong")).unwrap();
            client
        })
        .collect();
    let start = Instant::now();
    assert_eq!(daemon.ask("tim", "pencil"), OK);
    assert!(start.elapsed() < Duration::from_millis(300), "{:?} behind sixty slow checks", start.elapsed());
    drop(slow);
}

#[test]
fn a_full_queue_answers_no_at_once() {
    let daemon = Daemon::start(&["-n", "1", "--no-throttle"]);
    let mut clients: Vec<UnixStream> = (0..1200)
        .map(|_| {
            let mut client = connect(daemon.socket());
            client.write_all(&request("tim", "wrong")).unwrap();
            client
        })
        .collect();
    let mut last = Vec::new();
    clients.last_mut().unwrap().read_to_end(&mut last).unwrap();
    assert_eq!(last, NO);
    assert!(daemon.log().contains("[reason=too many checks]"));
}

#[test]
fn nothing_in_flight_is_lost_when_it_ends() {
    for round in 0..5 {
        let mut daemon = Daemon::start(&[]);
        let mut clients: Vec<UnixStream> = (0..20)
            .map(|number| {
                let mut client = connect(daemon.socket());
                client.write_all(&request("tim", if number % 2 == 0 { "pencil" } else { "wrong" })).unwrap();
                client
            })
            .collect();
        daemon.signal(Signal::SIGTERM);
        for (number, client) in clients.iter_mut().enumerate() {
            let mut said = Vec::new();
            client.read_to_end(&mut said).unwrap();
            assert_eq!(said, if number % 2 == 0 { OK } else { NO }, "round {round}, client {number}");
        }
        assert!(daemon.ended().success());
        assert_eq!(daemon.files(), Vec::<String>::new());
    }
}

#[test]
fn silent_clients_do_not_hold_up_the_end() {
    let mut daemon = Daemon::start(&["--deadline", "60"]);
    let mut silent = connect(daemon.socket());
    let mut slow = connect(daemon.socket());
    let whole = request("tim", "pencil");
    slow.write_all(&whole[..5]).unwrap();
    assert_eq!(daemon.ask("tim", "pencil"), OK);
    let start = Instant::now();
    daemon.signal(Signal::SIGTERM);
    thread::sleep(Duration::from_millis(200));
    slow.write_all(&whole[5..]).unwrap();
    assert!(daemon.ended().success());
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    let mut said = Vec::new();
    slow.read_to_end(&mut said).unwrap();
    assert_eq!(said, OK);
    assert_eq!(silent.read(&mut [0]).unwrap(), 0);
}

#[test]
fn a_hang_up_under_load_loses_nothing() {
    let daemon = Daemon::start(&[]);
    assert_eq!(daemon.ask("tim", "pencil"), OK);
    for number in 0..300 {
        if number % 10 == 0 {
            daemon.signal(Signal::SIGHUP);
        }
        assert_eq!(daemon.ask("tim", "pencil"), OK, "{number}");
    }
}

#[test]
fn a_hang_up_or_an_end_as_soon_as_it_can_be_seen_is_taken_well() {
    for round in 0..10 {
        let mut daemon = Daemon::prepare();
        let mut child = daemon.another(&["-f"]).spawn().unwrap();
        while !daemon.directory().join("saslauthd.pid").metadata().is_ok_and(|file| file.len() > 0) {}
        daemon.adopt_by_pid_file();
        daemon.signal(Signal::SIGHUP);
        if round % 2 == 0 {
            assert_eq!(daemon.ask("tim", "pencil"), OK);
        }
        daemon.signal(Signal::SIGTERM);
        assert!(child.wait().unwrap().success());
        assert_eq!(daemon.files(), Vec::<String>::new());
    }
}

#[test]
fn the_pid_file_of_a_successor_stays() {
    let mut daemon = Daemon::start(&[]);
    let file = daemon.directory().join("saslauthd.pid");
    std::fs::remove_file(&file).unwrap();
    std::fs::write(&file, "4194305\n").unwrap();
    daemon.signal(Signal::SIGTERM);
    assert!(daemon.ended().success());
    assert_eq!(daemon.files(), ["saslauthd.pid"]);
}

#[test]
fn a_second_instance_is_refused_and_touches_nothing() {
    let daemon = Daemon::start(&[]);
    let before = daemon.files();
    for (flags, status) in [(&["-d"][..], 1), (&[], 2)] {
        let second = daemon.another(flags).output().unwrap();
        assert_eq!(second.status.code(), Some(status), "{flags:?}");
        assert!(String::from_utf8_lossy(&second.stderr).starts_with("saslauthd: Another instance"));
    }
    assert_eq!(daemon.files(), before);
    assert_eq!(daemon.ask("tim", "pencil"), OK);
}

#[test]
fn what_one_that_was_killed_left_is_no_hindrance() {
    let mut daemon = Daemon::start(&[]);
    daemon.signal(Signal::SIGKILL);
    daemon.ended();
    UnixListener::bind(daemon.directory().join("mux.new")).unwrap();
    assert_eq!(daemon.files(), ["control", "mux", "mux.new", "saslauthd.pid"]);
    let daemon = daemon.restart();
    assert_eq!(daemon.ask("tim", "pencil"), OK);
    assert_eq!(daemon.files(), ["control", "mux", "saslauthd.pid"]);
}

#[test]
fn detached_it_reports_only_once_it_serves() {
    let mut daemon = Daemon::prepare();
    let launched = daemon.another(&[]).output().unwrap();
    assert!(launched.status.success(), "{launched:?}");
    assert_eq!(daemon.ask("tim", "pencil"), OK);
    daemon.adopt_by_pid_file();
    daemon.signal(Signal::SIGTERM);
    assert!(daemon.is_gone());
    assert_eq!(daemon.files(), Vec::<String>::new());
}

#[test]
fn a_database_is_found_from_where_one_is_and_trouble_with_it_is_said_at_the_start() {
    let mut daemon = Daemon::prepare();
    let mut command = Command::new(env!("CARGO_BIN_EXE_saslauthd"));
    command.args(["-a", "sasldb", "-O", "db", "-m"]).arg(daemon.directory());
    command.current_dir(daemon.database().parent().unwrap());
    let launched = command.output().unwrap();
    assert!(launched.status.success() && trouble(&launched).is_empty(), "{launched:?}");
    daemon.adopt_by_pid_file();
    assert_eq!(daemon.ask("tim", "pencil"), OK);
    daemon.signal(Signal::SIGTERM);
    assert!(daemon.is_gone());

    std::fs::write(daemon.database(), "no database").unwrap();
    let launched = daemon.another(&[]).output().unwrap();
    daemon.adopt_by_pid_file();
    let [said] = &trouble(&launched)[..] else { panic!("{launched:?}") };
    assert!(launched.status.success() && said.contains("db: not a database of this program"), "{said}");
}

/// What it says on standard error, but for whom it serves as: that is the machine's.
fn trouble(launched: &Output) -> Vec<String> {
    let said = String::from_utf8_lossy(&launched.stderr);
    said.lines().filter(|line| !line.contains("serving as root")).map(ToOwned::to_owned).collect()
}

/// By whoever started it: a program inherits what signals are held back, and whether the ends of children are told.
#[test]
fn signals_are_heard_that_were_held_back_before() {
    let mut daemon = Daemon::prepare();
    let launch = || {
        let plain = daemon.another(&[]);
        let mut command = Command::new("env");
        command.args(["--block-signal=TERM,HUP,INT", "--ignore-signal=CHLD"]).arg(plain.get_program());
        command.args(plain.get_args()).output().unwrap()
    };
    assert_eq!(launch().status.code(), Some(0));
    let second = launch();
    assert_eq!((second.status.code(), trouble(&second).len()), (Some(2), 2), "{second:?}");
    daemon.adopt_by_pid_file();
    assert_eq!(daemon.ask("tim", "pencil"), OK);
    daemon.signal(Signal::SIGTERM);
    assert!(daemon.is_gone());
}

#[test]
fn whom_it_serves_as_is_said_where_that_is_root() {
    let mut daemon = Daemon::prepare();
    let launched = daemon.another(&[]).output().unwrap();
    daemon.adopt_by_pid_file();
    let serves_as_root = Uid::effective().is_root() && User::from_name("saslauth").unwrap().is_none();
    let said = String::from_utf8_lossy(&launched.stderr);
    assert_eq!(said.contains("serving as root: there is no user saslauth (useradd"), serves_as_root, "{said}");
}

#[test]
fn what_keeps_it_from_starting_reaches_the_caller() {
    let daemon = Daemon::prepare();
    std::fs::create_dir_all(daemon.directory().join("mux")).unwrap();
    let launched = daemon.another(&[]).output().unwrap();
    assert_eq!(launched.status.code(), Some(1));
    let said = String::from_utf8_lossy(&launched.stderr).into_owned();
    assert!(said.starts_with("saslauthd: ") && said.contains("mux"), "{said}");
    assert_eq!(daemon.files(), ["mux"]);
}

#[test]
fn the_socket_has_the_mode_that_was_asked_for() {
    for (flags, mode) in [(&[][..], 0o777), (&["--socket-mode", "660"], 0o660)] {
        let daemon = Daemon::start(flags);
        assert_eq!(daemon.socket().metadata().unwrap().permissions().mode() & 0o777, mode);
    }
}

#[test]
fn names_in_the_log_are_one_clean_line_and_no_secret_is_there() {
    let daemon = Daemon::start(&[]);
    let forged = "x\nsaslauthd[1]: auth success: [user=root] [reason=\x1b[31mforged\u{85}";
    assert_eq!(daemon.ask(forged, "hunter2-secret"), NO);
    assert_eq!(daemon.ask("tim", "hunter2-secret"), NO);
    assert_eq!(daemon.ask("tim", "pencil"), OK);
    let log = daemon.log();
    assert!(!log.contains("hunter2") && !log.contains("pencil"), "{log}");
    assert!(!log.contains("auth success: [user=root]") && !log.chars().any(|c| c.is_control() && c != '\n'), "{log}");
    let uid = Uid::current();
    assert_eq!(daemon.ask(&"x".repeat(200), "pencil"), NO);
    assert!(daemon.log().contains(&format!("[user={}]", "x".repeat(200))), "a name that is not cut");
    let expected = format!(
        "auth failure: [user=tim] [service=smtp] [realm=example.com] [mech=sasldb] [reason=wrong password] [pid={}] [uid={uid}]",
        std::process::id()
    );
    assert!(log.contains(&expected), "{log}");
    assert!(log.contains("auth success: [user=tim]"), "{log}");
}

#[test]
fn malformed_requests_beside_good_ones() {
    let daemon = Daemon::start(&[]);
    for bad in [&b"\xff\xff"[..], b"\x01\x01", b"\0\0\0\0\0\0\0\0", b"\0\x03a\0b\0\x01x\0\0\0\0", &[0; 64]] {
        let said = ask(daemon.socket(), bad);
        assert!(said.starts_with(b"\0") && said[2..].starts_with(b"NO"), "{bad:?}: {said:?}");
        assert_eq!(daemon.ask("tim", "pencil"), OK);
    }
}

#[test]
fn unknown_users_cost_what_wrong_passwords_cost() {
    let daemon = Daemon::start(&["-n", "1", "--no-throttle"]);
    let measure = |user: &str| {
        let start = Instant::now();
        assert_eq!(daemon.ask(user, "wrong"), NO);
        start.elapsed()
    };
    let (mut wrong, mut unknown): (Vec<_>, Vec<_>) = (0..40).map(|_| (measure("tim"), measure("nobody"))).unzip();
    wrong.sort();
    unknown.sort();
    let (wrong, unknown) = (wrong[10].as_secs_f64(), unknown[10].as_secs_f64());
    assert!((0.6..1.6).contains(&(wrong / unknown)), "wrong {wrong}, unknown {unknown}");
}

#[test]
fn combined_with_the_realm_a_login_is_another() {
    let daemon = Daemon::start(&["-r"]);
    users::set(daemon.database(), "ann@example.com", "pen");
    assert_eq!([daemon.ask("tim", "pencil"), daemon.ask("ann", "pen")], [NO, OK]);
}

#[test]
fn a_login_that_is_too_long_with_its_realm_is_refused_and_no_harm() {
    let daemon = Daemon::start(&["-r", "--max-field", "65535"]);
    let half = "x".repeat(40_000);
    let mut bytes = Vec::new();
    let (login, realm) = (half.as_bytes(), half.as_bytes());
    encode_request(&Request { login, password: b"pencil", service: b"", realm, client: None }, &mut bytes);
    assert_eq!(ask(daemon.socket(), &bytes), b"\0\x03NO ");
    assert_eq!(daemon.ask("tim", "pencil"), NO);
    assert!(daemon.log().contains("login too long"), "{}", daemon.log());
}

#[test]
fn no_core_and_no_stranger_reads_its_memory() {
    let daemon = Daemon::start(&[]);
    let limits = daemon.proc("limits");
    assert!(
        limits
            .lines()
            .any(|line| line.starts_with("Max core file size") && line.split_whitespace().nth(4) == Some("0")),
        "{limits}"
    );
    let owner = Command::new("stat").args(["-c", "%U", &format!("/proc/{}/mem", daemon.pid())]).output().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&owner.stdout).trim(),
        "root",
        "a process that may be dumped belongs to its user"
    );
}
