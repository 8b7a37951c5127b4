//! Exchanges in the lines of SMTP, IMAP and POP3, each side with a stranger. The first byte chooses the protocol and the side.

use crate::world::{CHANNEL, PASSWORD, SERVER, USER, answered, client};
use sasl_core::line::{Incoming, MAX_LINE, Outgoing};
use sasl_io::{
    client::{self, MAX_LINES},
    imap::Imap,
    pop3::Pop3,
    profile::Profile,
    server::{Command, Exchange, Turn},
    smtp::Smtp,
};

pub(super) fn run(input: &[u8]) {
    let Some((choice, lines)) = input.split_first() else { return };
    let imap = Imap::new("a1").expect("a tag");
    match choice % 6 {
        0 => server(Smtp, lines),
        1 => server(imap, lines),
        2 => server(Pop3, lines),
        3 => a_client(Smtp, lines),
        4 => a_client(imap.with_initial_response(), lines),
        _ => a_client(Pop3, lines),
    }
}

/// Whoever comes in is the only user there is.
fn server<P: Profile>(profile: P, lines: &[u8]) {
    let exchange = Exchange::new(&SERVER, &CHANNEL, profile);
    let mut lines = lines.split_inclusive(|octet| *octet == b'\n');
    let mut step = exchange.begin(Command::parse(lines.next().unwrap_or_default()));
    loop {
        match exchange.tell(answered(step)) {
            Turn::Continue { line, challenge } => {
                is_one_line(&line);
                let Some(next) = lines.next() else { return };
                step = exchange.hear(challenge, read(next).line());
            }
            Turn::End { line, outcome } => {
                is_one_line(&line);
                assert!(outcome.is_err() || outcome.is_ok_and(|it| it.identity().acts_as().to_string() == USER));
                return;
            }
        }
    }
}

/// A client that falls back comes to an end, whatever it is told.
fn a_client<P: Profile>(profile: P, lines: &[u8]) {
    let client = client(PASSWORD);
    let choice = client.choose(&CHANNEL, ["DIGEST-MD5", "CRAM-MD5", "PLAIN", "LOGIN"]).expect("there are some");
    let mut turn = client::Exchange::new(choice, profile).falling_back().begin();
    let mut unasked = 0;
    for line in lines.split_inclusive(|octet| *octet == b'\n') {
        let client::Turn::Await(awaiting) = turn else { return };
        awaiting.line().map(is_one_line);
        unasked = if awaiting.line().is_some() { 0 } else { unasked + 1 };
        assert!(unasked <= MAX_LINES);
        turn = awaiting.heard(read(line).line());
    }
}

fn read(line: &[u8]) -> Incoming {
    let mut incoming = Incoming::new(MAX_LINE);
    incoming.take(line);
    incoming
}

fn is_one_line(line: &Outgoing) {
    let text = line.as_bytes().strip_suffix(b"\r\n").expect("a line has an end");
    assert!(!text.iter().any(u8::is_ascii_control));
}
