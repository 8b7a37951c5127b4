//! Our halves against libsasl2 and GNU SASL: each as the client and as the server of the other.
//!
//! The peers are small C programs in `tests/peers/`, built here against the installed libraries.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use sasl_core::{
    catalogue,
    channel::Channel,
    client::Client,
    credentials::Credentials,
    host::Host,
    identity::{Login, Realm},
    secret::Secret,
    server::Server,
    step::Reply,
    verifier::{Scheme, Verifier, Verifiers, argon2id::Memory},
};
use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::LazyLock,
};

const MECHANISMS: [&str; 4] = ["PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5"];
const HOST: &str = "mail.example.com";

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Library {
    Libsasl2,
    Gsasl,
}

impl Library {
    fn program(self) -> PathBuf {
        static BUILT: LazyLock<[PathBuf; 2]> = LazyLock::new(|| [build("libsasl2", "sasl2"), build("gsasl", "gsasl")]);
        BUILT[self as usize].clone()
    }
}

fn build(name: &str, library: &str) -> PathBuf {
    let program = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    let source = format!("{}/tests/peers/{name}.c", env!("CARGO_MANIFEST_DIR"));
    let built =
        Command::new("cc").args(["-Wall", "-O1", "-o"]).arg(&program).arg(source).arg(format!("-l{library}")).status();
    assert!(built.expect("a C compiler").success(), "the peer needs the headers of {name}: run tests/setup");
    program
}

/// A running peer.
struct Peer {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Peer {
    fn start(library: Library, words: [&str; 5]) -> Self {
        let mut child = Command::new(library.program())
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the peer starts");
        let (stdin, stdout) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, stdin, stdout }
    }

    fn say(&mut self, word: &str, bytes: Option<&[u8]>) {
        let text = bytes.map(|bytes| format!(" {}", BASE64.encode(bytes))).unwrap_or_default();
        writeln!(self.stdin, "{word}{text}").expect("the peer listens");
    }

    /// A word and the bytes behind it; `failure` comes with its code as text.
    fn hear(&mut self) -> (String, Vec<u8>) {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("the peer speaks");
        let (word, text) = line.trim_end_matches('\n').split_once(' ').unwrap_or((line.trim_end(), ""));
        let bytes = if word == "failure" { text.as_bytes().to_vec() } else { BASE64.decode(text).unwrap() };
        (word.to_owned(), bytes)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An account, and a login that is tried.
struct Case {
    name: &'static str,
    user: &'static str,
    password: &'static str,
    tried_user: &'static str,
    tried_password: &'static str,
    /// Libraries that disagree with the RFC, with us or with each other about it.
    not_with: &'static [(Library, &'static str)],
}

const ALIKE: Case =
    Case { name: "", user: "tim", password: "tanstaaf", tried_user: "tim", tried_password: "tanstaaf", not_with: &[] };

const CASES: &[Case] = &[
    Case { name: "right password", ..ALIKE },
    Case { name: "wrong password", tried_password: "tanstaaF", ..ALIKE },
    Case { name: "unknown user", tried_user: "bob", ..ALIKE },
    Case { name: "long password", password: LONG, tried_password: LONG, ..ALIKE },
    Case { name: "blanks inside", user: "t i m", tried_user: "t i m", password: "a b", tried_password: "a b", ..ALIKE },
    Case { name: "user@realm", user: "tim@example.org", tried_user: "tim@example.org", ..ALIKE },
    Case { name: "utf-8 password", password: "pässwörd", tried_password: "pässwörd", ..ALIKE },
    Case {
        name: "utf-8 name",
        user: "josé",
        tried_user: "josé",
        password: "pässwörd",
        tried_password: "pässwörd",
        // gsasl converts the password to ISO 8859-1 but not the name. Our server takes that, ours does not do it.
        not_with: &[(Library::Gsasl, "our client to its server")],
    },
    Case {
        name: "utf-8 beyond latin-1",
        user: "日本",
        tried_user: "日本",
        password: "パス",
        tried_password: "パス",
        ..ALIKE
    },
    Case {
        name: "quotes and backslashes",
        user: "qu\"o\\te",
        tried_user: "qu\"o\\te",
        // gsasl neither writes nor reads the backslash before a quote.
        not_with: &[(Library::Gsasl, "our client to its server"), (Library::Gsasl, "its client to our server")],
        ..ALIKE
    },
];

