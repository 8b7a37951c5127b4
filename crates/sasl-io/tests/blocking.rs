//! Our client against our server over sockets, in every protocol, and what becomes of the stream.
#![cfg(feature = "blocking")]
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod world;

use sasl_core::{
    channel::Channel,
    client::Client,
    failure::{Failure, Reason},
    layer::Layer,
    policy::Policy,
    server::Server,
    step::Success,
};
use sasl_io::{
    blocking::{self, BeforeRead, Joined, Layered},
    client::{self, Error},
    pop3::Pop3,
    profile::Profile,
    server::{self, Command},
    smtp::Smtp,
};
use std::{
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::net::UnixStream,
    thread,
};
use world::{PASSWORD, Protocol, Sieve, Users, imap, tls};

type Stream = Joined<BufReader<UnixStream>, UnixStream>;

/// Both ends of a connection that is read in pieces of at most `capacity` octets.
fn ends(capacity: usize) -> (Stream, Stream) {
    let join = |socket: UnixStream| {
        let reader = BufReader::with_capacity(capacity, socket.try_clone().unwrap());
        Joined::new(reader, socket)
    };
    let (ours, theirs) = UnixStream::pair().unwrap();
    (join(ours), join(theirs))
}

fn read_line(stream: &mut impl BufRead) -> String {
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    line
}

/// Reads a command, and serves it.
fn serve<P: Protocol>(
    profile: &P,
    server: &Server,
    channel: &Channel,
    stream: &mut Stream,
) -> io::Result<Result<Success, Failure>> {
    let command = read_line(stream);
    let exchange = server::Exchange::new(server, channel, profile.clone());
    blocking::serve(&exchange, profile.command_of(command.as_bytes()), stream, &Users)
}

fn authenticate<P: Profile>(profile: P, client: &Client, mechanism: &str, stream: &mut Stream) -> Result<(), Error> {
    let choice = client.choose(&tls(), [mechanism]).unwrap();
    blocking::authenticate(client::Exchange::new(choice, profile), stream).map(drop)
}

/// Whether the client is in, in its own eyes and in the server's.
fn outcome<P: Protocol>(profile: P, mechanism: &str, password: &str, capacity: usize) -> (bool, bool) {
    let (mut ours, mut theirs) = ends(capacity);
    let server = thread::spawn({
        let profile = profile.clone();
        move || serve(&profile, &world::server(&profile), &tls(), &mut theirs).unwrap().is_ok()
    });
    let client = authenticate(profile, &world::client(mechanism, password), mechanism, &mut ours);
    if let Err(error) = &client {
        assert!(matches!(error, Error::Refused(_)), "{mechanism}: {error}");
    }
    (client.is_ok(), server.join().unwrap())
}

