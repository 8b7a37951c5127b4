//! Whole exchanges, for servers that speak Dovecot's authentication protocol: the daemon at one end, a client of every mechanism at the
//! other.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]
#![allow(dead_code, reason = "what is shared with other tests")]

mod running;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use nix::sys::signal::Signal;
use running::{Daemon, connect, users};
use sasl_core::{
    catalogue, channel::Channel, client, credentials::Credentials, host::Host, secret::Secret, verifier::Scheme,
};
use sasl_wire::dovecot::{
    client::{Client, Event},
    reply::Why,
    request::{Auth, Peer},
};
use sasldb::record::Status;
use std::{
    collections::HashMap,
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

const USER: &str = "tim@example.com";

const ALL: [&str; 7] = ["SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1", "DIGEST-MD5", "CRAM-MD5", "PLAIN", "LOGIN"];

/// A daemon that knows `tim`, and is listened to at `auth`.
fn serving(flags: &[&str]) -> (Daemon, PathBuf) {
    let daemon = Daemon::prepare();
    users::set_for(&Scheme::DERIVED, daemon.database(), "tim", "pencil");
    let socket = daemon.database().with_file_name("auth");
    let listen = format!("dovecot:{}", socket.display());
    let daemon = daemon.run(&[&["--listen", &listen], flags].concat(), None);
    (daemon, socket)
}

/// A mail server's connection.
struct Server {
    stream: UnixStream,
    client: Client,
}

impl Server {
    fn connect(socket: &Path) -> Self {
        let mut server = Self { stream: connect(socket), client: Client::new() };
        server.send(&Client::hello(1));
        assert_eq!(server.event(), Some(Event::Ready));
        server
    }

    fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// What happens next; `None` where the connection ends.
    fn event(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.client.next_event().unwrap() {
                return Some(event);
            }
            let mut chunk = [0; 4096];
            match self.stream.read(&mut chunk) {
                Ok(length @ 1..) => self.client.receive(&chunk[..length]),
                _ => return None,
            }
        }
    }

    fn begin(&mut self, auth: Auth<'_>) -> u32 {
        let mut line = Vec::new();
        let id = self.client.begin(Auth { service: b"smtp"[..].into(), ..auth }, &mut line);
        self.send(&line);
        id
    }

    fn plain(&mut self, user: &str, password: &str) -> u32 {
        let initial = BASE64.encode(format!("\0{user}\0{password}"));
        self.begin(Auth { mechanism: b"PLAIN", initial: Some(initial.as_bytes()), ..Auth::default() })
    }

    fn respond(&mut self, id: u32, response: &[u8]) {
        let mut line = Vec::new();
        Client::respond(id, BASE64.encode(response).as_bytes(), &mut line);
        self.send(&line);
    }

    /// A whole exchange, with our client.
    fn play(&mut self, mechanism: &str, credentials: Credentials, auth: Auth<'_>) -> Event {
        let client = client::Client::new(catalogue::ALL, Host::new("smtp", "mail.example.com"), credentials);
        let mut response = client.start(&Channel::tls(256), mechanism).unwrap();
        let initial = response.message().map(|message| BASE64.encode(message));
        let initial = initial.as_deref().map(str::as_bytes);
        self.begin(Auth { mechanism: mechanism.as_bytes(), initial, ..auth });
        loop {
            match self.event().unwrap() {
                Event::Challenge { id, challenge } => {
                    response = response.challenge(&BASE64.decode(challenge).unwrap()).unwrap();
                    self.respond(id, response.message().unwrap());
                }
                Event::Ok { id, user, data } => {
                    let proof = data.as_ref().map(|data| BASE64.decode(data).unwrap());
                    response.succeeded(proof.as_deref()).unwrap();
                    return Event::Ok { id, user, data };
                }
                other => return other,
            }
        }
    }

    fn log_in(&mut self, mechanism: &str, user: &str, password: &str) -> Option<Why> {
        match self.play(mechanism, Credentials::new(user, Secret::new(password)), from("192.0.2.1")) {
            Event::Ok { user: came_in, .. } => {
                assert_eq!(came_in, user.as_bytes(), "{mechanism}");
                None
            }
            Event::Fail { why, .. } => Some(why),
            other => panic!("{other:?}"),
        }
    }
}

fn from(address: &str) -> Auth<'_> {
    let remote = Peer { address: Some(address.as_bytes().into()), port: Some(4711) };
    Auth { secured: true, remote, ..Auth::default() }
}

