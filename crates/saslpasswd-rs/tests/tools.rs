//! Both programs as an administrator meets them. What the originals do is in the compliance cases; here is what is ours.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use nix::{
    pty::openpty,
    sys::{
        signal::{Signal, kill},
        termios::{LocalFlags, SetArg, tcgetattr, tcsetattr},
    },
    unistd::Pid,
};
use std::{
    fs::{self, File},
    io::{Read, Write},
    os::unix::{fs::PermissionsExt, process::ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
};
use tempfile::TempDir;

const SASLPASSWD2: &str = env!("CARGO_BIN_EXE_saslpasswd2");
const SASLDBLISTUSERS2: &str = env!("CARGO_BIN_EXE_sasldblistusers2");

struct Site {
    scratch: TempDir,
}

impl Site {
    fn new() -> Self {
        Self { scratch: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    fn command(&self, words: &str) -> Command {
        let mut command = Command::new(SASLPASSWD2);
        command
            .current_dir(self.scratch.path())
            .env("SASL_CONF_PATH", self.scratch.path())
            .args(words.split_whitespace());
        command
    }

    fn run(&self, words: &str, input: &str) -> Output {
        let mut child =
            self.command(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // A program that wants no password does not read.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    fn ok(&self, words: &str, input: &str) {
        let output = self.run(words, input);
        assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty(), "{words}: {output:?}");
    }

    /// It fails so, and says so.
    fn fails(&self, words: &str, input: &str, status: i32, text: &str) {
        let output = self.run(words, input);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{words}: {said}");
        assert!(said.starts_with("saslpasswd2: ") && said.contains(text), "{words}: {said}");
    }

    fn list(&self, words: &str) -> String {
        let output = Command::new(SASLDBLISTUSERS2)
            .current_dir(self.scratch.path())
            .args(words.split_whitespace())
            .output()
            .unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{words}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

#[test]
fn a_user_can_be_disabled_enabled_and_deleted() {
    let site = Site::new();
    site.ok("-f db tim@example.com --verifiers cram-md5", "pencil");
    site.ok("-f db --disable tim@example.com", "");
    assert!(site.list("--long db").contains("disabled"));
    site.ok("-f db --enable tim@example.com", "");
    assert!(!site.list("--long db").contains("disabled"));
    site.ok("-f db -d tim@example.com", "");
    assert_eq!(site.list("db"), "");
    site.ok("-f db -d tim@example.com", "");
    for act in ["--disable", "--enable"] {
        site.fails(&format!("-f db {act} tim@example.com"), "", 20, "user not found: tim@example.com");
    }
}

#[test]
fn a_database_that_is_not_there_is_made_for_a_new_user_alone() {
    let site = Site::new();
    for act in ["-d", "--disable", "--enable"] {
        site.fails(&format!("-f db {act} tim@example.com"), "", 1, "db: no such database");
    }
    assert!(!site.path("db").exists());
    let output = Command::new(SASLDBLISTUSERS2).arg(site.path("db")).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("sasldblistusers2: "));
    site.fails("-f nowhere/db tim", "pencil", 1, "nowhere: cannot put a database there");
}

#[test]
fn what_is_kept_follows_the_application_or_the_flags() {
    let site = Site::new();
    fs::write(site.path("sendmail.conf"), "pwcheck_method: saslauthd\nmech_list: plain login\n").unwrap();
    fs::write(site.path("imap.conf"), "mech_list: CRAM-MD5 SCRAM-SHA-256-PLUS digest-md5\n").unwrap();
    let kept = |words: &str| {
        site.ok(&format!("-f db {words} tim@r"), "pencil");
        let listed: serde_json::Value = serde_json::from_str(&site.list("--json db")).unwrap();
        assert_eq!(
            (&listed["user"], &listed["realm"], &listed["disabled"]),
            (&"tim".into(), &"r".into(), &false.into())
        );
        listed["verifiers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|name| name.as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(kept("-a sendmail"), "argon2id");
    assert_eq!(kept("-a imap"), "scram-sha-256 digest-md5 cram-md5");
    assert_eq!(kept(""), "argon2id scram-sha-512 scram-sha-256 scram-sha-1 digest-md5 cram-md5");
    assert_eq!(kept("-n"), "scram-sha-512 scram-sha-256 scram-sha-1 digest-md5 cram-md5");
    assert_eq!(site.list("db"), "tim@r: authPassword\n");
    assert_eq!(kept("-a imap --verifiers cram-md5,argon2id"), "cram-md5 argon2id");
    site.fails("-f db --verifiers rot13 tim", "pencil", 1, "no verifier \"rot13\"");
    site.fails("-a sendmail -n -f db bob", "pencil", 1, "nothing would be kept");
    assert!(!site.list("db").contains("bob"));
    site.fails("-a a/b -f db tim", "pencil", 1, "appname must not contain /");
    fs::write(site.path("bad.conf"), "mech_list: plain\nmech_list = login\n").unwrap();
    site.fails("-a bad -f db tim", "pencil", 100, "bad.conf: line 2");
}

#[test]
fn an_application_with_its_users_elsewhere_is_left_alone() {
    let site = Site::new();
    fs::write(site.path("sql.conf"), "auxprop_plugin: sql\n").unwrap();
    site.fails("-a sql -f db tim", "pencil", 4, "no mechanism available: auxprop_plugin");
    assert!(!site.path("db").exists());
    fs::write(site.path("both.conf"), "auxprop_plugin: sql SASLDB\n").unwrap();
    site.ok("-a both -f db tim@r", "pencil");
}

#[test]
fn what_cannot_be_written_is_said() {
    for program in [SASLPASSWD2, SASLDBLISTUSERS2] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = Command::new(program).arg("--help").stdout(full).stderr(Stdio::piped()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(1) && said.contains("standard output: No space left"), "{said}");
    }
}

#[test]
fn a_list_that_nobody_reads_to_its_end_is_no_complaint() {
    let site = Site::new();
    site.ok("-f db tim@r", "pencil");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = Command::new(SASLDBLISTUSERS2);
    let output =
        command.arg("db").current_dir(site.scratch.path()).stdout(writer).stderr(Stdio::piped()).output().unwrap();
    assert_eq!((output.status.code(), &*output.stderr), (Some(141), &b""[..]));
}

#[test]
fn the_password_itself_is_kept_only_where_somebody_says_so() {
    let site = Site::new();
    site.ok("-f db tim@r", "hunter2-secret");
    assert!(!contains(&site.path("db"), b"hunter2"));
    let output = site.run("-f db --plaintext tim@r", "hunter2-secret");
    assert!(
        output.status.success()
            && String::from_utf8_lossy(&output.stderr).contains("warning: the password itself is kept")
    );
    assert!(contains(&site.path("db"), b"hunter2"));
}

fn contains(file: &Path, words: &[u8]) -> bool {
    fs::read(file).unwrap().windows(words.len()).any(|window| window == words)
}

#[test]
fn what_is_refused() {
    let site = Site::new();
    let long = "x".repeat(4097);
    for (password, text) in [("", "empty"), ("\n", "empty"), ("a\0b", "NUL"), (&long, "longer than 4096")] {
        site.fails("-f db tim", password, 7, text);
    }
    for (userid, text) in [("@r", "empty user name"), ("a\u{1b}b", "control character")] {
        site.fails(&format!("-f db {userid}"), "pencil", 7, text);
    }
    site.fails(&format!("-f db {}", "u".repeat(1025)), "pencil", 7, "too long");
    assert!(!site.path("db").exists());
}

#[test]
fn names_of_a_thousand_octets_do_not_show_the_limits_of_the_store() {
    let site = Site::new();
    let (user, realm) = ("u".repeat(1000), "r".repeat(1000));
    site.ok(&format!("-f db --verifiers cram-md5 -u {realm} {user}"), "pencil");
    assert_eq!(site.list("db"), format!("{user}@{realm}: authPassword\n"));
}

#[test]
fn a_store_that_others_may_read_gets_a_warning() {
    let site = Site::new();
    site.ok("-f db --verifiers cram-md5 tim", "pencil");
    fs::set_permissions(site.path("db"), fs::Permissions::from_mode(0o644)).unwrap();
    let output = site.run("-f db --verifiers cram-md5 bob", "pencil");
    assert!(
        output.status.success() && String::from_utf8_lossy(&output.stderr).contains("warning: db: others may read")
    );
}

#[test]
fn sled_serves_the_tools_too() {
    let site = Site::new();
    site.ok("-f sled:store tim@r", "pencil");
    assert_eq!(site.list("-f sled:store"), "tim@r: userPassword\n");
}

#[test]
fn many_users_are_imported_at_once_or_none() {
    let site = Site::new();
    let lines: String = (0..10_000).map(|number| format!("user{number}@example.com:pass:word@{number}\n")).collect();
    fs::write(site.path("users"), &lines).unwrap();
    site.ok("-f db --verifiers cram-md5 --import users", "");
    assert_eq!(site.list("db").lines().count(), 10_000);
    site.ok("-f other --verifiers cram-md5 -u r --import -", "tim:pencil\n\nann@s:pen\n");
    assert_eq!(site.list("other"), "ann@s: authPassword\ntim@r: authPassword\n");
    for (bad, text) in
        [("nocolon", "line 2: no colon"), ("@r:x", "line 2"), ("bob:", "line 2"), ("bob:x\r", "carriage return")]
    {
        fs::write(site.path("users"), format!("zoe@r:x\n{bad}\nlast@r:x\n")).unwrap();
        site.fails("-f other --import users", "", 7, text);
        site.fails("-f other --import users", "", 7, "users: ");
    }
    assert_eq!(site.list("other").lines().count(), 2, "something of a bad file was stored");
    site.fails("-f other --import missing", "", 1, "missing");
    site.fails("-f new --import -", "\n\n", 1, "no user in it");
    assert!(!site.path("new").exists());
}

#[test]
fn ten_administrators_lose_nothing_of_each_other() {
    let site = Site::new();
    let words = |user: &str| format!("-f db --verifiers cram-md5 {user}@example.com");
    thread::scope(|scope| {
        for writer in 0..10 {
            let (site, words) = (&site, &words);
            scope.spawn(move || (0..100).for_each(|number| site.ok(&words(&format!("w{writer}-{number}")), "pencil")));
        }
        let mut most = 0;
        while most < 1000 {
            let now = if site.path("db").exists() {
                Command::new(SASLDBLISTUSERS2).arg(site.path("db")).output().unwrap().stdout
            } else {
                vec![]
            };
            let now = String::from_utf8(now).unwrap().lines().count();
            assert!(now >= most, "users vanished: {most}, then {now}");
            most = now;
        }
    });
    assert_eq!(site.list("db").lines().count(), 1000);
}

/// A terminal of our own, and a program at it.
struct Terminal {
    screen: File,
    line: File,
    child: Child,
}

impl Terminal {
    fn start(site: &Site, words: &str) -> Self {
        let pty = openpty(None, None).unwrap();
        let line = File::from(pty.slave);
        // Signals that whoever runs the tests ignores, as under nohup, would not reach the program.
        let mut command = Command::new("env");
        command
            .args(["--default-signal", "setsid", "--ctty", "--wait", SASLPASSWD2])
            .args(words.split_whitespace())
            .current_dir(site.scratch.path());
        let side = || Stdio::from(line.try_clone().unwrap());
        let child = command.stdin(side()).stdout(side()).stderr(side()).spawn().unwrap();
        Self { screen: File::from(pty.master), line, child }
    }

    fn shows(&self) -> bool {
        tcgetattr(&self.line).unwrap().local_flags.contains(LocalFlags::ECHO)
    }

    /// Reads until the prompt. Whoever sees it and types at once is not seen.
    fn prompted(&mut self, prompt: &str) {
        self.shows_nothing_before(prompt);
        assert!(!self.shows());
    }

    /// Reads until the prompt, before which would be what was shown of what was typed.
    fn shows_nothing_before(&mut self, prompt: &str) {
        let mut seen = Vec::new();
        while !seen.ends_with(prompt.as_bytes()) {
            let mut octet = [0];
            self.screen.read_exact(&mut octet).unwrap();
            seen.push(octet[0]);
        }
        let seen = String::from_utf8(seen).unwrap();
        assert_eq!(seen.trim_start(), prompt);
    }

    /// To the program, which is the child of what makes the terminal its own.
    fn signal(&self, signal: Signal) {
        let parent = self.child.id();
        let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap();
        let pid = children.trim().parse().unwrap_or(parent);
        kill(Pid::from_raw(i32::try_from(pid).unwrap()), signal).unwrap();
    }

    fn types(&mut self, text: &str) {
        self.screen.write_all(text.as_bytes()).unwrap();
    }
}

#[test]
fn a_password_is_asked_twice_and_not_shown() {
    let site = Site::new();
    let mut terminal = Terminal::start(&site, "-f db tim@r --verifiers cram-md5");
    terminal.prompted("Password: ");
    terminal.types("pencil\n");
    terminal.prompted("Again (for verification): ");
    terminal.types("pencil\n");
    assert!(terminal.child.wait().unwrap().success());
    assert!(terminal.shows());
    assert_eq!(site.list("db"), "tim@r: authPassword\n");
}

#[test]
fn what_is_typed_ahead_is_not_shown_either() {
    let site = Site::new();
    let mut terminal = Terminal::start(&site, "-f db tim@r --verifiers cram-md5");
    terminal.prompted("Password: ");
    terminal.types("pencil\npencil\n");
    terminal.shows_nothing_before("Again (for verification): ");
    assert!(terminal.child.wait().unwrap().success());
    assert!(terminal.shows());
}

#[test]
fn a_long_password_is_typed_whole_or_refused() {
    let (same, other) = (format!("{}a\n", "x".repeat(4000)), format!("{}b\n", "x".repeat(4000)));
    let exactly_a_piece = format!("{}\n", "x".repeat(1024));
    let too_long_for_a_line = format!("{}\n", "x".repeat(5000));
    for (first, second, taken) in [
        (&same, &same, true),
        (&same, &other, false),
        (&exactly_a_piece, &exactly_a_piece, true),
        (&too_long_for_a_line, &too_long_for_a_line, false),
    ] {
        let site = Site::new();
        let mut terminal = Terminal::start(&site, "-f db tim@r --verifiers cram-md5");
        terminal.prompted("Password: ");
        terminal.types(first);
        terminal.prompted("Again (for verification): ");
        terminal.types(second);
        let ended = terminal.child.wait().unwrap();
        assert_eq!(ended.success(), taken, "{} and {} bytes", first.len(), second.len());
        assert_eq!(site.path("db").exists(), taken, "{} and {} bytes", first.len(), second.len());
    }
}

#[test]
fn the_terminal_shows_again_whatever_ends_the_program() {
    for typed in ["\x03", "\x1c", "one\n", "\x04"] {
        let site = Site::new();
        let mut terminal = Terminal::start(&site, "-f db tim@r");
        terminal.prompted("Password: ");
        terminal.types(typed);
        if typed == "one\n" {
            terminal.prompted("Again (for verification): ");
            terminal.types("\x03");
        }
        if typed == "\x04" {
            terminal.prompted("Again (for verification): ");
            terminal.types("\x04");
        }
        let ended = terminal.child.wait().unwrap();
        assert!(!ended.success(), "{typed:?}: {ended:?} {:?}", ended.signal());
        assert!(terminal.shows(), "{typed:?}");
        assert!(!site.path("db").exists());
    }
}

#[test]
fn the_terminal_shows_again_whatever_signal_ends_the_program() {
    for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGUSR1, Signal::SIGALRM, Signal::SIGXCPU, Signal::SIGPWR] {
        let site = Site::new();
        let mut terminal = Terminal::start(&site, "-f db tim@r");
        terminal.prompted("Password: ");
        terminal.signal(signal);
        assert!(!terminal.child.wait().unwrap().success());
        assert!(terminal.shows(), "{signal}");
    }
}

#[test]
fn what_comes_in_a_pause_has_its_effect() {
    let site = Site::new();
    let mut terminal = Terminal::start(&site, "-f db tim@r");
    terminal.prompted("Password: ");
    terminal.signal(Signal::SIGSTOP);
    [Signal::SIGTSTP, Signal::SIGTERM, Signal::SIGCONT].into_iter().for_each(|signal| terminal.signal(signal));
    assert!(!terminal.child.wait().unwrap().success());
    assert!(terminal.shows());
}

#[test]
fn after_a_stop_nothing_is_shown_either() {
    let site = Site::new();
    let mut terminal = Terminal::start(&site, "-f db tim@r --verifiers cram-md5");
    terminal.prompted("Password: ");
    terminal.signal(Signal::SIGSTOP);
    // As a shell does.
    let mut shown = tcgetattr(&terminal.line).unwrap();
    shown.local_flags.insert(LocalFlags::ECHO);
    tcsetattr(&terminal.line, SetArg::TCSANOW, &shown).unwrap();
    terminal.signal(Signal::SIGCONT);
    terminal.prompted("Password: ");
    terminal.types("pencil\n");
    terminal.prompted("Again (for verification): ");
    terminal.types("pencil\n");
    assert!(terminal.child.wait().unwrap().success());
}
