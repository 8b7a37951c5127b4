//! rimap and httpform with servers that others wrote: Dovecot, and Python's.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, Uid, User},
};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use sasl_core::secret::Secret;
use sasl_remote::{
    attempt::{Attempt, Verdict},
    conf::Conf,
    form::Form,
    imap::Rimap,
};
use std::{
    fs,
    io::{BufRead, BufReader},
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::net::TcpListener as AsyncListener;

const PATIENCE: Duration = Duration::from_secs(20);

/// A process that is asked to end, and waited for, when this is dropped.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Self {
        let child = command.stdin(Stdio::null()).spawn();
        Self(child.unwrap_or_else(|error| panic!("{:?}: {error}; run tests/setup", command.get_program())))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(self.0.id().try_into().unwrap()), Signal::SIGTERM);
        let _ = self.0.wait();
    }
}

/// A certificate for localhost, and another one for a client.
struct Certificates {
    directory: TempDir,
}

impl Certificates {
    fn make() -> Self {
        let directory = TempDir::new().unwrap();
        for (name, subject) in [("server", "localhost"), ("client", "client.example")] {
            let CertifiedKey { cert, signing_key } = generate_simple_self_signed([subject.to_owned()]).unwrap();
            fs::write(directory.path().join(name).with_extension("pem"), cert.pem()).unwrap();
            fs::write(directory.path().join(name).with_extension("key"), signing_key.serialize_pem()).unwrap();
        }
        Self { directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

fn attempt(login: &str, password: &str) -> Attempt {
    let [login, service, realm] = [login, "imap", ""].map(|text| text.as_bytes().to_vec());
    Attempt { login, password: Secret::new(password), service, realm }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn wait_until(port: u16, listening: bool) {
    let begin = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_ok() != listening {
        assert!(begin.elapsed() < PATIENCE, "port {port}: listening is to be {listening}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// Users and their passwords, with all that needs quoting.
const USERS: [(&str, &str); 6] = [
    ("tim@example.com", "tanstaaftanstaaf"),
    ("quote@example.com", "pa\"ss\\word"),
    ("uni@example.com", "пароль"),
    ("brace@example.com", "{5}abc"),
    ("space@example.com", " a b  c "),
    ("odd\"\\@example.com", "x"),
];

/// Dovecot on ports of its own, with those users.
struct Dovecot {
    certificates: Certificates,
    imap: u16,
    imaps: u16,
    process: Option<Running>,
}

impl Dovecot {
    fn start() -> Self {
        let certificates = Certificates::make();
        let mut dovecot = Self { certificates, imap: free_port(), imaps: free_port(), process: None };
        let directory = dovecot.certificates.directory.path();
        // Its processes for users are nobody's where we are root.
        fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).unwrap();
        let mail = dovecot.certificates.path("mail");
        fs::create_dir(&mail).unwrap();
        fs::set_permissions(&mail, fs::Permissions::from_mode(0o777)).unwrap();
        // Dovecot looks for names with backslashes in front of what it finds odd.
        let line = |(user, password): (&str, &str)| {
            format!("{}:{{PLAIN}}{password}\n", user.replace('\\', "\\\\").replace('"', "\\\""))
        };
        let users: String = USERS.map(line).concat();
        fs::write(dovecot.certificates.path("users"), users).unwrap();
        fs::write(dovecot.certificates.path("dovecot.conf"), dovecot.conf()).unwrap();
        dovecot.resume();
        dovecot
    }

    fn conf(&self) -> String {
        let directory = self.certificates.directory.path().display();
        let user =
            |name: &str| User::from_name(name).unwrap().unwrap_or_else(|| panic!("no user {name}; run tests/setup"));
        let ours = User::from_uid(Uid::current()).unwrap().unwrap();
        let [login, internal, owner] = match Uid::current().is_root() {
            true => ["dovenull", "dovecot", "nobody"].map(user),
            false => [ours.clone(), ours.clone(), ours],
        };
        let (imap, imaps) = (self.imap, self.imaps);
        format!(
            "base_dir = {directory}/run\nstate_dir = {directory}/state\nlog_path = {directory}/log\n\
             protocols = imap\nlisten = 127.0.0.1\nmail_location = maildir:{directory}/mail/%u\n\
             ssl = yes\nssl_cert = <{directory}/server.pem\nssl_key = <{directory}/server.key\n\
             default_login_user = {}\ndefault_internal_user = {}\ndefault_internal_group = {}\n\
             auth_mechanisms = plain\nauth_failure_delay = 0\nauth_username_chars =\nauth_username_translation =\n\
             passdb {{\n driver = passwd-file\n args = username_format=%u {directory}/users\n}}\n\
             userdb {{\n driver = static\n args = uid={} gid={} home={directory}/mail\n}}\n\
             first_valid_uid = 1\nfirst_valid_gid = 0\n\
             service imap-login {{\n chroot =\n inet_listener imap {{\n port = {imap}\n }}\n\
             inet_listener imaps {{\n port = {imaps}\n ssl = yes\n }}\n}}\n\
             service anvil {{\n chroot =\n unix_listener anvil-auth-penalty {{\n mode = 0\n }}\n}}\n",
            login.name,
            internal.name,
            nix::unistd::Group::from_gid(internal.gid).unwrap().unwrap().name,
            owner.uid,
            owner.gid
        )
    }

    fn pause(&mut self) {
        self.process = None;
        wait_until(self.imap, false);
    }

    fn resume(&mut self) {
        let mut command = Command::new("/usr/sbin/dovecot");
        self.process = Some(Running::start(command.arg("-F").arg("-c").arg(self.certificates.path("dovecot.conf"))));
        wait_until(self.imap, true);
    }

    /// The server in all the ways that it can be named.
    fn names(&self) -> [String; 3] {
        let (imap, imaps) = (self.imap, self.imaps);
        let authority = format!("?tls_cacert_file={}", self.certificates.path("server.pem").display());
        [
            format!("127.0.0.1/{imap}"),
            format!("imaps://localhost:{imaps}{authority}"),
            format!("imap+starttls://localhost:{imap}/{authority}"),
        ]
    }

    fn log(&self) -> String {
        fs::read_to_string(self.certificates.path("log")).unwrap_or_default()
    }
}

#[tokio::test]
async fn dovecot_takes_right_passwords_and_no_others() {
    let dovecot = Dovecot::start();
    for name in dovecot.names() {
        let rimap = Rimap::new(&name).unwrap();
        for (user, password) in USERS {
            let answer = rimap.check(&attempt(user, password)).await;
            assert_eq!(answer.verdict, Verdict::Accepted, "{name} {user}: {}\n{}", answer.reason, dovecot.log());
        }
        for (user, password) in [("tim@example.com", "wrong"), ("nobody@example.com", "x"), ("tim@example.com", "")] {
            let answer = rimap.check(&attempt(user, password)).await;
            assert_eq!(answer.verdict, Verdict::Refused, "{name} {user}: {}\n{}", answer.reason, dovecot.log());
        }
    }
    assert!(dovecot.log().contains("Logged out") && !dovecot.log().contains("tanstaaf"), "{}", dovecot.log());
}

#[tokio::test]
async fn dovecot_must_show_who_it_is() {
    let dovecot = Dovecot::start();
    let tim = attempt(USERS[0].0, USERS[0].1);
    let other = dovecot.certificates.path("client.pem");
    for scheme in
        [format!("imaps://localhost:{}", dovecot.imaps), format!("imap+starttls://localhost:{}", dovecot.imap)]
    {
        let verdict = async |name: String| Rimap::new(&name).unwrap().check(&tim).await.verdict;
        assert_eq!(verdict(scheme.clone()).await, Verdict::Unavailable, "the system does not trust it");
        let wrong = format!("{scheme}?tls_cacert_file={}", other.display());
        assert_eq!(verdict(wrong).await, Verdict::Unavailable, "nor another authority");
        let right = format!("?tls_cacert_file={}", dovecot.certificates.path("server.pem").display());
        assert_eq!(verdict(scheme.replace("localhost", "127.0.0.1") + &right).await, Verdict::Unavailable, "the name");
        assert_eq!(verdict(scheme + "?tls_check_peer=no").await, Verdict::Accepted);
    }
    // TLS where there is none, and the other way round.
    let name = format!("imaps://localhost:{}?tls_check_peer=no", dovecot.imap);
    assert_eq!(Rimap::new(&name).unwrap().check(&tim).await.verdict, Verdict::Unavailable);
}

#[tokio::test]
async fn another_server_serves_while_one_is_away() {
    let [mut first, second] = [Dovecot::start(), Dovecot::start()];
    let rimap = Rimap::new(&format!("{} {}", first.names()[1], second.names()[2])).unwrap();
    let tim = attempt(USERS[0].0, USERS[0].1);
    assert_eq!(rimap.check(&tim).await.verdict, Verdict::Accepted);
    first.pause();
    for _ in 0..3 {
        let answer = rimap.check(&tim).await;
        assert_eq!(answer.verdict, Verdict::Accepted, "{}", answer.reason);
        assert_eq!(rimap.check(&attempt(USERS[0].0, "wrong")).await.verdict, Verdict::Refused);
    }
    drop(second);
    assert_eq!(rimap.check(&tim).await.verdict, Verdict::Unavailable);
    first.resume();
    assert_eq!(rimap.check(&tim).await.verdict, Verdict::Accepted, "it is back");
}

/// The form of `form.py`.
struct Web {
    port: u16,
    _process: Running,
}

impl Web {
    fn start(files: &[PathBuf]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/form.py");
        let mut process = Running::start(Command::new("python3").arg(script).args(files).stdout(Stdio::piped()));
        let mut line = String::new();
        BufReader::new(process.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { port: line.trim().parse().expect("a port"), _process: process }
    }
}

const FORM: &str = "httpform_data: user=%u&pw=%p&realm=%r";
const JSON: &str = "httpform_format: json\nhttpform_data: {\"user\": \"%u\", \"pw\": \"%p\"}";

/// The password of `form.py`, with all that needs escaping.
const WEBPW: &str = "webpw \"\\&%ü";

async fn posted(lines: &[&str], login: &str, password: &str) -> Verdict {
    let conf = Conf::parse(Path::new("conf"), lines.join("\n").as_bytes()).unwrap();
    Form::new(&conf).unwrap().check(&attempt(login, password)).await.verdict
}

#[tokio::test]
async fn a_form_is_understood_and_its_reply_too() {
    let web = Web::start(&[]);
    let (url, port) = (format!("httpform_url: http://127.0.0.1:{}/", web.port), format!("httpform_port: {}", web.port));
    for data in [FORM, JSON] {
        assert_eq!(posted(&[&url, data], "web", WEBPW).await, Verdict::Accepted, "{data}");
        assert_eq!(posted(&[&url, data], "web", "wrong").await, Verdict::Refused, "{data}");
        assert_eq!(posted(&[&url, data], "web&pw=x", WEBPW).await, Verdict::Refused, "{data}");
    }
    assert_eq!(posted(&["httpform_uri: /x", &port, FORM], "web", WEBPW).await, Verdict::Accepted, "by localhost");
    assert_eq!(
        posted(&[&url, "httpform_data: who=%u&what=%p"], "web", WEBPW).await,
        Verdict::Unavailable,
        "no such field"
    );
}

#[tokio::test]
async fn a_form_behind_tls_must_show_who_it_is_and_may_ask_who_we_are() {
    let certificates = Certificates::make();
    let [cert, key, authority] = ["server.pem", "server.key", "client.pem"].map(|name| certificates.path(name));
    let (open, closed) =
        (Web::start(&[cert.clone(), key.clone()]), Web::start(&[cert.clone(), key, authority.clone()]));
    let url = |web: &Web| format!("httpform_url: https://localhost:{}/", web.port);
    let trusted = format!("httpform_tls_cacert_file: {}", cert.display());
    let ours = format!(
        "httpform_tls_cert: {}\nhttpform_tls_key: {}",
        authority.display(),
        certificates.path("client.key").display()
    );
    let verdict = async |lines: &[&str]| posted(lines, "web", WEBPW).await;
    assert_eq!(verdict(&[&url(&open), FORM, &trusted]).await, Verdict::Accepted);
    assert_eq!(posted(&[&url(&open), FORM, &trusted], "web", "wrong").await, Verdict::Refused);
    assert_eq!(verdict(&[&url(&open), FORM]).await, Verdict::Unavailable, "the system does not trust it");
    assert_eq!(verdict(&[&url(&open), FORM, "httpform_tls_check_peer: no"]).await, Verdict::Accepted);
    assert_eq!(verdict(&[&url(&closed), FORM, &trusted, &ours]).await, Verdict::Accepted);
    assert_eq!(verdict(&[&url(&closed), FORM, &trusted]).await, Verdict::Unavailable, "no certificate of ours");
    let plain = format!("httpform_url: http://localhost:{}/", open.port);
    assert_eq!(verdict(&[&plain, FORM]).await, Verdict::Unavailable, "HTTP where HTTPS is");
}

#[tokio::test]
async fn a_handshake_has_a_deadline_too() {
    let listener = AsyncListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("httpform_url: https://localhost:{}/", listener.local_addr().unwrap().port());
    let begin = Instant::now();
    assert_eq!(posted(&[&url, FORM, "httpform_timeout: 1"], "web", WEBPW).await, Verdict::Unavailable);
    assert!(begin.elapsed() < Duration::from_secs(5));
}
