//! Our client against our server over streams of tokio, in every protocol, and what becomes of the stream.
#![cfg(feature = "tokio")]
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod world;

use sasl_core::{
    channel::Channel,
    failure::{Failure, Reason},
    layer::Layer,
    policy::Policy,
    server::Server,
    step::{Ask, Step, Success},
};
use sasl_io::{
    client::{self, Error},
    pop3::Pop3,
    profile::Profile,
    server::{self, Command},
    smtp::Smtp,
    tokio::{self as flavour, Layered},
};
use std::{future::ready, io, time::Duration};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream},
    runtime,
    task::{spawn, yield_now},
};
use world::{PASSWORD, Protocol, Sieve, imap, tls};

type Stream = BufReader<DuplexStream>;

fn run<F: Future>(future: F) -> F::Output {
    runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

/// Both ends of a connection that takes so many octets at once.
fn ends(capacity: usize) -> (Stream, Stream) {
    let (ours, theirs) = tokio::io::duplex(capacity);
    (BufReader::new(ours), BufReader::new(theirs))
}

async fn read_line<R: AsyncBufReadExt + Unpin>(stream: &mut R) -> String {
    let mut line = String::new();
    stream.read_line(&mut line).await.unwrap();
    line
}

/// Answers, but not at once.
async fn answer(ask: Ask) -> Step {
    yield_now().await;
    world::answer(ask)
}

/// Reads a command, and serves it.
async fn serve<P: Protocol>(
    profile: &P,
    server: &Server,
    channel: &Channel,
    stream: &mut Stream,
) -> io::Result<Result<Success, Failure>> {
    let command = read_line(stream).await;
    let exchange = server::Exchange::new(server, channel, profile.clone());
    flavour::serve(&exchange, profile.command_of(command.as_bytes()), stream, answer).await
}

/// Whether the client is in, in its own eyes and in the server's. A task of its own shows that both loops are `Send`.
async fn outcome<P: Protocol + Sync>(
    profile: P,
    mechanism: &'static str,
    password: &str,
    capacity: usize,
) -> (bool, bool) {
    let (mut ours, mut theirs) = ends(capacity);
    let server = spawn({
        let (profile, server) = (profile.clone(), world::server(&profile));
        async move { serve(&profile, &server, &tls(), &mut theirs).await.unwrap().is_ok() }
    });
    let client = world::client(mechanism, password);
    let client = spawn(async move {
        let choice = client.choose(&tls(), [mechanism]).unwrap();
        let outcome = flavour::authenticate(client::Exchange::new(choice, profile), &mut ours).await;
        assert!(matches!(outcome, Ok(_) | Err(Error::Refused(_))), "{mechanism}: {outcome:?}");
        outcome.is_ok()
    });
    (client.await.unwrap(), server.await.unwrap())
}

fn right_and_wrong<P: Protocol + Sync>(profile: &P) {
    for capacity in [1, 8192] {
        for mechanism in world::MECHANISMS {
            assert_eq!(run(outcome(profile.clone(), mechanism, PASSWORD, capacity)), (true, true), "{mechanism}");
            let anonymous = mechanism == "ANONYMOUS";
            let wrong = run(outcome(profile.clone(), mechanism, "guess", capacity));
            assert_eq!(wrong, (anonymous, anonymous), "{mechanism}");
        }
    }
}

#[test]
fn every_mechanism_in_smtp() {
    right_and_wrong(&Smtp);
}

#[test]
fn every_mechanism_in_imap() {
    right_and_wrong(&imap());
    right_and_wrong(&imap().with_initial_response());
}

#[test]
fn every_mechanism_in_pop3() {
    right_and_wrong(&Pop3);
}

#[test]
fn every_mechanism_where_data_goes_with_a_success() {
    right_and_wrong(&Sieve);
}

#[test]
fn what_comes_behind_an_exchange_stays_in_the_stream() {
    run(async {
        let (mut ours, mut theirs) = ends(8192);
        ours.write_all(b"AUTH PLAIN\r\nAHRpbQBwZW5jaWw=\r\nMAIL FROM:<>\r\n").await.unwrap();
        serve(&Smtp, &world::server(&Smtp), &tls(), &mut theirs).await.unwrap().unwrap();
        assert_eq!(read_line(&mut theirs).await, "MAIL FROM:<>\r\n");

        let (mut ours, mut theirs) = ends(8192);
        theirs.write_all(b"235 ok\r\n421 gone\r\n").await.unwrap();
        let client = world::client("PLAIN", PASSWORD);
        let choice = client.choose(&tls(), ["PLAIN"]).unwrap();
        flavour::authenticate(client::Exchange::new(choice, Smtp), &mut ours).await.unwrap();
        assert_eq!(read_line(&mut ours).await, "421 gone\r\n");
    });
}

/// What a server makes of a client that sends this and no more, and what it says.
async fn served(sent: &[u8]) -> (io::Result<Result<Success, Failure>>, String) {
    let (mut ours, mut theirs) = ends(sent.len() + 8192);
    ours.write_all(sent).await.unwrap();
    ours.shutdown().await.unwrap();
    let outcome = serve(&Smtp, &world::server(&Smtp), &tls(), &mut theirs).await;
    drop(theirs);
    let mut said = String::new();
    ours.read_to_string(&mut said).await.unwrap();
    (outcome, said)
}

#[test]
fn clients_that_go_away() {
    for sent in ["AUTH LOGIN\r\n", "AUTH LOGIN\r\ndGlt", "AUTH LOGIN\r\ndGlt\r\n", "AUTH LOGIN\r\ndGlt\r\ncGVuY2ls"] {
        let (outcome, _) = run(served(sent.as_bytes()));
        assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::UnexpectedEof, "{sent:?}");
    }
    let (outcome, said) = run(served(b"AUTH LOGIN\r\ndGlt\r\n*\r\n"));
    assert_eq!(outcome.unwrap().unwrap_err().reason(), Reason::Cancelled);
    assert!(said.ends_with("501 5.7.0 cancelled\r\n"));
}

