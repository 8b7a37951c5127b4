//! Our halves over TCP against libsasl2, libgsasl and the program `gsasl`: each as the client and as the server of the other.
//!
//! The libraries sit behind `tests/peers/smtp.c`, built here against what is installed.
#![cfg(feature = "blocking")]
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod world;

use sasl_core::{
    catalogue, channel::Channel, client::Client, credentials::Credentials, layer::Layer, mechanism::SuccessData,
    policy::Policy, server::Server,
};
use sasl_io::{
    blocking::{self, Joined, Layered},
    client,
    imap::Imap,
    profile::Profile,
    server::{self, Command},
    smtp::Smtp,
};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{self, Child, Stdio},
    sync::LazyLock,
    thread,
    time::Duration,
};
use world::{PASSWORD, Users};

const MECHANISMS: [&str; 9] = [
    "PLAIN",
    "LOGIN",
    "CRAM-MD5",
    "DIGEST-MD5",
    "SCRAM-SHA-1",
    "SCRAM-SHA-256",
    "SCRAM-SHA-512",
    "EXTERNAL",
    "ANONYMOUS",
];

/// By their bits. 3des is not among them: libsasl2 has none with OpenSSL 3.
const LAYERS: [u32; 5] = [1, 40, 55, 56, 128];

/// A peer who hangs must not hang the test.
const PATIENCE: Duration = Duration::from_secs(20);

type Tcp = Joined<BufReader<TcpStream>, TcpStream>;

/// A stream with a layer or without.
trait Stream: BufRead + Write {}

impl<S: BufRead + Write> Stream for S {}

fn tcp(socket: TcpStream) -> Tcp {
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    Joined::new(BufReader::new(socket.try_clone().unwrap()), socket)
}

fn layered(stream: Tcp, layer: Option<Layer>) -> Box<dyn Stream> {
    match layer {
        Some(layer) => Box::new(Layered::new(stream, layer)),
        None => Box::new(stream),
    }
}

fn tell(stream: &mut (impl Write + ?Sized), line: &str) {
    stream.write_all(format!("{line}\r\n").as_bytes()).unwrap();
    stream.flush().unwrap();
}

/// The next line; empty where the peer is gone.
fn hear(stream: &mut (impl BufRead + ?Sized)) -> String {
    let mut line = String::new();
    let _ = stream.read_line(&mut line);
    line.trim_end().to_owned()
}

/// What is demanded of both sides.
fn policy(strength: u32) -> Policy {
    world::policy().with_strength(strength, strength)
}

fn channel() -> Channel {
    Channel::plain().with_external("tim")
}

/// A program that is over when this is.
struct Running(Child);

impl Running {
    fn start(program: &str, words: &[&str]) -> Self {
        let mut command = process::Command::new(program);
        let command = command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        Self(command.spawn().unwrap_or_else(|error| panic!("{program}: {error}; run tests/setup")))
    }

    /// All that it says from now on. It hears nothing more.
    fn say_rest(mut self) -> String {
        let mut rest = String::new();
        drop(self.0.stdin.take());
        self.0.stdout.take().unwrap().read_to_string(&mut rest).unwrap();
        rest
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Library {
    Libsasl2,
    Gsasl,
}

impl Library {
    fn program(self) -> &'static str {
        static BUILT: LazyLock<[String; 2]> = LazyLock::new(|| [build("libsasl2", "sasl2"), build("gsasl", "gsasl")]);
        &BUILT[self as usize]
    }

    fn has(self, mechanism: &str) -> bool {
        self == Self::Libsasl2 || mechanism != "SCRAM-SHA-512"
    }
}

/// It gets its name when it is whole, for another test may run it.
fn build(name: &str, library: &str) -> String {
    let program = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("smtp-{name}"));
    let unfinished = program.with_extension(process::id().to_string());
    let sources = ["smtp", name].map(|name| format!("{}/tests/peers/{name}.c", env!("CARGO_MANIFEST_DIR")));
    let mut compiler = process::Command::new("cc");
    compiler.args(["-Wall", "-O1", "-o"]).arg(&unfinished).args(sources).arg(format!("-l{library}"));
    let built = compiler.status().expect("a C compiler");
    assert!(built.success(), "the peer needs the headers of {name}: run tests/setup");
    fs::rename(unfinished, &program).unwrap();
    program.into_os_string().into_string().unwrap()
}

/// Whom a server that serves one connection let in.
type Served = thread::JoinHandle<Option<String>>;

