//! A library behind lines: the programs of `tests/peers/`, built here, and one of them running.

use crate::{
    case::{Case, End, Party},
    sides::{Begun, Client, Said, Server, Side},
};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use std::{
    fmt::Debug,
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    str::FromStr,
    sync::LazyLock,
};

/// Built once, when somebody asks.
fn program(library: Party) -> &'static Path {
    static LIBSASL2: LazyLock<PathBuf> = LazyLock::new(|| build("libsasl2", "sasl2"));
    static GSASL: LazyLock<PathBuf> = LazyLock::new(|| build("gsasl", "gsasl"));
    match library {
        Party::Libsasl2 => &LIBSASL2,
        Party::Gsasl => &GSASL,
        Party::Ours => unreachable!("we are no program"),
    }
}

/// With its symbols for all: libsasl2's replaces one of OpenSSL. It gets its name when it is whole, for another test may run it.
pub(crate) fn build(name: &str, library: &str) -> PathBuf {
    let program = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let unfinished = program.with_extension(std::process::id().to_string());
    let source = format!("{}/tests/peers/{name}.c", env!("CARGO_MANIFEST_DIR"));
    let mut compiler = Command::new("cc");
    compiler.args(["-Wall", "-O1", "-rdynamic", "-o"]).arg(&unfinished).arg(source).arg(format!("-l{library}"));
    let built = compiler.status().expect("a C compiler");
    assert!(built.success(), "the peer needs the headers of {name}: run tests/setup");
    fs::rename(unfinished, &program).unwrap();
    program
}

/// What is heard of a peer that crashed, which is not how one refuses.
pub(crate) const GONE: &str = "the peer is gone";

/// A running peer.
pub(crate) struct Peer {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Peer {
    /// `secrets` are what is kept in place of the password, as the library names it.
    pub(crate) fn server(library: Party, case: &Case, secrets: Option<Vec<String>>) -> Self {
        let mut options = options(&case.server, library);
        if library == Party::Gsasl && case.server.realm.is_none() {
            options.push(("realm", case.server.host.to_ascii_lowercase())); // the others offer it by themselves
        }
        options.push(("user", case.user.into()));
        match secrets {
            Some(secrets) => options.extend(secrets.into_iter().map(|secret| ("secret", secret))),
            None => options.push(("password", case.password.into())),
        }
        options.extend(case.proxy.map(|proxy| ("proxy", proxy.into())));
        options.extend((case.reauth.is_some() && library == Party::Libsasl2).then_some(("reauth", "5".into())));
        Self::start(library, "server", case, options)
    }

    /// A client that knows of `offered`.
    pub(crate) fn client(library: Party, case: &Case, offered: &str) -> Self {
        let mut options = options(&case.client, library);
        let trace = (offered == "ANONYMOUS").then_some(case.trace);
        options.extend([("mechanism", offered.into()), ("user", case.tried_user.into())]);
        options.push(("password", case.tried_password.into()));
        options.extend(case.authzid.map(|authzid| ("authzid", authzid.into())));
        options.extend(trace.map(|trace| ("trace", trace.into())));
        options.extend((!case.initial).then_some(("initial", "no".into())));
        Self::start(library, "client", case, options)
    }

    fn start(library: Party, side: &str, case: &Case, mut options: Vec<(&str, String)>) -> Self {
        options.extend(case.data.then_some(("success_data", "1".into())));
        let mut child = Command::new(program(library))
            .arg(side)
            .args(options.iter().map(|(name, value)| format!("{name}={value}")))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the peer starts");
        let (stdin, stdout) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, stdin, stdout }
    }

    fn say(&mut self, word: &str, bytes: Option<&[u8]>) {
        let text = bytes.map(|bytes| format!(" {}", BASE64.encode(bytes))).unwrap_or_default();
        let _ = writeln!(self.stdin, "{word}{text}"); // where nobody listens, nobody will answer
    }

    /// A word and the bytes behind it.
    fn hear(&mut self) -> Result<(String, Option<Vec<u8>>), String> {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("the peer speaks");
        let Some(line) = line.strip_suffix('\n') else {
            return Err(format!("{GONE}: {}", self.child.wait().unwrap()));
        };
        Ok(match line.split_once(' ') {
            Some((word, text)) => (word.to_owned(), Some(BASE64.decode(text).unwrap())),
            None => (line.to_owned(), None),
        })
    }

