use super::*;
use crate::attempt::Verdict;
use proptest::prelude::*;
use sasl_core::secret::Secret;
use tokio::io::{AsyncReadExt, DuplexStream, duplex};

fn attempt(login: &[u8], password: &[u8]) -> Attempt {
    Attempt { login: login.to_vec(), password: Secret::new(password), service: Vec::new(), realm: Vec::new() }
}

/// A conversation with a server that says all this at once and closes.
fn with(said: &[u8]) -> Conversation<DuplexStream> {
    let (ours, mut theirs) = duplex(1 << 20);
    let said = said.to_vec();
    tokio::spawn(async move {
        theirs.write_all(&said).await.unwrap();
        theirs.shutdown().await.unwrap();
        let _ = theirs.read_to_end(&mut Vec::new()).await;
    });
    Conversation::new(ours)
}

async fn answer_to(said: &[u8]) -> Result<Answer, String> {
    with(said).log_in(&attempt(b"tim", b"pw")).await
}

async fn verdict(said: &[u8]) -> Verdict {
    answer_to(said).await.map_or(Verdict::Unavailable, |answer| answer.verdict)
}

#[test]
fn the_command_is_that_of_the_original() {
    for (login, password, command) in [
        (&b"u"[..], &b"p"[..], &b"saslauthd LOGIN \"u\" \"p\"\r\n"[..]),
        (b"us\"er\\x", b"p\"a\\ss w{3}", b"saslauthd LOGIN \"us\\\"er\\\\x\" \"p\\\"a\\\\ss w{3}\"\r\n"),
        (b"us\xc3\xa9r", b"p\xe4ss", b"saslauthd LOGIN \"us\xc3\xa9r\" \"p\xe4ss\"\r\n"),
        (b"", b"", b"saslauthd LOGIN \"\" \"\"\r\n"),
    ] {
        assert_eq!(login_command(&attempt(login, password)).as_slice(), command);
    }
    assert!(can_be_quoted(b"a\"\\\xff\x01"));
    assert!([&b"a\r"[..], b"\nb", b"\0"].iter().all(|octets| !can_be_quoted(octets)));
}

#[tokio::test]
async fn the_tagged_line_decides() {
    for (said, expected) in [
        (&b"saslauthd OK Logged in\r\n"[..], Verdict::Accepted),
        (b"saslauthd OK\n", Verdict::Accepted),
        (b"* CAPABILITY IMAP4rev1\r\nsaslauthd OK x\r\n", Verdict::Accepted),
        (b"* 1 EXISTS\r\n* OK [ALERT] x\r\nsaslauthd OK x\r\n", Verdict::Accepted),
        (b"saslauthd NO Bad\r\n", Verdict::Refused),
        (b"saslauthd NO\r\n", Verdict::Refused),
        (b"saslauthd NO [AUTHENTICATIONFAILED] x\r\n", Verdict::Refused),
        (b"* CAPABILITY IMAP4rev1\r\nsaslauthd NO x\r\n", Verdict::Refused),
        (b"saslauthd NO [UNAVAILABLE] database down\r\n", Verdict::Unavailable),
        (b"saslauthd NO [limit] too many\r\n", Verdict::Unavailable),
        (b"saslauthd NO [PRIVACYREQUIRED] TLS first\r\n", Verdict::Unavailable),
        (b"saslauthd BAD syntax\r\n", Verdict::Unavailable),
        (b"saslauthd OKAY\r\n", Verdict::Unavailable),
        (b"saslauthd  OK\r\n", Verdict::Unavailable),
        (b"saslauthd\r\n", Verdict::Unavailable),
        (b"SASLAUTHD OK x\r\n", Verdict::Unavailable),
        (b"other OK x\r\nsaslauthd OK x\r\n", Verdict::Unavailable),
        (b"+ go on\r\nsaslauthd OK x\r\n", Verdict::Unavailable),
        (b"\r\nsaslauthd OK x\r\n", Verdict::Unavailable),
        (b"* BYE too late\r\nsaslauthd OK x\r\n", Verdict::Unavailable),
        (b"* X {18}\r\nsaslauthd OK x\r\n)\r\n", Verdict::Unavailable),
        (b"", Verdict::Unavailable),
    ] {
        assert_eq!(verdict(said).await, expected, "{}", said.escape_ascii());
    }
}

