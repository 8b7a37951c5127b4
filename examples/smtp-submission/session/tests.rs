use super::*;
use crate::{cli, settings::decide};
use sasl_core::{
    identity::Login,
    secret::Secret,
    step::Reply as Outcome,
    store::{Store, Unavailable},
    verifier::{Verifier, Verifiers},
};

/// Everybody's password is `pencil`.
struct Pencil;

impl Store for Pencil {
    fn verifiers(&self, _login: &Login) -> Result<Option<Verifiers>, Unavailable> {
        Ok(Some([Verifier::Plaintext(Secret::new("pencil"))].into_iter().collect()))
    }
}

fn site(flags: &str) -> Arc<Site> {
    let words = format!("smtp-submission --hostname mail.example.org --local example.org {flags}");
    let typed = cli::command().try_get_matches_from(words.split_whitespace()).unwrap();
    Arc::new(Site::new(&decide(&typed).unwrap(), Secret::new([7; 32])))
}

fn session(flags: &str, channel: Channel) -> Session {
    Session::new(site(flags), channel)
}

/// What is said to a line, as it goes on the wire.
fn said(session: &mut Session, line: &str) -> String {
    match session.hear(line.as_bytes()) {
        Act::Say(reply) | Act::StartTls(reply) | Act::Collect(reply) | Act::Close(reply) => reply.to_string(),
        Act::Authenticate(command) => format!("{command:?}"),
    }
}

/// Says each line, and looks at how the replies begin.
#[track_caller]
fn dialogue(session: &mut Session, lines: &[(&str, &str)]) {
    for (line, reply) in lines {
        let said = said(session, line);
        assert!(said.starts_with(reply), "{line}: {said}");
    }
}

fn log_in(session: &mut Session) {
    log_in_by(session, "PLAIN", b"\0tim@example.org\0pencil");
}

fn log_in_by(session: &mut Session, mechanism: &str, initial: &[u8]) {
    let step = session.site.sasl.start(&session.channel, mechanism, Some(initial));
    let Outcome::Done(success) = step.answered_by(&Pencil) else { panic!("nobody is let in by {mechanism}") };
    session.authenticated(success.identity().clone());
}

fn offered(flags: &str, channel: Channel) -> Option<String> {
    let ehlo = said(&mut session(flags, channel), "EHLO client");
    let line = ehlo.lines().find(|line| line[4..].starts_with("AUTH"));
    line.map(|line| line[4..].into())
}

#[test]
fn the_classic_configuration_before_and_after_tls() {
    assert_eq!(offered("", Channel::plain()).unwrap(), "AUTH DIGEST-MD5 CRAM-MD5");
    assert_eq!(offered("", Channel::tls(256)).unwrap(), "AUTH LOGIN PLAIN DIGEST-MD5 CRAM-MD5");
    let announced = "AUTH before TLS: DIGEST-MD5 CRAM-MD5\nAUTH after TLS: LOGIN PLAIN DIGEST-MD5 CRAM-MD5";
    assert_eq!(site("").announcement(), announced);
}

#[test]
fn without_a_mechanism_there_is_no_keyword() {
    assert_eq!(offered("--mechanisms PLAIN", Channel::plain()), None);
    assert_eq!(offered("--mechanisms EXTERNAL", Channel::tls(256)), None);
    assert_eq!(offered("--mechanisms EXTERNAL", Channel::tls(256).with_external("CN=tim")).unwrap(), "AUTH EXTERNAL");
    let announced = "AUTH before TLS: \nAUTH after TLS: \nAUTH after TLS with a client certificate: EXTERNAL";
    assert_eq!(site("--mechanisms EXTERNAL").announcement(), announced);
}

#[test]
fn anybody_may_send_to_local_recipients_and_nobody_may_relay() {
    let mut session = session("", Channel::plain());
    dialogue(
        &mut session,
        &[
            ("MAIL FROM:<>", "503 5.5.1"),
            ("EHLO client", "250-mail.example.org\r\n"),
            ("RCPT TO:<tim@example.org>", "503 5.5.1"),
            ("DATA", "503 5.5.1"),
            ("MAIL FROM:<> AUTH=tim@example.org", "250 2.1.0"),
            ("MAIL FROM:<>", "503 5.5.1"),
            ("DATA", "554 5.5.1"),
            ("RCPT TO:<bob@elsewhere.example>", "550 5.7.1 relaying denied"),
            ("RCPT TO:<tim@Example.org>", "250 2.1.5"),
            ("RCPT TO:<postmaster>", "250 2.1.5"),
            ("DATA", "354 "),
        ],
    );
    let envelope = session.take_envelope().unwrap();
    assert_eq!(envelope.recipients.len(), 2);
    assert_eq!(envelope.submitter, AuthParam::Unknown, "who has not authenticated is not believed");
    dialogue(&mut session, &[("DATA", "503 5.5.1"), ("MAIL FROM:<>", "250"), ("RSET", "250"), ("DATA", "503")]);
}