fn right_and_wrong<P: Protocol>(profile: &P) {
    for capacity in [1, 8192] {
        for mechanism in world::MECHANISMS {
            assert_eq!(outcome(profile.clone(), mechanism, PASSWORD, capacity), (true, true), "{mechanism}");
            let anonymous = mechanism == "ANONYMOUS";
            assert_eq!(outcome(profile.clone(), mechanism, "guess", capacity), (anonymous, anonymous), "{mechanism}");
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
    let (mut ours, mut theirs) = ends(8192);
    ours.write_all(b"AUTH PLAIN\r\nAHRpbQBwZW5jaWw=\r\nMAIL FROM:<>\r\n").unwrap();
    serve(&Smtp, &world::server(&Smtp), &tls(), &mut theirs).unwrap().unwrap();
    assert_eq!(read_line(&mut theirs), "MAIL FROM:<>\r\n");

    let (mut ours, mut theirs) = ends(8192);
    theirs.write_all(b"235 ok\r\n421 gone\r\n").unwrap();
    authenticate(Smtp, &world::client("PLAIN", PASSWORD), "PLAIN", &mut ours).unwrap();
    assert_eq!(read_line(&mut ours), "421 gone\r\n");
}

#[test]
fn after_a_failure_the_client_may_try_again() {
    let (mut ours, mut theirs) = ends(8192);
    let server = thread::spawn(move || {
        let (server, channel) = (world::server(&Smtp), tls());
        [(); 3]
            .map(|()| serve(&Smtp, &server, &channel, &mut theirs).unwrap().map_err(|failure| failure.reason()).err())
    });
    let client = world::client("PLAIN", PASSWORD);
    let wrong = world::client("PLAIN", "guess");
    let choice = wrong.choose(&tls(), ["CRAM-MD5", "PLAIN"]).unwrap();
    let refused = blocking::authenticate(client::Exchange::new(choice, Smtp).falling_back(), &mut ours);
    assert!(matches!(refused, Err(Error::Refused(_))));
    authenticate(Smtp, &client, "PLAIN", &mut ours).unwrap();
    assert_eq!(server.join().unwrap(), [Some(Reason::BadCredentials), Some(Reason::BadCredentials), None]);
}

/// What a server makes of a client that sends this and no more.
fn served(sent: &[u8]) -> (io::Result<Result<Success, Failure>>, String) {
    let (mut ours, mut theirs) = ends(8192);
    let reader = thread::spawn({
        let sent = sent.to_vec();
        move || {
            let mut said = String::new();
            let writing = ours.write_all(&sent).and_then(|()| ours.flush());
            let (reader, writer) = ours.into_parts();
            writer.shutdown(std::net::Shutdown::Write).unwrap();
            { reader }.read_to_string(&mut said).unwrap();
            assert!(writing.is_ok() || sent.len() > 50_000);
            said
        }
    });
    let outcome = serve(&Smtp, &world::server(&Smtp), &tls(), &mut theirs);
    let mut rest = Vec::new();
    theirs.read_to_end(&mut rest).unwrap();
    drop(theirs);
    (outcome, reader.join().unwrap())
}

#[test]
fn clients_that_go_away() {
    for sent in ["AUTH LOGIN\r\n", "AUTH LOGIN\r\ndGlt", "AUTH LOGIN\r\ndGlt\r\n", "AUTH LOGIN\r\ndGlt\r\ncGVuY2ls"] {
        let (outcome, _) = served(sent.as_bytes());
        assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::UnexpectedEof, "{sent:?}");
    }
    let (outcome, said) = served(b"AUTH LOGIN\r\ndGlt\r\n*\r\n");
    assert_eq!(outcome.unwrap().unwrap_err().reason(), Reason::Cancelled);
    assert!(said.ends_with("501 5.7.0 cancelled\r\n"));
}

#[test]
fn a_line_that_is_too_long_is_read_to_its_end_but_not_for_ever() {
    let (outcome, said) = served(&[b"AUTH PLAIN\r\n", &[b'A'; 30_000][..], b"\r\n"].concat());
    assert_eq!(outcome.unwrap().unwrap_err().reason(), Reason::LineTooLong);
    assert_eq!(said, "334 \r\n500 5.5.6 line too long\r\n");
    let (outcome, said) = served(&[b"AUTH PLAIN\r\n", &[b'A'; 200_000][..], b"\r\n"].concat());
    assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::InvalidData);
    assert_eq!(said, "334 \r\n500 5.5.6 line too long\r\n");
}

#[test]
fn servers_that_go_away() {
    for (said, broke_off) in [("", false), ("334 ", false), ("334 !!!\r\n", true)] {
        let (mut ours, mut theirs) = ends(8192);
        theirs.write_all(said.as_bytes()).unwrap();
        let (_reader, writer) = theirs.into_parts();
        writer.shutdown(std::net::Shutdown::Write).unwrap();
        let error = authenticate(Smtp, &world::client("CRAM-MD5", PASSWORD), "CRAM-MD5", &mut ours).unwrap_err();
        assert_eq!(matches!(error, Error::Failure(_)), broke_off, "{said:?}: {error}");
    }
}