#[test]
fn every_mechanism_lets_in_who_is_right_and_nobody_else() {
    let (daemon, socket) = serving(&[]);
    let mut server = Server::connect(&socket);
    let offered: Vec<_> = server.client.mechanisms().map(|(name, flags)| (name.to_vec(), flags.to_owned())).collect();
    assert_eq!(offered.iter().map(|(name, _)| String::from_utf8_lossy(name)).collect::<Vec<_>>(), ALL);
    let flags = HashMap::from([
        ("DIGEST-MD5", "dictionary active mutual-auth"),
        ("CRAM-MD5", "dictionary active"),
        ("PLAIN", "plaintext"),
        ("LOGIN", "plaintext"),
    ]);
    for ((_, said), name) in offered.iter().zip(ALL) {
        assert_eq!(said, flags.get(name).unwrap_or(&"mutual-auth"), "{name}");
    }
    for mechanism in ALL {
        assert_eq!(server.log_in(mechanism, USER, "pencil"), None, "{mechanism}");
        for (user, password) in
            [(USER, "wrong"), ("nobody@example.com", "pencil"), ("tim@elsewhere", "pencil"), ("tim", "pencil")]
        {
            assert_eq!(server.log_in(mechanism, user, password), Some(Why::Credentials), "{mechanism} {user}");
        }
        let success = format!(
            "[mech=sasldb] [reason={}",
            if offered.iter().any(|(name, flags)| name == mechanism.as_bytes() && flags == "plaintext") {
                "password"
            } else {
                mechanism
            }
        );
        assert!(daemon.log().contains(&success), "{}", daemon.log());
    }
    assert!(
        daemon.log().contains("[reason=unknown user] [pid=")
            && daemon.log().contains("[client=192.0.2.1;4711] [class=unknown]")
    );
}

#[test]
fn a_disabled_user_stays_outside_whatever_the_mechanism() {
    let (daemon, socket) = serving(&[]);
    users::change(daemon.database(), "tim", Status::Disabled);
    let mut server = Server::connect(&socket);
    for mechanism in ALL {
        assert_eq!(server.log_in(mechanism, USER, "pencil"), Some(Why::Credentials), "{mechanism}");
    }
}

/// What Exim sends, byte by byte as well, and what it gets.
#[test]
fn lines_come_in_whatever_pieces() {
    let (_daemon, socket) = serving(&[]);
    let lines = b"VERSION\t1\t0\nCPID\t504\nAUTH\t1\tLOGIN\tservice=smtp\tsecured\trip=127.0.0.2\tlip=127.0.0.1\tnologin\tresp=\n";
    for size in [1, 7, lines.len()] {
        let mut server = Server { stream: connect(&socket), client: Client::new() };
        lines.chunks(size).for_each(|piece| server.send(piece));
        assert_eq!(server.event(), Some(Event::Ready));
        for (challenge, response) in [("VXNlcm5hbWU6", USER), ("UGFzc3dvcmQ6", "pencil")] {
            assert_eq!(server.event(), Some(Event::Challenge { id: 1, challenge: challenge.into() }));
            server.respond(1, response.as_bytes());
        }
        assert_eq!(server.event(), Some(Event::Ok { id: 1, user: USER.into(), data: None }));
    }
}

#[test]
fn many_at_once_are_all_answered_and_none_for_another() {
    let (daemon, socket) = serving(&[]);
    let mut server = Server::connect(&socket);
    let (mut right, mut challenged) = (HashMap::new(), 0);
    for number in 0..100 {
        let is_right = number % 2 == 0;
        right.insert(server.plain(USER, if is_right { "pencil" } else { "wrong" }), is_right);
    }
    for _ in 0..20 {
        server.begin(Auth { mechanism: b"CRAM-MD5", ..Auth::default() });
    }
    let mut ok = 0;
    while !right.is_empty() || challenged < 20 {
        match server.event().unwrap() {
            Event::Ok { id, .. } => {
                assert_eq!(right.remove(&id), Some(true));
                ok += 1;
            }
            Event::Fail { id, .. } => {
                right.remove(&id).unwrap();
            }
            Event::Challenge { .. } => challenged += 1,
            Event::Ready => panic!(),
        }
    }
    assert!(ok >= 1, "wrong ones hold up the right ones, and no other");
    assert!(daemon.log().contains("[reason=wrong password]"));
}