#[test]
fn whoever_authenticated_may_relay_and_name_itself() {
    let mut session = session("", Channel::tls(256));
    dialogue(&mut session, &[("EHLO client", "250-"), ("AUTH PLAIN AA==", "Command { mechanism: \"PLAIN\"")]);
    log_in(&mut session);
    dialogue(
        &mut session,
        &[
            ("AUTH PLAIN AA==", "503 5.5.1 already"),
            ("MAIL FROM:<tim@example.org> AUTH=tim@example.org", "250"),
            ("AUTH PLAIN AA==", "503 5.5.1"),
            ("RCPT TO:<bob@elsewhere.example>", "250"),
        ],
    );
    let envelope = session.take_envelope().unwrap();
    assert_eq!(envelope.submitter.to_string(), "tim@example.org");
    assert_eq!(envelope.recipients[0].1, Route::Relay);
    dialogue(&mut session, &[("MAIL FROM:<> AUTH=bob@example.org", "250")]);
    assert_eq!(session.take_envelope().unwrap().submitter, AuthParam::Unknown, "it speaks for itself alone");
}

#[test]
fn when_authentication_is_required() {
    let mut session = session("--require-auth", Channel::tls(256));
    dialogue(&mut session, &[("EHLO client", "250"), ("NOOP", "250"), ("MAIL FROM:<>", "530 5.7.0")]);
    log_in(&mut session);
    dialogue(&mut session, &[("MAIL FROM:<>", "250"), ("RCPT TO:<bob@elsewhere.example>", "250")]);
}

#[test]
fn whoever_is_anonymous_stays_nobody() {
    for flags in ["--require-auth", ""] {
        let mut session = session(&format!("--mechanisms ANONYMOUS --options p {flags}"), Channel::plain());
        dialogue(&mut session, &[("EHLO client", "250-")]);
        log_in_by(&mut session, "ANONYMOUS", b"guest");
        let mail = if flags.is_empty() { "250" } else { "530" };
        dialogue(&mut session, &[("AUTH ANONYMOUS", "503"), ("MAIL FROM:<>", mail)]);
        dialogue(&mut session, &[("RCPT TO:<bob@elsewhere.example>", if flags.is_empty() { "550" } else { "503" })]);
    }
}

#[test]
fn auth_has_its_time() {
    let mut session = session("", Channel::plain());
    dialogue(
        &mut session,
        &[
            ("AUTH CRAM-MD5", "503 5.5.1"),
            ("HELO client", "250 "),
            ("AUTH CRAM-MD5", "503 5.5.1"),
            ("EHLO client", "250-"),
            ("MAIL FROM:<>", "250"),
            ("AUTH CRAM-MD5", "503 5.5.1"),
            ("RSET", "250"),
            ("AUTH CRAM-MD5", "Command"),
        ],
    );
}

#[test]
fn tls_begins_once_and_before_anybody_authenticates() {
    let mut plain = session("", Channel::plain());
    dialogue(&mut plain, &[("STARTTLS", "220"), ("EHLO client", "250-"), ("STARTTLS", "220")]);
    assert!(said(&mut plain, "EHLO client").contains("STARTTLS"));
    let mut protected = session("", Channel::tls(128));
    assert!(!said(&mut protected, "EHLO client").contains("STARTTLS"));
    dialogue(&mut protected, &[("STARTTLS", "503")]);
    let mut known = session("--options y", Channel::plain());
    dialogue(&mut known, &[("EHLO client", "250-")]);
    log_in(&mut known);
    dialogue(&mut known, &[("STARTTLS", "503")]);
}

#[test]
fn limits() {
    let mut session = session("--max-size 1000", Channel::plain());
    assert!(said(&mut session, "EHLO client").contains("SIZE 1000"));
    dialogue(&mut session, &[("MAIL FROM:<> SIZE=1001", "552 5.3.4"), ("MAIL FROM:<> SIZE=1000", "250")]);
    for _ in 0..MAX_RECIPIENTS {
        dialogue(&mut session, &[("RCPT TO:<tim@example.org>", "250")]);
    }
    dialogue(&mut session, &[("RCPT TO:<tim@example.org>", "452 4.5.3"), ("QUIT", "221")]);
}
