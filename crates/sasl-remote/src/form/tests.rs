use super::*;
use crate::attempt::Verdict;
use sasl_core::secret::Secret;
use std::{path::Path, time::Duration};
use tokio::{
    io::AsyncReadExt,
    net::TcpListener,
    task::JoinHandle,
    time::{Instant, sleep},
};

fn attempt() -> Attempt {
    Attempt {
        login: b"web".to_vec(),
        password: Secret::new("webpw"),
        service: b"imap".to_vec(),
        realm: b"domain.dom".to_vec(),
    }
}

fn form(port: u16, more: &str) -> Form {
    let text = format!("httpform_host: 127.0.0.1\nhttpform_port: {port}\nhttpform_uri: /auth/login\n{more}\n");
    Form::new(&Conf::parse(Path::new("/x"), text.as_bytes()).unwrap()).unwrap()
}

const DATA: &str = "httpform_data: user=%u&pw=%p&realm=%r&service=%s";

/// A server for one client, which has these replies to a request, a moment between. Gives the request.
async fn server(replies: &[&[u8]]) -> (u16, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let replies: Vec<_> = replies.iter().map(|reply| reply.to_vec()).collect();
    let heard = tokio::spawn(async move {
        let mut stream = listener.accept().await.unwrap().0;
        let mut request = vec![0; 4096];
        let size = stream.read(&mut request).await.unwrap();
        for reply in replies {
            let _ = stream.write_all(&reply).await;
            sleep(Duration::from_millis(20)).await;
        }
        String::from_utf8(request[..size].to_vec()).unwrap()
    });
    (port, heard)
}

async fn verdict(replies: &[&[u8]]) -> (Verdict, String) {
    let (port, _heard) = server(replies).await;
    let answer = form(port, DATA).check(&attempt()).await;
    (answer.verdict, answer.reason.into_owned())
}

#[tokio::test]
async fn the_request_is_that_of_the_original() {
    let (port, heard) = server(&[b"HTTP/1.1 200 OK\r\n\r\n"]).await;
    assert_eq!(form(port, DATA).check(&attempt()).await.verdict, Verdict::Accepted);
    let request = format!(
        "POST /auth/login HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\nUser-Agent: saslauthd\r\n\
         Accept: */*\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 47\r\n\r\n\
         user=web&pw=webpw&realm=domain%2Edom&service=%s"
    );
    assert_eq!(heard.await.unwrap(), request);
}

#[tokio::test]
async fn a_json_request_says_so() {
    let (port, heard) = server(&[b"HTTP/1.1 204 No Content\r\n\r\n"]).await;
    let form = form(port, "httpform_format: json\nhttpform_data: {\"u\": \"%u\", \"s\": \"%s\", \"p\": \"%p\"}");
    assert_eq!(form.check(&attempt()).await.verdict, Verdict::Accepted);
    let heard = heard.await.unwrap();
    assert!(heard.contains("\r\nContent-Type: application/json\r\nContent-Length: 39\r\n"), "{heard}");
    assert!(heard.ends_with("\r\n\r\n{\"u\": \"web\", \"s\": \"imap\", \"p\": \"webpw\"}"), "{heard}");
    let odd = Attempt { login: vec![0xff], ..attempt() };
    assert_eq!(form.check(&odd).await.verdict, Verdict::Refused);
}

#[tokio::test]
async fn the_status_decides() {
    for (replies, expected) in [
        (&[&b"HTTP/1.1 200 OK\r\n\r\n"[..]][..], Verdict::Accepted),
        (&[b"HTT", b"P/1.1 2", b"00 O", b"K\r", b"\nServer: x\r\n\r\nbody"], Verdict::Accepted),
        (&[b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.0 204\r\n\r\n"], Verdict::Accepted),
        (&[b"HTTP/1.1 401 No\r\n\r\n"], Verdict::Refused),
        (&[b"HTTP/1.1 403 Forbidden: bad login\r\n\r\n"], Verdict::Refused),
        (&[b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n"], Verdict::Unavailable),
        (&[b"HTTP/1.1 404 Not Found\r\n\r\n"], Verdict::Unavailable),
        (&[b"HTTP/1.1 500 Oops\r\n\r\n"], Verdict::Unavailable),
        (&[b"HTTP/1.1 201 Created\r\n\r\n"], Verdict::Unavailable),
        (&[b"FOO 200 x\r\n\r\n"], Verdict::Unavailable),
        (&[b"HTTP/1.1 200 OK\r\n"], Verdict::Unavailable),
        (&[], Verdict::Unavailable),
    ] {
        assert_eq!(verdict(replies).await.0, expected, "{:?}", replies.concat().escape_ascii().to_string());
    }
}

#[tokio::test]
async fn the_log_hears_why_but_no_password() {
    let (_, reason) = verdict(&[b"HTTP/1.1 403 Forbidden: bad\x1blogin\r\n\r\n"]).await;
    assert!(reason.ends_with(": 403 Forbidden: bad\\u{1b}login"), "{reason}");
    for replies in [&[&b"HTTP/1.1 403 not webpw\r\n\r\n"[..]][..], &[b"what is webpw?\r\n"]] {
        let (_, reason) = verdict(replies).await;
        assert!(!reason.contains("webpw") && reason.contains("not shown"), "{reason}");
    }
}

#[tokio::test]
async fn a_silent_server_is_left_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let begin = Instant::now();
    let answer = form(port, &format!("{DATA}\nhttpform_timeout: 1")).check(&attempt()).await;
    assert_eq!((answer.verdict, &*answer.reason), (Verdict::Unavailable, &*format!("127.0.0.1/{port}: timed out")));
    assert!(begin.elapsed() < Duration::from_secs(5));
    drop(listener);
    let answer = form(port, DATA).check(&attempt()).await;
    assert!(answer.verdict == Verdict::Unavailable && answer.reason.contains("refused"), "{}", answer.reason);
}

#[tokio::test]
async fn a_server_without_an_end_is_left() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let flood = tokio::spawn(async move {
        let mut stream = listener.accept().await.unwrap().0;
        while stream.write_all(&b"HTTP/1.1 100 Continue\r\n\r\n".repeat(100)).await.is_ok() {}
    });
    let answer = form(port, DATA).check(&attempt()).await;
    assert!(answer.verdict == Verdict::Unavailable && answer.reason.contains("more than"), "{}", answer.reason);
    flood.await.unwrap();
}

#[tokio::test]
async fn a_name_that_cannot_be_found_is_no_error_but_told() {
    let conf = |host| {
        let text = format!("httpform_url: http://{host}/\n{DATA}");
        Form::new(&Conf::parse(Path::new("/x"), text.as_bytes()).unwrap()).unwrap()
    };
    assert_eq!(conf("127.0.0.1").unresolved().await, None);
    assert!(conf("no.such.invalid").unresolved().await.unwrap().starts_with("httpform: no.such.invalid/80: "));
    assert_eq!(format!("{:?}", conf("h")), "Form(h:80/)");
}