#[tokio::test]
async fn no_beginning_of_an_answer_is_one() {
    for said in [&b"* CAPABILITY IMAP4rev1\r\nsaslauthd OK Logged in\r\n"[..], b"saslauthd NO x\r\n"] {
        for length in 0..said.len() {
            assert_eq!(verdict(&said[..length]).await, Verdict::Unavailable, "{}", said[..length].escape_ascii());
        }
    }
}

#[tokio::test]
async fn a_flood_comes_to_an_end() {
    for flood in [b"* 1 EXISTS\r\n".repeat(1 << 14), vec![b'*'; 1 << 18]] {
        let reason = answer_to(&[flood, b"saslauthd OK x\r\n".to_vec()].concat()).await.unwrap_err();
        assert!(reason.contains("more than"), "{reason}");
    }
}

#[tokio::test]
async fn a_server_is_ready_or_not() {
    let greeted = |said: &'static [u8]| async move { with(said).greeting(&attempt(b"tim", b"pw")).await };
    assert_eq!(greeted(b"* OK ready\r\n").await, Ok(Login::Possible));
    assert_eq!(greeted(b"* OK\n").await, Ok(Login::Possible));
    assert_eq!(greeted(b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] LOGINDISABLED\r\n").await, Ok(Login::Possible));
    assert_eq!(greeted(b"* OK [CAPABILITY IMAP4rev1 LOGINDISABLED] x\r\n").await, Ok(Login::Disabled));
    for said in
        [&b"* NO go away\r\n"[..], b"* BYE\r\n", b"* PREAUTH hi\r\n", b"HTTP/1.1 400\r\n", b"* OKAY\r\n", b"* OK", b""]
    {
        assert!(greeted(said).await.is_err(), "{}", said.escape_ascii());
    }
}

#[tokio::test]
async fn nothing_may_come_between_starttls_and_tls() {
    let started = |said: &'static [u8]| async move { with(said).start_tls(&attempt(b"tim", b"pw")).await };
    assert!(started(b"saslauthd OK begin\r\n").await.is_ok());
    assert!(started(b"* 1 EXISTS\r\nsaslauthd OK begin\r\n").await.is_ok());
    for said in [
        &b"saslauthd OK begin\r\nsaslauthd OK Logged in\r\n"[..],
        b"saslauthd OK begin\r\nx",
        b"saslauthd NO\r\n",
        b"saslauthd BAD\r\n",
        b"saslauthd OK begin",
    ] {
        assert!(started(said).await.is_err(), "{}", said.escape_ascii());
    }
}

/// What answers are made of.
const PART: &str =
    "saslauthd |SASLAUTHD |OK|OK |NO |BAD |\\* |BYE|\\+ |\r\n|\n|\r|\\{3\\}|[A-Z ]{1,3}|saslauthd OK x\r\n";

proptest! {
    /// As a server reads it: RFC 9051 section 9, `quoted`.
    #[test]
    fn a_server_reads_back_what_was_quoted(login in any::<Vec<u8>>(), password in any::<Vec<u8>>()) {
        prop_assume!(can_be_quoted(&login) && can_be_quoted(&password));
        let command = login_command(&attempt(&login, &password));
        let (first, rest) = unquoted(command.strip_prefix(b"saslauthd LOGIN ").unwrap());
        let (second, rest) = unquoted(rest.strip_prefix(b" ").unwrap());
        prop_assert_eq!((first, second, rest), (login, password, &b"\r\n"[..]));
        prop_assert!(command.capacity() >= command.len());
    }

    #[test]
    fn nothing_but_a_whole_tagged_ok_is_yes(parts in prop::collection::vec(PART, 0..12), noise in any::<Vec<u8>>()) {
        let said = [parts.concat().into_bytes(), noise].concat();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let verdict = runtime.block_on(verdict(&said));
        let decides = |line: &&[u8]| !line.starts_with(b"* ");
        let mut whole: Vec<&[u8]> = said.split(|octet| *octet == b'\n').collect();
        whole.pop();
        let first = whole.into_iter().find(decides).unwrap_or_default().trim_ascii_end();
        let is_ok = first == b"saslauthd OK" || first.starts_with(b"saslauthd OK ");
        prop_assert!(verdict != Verdict::Accepted || is_ok, "{}", said.escape_ascii());
    }
}

fn unquoted(text: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut octets = text.strip_prefix(b"\"").unwrap().iter().enumerate();
    let mut word = Vec::new();
    while let Some((index, octet)) = octets.next() {
        match octet {
            b'"' => return (word, &text[index + 2..]),
            b'\\' => word.push(*octets.next().unwrap().1),
            _ => word.push(*octet),
        }
    }
    panic!("no closing quote");
}
