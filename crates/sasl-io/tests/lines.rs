//! Exchanges as lines, without any stream: what is said to whom, and what comes of lines that nobody should send.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod world;

use proptest::prelude::*;
use sasl_core::{
    client_step::Established,
    failure::{Failure, Reason},
    line::{Incoming, MAX_LINE, Outgoing},
    mechanism::SuccessData,
    policy::Policy,
    step::{Step, Success},
};
use sasl_io::{
    client::{self, Error},
    pop3::Pop3,
    profile::{Profile, Refusal},
    server::{Command, Exchange, Turn},
    smtp::Smtp,
};
use std::io;
use world::{PASSWORD, Sieve, Users, client, imap, server, tls};

/// A line to send, which has one end.
fn text(line: &Outgoing) -> String {
    let text = str::from_utf8(line.as_bytes()).unwrap().strip_suffix("\r\n").expect("CR and LF at the end");
    assert!(!text.contains(|character: char| character.is_ascii_control()), "{text:?}");
    text.into()
}

/// What a line is to those that read it.
fn heard(line: &[u8]) -> Incoming {
    let mut incoming = Incoming::new(MAX_LINE);
    incoming.take(&[line, b"\r\n"].concat());
    incoming
}

/// What a server says to a client that says these lines, and what it makes of them.
fn said<P: Profile>(
    exchange: &Exchange<'_, P>,
    command: Command<'_>,
    lines: &[&[u8]],
) -> (Vec<String>, Option<Result<Success, Failure>>) {
    let (mut said, mut lines) = (Vec::new(), lines.iter());
    let mut step: Step = exchange.begin(command);
    loop {
        match exchange.tell(step.answered_by(&Users)) {
            Turn::Continue { line, challenge } => {
                said.push(text(&line));
                let Some(next) = lines.next() else { return (said, None) };
                step = exchange.hear(challenge, heard(next).line());
            }
            Turn::End { line, outcome } => {
                said.push(text(&line));
                return (said, Some(outcome));
            }
        }
    }
}

/// What a server of SMTP says.
fn smtp(arguments: &str, lines: &[&str]) -> Vec<String> {
    let (server, channel) = (server(&Smtp), tls());
    let lines: Vec<_> = lines.iter().map(|line| line.as_bytes()).collect();
    said(&Exchange::new(&server, &channel, Smtp), Command::parse(arguments.as_bytes()), &lines).0
}

/// What a client says to a server that says these lines, and what comes of it.
fn replied<P: Profile>(
    exchange: client::Exchange<'_, P>,
    lines: &[&str],
) -> (Vec<String>, Option<Result<Established, Error>>) {
    let (mut said, mut lines, mut turn) = (Vec::new(), lines.iter(), exchange.begin());
    loop {
        turn = match turn {
            client::Turn::End(outcome) => return (said, Some(outcome)),
            client::Turn::Await(awaiting) => {
                said.extend(awaiting.line().map(text));
                let Some(next) = lines.next() else { return (said, None) };
                awaiting.heard(heard(next.as_bytes()).line())
            }
        }
    }
}

/// What an SMTP client for `mechanism` says.
fn smtp_client(mechanism: &str, lines: &[&str]) -> (Vec<String>, Result<Established, Error>) {
    let client = client(mechanism, PASSWORD);
    let choice = client.choose(&tls(), [mechanism]).unwrap();
    let (said, outcome) = replied(client::Exchange::new(choice, Smtp), lines);
    (said, outcome.expect("it has ended"))
}

fn reason(outcome: Result<Established, Error>) -> Reason {
    match outcome {
        Err(Error::Failure(failure)) => failure.reason(),
        other => panic!("{other:?}"),
    }
}

const OK: &str = "235 2.7.0 authenticated";
const NO: &str = "535 5.7.8 authentication failed";

#[test]
fn a_server_of_smtp() {
    assert_eq!(smtp("PLAIN AHRpbQBwZW5jaWw=", &[]), [OK]);
    assert_eq!(smtp("plain", &["AHRpbQBwZW5jaWw="]), ["334 ", OK]);
    assert_eq!(smtp("LOGIN", &["dGlt", "cGVuY2ls"]), ["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6", OK]);
    assert_eq!(smtp("LOGIN dGlt", &["cGVuY2ls"]), ["334 UGFzc3dvcmQ6", OK]);
    assert_eq!(smtp("LOGIN =", &["dGlt", "cGVuY2ls"]).len(), 3, "an empty initial response is no name");
}