#[test]
fn what_was_given_up_is_over_and_what_makes_no_sense_ends_the_connection() {
    let (daemon, socket) = serving(&[]);
    let mut server = Server::connect(&socket);
    let fail = |id| Some(Event::Fail { id, why: Why::Credentials });
    let id = server.begin(Auth { mechanism: b"LOGIN", ..Auth::default() });
    assert!(matches!(server.event(), Some(Event::Challenge { .. })));
    let mut line = Vec::new();
    Client::cancel(id, &mut line);
    server.send(&line);
    server.respond(id, b"tim");
    assert_eq!(server.event(), fail(id));
    for (mechanism, initial) in
        [(&b"NOSUCH"[..], None), (b"ANONYMOUS", None), (b"EXTERNAL", Some(&b"AA=="[..])), (b"PLAIN", Some(b"!"))]
    {
        let id = server.begin(Auth { mechanism, initial, ..Auth::default() });
        assert_eq!(server.event(), fail(id), "{}", mechanism.escape_ascii());
    }
    assert_eq!(server.log_in("PLAIN", USER, "pencil"), None, "and the connection goes on");
    let begun = b"AUTH\t77\tLOGIN\tservice=smtp\n".repeat(2);
    for nonsense in [&b"AUTH\t-1\tPLAIN\tservice=smtp\n"[..], b"VERSION\t2\t0\n", &begun, &[b'x'; 20_000]] {
        let mut server = Server::connect(&socket);
        server.send(nonsense);
        let end = std::iter::from_fn(|| server.event()).count();
        assert!(end <= 1, "{}", nonsense[..20].escape_ascii());
    }
    assert!(daemon.log().contains("malformed request: exchange 77 has begun already [pid="), "{}", daemon.log());
}

#[test]
fn who_does_not_answer_makes_room_for_who_comes() {
    let (_daemon, socket) = serving(&[]);
    let mut server = Server::connect(&socket);
    let first = server.begin(Auth { mechanism: b"CRAM-MD5", ..Auth::default() });
    for _ in 0..300 {
        server.begin(Auth { mechanism: b"CRAM-MD5", ..Auth::default() });
    }
    let events: Vec<_> = (0..301 + 173).map(|_| server.event().unwrap()).collect();
    let is_over = |event: &&Event| matches!(event, Event::Fail { .. });
    assert_eq!(events.iter().find(is_over), Some(&Event::Fail { id: first, why: Why::Credentials }));
    assert_eq!(events.iter().filter(is_over).count(), 173);
}

#[test]
fn thousands_of_connections_close_their_own() {
    let (daemon, socket) = serving(&[]);
    let connections: Vec<_> = (0..1500).map(|_| connect(&socket)).collect();
    assert_eq!(Server::connect(&socket).log_in("PLAIN", USER, "pencil"), None);
    assert_eq!(daemon.ask("tim", "pencil"), b"\0\x02OK");
    drop(connections);
}

#[test]
fn a_proof_is_carried_with_the_success_where_that_is_asked_for() {
    let (_daemon, socket) = serving(&[]);
    let mut server = Server::connect(&socket);
    for mechanism in ["SCRAM-SHA-256", "DIGEST-MD5"] {
        for takes_data in [true, false] {
            let credentials = Credentials::new(USER, Secret::new("pencil"));
            let event = server.play(mechanism, credentials, Auth { takes_data, ..Auth::default() });
            assert!(matches!(event, Event::Ok { data, .. } if data.is_some() == takes_data), "{mechanism}");
        }
    }
}

#[test]
fn a_certificate_lets_in_where_that_was_asked_for() {
    let (daemon, socket) = serving(&["--mech-list", "external plain"]);
    let mut server = Server::connect(&socket);
    assert_eq!(
        server.client.mechanisms().map(|(name, _)| name.to_vec()).collect::<Vec<_>>(),
        [&b"EXTERNAL"[..], b"PLAIN"]
    );
    let with = |name: Option<&'static [u8]>| Auth { certificate: name.map(Into::into), ..Auth::default() };
    let mut external = |auth| {
        server.begin(Auth { mechanism: b"EXTERNAL", ..auth });
        let Some(Event::Challenge { id, .. }) = server.event() else { return None };
        server.respond(id, b"");
        server.event()
    };
    assert!(matches!(external(with(Some(USER.as_bytes()))), Some(Event::Ok { user, .. }) if user == USER.as_bytes()));
    assert!(!matches!(external(with(None)), Some(Event::Ok { .. })));
    assert!(
        daemon
            .log()
            .contains("auth success: [user=tim] [service=smtp] [realm=example.com] [mech=none] [reason=EXTERNAL]"),
        "{}",
        daemon.log()
    );
    users::change(daemon.database(), "tim", Status::Disabled);
    assert!(!matches!(external(with(Some(USER.as_bytes()))), Some(Event::Ok { .. })), "not who is disabled");
}