/// Our server, and its port.
fn our_server(serve: fn(&Server, Tcp) -> Option<String>, strength: u32) -> (Served, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let server = world::server_with(policy(strength), SuccessData::AsChallenge);
    (thread::spawn(move || serve(&server, tcp(listener.accept().unwrap().0))), port)
}

fn offer(server: &Server, before_each: &str) -> String {
    server.offer(&channel()).map(|name| format!(" {before_each}{name}")).collect()
}

/// One AUTH, and what comes behind it: VRFY is told what it asked.
fn serve_smtp(server: &Server, mut stream: Tcp) -> Option<String> {
    tell(&mut stream, "220 ours");
    loop {
        let command = hear(&mut stream);
        match command.split_once(' ') {
            Some(("EHLO", _)) => tell(&mut stream, &format!("250-ours\r\n250 AUTH{}", offer(server, ""))),
            Some(("AUTH", arguments)) => {
                let (name, mut stream) = serve_exchange(server, Smtp, arguments, stream)?;
                while let Some(asked) = hear(&mut *stream).strip_prefix("VRFY ") {
                    tell(&mut *stream, &format!("252 {asked}"));
                }
                return Some(name);
            }
            _ => return None,
        }
    }
}

/// One AUTHENTICATE.
fn serve_imap(server: &Server, mut stream: Tcp) -> Option<String> {
    tell(&mut stream, "* OK ours");
    loop {
        let command = hear(&mut stream);
        let (tag, rest) = command.split_once(' ')?;
        match rest.split_once(' ') {
            None if rest == "CAPABILITY" => {
                let capabilities = offer(server, "AUTH=");
                tell(&mut stream, &format!("* CAPABILITY IMAP4rev1{capabilities}\r\n{tag} OK done"));
            }
            Some(("AUTHENTICATE", arguments)) => {
                let (name, mut stream) = serve_exchange(server, Imap::new(tag)?, arguments, stream)?;
                hear(&mut *stream);
                return Some(name);
            }
            _ => return None,
        }
    }
}

fn serve_exchange(
    server: &Server,
    profile: impl Profile,
    arguments: &str,
    mut stream: Tcp,
) -> Option<(String, Box<dyn Stream>)> {
    let channel = channel();
    let exchange = server::Exchange::new(server, &channel, profile);
    let success = blocking::serve(&exchange, Command::parse(arguments.as_bytes()), &mut stream, &Users).ok()?.ok()?;
    let name = success.identity().acts_as().to_string();
    Some((name, layered(stream, success.into_layer())))
}

/// Our client, which is told of one mechanism. Whether it got in, and what it said came back.
fn our_client(port: &str, mechanism: &str, password: &str, strength: u32) -> bool {
    let mut stream = tcp(TcpStream::connect(format!("127.0.0.1:{port}")).unwrap());
    hear(&mut stream);
    tell(&mut stream, "EHLO ours");
    while hear(&mut stream).starts_with("250-") {}
    let client = match mechanism {
        "EXTERNAL" => Client::new(catalogue::ALL, world::host(), Credentials::external()),
        _ => world::client(mechanism, password),
    };
    let client = client.with_policy(policy(strength));
    let choice = client.choose(&channel(), [mechanism]).unwrap();
    let Ok(established) = blocking::authenticate(client::Exchange::new(choice, Smtp), &mut stream) else {
        return false;
    };
    let layer = established.into_layer();
    assert_eq!(layer.as_ref().map_or(0, Layer::ssf), strength);
    let mut stream = layered(stream, layer);
    for text in ["short".to_owned(), "long".repeat(1000), "again".to_owned()] {
        tell(&mut *stream, &format!("VRFY {text}"));
        assert_eq!(hear(&mut *stream), format!("252 {text}"), "{mechanism}, {strength} bits");
    }
    tell(&mut *stream, "QUIT");
    hear(&mut *stream).starts_with("221 ")
}

fn our_client_with_their_server(library: Library, mechanism: &str, password: &str, strength: u32) -> bool {
    let mut server = Running::start(library.program(), &["server", "tim", PASSWORD, &strength.to_string()]);
    let port = hear(&mut BufReader::new(server.0.stdout.as_mut().unwrap()));
    our_client(&port, mechanism, password, strength)
}