#[test]
fn every_refusal_of_a_server_of_smtp() {
    for (arguments, lines, last) in [
        ("PLAIN AHRpbQBiYWQ=", &[][..], NO),
        ("PLAIN AG5vYm9keQBwZW5jaWw=", &[], NO),
        ("PLAIN YWRtaW4AdGltAHBlbmNpbA==", &[], NO),
        ("LOGIN", &["bm9ib2R5", "cGVuY2ls"], NO),
        ("PLAIN AGFic2VudABwZW5jaWw=", &[], "454 4.7.0 temporary failure"),
        ("PLAIN AHRpbQBwZW5jaWw", &[], "501 5.5.2 malformed message"),
        ("PLAIN !!!", &[], "501 5.5.2 malformed message"),
        ("PLAIN *", &[], "501 5.5.2 malformed message"),
        ("PLAIN AHRpbQBwZW5jaWw= x", &[], "501 5.5.2 malformed message"),
        ("PLAIN =", &[], "501 5.5.2 malformed message"),
        ("PLAIN", &[""], "501 5.5.2 malformed message"),
        ("PLAIN", &["="], "501 5.5.2 malformed message"),
        ("PLAIN", &["AHRpbQBwZW5jaWw= "], "501 5.5.2 malformed message"),
        ("PLAIN", &["QUIT"], "501 5.5.2 malformed message"),
        ("", &[], "501 5.5.2 malformed message"),
        ("CRAM-MD5 =", &[], "501 5.5.2 malformed message"),
        ("PLAIN", &["*"], "501 5.7.0 cancelled"),
        ("LOGIN", &["dGlt", "*"], "501 5.7.0 cancelled"),
        ("CRAM-MD5", &["*"], "501 5.7.0 cancelled"),
        ("FOO", &[], "504 5.5.4 mechanism not available"),
        ("F\u{e9}", &[], "504 5.5.4 mechanism not available"),
        ("EXTERNAL =", &[], "504 5.5.4 mechanism not available"),
    ] {
        let said = smtp(arguments, lines);
        assert_eq!(said.last().unwrap(), last, "{arguments} {lines:?}");
        assert_eq!(said.len(), lines.len() + 1, "{arguments} {lines:?}");
    }
}

#[test]
fn what_the_policy_forbids() {
    let said_under = |policy: Policy, channel, arguments: &str| {
        let server = world::server_with(policy, SuccessData::AsChallenge);
        said(&Exchange::new(&server, &channel, Smtp), Command::parse(arguments.as_bytes()), &[]).0
    };
    let plain = sasl_core::channel::Channel::plain();
    let bare = said_under(Policy::default(), plain, "PLAIN AHRpbQBwZW5jaWw=");
    assert_eq!(bare, ["538 5.7.11 encryption required for this mechanism"]);
    let strong = Policy::default().with_strength(512, 512);
    assert_eq!(said_under(strong, tls(), "PLAIN AHRpbQBwZW5jaWw="), ["534 5.7.9 mechanism too weak"]);
}

#[test]
fn a_line_that_is_too_long_never_reaches_the_mechanism() {
    let (server, channel) = (server(&Smtp), tls());
    let exchange = Exchange::new(&server, &channel, Smtp);
    let plain = |password: &str| {
        let line = text(&Outgoing::new("").base64(format!("\0tim\0{password}").as_bytes()));
        said(&exchange, Command::parse(b"PLAIN"), &[line.as_bytes()])
    };
    let (said, outcome) = plain(&"x".repeat(12000));
    assert_eq!(said, ["334 ", "500 5.5.6 line too long"]);
    assert_eq!(outcome.unwrap().unwrap_err().reason(), Reason::LineTooLong);
    assert_eq!(plain(&"x".repeat(4000)).0, ["334 ", NO]);
    let roomier = Exchange::new(&server, &channel, Smtp).with_longest_line(20000);
    let mut incoming = roomier.incoming();
    incoming.take(&[b'A'; 15000]);
    incoming.take(b"\n");
    assert_eq!(incoming.line().unwrap().len(), 15000);
}