    /// One of `words` and what follows it, or what was said instead.
    fn expect(&mut self, words: &[&str]) -> Result<(String, Option<Vec<u8>>), String> {
        let (word, bytes) = self.hear()?;
        match words.contains(&word.as_str()) {
            true => Ok((word, bytes)),
            false => Err(format!("{word} {}", String::from_utf8_lossy(&bytes.unwrap_or_default()))),
        }
    }

    fn ask(&mut self, word: &str, bytes: Option<&[u8]>, answer: &str) -> Result<Vec<u8>, String> {
        self.say(word, bytes);
        self.expect(&[answer]).map(|(_, bytes)| bytes.unwrap_or_default())
    }

    fn ask_number<T: FromStr<Err: Debug>>(&mut self, word: &str) -> Result<T, String> {
        let digits = self.ask(word, None, word)?;
        Ok(str::from_utf8(&digits).unwrap().parse().unwrap())
    }

    fn said(&mut self) -> Said {
        match self.expect(&["challenge", "success"]) {
            Ok((word, bytes)) if word == "challenge" => Said::Challenge(bytes.unwrap()),
            Ok((_, data)) => Said::Success(data),
            Err(reason) => Said::Failure(reason),
        }
    }
}

fn options(end: &End, library: Party) -> Vec<(&'static str, String)> {
    let mut options = vec![("service", end.service.into()), ("host", end.host.into())];
    options.extend(end.realm.filter(|realm| !realm.is_empty()).map(|realm| ("realm", realm.into())));
    options.extend(end.external.map(|name| ("external", name.into())));
    options.extend(end.binding.map(|(kind, data)| ("binding", format!("{kind}:{}", BASE64.encode(data)))));
    options.push(("max_ssf", end.strength.1.to_string()));
    options.push(("min_ssf", end.strength.0.to_string()));
    if library == Party::Libsasl2 {
        options.extend([("critical", u8::from(end.must_bind).to_string()), ("maxbuf", end.buffer.to_string())]);
    }
    options
}

impl Side for Peer {
    fn ssf(&mut self) -> Result<u32, String> {
        self.ask_number("ssf")
    }

    fn limit(&mut self) -> Result<usize, String> {
        self.ask_number("limit")
    }

    fn wrap(&mut self, plain: &[u8]) -> Result<Vec<u8>, String> {
        self.ask("wrap", Some(plain), "packet")
    }

    fn unwrap(&mut self, wire: &[u8]) -> Result<Vec<u8>, String> {
        self.ask("unwrap", Some(wire), "plain")
    }

    fn again(&mut self) {
        self.say("again", None);
    }
}

impl Client for Peer {
    fn begin(&mut self) -> Result<Begun, String> {
        let mechanism = self.expect(&["mechanism"])?.1.unwrap();
        let initial = self.expect(&["initial", "none"])?.1;
        Ok(Begun { mechanism: String::from_utf8(mechanism).unwrap(), initial })
    }

    fn challenge(&mut self, challenge: &[u8]) -> Result<Vec<u8>, String> {
        self.ask("challenge", Some(challenge), "response")
    }

    fn success(&mut self, data: Option<&[u8]>) -> Result<(), String> {
        self.ask("success", data, "success").map(drop)
    }
}

impl Server for Peer {
    fn offer(&mut self) -> Result<String, String> {
        self.ask("offer", None, "offer").map(|names| String::from_utf8(names).unwrap())
    }

    fn begin(&mut self, mechanism: &str, initial: Option<&[u8]>) -> Said {
        self.say("mechanism", Some(mechanism.as_bytes()));
        self.say(if initial.is_some() { "initial" } else { "none" }, initial);
        self.said()
    }

    fn response(&mut self, response: &[u8]) -> Said {
        self.say("response", Some(response));
        self.said()
    }

    fn names(&mut self) -> Result<[Vec<u8>; 2], String> {
        Ok([self.ask("login", None, "login")?, self.ask("user", None, "user")?])
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