fn their_client_with_our_server(library: Library, mechanism: &str, password: &str, strength: u32) -> bool {
    let (served, port) = our_server(serve_smtp, strength);
    let words = ["client", "tim", password, &strength.to_string(), &port, mechanism];
    let said = Running::start(library.program(), &words).say_rest();
    let let_in = served.join().unwrap();
    match let_in.as_deref() {
        Some(name) => assert_eq!((name, &*said), (name_of(mechanism), "235\nechoed\n"), "{mechanism}"),
        None => assert_eq!(said, "535\n", "{mechanism}"),
    }
    let_in.is_some()
}

fn name_of(mechanism: &str) -> &'static str {
    if mechanism == "ANONYMOUS" { "anonymous" } else { "tim" }
}

fn takes_a_password(mechanism: &str) -> bool {
    !["EXTERNAL", "ANONYMOUS"].contains(&mechanism)
}

/// Every mechanism and every layer, the right password and a wrong one, in both directions.
fn all_with(library: Library) {
    let mut conversations = 0;
    for play in [our_client_with_their_server, their_client_with_our_server] {
        let mut judge = |mechanism: &str, password: &str, strength, expected| {
            assert_eq!(
                play(library, mechanism, password, strength),
                expected,
                "{mechanism}, {password}, {strength} bits"
            );
            conversations += 1;
        };
        for mechanism in MECHANISMS.into_iter().filter(|mechanism| library.has(mechanism)) {
            judge(mechanism, PASSWORD, 0, true);
            judge(mechanism, "guess", 0, !takes_a_password(mechanism));
        }
        for strength in LAYERS.into_iter().filter(|strength| library == Library::Libsasl2 || *strength == 1) {
            judge("DIGEST-MD5", PASSWORD, strength, true);
            judge("DIGEST-MD5", "guess", strength, false);
        }
    }
    assert_eq!(conversations, if library == Library::Libsasl2 { 56 } else { 36 });
}

#[test]
fn libsasl2() {
    all_with(Library::Libsasl2);
}

#[test]
fn gsasl() {
    all_with(Library::Gsasl);
}

/// `gsasl` with our server, and what it was told.
fn gsasl_program(protocol: &str, mechanism: &str, password: &str) -> (Option<String>, String) {
    let serve = if protocol == "--imap" { serve_imap } else { serve_smtp };
    let (served, port) = our_server(serve, 0);
    let connect = format!("--connect=127.0.0.1:{port}");
    let said = Running::start("gsasl", &words(&[protocol, &connect, "-m", mechanism, "-p", password])).say_rest();
    (served.join().unwrap(), said)
}

/// What it would ask for.
fn words<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let known = ["-a", "tim", "-z", "", "-n", "tim@example.com", "-r", "mail.example.com"];
    let names = ["--hostname=mail.example.com", "--service=smtp", "--no-starttls"];
    [&known[..], &names, more].concat()
}

#[test]
fn the_program_gsasl_in_smtp_and_imap() {
    for (protocol, success) in [("--smtp", "235 "), ("--imap", " OK authenticated")] {
        for mechanism in MECHANISMS.into_iter().filter(|mechanism| Library::Gsasl.has(mechanism)) {
            let (let_in, said) = gsasl_program(protocol, mechanism, PASSWORD);
            assert_eq!(let_in.as_deref(), Some(name_of(mechanism)), "{protocol} {mechanism}\n{said}");
            assert!(said.contains(success), "{protocol} {mechanism}\n{said}");
            let (let_in, said) = gsasl_program(protocol, mechanism, "guess");
            assert_eq!(let_in.is_none(), takes_a_password(mechanism), "{protocol} {mechanism}\n{said}");
        }
    }
}

/// It says through the layer what it is given, and shows what comes back.
#[test]
fn the_program_gsasl_behind_a_layer() {
    let (served, port) = our_server(serve_smtp, 1);
    let connect = format!("--connect=127.0.0.1:{port}");
    let layer = "--quality-of-protection=qop-int";
    let mut gsasl = Running::start("gsasl", &words(&["--smtp", &connect, "-m", "DIGEST-MD5", "-p", PASSWORD, layer]));
    let mut said = BufReader::new(gsasl.0.stdout.take().unwrap());
    gsasl.0.stdin.as_mut().unwrap().write_all(b"VRFY somebody\r\n").unwrap();
    assert!((0..50).any(|_| hear(&mut said).ends_with("252 somebody")));
    drop(gsasl);
    assert_eq!(served.join().unwrap().as_deref(), Some("tim"));
}