#[test]
fn servers_of_the_other_protocols() {
    let channel = tls();
    let plain = Command { mechanism: "PLAIN", initial: None };
    let lines: &[&[u8]] = &[b"AHRpbQBwZW5jaWw="];
    let server = server(&Smtp);
    assert_eq!(said(&Exchange::new(&server, &channel, imap()), plain, lines).0, ["+ ", "a1 OK authenticated"]);
    assert_eq!(said(&Exchange::new(&server, &channel, Pop3), plain, lines).0, ["+ ", "+OK authenticated"]);
    let lines: &[&[u8]] = &[b"AHRpbQBiYWQ="];
    let failed = "a1 NO [AUTHENTICATIONFAILED] authentication failed";
    assert_eq!(said(&Exchange::new(&server, &channel, imap()), plain, lines).0, ["+ ", failed]);
    assert_eq!(
        said(&Exchange::new(&server, &channel, Pop3), plain, lines).0,
        ["+ ", "-ERR [AUTH] authentication failed"]
    );
}

#[test]
fn data_that_smtp_cannot_carry_is_not_lost_in_silence() {
    let (server, channel) = (world::server_with(world::policy(), SuccessData::Carried), tls());
    let client = client("SCRAM-SHA-256", PASSWORD);
    let mut response = client.start(&channel, "SCRAM-SHA-256").unwrap();
    let exchange = Exchange::new(&server, &channel, Smtp);
    let initial = text(&Outgoing::new("").base64(response.message().unwrap()));
    let command = Command { mechanism: "SCRAM-SHA-256", initial: Some(initial.as_bytes()) };
    let Turn::Continue { challenge, .. } = exchange.tell(exchange.begin(command).answered_by(&Users)) else { panic!() };
    response = response.challenge(challenge.message()).unwrap();
    let line = text(&Outgoing::new("").base64(response.message().unwrap()));
    let step = exchange.hear(challenge, Ok(line.as_bytes()));
    let Turn::End { line, outcome } = exchange.tell(step.answered_by(&Users)) else { panic!() };
    assert_eq!(text(&line), "454 4.7.0 temporary failure");
    assert_eq!(outcome.unwrap_err().reason(), Reason::Unavailable);
}

#[test]
fn a_client_of_smtp() {
    let (said, outcome) = smtp_client("PLAIN", &["235 2.7.0 ok"]);
    assert_eq!(said, ["AUTH PLAIN AHRpbQBwZW5jaWw="]);
    outcome.unwrap();
    let (said, outcome) = smtp_client("LOGIN", &["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6", "235-2.7.0 well", "235 in"]);
    assert_eq!(said, ["AUTH LOGIN", "dGlt", "cGVuY2ls"]);
    outcome.unwrap();
}

#[test]
fn an_empty_initial_response_is_written() {
    let (channel, credentials) = (tls().with_external("tim"), sasl_core::credentials::Credentials::external());
    let client = sasl_core::client::Client::new(sasl_core::catalogue::ALL, world::host(), credentials);
    let exchange = client::Exchange::new(client.choose(&channel, ["EXTERNAL"]).unwrap(), Smtp);
    let (said_by_client, outcome) = replied(exchange, &["235 ok"]);
    assert_eq!(said_by_client, ["AUTH EXTERNAL ="]);
    outcome.unwrap().unwrap();
    let server = server(&Smtp);
    assert_eq!(said(&Exchange::new(&server, &channel, Smtp), Command::parse(b"EXTERNAL ="), &[]).0, [OK]);
}