#[test]
fn a_deadline_breaks_off_whoever_sends_drop_by_drop() {
    let (mut ours, theirs) = ends(1);
    ours.write_all(b"dGlt\r\n").unwrap();
    let mut reads = 4;
    let mut stream = BeforeRead::new(theirs, move |_| {
        reads -= 1;
        if reads == 0 { Err(io::ErrorKind::TimedOut.into()) } else { Ok(()) }
    });
    let (server, channel) = (world::server(&Smtp), tls());
    let exchange = server::Exchange::new(&server, &channel, Smtp);
    let outcome = blocking::serve(&exchange, Command::parse(b"LOGIN"), &mut stream, &Users);
    assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::TimedOut);
    assert_eq!(read_line(&mut stream.into_inner()), "t\r\n", "the rest is there");
}

/// Both ends behind the layer of a DIGEST-MD5 exchange. The server says so much before it is asked.
fn layered(banner: &'static [u8]) -> (Layered<Stream>, Layered<Stream>) {
    let policy = Policy::default().with_strength(0, 128);
    let (mut ours, mut theirs) = ends(8192);
    let server = thread::spawn({
        let policy = policy.clone();
        move || {
            let server = world::server_with(policy, Smtp::SUCCESS_DATA);
            let success = serve(&Smtp, &server, &Channel::plain(), &mut theirs).unwrap().unwrap();
            let mut stream = Layered::new(theirs, success.into_layer().unwrap());
            stream.write_all(banner).unwrap();
            stream
        }
    });
    let client = world::client("DIGEST-MD5", PASSWORD).with_policy(policy);
    let choice = client.choose(&Channel::plain(), ["DIGEST-MD5"]).unwrap();
    let established = blocking::authenticate(client::Exchange::new(choice, Smtp), &mut ours).unwrap();
    let layer: Layer = established.into_layer().unwrap();
    assert_eq!(layer.ssf(), 128);
    (Layered::new(ours, layer), server.join().unwrap())
}

/// Writes what has not gone through the layer.
fn write_below(stream: &Layered<Stream>, octets: &[u8]) {
    let mut socket: &UnixStream = stream.get_ref().writer();
    socket.write_all(octets).unwrap();
}

#[test]
fn a_layer_begins_right_behind_the_success() {
    let (mut ours, mut theirs) = layered(b"250 welcome\r\n");
    assert_eq!(read_line(&mut ours), "250 welcome\r\n");
    let sent: Vec<u8> = (0..200_000_u32).map(|number| number.to_le_bytes()[1]).collect();
    let writer = thread::spawn({
        let sent = sent.clone();
        move || {
            ours.write_all(b"EHLO c\r\n").unwrap();
            ours.write_all(&sent).unwrap();
            ours.flush().unwrap();
        }
    });
    assert_eq!(read_line(&mut theirs), "EHLO c\r\n");
    let mut received = Vec::new();
    theirs.read_to_end(&mut received).unwrap();
    assert!(received == sent);
    writer.join().unwrap();
}

#[test]
fn a_layer_notices_who_cuts_off_and_who_joins_in() {
    let (ours, mut theirs) = layered(b"");
    write_below(&ours, b"\0\0");
    drop(ours);
    assert_eq!(theirs.read(&mut [0; 9]).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);

    let (mut ours, mut theirs) = layered(b"");
    ours.write_all(b"x").unwrap();
    write_below(&ours, b"\0\0\0\x10 16 octets or so");
    assert_eq!(theirs.read(&mut [0; 9]).unwrap(), 1);
    for _ in 0..2 {
        assert_eq!(theirs.read(&mut [0; 9]).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    let (ours, mut theirs) = layered(b"");
    drop(ours);
    assert_eq!(theirs.read(&mut [0; 9]).unwrap(), 0, "nobody was cut off");
}
