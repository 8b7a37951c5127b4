use super::*;
use crate::attempt::Verdict;
use sasl_core::secret::Secret;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

const READY: &[u8] = b"* OK ready\r\n";
const COMMAND: &[u8] = b"saslauthd LOGIN \"u\" \"p\"\r\nsaslauthd LOGOUT\r\n";

fn attempt(password: &str) -> Attempt {
    Attempt { login: b"u".to_vec(), password: Secret::new(password), service: Vec::new(), realm: Vec::new() }
}

/// A server for one client: sends `greeting`, and `answer` to the first line. Gives all that it heard.
async fn server(greeting: &'static [u8], answer: &'static [u8]) -> (String, JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let name = format!("127.0.0.1/{}", listener.local_addr().unwrap().port());
    let heard = tokio::spawn(async move {
        let mut stream = listener.accept().await.unwrap().0;
        stream.write_all(greeting).await.unwrap();
        let mut heard = Vec::new();
        while !heard.contains(&b'\n') && stream.read_buf(&mut heard).await.unwrap_or(0) > 0 {}
        let _ = stream.write_all(answer).await;
        let _ = stream.read_to_end(&mut heard).await;
        heard
    });
    (name, heard)
}

/// A server that takes connections and says nothing.
async fn silent() -> (String, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    (format!("127.0.0.1/{}", listener.local_addr().unwrap().port()), listener)
}

/// Where nobody listens.
async fn nobody() -> String {
    silent().await.0
}

fn rimap(servers: &[&str]) -> Rimap {
    Rimap { limit: Duration::from_secs(10), ..Rimap::new(&servers.join(" ")).unwrap() }
}

#[tokio::test]
async fn the_server_hears_what_the_original_says() {
    let (name, heard) = server(READY, b"saslauthd OK x\r\n").await;
    let answer = rimap(&[&name]).check(&attempt("p")).await;
    assert_eq!((answer.verdict, &*answer.reason), (Verdict::Accepted, &*format!("{name}: accepted")));
    assert_eq!(heard.await.unwrap(), COMMAND);
}

#[tokio::test]
async fn a_no_is_the_last_word_and_no_other_server_is_asked() {
    let (name, heard) = server(READY, b"saslauthd NO bad\r\n").await;
    let (other, listener) = silent().await;
    let answer = rimap(&[&name, &other]).check(&attempt("p")).await;
    assert_eq!((answer.verdict, &*answer.reason), (Verdict::Refused, &*format!("{name}: NO bad")));
    assert_eq!(heard.await.unwrap(), COMMAND);
    assert!(tokio::time::timeout(Duration::from_millis(100), listener.accept()).await.is_err());
}

#[tokio::test]
async fn the_next_server_has_its_turn_where_one_is_not_there() {
    for greeting in [None, Some(&b"* BYE later\r\n"[..]), Some(b"HTTP/1.1 400 Bad\r\n\r\n"), Some(b"* PREAUTH\r\n")] {
        let first = match greeting {
            Some(greeting) => server(greeting, b"").await.0,
            None => nobody().await,
        };
        let (second, heard) = server(READY, b"saslauthd OK x\r\n").await;
        let rimap = rimap(&[&first, &second]);
        let answer = rimap.check(&attempt("p")).await;
        assert_eq!(answer.verdict, Verdict::Accepted, "{}", answer.reason);
        assert!(answer.reason.contains(&format!("{second}: accepted; before that, {first}: ")), "{}", answer.reason);
        assert_eq!(heard.await.unwrap(), COMMAND);
        assert_eq!(rimap.candidates()[0].server.address.to_string(), second, "the first has a rest");
    }
}

#[tokio::test]
async fn where_no_server_is_there_nothing_is_known() {
    let names = [nobody().await, nobody().await];
    let answer = rimap(&[&names[0], &names[1]]).check(&attempt("p")).await;
    assert_eq!(answer.verdict, Verdict::Unavailable);
    assert!(names.iter().all(|name| answer.reason.contains(&**name)), "{}", answer.reason);
}