#[test]
fn an_initial_response_that_is_too_long_waits_until_it_is_asked_for() {
    let password = "x".repeat(400);
    let client = client("PLAIN", &password);
    let exchange = || client::Exchange::new(client.choose(&tls(), ["PLAIN"]).unwrap(), Smtp);
    let message = text(&Outgoing::new("").base64(format!("\0tim\0{password}").as_bytes()));
    for asked in ["334 ", "334"] {
        let (said, outcome) = replied(exchange(), &[asked, "235 ok"]);
        assert_eq!(said, ["AUTH PLAIN", &*message]);
        outcome.unwrap().unwrap();
    }
    let (said, outcome) = replied(exchange(), &["334 AA==", "501 cancelled"]);
    assert_eq!(said, ["AUTH PLAIN", "*"]);
    assert_eq!(reason(outcome.unwrap()), Reason::Malformed);
    let (said, outcome) = replied(exchange(), &["235 ok"]);
    assert_eq!((said.len(), reason(outcome.unwrap())), (1, Reason::ServerNotAuthenticated));

    let client = world::client("PLAIN", PASSWORD);
    let choose = || client.choose(&tls(), ["PLAIN"]).unwrap();
    let (said, _) = replied(client::Exchange::new(choose(), imap()), &["+ "]);
    assert_eq!(said, ["a1 AUTHENTICATE PLAIN", "AHRpbQBwZW5jaWw="]);
    let (said, _) = replied(client::Exchange::new(choose(), imap().with_initial_response()), &[]);
    assert_eq!(said, ["a1 AUTHENTICATE PLAIN AHRpbQBwZW5jaWw="]);
    let client = world::client("PLAIN", &"x".repeat(170));
    let (said, _) = replied(client::Exchange::new(client.choose(&tls(), ["PLAIN"]).unwrap(), Pop3), &[]);
    assert_eq!(
        said,
        [format!("AUTH PLAIN {}", text(&Outgoing::new("").base64(format!("\0tim\0{}", "x".repeat(170)).as_bytes())))]
    );
    let client = world::client("PLAIN", &"x".repeat(177));
    let (said, _) = replied(client::Exchange::new(client.choose(&tls(), ["PLAIN"]).unwrap(), Pop3), &[]);
    assert_eq!(said, ["AUTH PLAIN"], "it would have 257 octets");
}

#[test]
fn a_client_breaks_off_and_waits_for_the_reply() {
    for (mechanism, challenge, expected) in [
        ("CRAM-MD5", "334 !!!", Reason::Malformed),
        ("CRAM-MD5", "334 AA=", Reason::Malformed),
        ("DIGEST-MD5", "334 AAAA", Reason::Malformed),
        ("PLAIN", "334 AAAA", Reason::Malformed),
    ] {
        let replies = [challenge, "501-5.7.0 well", "501 5.7.0 then"];
        let (said, outcome) = smtp_client(mechanism, &replies);
        assert_eq!(said.last().unwrap(), "*", "{mechanism}");
        assert_eq!((said.len(), reason(outcome)), (2, expected), "{mechanism}");
        for unexpected in ["235 in after all", "334 AAAA", "what?", "535 no"] {
            let (said, outcome) = smtp_client(mechanism, &[challenge, unexpected]);
            assert_eq!((said.len(), reason(outcome)), (2, expected), "{mechanism}, {unexpected}");
        }
    }
}

#[test]
fn who_breaks_off_is_told_why_even_where_the_server_goes_away() {
    let client = client("CRAM-MD5", PASSWORD);
    let choice = client.choose(&tls(), ["CRAM-MD5"]).unwrap();
    let client::Turn::Await(awaiting) = client::Exchange::new(choice, Smtp).begin() else { panic!() };
    let client::Turn::Await(awaiting) = awaiting.heard(Ok(b"334 !!!")) else { panic!() };
    assert_eq!(awaiting.line().unwrap().as_bytes(), b"*\r\n");
    let error = awaiting.lost(io::ErrorKind::UnexpectedEof.into());
    assert_eq!(reason(Err(error)), Reason::Malformed);
}

#[test]
fn success_before_the_server_proved_itself_is_none() {
    let (said, outcome) = smtp_client("SCRAM-SHA-256", &["235 2.7.0 trust me"]);
    assert_eq!((said.len(), reason(outcome)), (1, Reason::ServerNotAuthenticated));
    let (_, outcome) = smtp_client("DIGEST-MD5", &["235 2.7.0 trust me"]);
    assert_eq!(reason(outcome), Reason::ServerNotAuthenticated);
    let client = client("SCRAM-SHA-256", PASSWORD);
    for (data, expected) in [("OK", Reason::ServerNotAuthenticated), ("OK (SASL \"!\")", Reason::Malformed)] {
        let choice = client.choose(&tls(), ["SCRAM-SHA-256"]).unwrap();
        let (_, outcome) = replied(client::Exchange::new(choice, Sieve), &[data]);
        assert_eq!(reason(outcome.unwrap()), expected, "{data}");
    }
}