#[test]
fn a_line_that_is_too_long_is_read_to_its_end_but_not_for_ever() {
    let (outcome, said) = run(served(&[b"AUTH PLAIN\r\n", &[b'A'; 30_000][..], b"\r\n"].concat()));
    assert_eq!(outcome.unwrap().unwrap_err().reason(), Reason::LineTooLong);
    assert_eq!(said, "334 \r\n500 5.5.6 line too long\r\n");
    let (outcome, said) = run(served(&[b"AUTH PLAIN\r\n", &[b'A'; 200_000][..], b"\r\n"].concat()));
    assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::InvalidData);
    assert_eq!(said, "334 \r\n500 5.5.6 line too long\r\n");
}

#[test]
fn who_breaks_off_is_told_why_even_where_the_server_goes_away() {
    run(async {
        let (mut ours, mut theirs) = ends(8192);
        theirs.write_all(b"334 !!!\r\n").await.unwrap();
        theirs.shutdown().await.unwrap();
        let client = world::client("CRAM-MD5", PASSWORD);
        let choice = client.choose(&tls(), ["CRAM-MD5"]).unwrap();
        let error = flavour::authenticate(client::Exchange::new(choice, Smtp), &mut ours).await.unwrap_err();
        assert!(matches!(error, Error::Failure(failure) if failure.reason() == Reason::Malformed), "{error}");
    });
}

#[test]
fn a_deadline_is_a_timeout_of_tokio() {
    run(async {
        let (_ours, mut theirs) = ends(8192);
        let (server, channel) = (world::server(&Smtp), tls());
        let exchange = server::Exchange::new(&server, &channel, Smtp);
        let served = flavour::serve(&exchange, Command::parse(b"LOGIN"), &mut theirs, answer);
        assert!(tokio::time::timeout(Duration::from_millis(20), served).await.is_err());
    });
}