#[test]
fn guesses_are_slowed_down_whatever_the_mechanism_and_nobody_else_is() {
    for mechanism in ["SCRAM-SHA-1", "CRAM-MD5", "DIGEST-MD5", "PLAIN"] {
        let (_daemon, socket) = serving(&[]);
        let mut server = Server::connect(&socket);
        (0..20).for_each(|_| assert_eq!(server.log_in(mechanism, USER, "wrong"), Some(Why::Credentials)));
        let begun = Instant::now();
        assert_eq!(server.log_in(mechanism, USER, "wrong"), Some(Why::Credentials));
        assert!(begun.elapsed() >= Duration::from_secs(1), "{mechanism}");
        let credentials = || Credentials::new(USER, Secret::new("pencil"));
        let begun = Instant::now();
        assert!(matches!(server.play(mechanism, credentials(), from("198.51.100.7")), Event::Ok { .. }), "{mechanism}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{mechanism}");
    }
}

#[test]
fn without_a_store_it_cannot_be_told_and_is_told_as_soon_as_there_is_one() {
    let daemon = Daemon::prepare();
    let (socket, database) = (daemon.database().with_file_name("auth"), daemon.database());
    let listen = format!("dovecot:{}", socket.display());
    std::fs::remove_file(database).unwrap();
    let daemon = daemon.run(&["--listen", &listen], None);
    let mut server = Server::connect(&socket);
    for mechanism in ["SCRAM-SHA-256", "CRAM-MD5", "PLAIN"] {
        assert_eq!(server.log_in(mechanism, USER, "pencil"), Some(Why::Temporary), "{mechanism}");
    }
    users::set_for(&Scheme::DERIVED, database, "tim", "pencil");
    daemon.until("there is one", |_| server.log_in("SCRAM-SHA-256", USER, "pencil").is_none());
}

#[test]
fn where_passwords_are_checked_elsewhere_they_have_to_be_sent() {
    let (_daemon, socket) = serving(&["-a", "getpwent,sasldb", "-O", "sasldb=/nowhere"]);
    let server = Server::connect(&socket);
    assert_eq!(
        server.client.mechanisms().map(|(name, _)| name.to_vec()).collect::<Vec<_>>(),
        [&b"PLAIN"[..], b"LOGIN"]
    );
}

#[test]
fn what_has_begun_comes_to_its_end_when_the_daemon_does() {
    let (mut daemon, socket) = serving(&[]);
    let mut server = Server::connect(&socket);
    let mut idle = Server::connect(&socket);
    let id = server.begin(Auth { mechanism: b"LOGIN", ..Auth::default() });
    assert!(matches!(server.event(), Some(Event::Challenge { .. })));
    daemon.signal(Signal::SIGTERM);
    assert_eq!(idle.event(), None);
    server.respond(id, USER.as_bytes());
    assert!(matches!(server.event(), Some(Event::Challenge { .. })));
    server.respond(id, b"pencil");
    assert_eq!(server.event(), Some(Event::Ok { id, user: USER.into(), data: None }));
    assert_eq!(server.event(), None);
    assert!(daemon.ended().success());
    assert!(!socket.exists());
}

