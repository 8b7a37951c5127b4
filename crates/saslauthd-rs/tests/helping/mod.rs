//! A helper process, with files of its own in place of some in /etc.

use nix::unistd::Uid;
use sasl_wire::saslauthd::{Request, encode_request};
use saslauthd_rs::helper::answer::NUMBER;
use std::{
    fs::{self, File},
    io::{Read, Write},
    os::{fd::OwnedFd, unix::net::UnixStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// Files and directories for /etc, in name spaces of their own: whoever is not root is root there.
const IN_ITS_OWN_ETC: &str = r#"
    for file in "$1"/*; do mount --bind "$file" "/etc/${file##*/}" || exit 9; done
    exec "$2" --helper "$3"
"#;

pub(crate) struct Helper {
    socket: UnixStream,
    pub(crate) child: Child,
    scratch: TempDir,
}

/// What comes of a request.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    Answer(String),
    /// The helper is gone.
    End,
    /// Nothing for three seconds, which is longer than a busy machine takes to start one.
    Silence,
}

impl Helper {
    /// One of a kind, with files: a name and the text.
    pub(crate) fn start(kind: &str, etc: &[(&str, &str)]) -> Self {
        Self::start_with(kind, etc, |_, _| ())
    }

    /// One that `prepare` has a word in: the command, and where its files are.
    pub(crate) fn start_with(kind: &str, etc: &[(&str, &str)], prepare: impl FnOnce(&mut Command, &Path)) -> Self {
        let scratch = tempfile::Builder::new().prefix("helper-").tempdir().unwrap();
        for (name, text) in etc {
            let path = scratch.path().join("etc").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let (socket, theirs) = UnixStream::pair().unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
        let mut command = Command::new("unshare");
        command.arg(if Uid::effective().is_root() { "-m" } else { "-mr" });
        command.args(["sh", "-c", IN_ITS_OWN_ETC, "sh"]).arg(scratch.path().join("etc"));
        command.arg(env!("CARGO_BIN_EXE_saslauthd")).arg(kind).stdin(OwnedFd::from(theirs));
        command.stdout(log(scratch.path())).stderr(log(scratch.path()));
        prepare(&mut command, scratch.path());
        let child = command.spawn().unwrap();
        Self { socket, child, scratch }
    }

    /// One for PAM, whose service `test` has the module that does what its password says.
    pub(crate) fn start_pam() -> Self {
        Self::start("pam", &[("pam.d/test", &service())])
    }

    pub(crate) fn ask(&mut self, login: &str, password: &str) -> Outcome {
        self.ask_from("", login, password)
    }

    pub(crate) fn ask_from(&mut self, client: &str, login: &str, password: &str) -> Outcome {
        let [login, password, client] = [login, password, client].map(str::as_bytes);
        self.ask_for(&Request { login, password, service: b"test", realm: b"", client: Some(client) })
    }

    pub(crate) fn ask_for(&mut self, request: &Request<'_>) -> Outcome {
        let mut bytes = b"numb".to_vec();
        encode_request(request, &mut bytes);
        let _ = self.socket.write_all(&bytes);
        self.next()
    }

    /// What comes next, whether or not something was asked.
    pub(crate) fn next(&mut self) -> Outcome {
        let mut bytes = [0; 100];
        match self.socket.read(&mut bytes) {
            Ok(0) => Outcome::End,
            Ok(length) => Outcome::Answer(String::from_utf8(bytes[NUMBER + 2..length].to_vec()).unwrap()),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Outcome::Silence,
            Err(_) => Outcome::End,
        }
    }

    /// Waits for its end, having closed the channel.
    pub(crate) fn end(mut self) -> ExitStatus {
        drop(std::mem::replace(&mut self.socket, UnixStream::pair().unwrap().0));
        let start = Instant::now();
        loop {
            match self.child.try_wait().unwrap() {
                Some(status) => return status,
                None if start.elapsed() > Duration::from_secs(10) => panic!("it goes on"),
                None => thread::sleep(Duration::from_millis(5)),
            }
        }
    }

    /// What it wrote to standard error.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.scratch.path().join("log")).unwrap()
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A whole daemon with one helper for PAM, whose service `test` has the module that does what its password says.
pub(crate) struct PamDaemon {
    child: Child,
    scratch: TempDir,
}

const DAEMON_IN_ITS_OWN_ETC: &str = r#"
    mount --bind "$1/pam.d" /etc/pam.d || exit 9
    exec "$2" -d -a pam -n 1 -m "$1/run"
"#;

impl PamDaemon {
    pub(crate) fn start() -> Self {
        let scratch = tempfile::Builder::new().prefix("pool-").tempdir().unwrap();
        fs::create_dir(scratch.path().join("pam.d")).unwrap();
        fs::write(scratch.path().join("pam.d/test"), service()).unwrap();
        let mut command = Command::new("unshare");
        command.arg(if Uid::effective().is_root() { "-m" } else { "-mr" });
        command.args(["sh", "-c", DAEMON_IN_ITS_OWN_ETC, "sh"]).arg(scratch.path());
        command.arg(env!("CARGO_BIN_EXE_saslauthd")).stderr(log(scratch.path()));
        let daemon = Self { child: command.spawn().unwrap(), scratch };
        let start = Instant::now();
        while UnixStream::connect(daemon.scratch.path().join("run/mux")).is_err() {
            assert!(start.elapsed() < Duration::from_secs(10), "it does not listen");
            thread::sleep(Duration::from_millis(10));
        }
        daemon
    }

    /// Whether the password is right, it says.
    pub(crate) fn accepts(&self, password: &str) -> bool {
        let mut bytes = Vec::new();
        let request =
            Request { login: b"tim", password: password.as_bytes(), service: b"test", realm: b"", client: None };
        encode_request(&request, &mut bytes);
        let mut socket = UnixStream::connect(self.scratch.path().join("run/mux")).unwrap();
        socket.write_all(&bytes).unwrap();
        let mut said = Vec::new();
        socket.read_to_end(&mut said).unwrap();
        assert!([&b"\0\x02OK"[..], b"\0\x02NO"].contains(&&*said), "{said:?}");
        said == b"\0\x02OK"
    }
}

impl Drop for PamDaemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn service() -> String {
    format!("auth required {0}\naccount required {0}\n", module().display())
}

pub(crate) fn answer(text: &str) -> Outcome {
    Outcome::Answer(text.to_owned())
}

fn log(scratch: &Path) -> File {
    File::options().create(true).append(true).open(scratch.join("log")).unwrap()
}

/// The module, built once a run of the tests.
fn module() -> &'static Path {
    static MODULE: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    MODULE.get_or_init(|| {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/helping/pam_fault.c");
        let module = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pam_fault.so");
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-Wall", "-o"]).arg(&module).arg(source).arg("-l:libpam.so.0");
        assert!(cc.status().unwrap().success());
        module
    })
}