#[test]
fn a_closure_may_answer() {
    run(async {
        let (mut ours, mut theirs) = ends(8192);
        let (server, channel) = (world::server(&Smtp), tls());
        let (exchange, mut asked) = (server::Exchange::new(&server, &channel, Smtp), 0);
        let command = Command::parse(b"PLAIN AHRpbQBwZW5jaWw=");
        let outcome = flavour::serve(&exchange, command, &mut theirs, |ask| {
            asked += 1;
            ready(ask.defer())
        });
        assert_eq!(outcome.await.unwrap().unwrap_err().reason(), Reason::Unavailable);
        assert_eq!((read_line(&mut ours).await.as_str(), asked), ("454 4.7.0 temporary failure\r\n", 1));
    });
}

/// Both ends behind the layer of a DIGEST-MD5 exchange. The server says so much before it is asked.
async fn layered(capacity: usize, banner: &'static [u8]) -> (Layered<Stream>, Layered<Stream>) {
    let policy = Policy::default().with_strength(0, 128);
    let (mut ours, mut theirs) = ends(capacity);
    let server = world::server_with(policy.clone(), Smtp::SUCCESS_DATA);
    let server = spawn(async move {
        let success = serve(&Smtp, &server, &Channel::plain(), &mut theirs).await.unwrap().unwrap();
        let mut stream = Layered::new(theirs, success.into_layer().unwrap());
        stream.write_all(banner).await.unwrap();
        stream.flush().await.unwrap();
        stream
    });
    let client = world::client("DIGEST-MD5", PASSWORD).with_policy(policy);
    let choice = client.choose(&Channel::plain(), ["DIGEST-MD5"]).unwrap();
    let established = flavour::authenticate(client::Exchange::new(choice, Smtp), &mut ours).await.unwrap();
    let layer: Layer = established.into_layer().unwrap();
    let mut ours = Layered::new(ours, layer);
    let mut heard = vec![0; banner.len()];
    ours.read_exact(&mut heard).await.unwrap();
    assert_eq!(heard, banner);
    (ours, server.await.unwrap())
}

#[test]
fn a_layer_begins_right_behind_the_success() {
    for (capacity, length) in [(7, 2_000), (8192, 200_000_u32)] {
        run(async {
            let (mut ours, mut theirs) = layered(capacity, b"250 welcome\r\n").await;
            let sent: Vec<u8> = (0..length).map(|number| number.to_le_bytes()[1]).collect();
            let writer = spawn({
                let sent = sent.clone();
                async move {
                    ours.write_all(b"EHLO c\r\n").await.unwrap();
                    ours.write_all(&sent).await.unwrap();
                    ours.shutdown().await.unwrap();
                }
            });
            assert_eq!(read_line(&mut theirs).await, "EHLO c\r\n");
            let mut received = Vec::new();
            theirs.read_to_end(&mut received).await.unwrap();
            assert!(received == sent);
            writer.await.unwrap();
        });
    }
}

#[test]
fn a_layer_notices_who_cuts_off_and_who_joins_in() {
    let read_after = |wire: &'static [u8]| {
        run(async {
            let (ours, mut theirs) = layered(8192, b"").await;
            let mut below = ours.into_inner();
            below.write_all(wire).await.unwrap();
            drop(below);
            let first = theirs.read(&mut [0; 9]).await.map_err(|error| error.kind());
            assert_eq!(theirs.read(&mut [0; 9]).await.map_err(|error| error.kind()), first, "it stays so");
            first
        })
    };
    assert_eq!(read_after(b"\0\0"), Err(io::ErrorKind::UnexpectedEof));
    assert_eq!(read_after(b"\0\0\0\x10 16 octets or so"), Err(io::ErrorKind::InvalidData));
    assert_eq!(read_after(b""), Ok(0), "nobody was cut off");
}