const LONG: &str = "a password of more than sixty-four octets, which HMAC-MD5 hashes before it uses it as a key";

impl Case {
    fn is_right(&self) -> bool {
        (self.user, self.password) == (self.tried_user, self.tried_password)
    }

    fn applies(&self, library: Library, mechanism: &str, direction: &str) -> bool {
        mechanism != "DIGEST-MD5" || !self.not_with.contains(&(library, direction))
    }
}

/// The same user as a site may keep it: derived verifiers, or the password.
fn stores(case: &Case) -> [HashMap<Login, Verifiers>; 2] {
    let login = Login::parse(case.user).unwrap();
    let host = [Realm::parse(HOST).unwrap()];
    let schemes = [Scheme::CramMd5, Scheme::DigestMd5];
    let derived = Verifiers::derive(&schemes, &login, &host, case.password.as_bytes(), &mut Memory::default()).unwrap();
    let plaintext = [Verifier::Plaintext(Secret::new(case.password))].into_iter().collect();
    [HashMap::from([(login.clone(), derived)]), HashMap::from([(login, plaintext)])]
}

fn our_client_to(library: Library, mechanism: &str, case: &Case) -> Result<Vec<u8>, String> {
    let mut peer = Peer::start(library, ["server", mechanism, case.user, case.password, "-"]);
    let credentials = Credentials::new(case.tried_user, Secret::new(case.tried_password));
    let client = Client::new(catalogue::STANDARD, Host::new("smtp", HOST), credentials);
    let mut response = client.start(&Channel::tls(256), mechanism).map_err(|failure| failure.cause().to_owned())?;
    peer.say(if response.message().is_some() { "initial" } else { "none" }, response.message());
    loop {
        let (word, bytes) = peer.hear();
        match word.as_str() {
            "challenge" => response = response.challenge(&bytes).map_err(|failure| failure.cause().to_owned())?,
            "success" => return response.succeeded(None).map(|_| bytes).map_err(|failure| failure.cause().to_owned()),
            _ => return Err(format!("{word} {}", String::from_utf8_lossy(&bytes))),
        }
        peer.say("response", response.message());
    }
}

fn its_client_to_ours(
    library: Library,
    mechanism: &str,
    case: &Case,
    store: &HashMap<Login, Verifiers>,
) -> Result<Vec<u8>, String> {
    let mut peer = Peer::start(library, ["client", mechanism, case.tried_user, case.tried_password, HOST]);
    let server = Server::builder(catalogue::STANDARD, Host::new("smtp", HOST)).build();
    let (word, bytes) = peer.hear();
    let mut step = server.start(&Channel::tls(256), mechanism, (word == "initial").then_some(&bytes));
    loop {
        match step.answered_by(store) {
            Reply::Fail(failure) => return Err(failure.cause().to_owned()),
            Reply::Done(success) => {
                peer.say("success", None);
                let (word, code) = peer.hear();
                let login = success.identity().login().to_bytes();
                return if word == "success" {
                    Ok(login)
                } else {
                    Err(format!("its client: {}", String::from_utf8_lossy(&code)))
                };
            }
            Reply::Continue(challenge) => {
                peer.say("challenge", Some(challenge.message()));
                let (word, bytes) = peer.hear();
                if word != "response" {
                    return Err(format!("its client: {word}"));
                }
                step = challenge.respond(&bytes);
            }
        }
    }
}

/// Every mechanism and case with one library, in both directions. Says what went otherwise than it should.
fn all_with(library: Library) {
    let (mut wrong, mut played) = (Vec::new(), 0);
    for mechanism in MECHANISMS {
        for case in CASES {
            let mut judge = |direction: &str, got: Result<Vec<u8>, String>| {
                let right = if case.is_right() { got == Ok(case.user.into()) } else { got.is_err() };
                played += 1;
                if !right {
                    wrong.push(format!("{mechanism}, {}, {direction}: {got:?}", case.name));
                }
            };
            if case.applies(library, mechanism, "our client to its server") {
                judge("our client to its server", our_client_to(library, mechanism, case));
            }
            if case.applies(library, mechanism, "its client to our server") {
                for store in stores(case) {
                    judge("its client to our server", its_client_to_ours(library, mechanism, case, &store));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {played} with {library:?}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(played >= 115, "{played} played");
}

#[test]
fn libsasl2() {
    all_with(Library::Libsasl2);
}

#[test]
fn gsasl() {
    all_with(Library::Gsasl);
}