#[tokio::test]
async fn a_silent_server_costs_its_share_of_the_time() {
    let (first, _listener) = silent().await;
    let (second, _heard) = server(READY, b"saslauthd OK x\r\n").await;
    let limit = Duration::from_secs(2);
    let begin = Instant::now();
    let answer = Rimap { limit, ..rimap(&[&first, &second]) }.check(&attempt("p")).await;
    assert_eq!(answer.verdict, Verdict::Accepted, "{}", answer.reason);
    let (third, _heard) = server(READY, b"").await;
    let answer = Rimap { limit, ..rimap(&[&third]) }.check(&attempt("p")).await;
    assert_eq!((answer.verdict, &*answer.reason), (Verdict::Unavailable, &*format!("{third}: timed out")));
    assert!((3..6).contains(&begin.elapsed().as_secs()), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn what_cannot_be_quoted_is_sent_to_nobody() {
    let (name, listener) = silent().await;
    for (login, password) in [("u", "p\r\nx LOGOUT"), ("u\n", "p"), ("u", "p\0")] {
        let attempt = Attempt { login: login.into(), ..attempt(password) };
        assert_eq!(rimap(&[&name]).check(&attempt).await.verdict, Verdict::Refused);
    }
    assert!(tokio::time::timeout(Duration::from_millis(100), listener.accept()).await.is_err());
}

#[tokio::test]
async fn a_server_that_wants_tls_gets_no_password_without() {
    let (name, heard) =
        server(b"* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] x\r\n", b"saslauthd OK x\r\n").await;
    let answer = rimap(&[&name]).check(&attempt("p")).await;
    assert_eq!(answer.verdict, Verdict::Unavailable);
    assert!(answer.reason.contains("LOGINDISABLED"), "{}", answer.reason);
    assert_eq!(heard.await.unwrap(), b"");
    let (name, heard) = server(READY, b"saslauthd BAD no STARTTLS\r\n").await;
    let uri = format!("imap+starttls://{}", name.replace('/', ":"));
    assert_eq!(rimap(&[&uri]).check(&attempt("p")).await.verdict, Verdict::Unavailable);
    assert_eq!(heard.await.unwrap(), b"saslauthd STARTTLS\r\n");
    let (name, heard) = server(READY, b"saslauthd OK begin\r\nsaslauthd OK Logged in\r\n").await;
    let uri = format!("imap+starttls://{}", name.replace('/', ":"));
    let answer = rimap(&[&uri]).check(&attempt("p")).await;
    assert_eq!(answer.verdict, Verdict::Unavailable);
    assert!(answer.reason.contains("between STARTTLS and TLS"), "{}", answer.reason);
    assert_eq!(heard.await.unwrap(), b"saslauthd STARTTLS\r\n");
}

#[tokio::test]
async fn whoever_gives_up_leaves_no_connection_behind() {
    let (name, heard) = server(READY, b"").await;
    let rimap = rimap(&[&name]);
    let given_up = tokio::time::timeout(Duration::from_millis(300), rimap.check(&attempt("p"))).await;
    assert!(given_up.is_err());
    assert_eq!(heard.await.unwrap(), b"saslauthd LOGIN \"u\" \"p\"\r\n");
}

#[tokio::test]
async fn a_server_without_an_end_is_left() {
    let (name, listener) = silent().await;
    let talk = async move |mut stream: TcpStream, chunk: &[u8]| while stream.write_all(chunk).await.is_ok() {};
    let flood = tokio::spawn(async move {
        talk(listener.accept().await.unwrap().0, &[b'*'; 4096]).await;
        let mut stream = listener.accept().await.unwrap().0;
        stream.write_all(READY).await.unwrap();
        talk(stream, &b"* 1 EXISTS\r\n".repeat(100)).await;
    });
    for _ in 0..2 {
        let answer = rimap(&[&name]).check(&attempt("p")).await;
        assert!(answer.verdict == Verdict::Unavailable && answer.reason.contains("more than"), "{}", answer.reason);
    }
    flood.await.unwrap();
}

#[tokio::test]
async fn names_that_cannot_be_found_are_no_error_but_told() {
    let rimap = rimap(&["127.0.0.1", "no.such.invalid/99"]);
    let sentences = rimap.unresolved().await;
    assert!(sentences.len() == 1 && sentences[0].starts_with("-O: no.such.invalid/99: "), "{sentences:?}");
    assert_eq!(Rimap::new("a/x").unwrap_err().to_string().split(": ").next(), Some("-O"));
}