#[test]
fn a_refusal_is_told_with_all_its_lines() {
    let (_, outcome) =
        smtp_client("PLAIN", &["535-5.7.8 Name and password not accepted, see", "535 5.7.8 http://a/\x1b[2J"]);
    let Err(Error::Refused(refused)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(refused.kind(), Refusal::Credentials);
    assert_eq!(refused.text(), b"535-5.7.8 Name and password not accepted, see 535 5.7.8 http://a/\x1b[2J");
    assert!(!Error::Refused(refused).to_string().contains('\x1b'));
    let long = format!("535 {}", "x".repeat(9000));
    let (_, outcome) = smtp_client("PLAIN", &[&long]);
    let Err(Error::Refused(refused)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(refused.text().len(), 4096);
}

#[test]
fn why_a_token_is_refused_is_told() {
    let json = "334 eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIn0=";
    let (said, outcome) = smtp_client("OAUTHBEARER", &[json, "535 5.7.8 no"]);
    assert_eq!(said.last().unwrap(), "AQ==");
    let Err(Error::Refused(refused)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(refused.token_error(), Some(&br#"{"status":"invalid_token"}"#[..]));
}

#[test]
fn hostile_servers_come_to_an_end() {
    for line in ["235-more", "* OK", "xyz", "", "2", "23\u{e9} x"] {
        let lines = vec![line; 101];
        let (_, outcome) = smtp_client("PLAIN", &lines);
        assert_eq!(reason(outcome), Reason::Malformed, "{line}");
    }
    let client = client("PLAIN", PASSWORD);
    let exchange = || client::Exchange::new(client.choose(&tls(), ["PLAIN"]).unwrap(), imap());
    let (_, outcome) = replied(exchange(), &["* 1 EXISTS"; 101]);
    assert_eq!(reason(outcome.unwrap()), Reason::Malformed);
    let (_, outcome) = replied(exchange(), &[&["* 1 EXISTS"; 99][..], &["+ ", "a1 OK"]].concat());
    outcome.unwrap().unwrap();
    let client::Turn::Await(awaiting) = exchange().begin() else { panic!() };
    let client::Turn::End(outcome) = awaiting.heard(heard(&[b'A'; 20000]).line()) else { panic!() };
    assert_eq!(reason(outcome), Reason::LineTooLong);
}

/// What sendmail's own client did is in the vectors as `sm-clt-fallback`.
#[test]
fn the_next_mechanism_is_tried_where_that_is_wanted() {
    let client = client("PLAIN", PASSWORD);
    let offered = ["CRAM-MD5", "PLAIN", "LOGIN"];
    let exchange = || client::Exchange::new(client.choose(&tls(), offered).unwrap(), Smtp);
    let challenge = "334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+";
    for refusal in ["535 5.7.8 no", "454 4.7.0 later", "504 5.5.4 what?"] {
        let (said, outcome) = replied(exchange().falling_back(), &[challenge, refusal, "235 ok"]);
        assert_eq!((&*said[0], &*said[2], said.len()), ("AUTH CRAM-MD5", "AUTH PLAIN AHRpbQBwZW5jaWw=", 3));
        outcome.unwrap().unwrap();
        let (said, outcome) = replied(exchange(), &[challenge, refusal, "235 ok"]);
        assert_eq!(said.len(), 2, "only where it is wanted");
        assert!(matches!(outcome, Some(Err(Error::Refused(_)))));
    }
    for end in ["421 4.3.2 gone", "501 5.5.2 eh?", "530 5.7.0 STARTTLS first"] {
        assert_eq!(replied(exchange().falling_back(), &[challenge, end, "235 ok"]).0.len(), 2, "{end}");
    }
    let (said, outcome) = replied(exchange().falling_back(), &["535 a", "535 b", "535 c", "235 ok"]);
    assert_eq!(said, ["AUTH CRAM-MD5", "AUTH PLAIN AHRpbQBwZW5jaWw=", "AUTH LOGIN"]);
    let Some(Err(Error::Refused(refused))) = outcome else { panic!("{outcome:?}") };
    assert_eq!(refused.text(), b"535 c");

    let exchange = client::Exchange::new(client.choose(&tls(), offered).unwrap(), imap()).falling_back();
    let (said, _) = replied(exchange, &["a1 NO no", "+ "]);
    assert_eq!(said, ["a1 AUTHENTICATE CRAM-MD5", "a1.2 AUTHENTICATE PLAIN", "AHRpbQBwZW5jaWw="]);
}

#[test]
fn no_password_without_tls_whatever_a_server_refuses() {
    let client = client("PLAIN", PASSWORD).with_policy(Policy::default());
    let choice = client.choose(&sasl_core::channel::Channel::plain(), ["CRAM-MD5", "PLAIN", "LOGIN"]).unwrap();
    let (said, outcome) = replied(client::Exchange::new(choice, Smtp).falling_back(), &["535 no", "235 ok"]);
    assert_eq!(said, ["AUTH CRAM-MD5"]);
    assert!(matches!(outcome, Some(Err(Error::Refused(_)))));
}

#[test]
fn a_mechanism_may_be_forced() {
    let client = client("LOGIN", PASSWORD);
    let name = sasl_core::name::MechanismName::new("LOGIN");
    let response = client.start(&tls(), "LOGIN").unwrap();
    let (said, outcome) =
        replied(client::Exchange::begun(name, response, Smtp).falling_back(), &["334 ", "334 ", "535 no"]);
    assert_eq!(said, ["AUTH LOGIN", "dGlt", "cGVuY2ls"]);
    assert!(matches!(outcome, Some(Err(Error::Refused(_)))));
}

/// Bytes that look like what the protocols say.
fn lines() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let line = prop_oneof![
        "(334|235|535|\\+|\\+OK|a1 OK|a1 NO|\\*|\"|OK) ?[A-Za-z0-9+/=\"*]{0,20}".prop_map(String::into_bytes),
        "[A-Za-z0-9+/]{4}{0,6}(==)?".prop_map(String::into_bytes),
        proptest::collection::vec(any::<u8>(), 0..40),
    ];
    proptest::collection::vec(line, 0..5)
}

fn survives<P: Profile>(profile: P, command: &[u8], lines: &[Vec<u8>]) {
    let (server, channel) = (server(&profile), tls());
    let lines: Vec<_> = lines.iter().map(Vec::as_slice).collect();
    let (said, outcome) = said(&Exchange::new(&server, &channel, profile), Command::parse(command), &lines);
    assert!(!said.is_empty() && said.len() <= lines.len() + 1);
    assert!(!matches!(outcome, Some(Ok(success)) if success.identity().login().to_bytes() == b"tim"));
}

fn survives_as_client<P: Profile>(profile: P, mechanism: &str, lines: &[Vec<u8>]) {
    let client = client(mechanism, PASSWORD);
    let choice = client.choose(&tls(), [mechanism, "LOGIN"]).unwrap();
    let mut turn = client::Exchange::new(choice, profile).falling_back().begin();
    for line in lines {
        let client::Turn::Await(awaiting) = turn else { return };
        awaiting.line().map(text);
        turn = awaiting.heard(heard(line).line());
    }
    let client::Turn::End(Ok(_)) = turn else { return };
    assert!(!mechanism.starts_with("SCRAM") && mechanism != "DIGEST-MD5", "in by {mechanism} without a proof");
}

proptest! {
    #[test]
    fn a_server_gets_through_any_lines(mechanism in 0..world::MECHANISMS.len(), initial in ".{0,20}", lines in lines()) {
        let command = format!("{} {initial}", world::MECHANISMS[mechanism]);
        survives(Smtp, command.as_bytes(), &lines);
        survives(imap(), command.as_bytes(), &lines);
        survives(Pop3, command.as_bytes(), &lines);
        survives(Sieve, command.as_bytes(), &lines);
    }

    #[test]
    fn a_client_gets_through_any_lines(mechanism in 0..world::MECHANISMS.len(), lines in lines()) {
        let mechanism = world::MECHANISMS[mechanism];
        survives_as_client(Smtp, mechanism, &lines);
        survives_as_client(imap(), mechanism, &lines);
        survives_as_client(Pop3, mechanism, &lines);
        survives_as_client(Sieve, mechanism, &lines);
    }
}