/// One that leaves exchanges unfinished, as Postfix does when its client has changed its mind, does not hold up a restart.
#[test]
fn clients_who_think_are_not_waited_for() {
    let (mut daemon, socket) = serving(&[]);
    let mut server = Server::connect(&socket);
    let id = server.begin(Auth { mechanism: b"LOGIN", ..Auth::default() });
    assert!(matches!(server.event(), Some(Event::Challenge { .. })));
    let begun = Instant::now();
    daemon.signal(Signal::SIGTERM);
    assert_eq!(server.event(), Some(Event::Fail { id, why: Why::Temporary }));
    assert_eq!(server.event(), None);
    assert!(daemon.ended().success() && begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

/// A process that is to serve whoever came in, as Dovecot's imap is.
#[test]
fn who_came_in_is_told_to_whoever_has_the_cookie_and_what_it_takes_to_serve_them() {
    let scratch = tempfile::tempdir().unwrap();
    let (master, config) = (scratch.path().join("master"), scratch.path().join("saslauthd.toml"));
    std::fs::write(&config, "exchange.userdb = \"uid=8 home=/mail\"").unwrap();
    let listen = format!("dovecot-userdb:{}", master.display());
    let (daemon, socket) = serving(&["--config", &config.display().to_string(), "--listen", &listen]);
    users::set(daemon.database(), "ann", "pencil");
    let ask = |query: &str| {
        let mut stream = connect(&master);
        stream.write_all(format!("VERSION\t1\t1\n{query}\n").as_bytes()).unwrap();
        let mut said = Vec::new();
        while said.iter().filter(|byte| **byte == b'\n').count() < 3 {
            let mut chunk = [0; 4096];
            match stream.read(&mut chunk) {
                Ok(length @ 1..) => said.extend(&chunk[..length]),
                _ => break,
            }
        }
        String::from_utf8(said).unwrap().lines().nth(2).map(String::from)
    };
    let mut imap_login = connect(&socket);
    imap_login.write_all(b"VERSION\t1\t2\nCPID\t4711\n").unwrap();
    let mut greeting = String::new();
    while !greeting.ends_with("DONE\n") {
        let mut chunk = [0; 4096];
        let length = imap_login.read(&mut chunk).unwrap();
        greeting.push_str(str::from_utf8(&chunk[..length]).unwrap());
    }
    let cookie = greeting.lines().find_map(|line| line.strip_prefix("COOKIE\t")).unwrap();
    let initial = BASE64.encode(format!("\0{USER}\0pencil"));
    for (id, nologin) in [(1, ""), (2, "\tnologin")] {
        let line = format!("AUTH\t{id}\tPLAIN\tservice=imap{nologin}\tresp={initial}\n");
        imap_login.write_all(line.as_bytes()).unwrap();
        let mut chunk = [0; 4096];
        let length = imap_login.read(&mut chunk).unwrap();
        assert_eq!(str::from_utf8(&chunk[..length]).unwrap(), format!("OK\t{id}\tuser={USER}\n"));
    }
    let request = |exchange: u32, cookie: &str| ask(&format!("REQUEST\t7\t4711\t{exchange}\t{cookie}\tsession_pid=1"));
    let fail = Some("FAIL\t7".to_owned());
    assert_eq!(request(1, &"0".repeat(32)), fail, "another cookie");
    assert_eq!(request(2, cookie), fail, "one that nobody was to ask for");
    let served = format!("USER\t7\t{USER}\tuid=8\thome=/mail");
    assert_eq!([request(1, cookie), request(1, cookie)], [Some(served.clone()), fail.clone()], "once");
    assert_eq!(ask(&format!("USER\t7\t{USER}\tservice=lmtp")), Some(served));
    users::change(daemon.database(), "ann", Status::Disabled);
    for nobody in ["nobody@example.com", "ann@example.com"] {
        assert_eq!(ask(&format!("USER\t7\t{nobody}\tservice=lmtp")), Some("NOTFOUND\t7".into()));
    }
    assert_eq!([ask("LIST\t7\tservice=x"), ask("PASS\t7\ttim\tservice=x")], [fail.clone(), fail]);
    assert_eq!(ask("USER\tx"), None);
}

/// A right password that is remembered is answered at once: who goes away before the answer has learnt that theirs was wrong.
#[test]
fn guesses_count_even_if_nobody_waits_for_the_answer() {
    let (daemon, socket) = serving(&[]);
    daemon.until("twenty have been counted", |daemon| {
        Server::connect(&socket).plain(USER, "wrong");
        daemon.log().matches("[reason=").count() >= 20
    });
    let begun = Instant::now();
    let mut server = Server::connect(&socket);
    server.plain(USER, "wrong");
    assert!(matches!(server.event(), Some(Event::Fail { .. })) && begun.elapsed() >= Duration::from_secs(1));
}

#[test]
fn a_challenge_from_before_is_of_no_use_to_who_was_disabled_meanwhile() {
    let (daemon, socket) = serving(&[]);
    let mut server = Server::connect(&socket);
    let credentials = Credentials::new(USER, Secret::new("pencil"));
    let client = client::Client::new(catalogue::ALL, Host::new("smtp", "mail.example.com"), credentials);
    let response = client.start(&Channel::tls(256), "SCRAM-SHA-256").unwrap();
    let initial = BASE64.encode(response.message().unwrap());
    server.begin(Auth { mechanism: b"SCRAM-SHA-256", initial: Some(initial.as_bytes()), ..Auth::default() });
    let Some(Event::Challenge { id, challenge }) = server.event() else { panic!() };
    let response = response.challenge(&BASE64.decode(challenge).unwrap()).unwrap();
    users::change(daemon.database(), "tim", Status::Disabled);
    server.respond(id, response.message().unwrap());
    assert_eq!(server.event(), Some(Event::Fail { id, why: Why::Credentials }));
    assert!(daemon.log().contains("[reason=changed meanwhile]"), "{}", daemon.log());
}

/// The last response has nothing in it, and need not come.
#[test]
fn a_proof_is_in_the_log_as_soon_as_it_is_one() {
    let (daemon, socket) = serving(&[]);
    let mut server = Server::connect(&socket);
    let credentials = Credentials::new(USER, Secret::new("pencil"));
    let client = client::Client::new(catalogue::ALL, Host::new("smtp", "mail.example.com"), credentials);
    let response = client.start(&Channel::tls(256), "SCRAM-SHA-1").unwrap();
    let initial = BASE64.encode(response.message().unwrap());
    server.begin(Auth { mechanism: b"SCRAM-SHA-1", initial: Some(initial.as_bytes()), ..Auth::default() });
    let Some(Event::Challenge { id, challenge }) = server.event() else { panic!() };
    let response = response.challenge(&BASE64.decode(challenge).unwrap()).unwrap();
    server.respond(id, response.message().unwrap());
    assert!(matches!(server.event(), Some(Event::Challenge { .. })));
    assert!(daemon.log().contains("auth success: [user=tim]"), "{}", daemon.log());
    server.respond(id, b"something");
    assert!(matches!(server.event(), Some(Event::Fail { .. })));
}

/// What a challenge takes is not derived from a password on the thread that serves.
#[test]
fn a_password_in_clear_is_good_for_what_is_quick() {
    let (daemon, socket) = serving(&[]);
    users::set_for(&[Scheme::Plaintext], daemon.database(), "tim", "pencil");
    let mut server = Server::connect(&socket);
    for mechanism in ALL {
        let why = mechanism.starts_with("SCRAM").then_some(Why::Credentials);
        assert_eq!(server.log_in(mechanism, USER, "pencil"), why, "{mechanism}");
    }
}

#[test]
fn what_others_made_up_stands_in_the_log_as_that_and_is_short() {
    let (daemon, socket) = serving(&[]);
    let mut server = Server::connect(&socket);
    let (forged, long) = (b"X] [user=root] [class=ok]", [b'9'; 9000]);
    server.begin(Auth { mechanism: forged, ..Auth::default() });
    server.event();
    let initial = BASE64.encode(format!("\0{USER}\0wrong"));
    let remote = Peer { address: Some(long[..].into()), port: None };
    server.begin(Auth { mechanism: b"PLAIN", initial: Some(initial.as_bytes()), remote, ..Auth::default() });
    server.event();
    let log = daemon.log();
    assert!(!log.contains("[user=root]") && log.lines().all(|line| line.len() < 1024), "{log}");
}

#[test]
fn where_it_cannot_listen_it_serves_without() {
    let daemon = Daemon::prepare();
    let taken = daemon.database().with_file_name("taken");
    std::fs::create_dir(&taken).unwrap();
    let free = daemon.database().with_file_name("auth");
    let [taken, listen] = [&taken, &free].map(|path| format!("dovecot:{}", path.display()));
    let daemon = daemon.run(&["--listen", &taken, "--listen", &listen], None);
    assert_eq!(Server::connect(&free).log_in("PLAIN", USER, "pencil"), None);
    assert_eq!(daemon.ask("tim", "pencil"), b"\0\x02OK");
    assert!(daemon.log().contains("is no socket, and in the way of one; served without"), "{}", daemon.log());
}

#[test]
fn nobody_acts_as_another() {
    let (daemon, socket) = serving(&[]);
    let mut server = Server::connect(&socket);
    for mechanism in ["PLAIN", "DIGEST-MD5", "SCRAM-SHA-256"] {
        for (password, why) in [("pencil", Why::NotAuthorized), ("wrong", Why::Credentials)] {
            let credentials = Credentials::new(USER, Secret::new(password)).acting_as("ann@example.com");
            let event = server.play(mechanism, credentials, from("192.0.2.1"));
            assert!(matches!(event, Event::Fail { why: said, .. } if said == why), "{mechanism} {password}: {event:?}");
        }
    }
    assert!(daemon.log().contains("malformed request: PLAIN: "), "{}", daemon.log());
}
