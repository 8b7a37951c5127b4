//! The back end ldap against a real slapd, and against servers that no slapd is.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod slapd;

use nix::sys::signal::Signal;
use sasl_core::secret::Secret;
use sasl_remote::{
    attempt::{Answer, Attempt, Verdict},
    conf::Conf,
    ldap::{Crypt, Ldap},
};
use slapd::{LONG, Slapd};
use std::{
    net::Ipv4Addr,
    path::Path,
    rc::Rc,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::{JoinSet, LocalSet},
};

const READER: &str = "ldap_bind_dn: cn=reader,dc=example,dc=org\nldap_bind_pw: readerpw\n";

/// For which `secret` is right, unless the hash says that it cannot tell.
fn crypt() -> Crypt {
    Rc::new(|password, hash| {
        let knows = hash.expose() != b"*unknown*";
        Box::pin(async move { knows.then(|| password.matches(b"secret")) })
    })
}

fn try_ldap(text: &str) -> Result<Ldap, String> {
    let conf = Conf::parse(Path::new("/x.conf"), text.as_bytes()).unwrap();
    Ldap::new(&conf, crypt()).map_err(|error| error.to_string())
}

fn ldap(text: &str) -> Ldap {
    try_ldap(text).unwrap()
}

/// With `more` beside the server and the base.
fn over(slapd: &Slapd, more: &str) -> Ldap {
    over_uri(&slapd.uri(), more)
}

fn over_uri(uri: &str, more: &str) -> Ldap {
    ldap(&format!("ldap_servers: {uri}\nldap_search_base: dc=example,dc=org\n{more}"))
}

fn attempt(login: &str, password: &str) -> Attempt {
    let (login, service) = (login.into(), b"imap".to_vec());
    Attempt { login, password: Secret::new(password), service, realm: Vec::new() }
}

async fn answer(ldap: &Ldap, login: &str, password: &str) -> Answer {
    ldap.check(&attempt(login, password)).await
}

async fn verdict(ldap: &Ldap, login: &str, password: &str) -> Verdict {
    answer(ldap, login, password).await.verdict
}

/// Logins of this kind end so.
async fn ends(ldap: &Ldap, logins: &[(&str, &str, Verdict)]) {
    for (login, password, expected) in logins {
        let answer = answer(ldap, login, password).await;
        assert_eq!(answer.verdict, *expected, "{login}: {}", answer.reason);
    }
}

#[tokio::test]
async fn bind_finds_the_user_and_binds_with_the_whole_password() {
    let slapd = Slapd::start();
    for more in ["", READER, "ldap_filter: (&(uid=%u)(objectClass=inetOrgPerson))  \nldap_scope: sub"] {
        ends(
            &over(&slapd, more),
            &[
                ("plain", "secret", Verdict::Accepted),
                ("plain", "Secret", Verdict::Refused),
                ("plain", "", Verdict::Refused),
                ("ssha", "secret", Verdict::Accepted),
                ("argon2", "secret", Verdict::Accepted),
                ("nosuch", "secret", Verdict::Unknown),
                ("nobody", "secret", Verdict::Refused),
                ("twice", "secret", Verdict::Refused),
                ("long", LONG, Verdict::Accepted),
                ("long", &LONG[..199], Verdict::Refused),
                ("long", &LONG[..127], Verdict::Refused),
                ("Lovelace, Ada", "secret", Verdict::Accepted),
            ],
        )
        .await;
    }
    let unlimited = over(&slapd, "ldap_filter: (objectClass=*)\nldap_size_limit: 0");
    assert_eq!(answer(&unlimited, "plain", "secret").await.reason, "Duplicate entries found ((objectClass=*)).");
    let one = over(&slapd, "ldap_scope: one");
    assert_eq!(verdict(&one, "plain", "secret").await, Verdict::Unknown);
}

/// By the median of those whose password is stored in a quick way and in a slow one.
#[tokio::test]
async fn an_unknown_user_takes_as_long_as_a_wrong_password() {
    let slapd = Slapd::start();
    for (more, login) in [("", "ssha"), ("", "argon2"), ("ldap_auth_method: custom\n", "argon2")] {
        let (ldap, mut times) = (over(&slapd, &format!("{READER}{more}")), [Vec::new(), Vec::new()]);
        for _ in 0..100 {
            for (login, times) in [login, "nosuch"].iter().zip(&mut times) {
                let begin = Instant::now();
                assert_ne!(verdict(&ldap, login, "bad").await, Verdict::Accepted);
                times.push(begin.elapsed().as_secs_f64());
            }
        }
        let [wrong, unknown] = times.map(|mut times| {
            times.sort_by(f64::total_cmp);
            times[50]
        });
        assert!(
            (0.7..1.4).contains(&(unknown / wrong)),
            "{more}{login}: {unknown} s, and {wrong} s if there is such a user"
        );
    }
}

#[tokio::test]
async fn reasons_are_for_the_log_and_hold_no_secret() {
    let slapd = Slapd::start();
    let ldap = over(&slapd, "");
    assert_eq!(answer(&ldap, "x)(uid=*", "sesame").await.reason, r"Entry not found ((uid=x\\29\\28uid=\\2a)).");
    assert_eq!(answer(&ldap, "twice", "sesame").await.reason, "Duplicate entries found ((uid=twice)).");
    assert_eq!(answer(&ldap, "plain", "sesame").await.reason, "Bind to ldap server failed 49 (Invalid credentials)");
    assert!(!format!("{ldap:?}").contains("sesame"));
}

#[tokio::test]
async fn what_a_user_types_changes_neither_filter_nor_dn() {
    let slapd = Slapd::start();
    let logins = ["*", "pl*", "plain)(uid=*", "*)(objectClass=*", "pla\\69n", "plain\0", "plain,ou=people", "plain\\"];
    for login in logins {
        assert_eq!(verdict(&over(&slapd, ""), login, "secret").await, Verdict::Unknown, "{login:?}");
    }
    assert_eq!(verdict(&over(&slapd, ""), "st*r", "secret").await, Verdict::Accepted);
    let fast = over(&slapd, "ldap_auth_method: fastbind\nldap_filter: uid=%u,dc=example,dc=org");
    assert_eq!(verdict(&fast, "plain,ou=people", "secret").await, Verdict::Refused);
    let base = over(&slapd, "ldap_search_base: ou=%r,dc=example,dc=org\nldap_default_realm: people,dc=example");
    assert_eq!(verdict(&base, "plain", "secret").await, Verdict::Unknown);
}

#[tokio::test]
async fn fastbind_binds_at_once_and_never_as_nobody() {
    let slapd = Slapd::start();
    let fast = over(&slapd, "ldap_auth_method: fastbind\nldap_filter: uid=%u,ou=people,dc=example,dc=org");
    ends(
        &fast,
        &[
            ("plain", "secret", Verdict::Accepted),
            ("plain", "bad", Verdict::Refused),
            ("nosuch", "secret", Verdict::Refused),
            ("plain", "", Verdict::Refused),
            ("st*r", "secret", Verdict::Accepted),
            ("Lovelace, Ada", "secret", Verdict::Accepted),
        ],
    )
    .await;
    let empty = over(&slapd, "ldap_auth_method: fastbind\nldap_filter: %d");
    let refused = answer(&empty, "anyone", "anything").await;
    assert_eq!((refused.verdict, &*refused.reason), (Verdict::Refused, "an empty DN, which is nobody's"));
}

#[tokio::test]
async fn a_right_login_is_asked_anew_each_time() {
    let mut slapd = Slapd::start();
    let fast = over(&slapd, "ldap_auth_method: fastbind\nldap_filter: uid=%u,ou=people,dc=example,dc=org");
    assert_eq!(verdict(&fast, "plain", "secret").await, Verdict::Accepted);
    slapd.stop();
    assert_eq!(verdict(&fast, "plain", "secret").await, Verdict::Unavailable);
}

#[tokio::test]
async fn custom_compares_with_what_is_stored() {
    let slapd = Slapd::start();
    let custom = over(&slapd, &format!("ldap_auth_method: custom\n{READER}"));
    let mut logins = vec![
        ("several", "first", Verdict::Accepted),
        ("nosuch", "secret", Verdict::Unknown),
        ("nobody", "secret", Verdict::Refused),
        ("cleartext", "secret", Verdict::Refused),
        ("cleartext", "{CLEARTEXT}secret", Verdict::Refused),
        ("ssha", "{SSHA}gVK8WC9YyFT1gMsQHTGCgT3sSv5zYWx0", Verdict::Refused),
        ("twice", "secret", Verdict::Refused),
        ("crypt without helper", "secret", Verdict::Unavailable),
    ];
    for login in ["plain", "ssha", "ssha256", "argon2", "pbkdf2", "crypt", "several"] {
        logins.extend([(login, "secret", Verdict::Accepted), (login, "wrong", Verdict::Refused)]);
    }
    ends(&custom, &logins).await;
    let blind = over(&slapd, "ldap_auth_method: custom");
    assert_eq!(verdict(&blind, "plain", "secret").await, Verdict::Refused);
    let wrong = over(&slapd, &format!("ldap_auth_method: custom\n{}", READER.replace("readerpw", "x")));
    let unavailable = answer(&wrong, "plain", "secret").await;
    assert_eq!(unavailable.verdict, Verdict::Unavailable);
    assert!(
        unavailable.reason.ends_with("bind as ldap_bind_dn failed 49 (Invalid credentials)"),
        "{}",
        unavailable.reason
    );
}

#[tokio::test]
async fn groups_are_compared_or_searched() {
    let slapd = Slapd::start();
    let member = [("plain", "secret", Verdict::Accepted), ("ssha", "secret", Verdict::Refused)];
    let other = [("plain", "secret", Verdict::Refused), ("ssha", "secret", Verdict::Accepted)];
    let bad = [("plain", "bad", Verdict::Refused), ("nosuch", "secret", Verdict::Unknown)];
    let by_filter = "ldap_group_match_method: filter\nldap_group_filter: (uniqueMember=%D)\n";
    for method in ["bind".into(), format!("custom\n{READER}")] {
        let group = |text: &str| over(&slapd, &format!("ldap_auth_method: {method}\n{text}"));
        ends(&group("ldap_group_dn: cn=mail,dc=example,dc=org"), &[&member[..], &bad].concat()).await;
        ends(&group("ldap_group_dn: cn=%s,dc=example,dc=org\nldap_group_attr: member"), &other).await;
        ends(&group(by_filter), &[&member[..], &bad].concat()).await;
        ends(&group(&format!("{by_filter}ldap_group_scope: base")), &[("plain", "secret", Verdict::Refused)]).await;
        ends(&group("ldap_group_dn: cn=nosuch,dc=example,dc=org"), &[("plain", "secret", Verdict::Refused)]).await;
    }
    let fast = format!("ldap_auth_method: fastbind\nldap_filter: uid=%u,ou=people,dc=example,dc=org\n{by_filter}");
    ends(&over(&slapd, &fast), &member).await;
}

#[tokio::test]
async fn tokens_make_bases_and_filters() {
    let slapd = Slapd::start();
    let realm = over(&slapd, "ldap_search_base: ou=%r,dc=example,dc=org\nldap_default_realm: r1");
    assert_eq!(verdict(&realm, "twice", "secret").await, Verdict::Accepted);
    assert_eq!(verdict(&realm, "plain", "secret").await, Verdict::Unknown);
    let own = Attempt { realm: b"people".to_vec(), ..attempt("plain", "secret") };
    assert_eq!(realm.check(&own).await.verdict, Verdict::Accepted);
    let mail = over(&slapd, "ldap_filter: mail=%U@%d");
    assert_eq!(verdict(&mail, "plain@example.org", "secret").await, Verdict::Accepted);
    let labels = over(&slapd, "ldap_search_base: dc=%2,dc=%1\nldap_filter: (uid=%U)");
    assert_eq!(verdict(&labels, "plain@example.org", "secret").await, Verdict::Accepted);
}

#[tokio::test]
async fn tls_from_the_start_or_asked_for() {
    let slapd = Slapd::start();
    let ca = format!("ldap_tls_cacert_file: {}\n", slapd.file("ca.pem").display());
    let other = format!("ldap_tls_cacert_file: {}\n", slapd.file("other-ca.pem").display());
    let (ldaps, start) = (format!("ldaps://127.0.0.1:{}/", slapd.tls_port), "ldap_start_tls: yes\n");
    let plain = slapd.uri();
    for (uri, start) in [(&ldaps, ""), (&ldaps, start), (&plain, start)] {
        let logins = [("plain", "secret", Verdict::Accepted), ("plain", "bad", Verdict::Refused)];
        ends(&over_uri(uri, &format!("{start}{ca}")), &logins).await;
        ends(&over_uri(uri, &format!("{start}ldap_tls_check_peer: no")), &logins).await;
        for untrusted in [format!("{start}{other}"), format!("{start}{other}ldap_tls_check_peer: yes"), start.into()] {
            assert_eq!(verdict(&over_uri(uri, &untrusted), "plain", "secret").await, Verdict::Unavailable);
        }
    }
    let unnamed = over_uri(&ldaps.replace("127.0.0.1", "localhost"), &ca);
    assert_eq!(verdict(&unnamed, "plain", "secret").await, Verdict::Unavailable, "the certificate is for 127.0.0.1");
}

#[tokio::test]
async fn a_certificate_of_ours_is_shown_and_may_be_who_we_are() {
    let slapd = Slapd::start_with("TLSVerifyClient demand");
    let file = |name| slapd.file(name).display().to_string();
    let own = format!("ldap_tls_cert: {}\nldap_tls_key: {}\n", file("client.pem"), file("client.key"));
    let tls = format!("ldap_start_tls: yes\nldap_tls_cacert_file: {}\n", file("ca.pem"));
    assert_eq!(verdict(&over(&slapd, &format!("{tls}{own}")), "plain", "secret").await, Verdict::Accepted);
    assert_eq!(verdict(&over(&slapd, &tls), "plain", "secret").await, Verdict::Unavailable);
    let external = format!("{tls}{own}ldap_auth_method: custom\nldap_use_sasl: yes\nldap_mech: EXTERNAL\n");
    let logins = [("ssha", "secret", Verdict::Accepted), ("ssha", "bad", Verdict::Refused)];
    ends(&over(&slapd, &external), &logins).await;
}

#[tokio::test]
async fn users_bind_by_sasl() {
    let slapd = Slapd::start();
    let logins = [
        ("plain", "secret", Verdict::Accepted),
        ("plain", "bad", Verdict::Refused),
        ("nosuch", "secret", Verdict::Refused),
        ("plain\0", "secret", Verdict::Refused),
    ];
    for mechanism in ["", "ldap_mech: DIGEST-MD5\n", "ldap_sasl_mech: scram-sha-256\n", "ldap_mech: CRAM-MD5\n"] {
        let ldap = over(&slapd, &format!("ldap_use_sasl: yes\n{mechanism}"));
        ends(&ldap, &logins).await;
    }
    let group = over(&slapd, "ldap_use_sasl: yes\nldap_group_dn: cn=mail,dc=example,dc=org");
    ends(&group, &[("plain", "secret", Verdict::Accepted), ("twice", "secret", Verdict::Refused)]).await;
    let clear = answer(&over(&slapd, "ldap_use_sasl: yes\nldap_mech: PLAIN"), "plain", "secret").await;
    assert_eq!(clear.verdict, Verdict::Unavailable, "{}", clear.reason);
    let allowed = over(&slapd, "ldap_use_sasl: yes\nldap_mech: PLAIN\nldap_sasl_secprops: none");
    ends(&allowed, &logins).await;
}

#[tokio::test]
async fn a_unix_socket_will_do() {
    let slapd = Slapd::start();
    let path = slapd.file("ldapi").display().to_string().replace('/', "%2F");
    let ldap = over_uri(&format!("ldapi://{path}/"), "");
    ends(&ldap, &[("plain", "secret", Verdict::Accepted), ("plain", "bad", Verdict::Refused)]).await;
}

#[tokio::test]
async fn the_next_server_is_asked_where_one_is_down() {
    let (mut first, second) = (Slapd::start(), Slapd::start());
    let both = over_uri(&format!("ldap://127.0.0.1:1/ {} {}", first.uri(), second.uri()), "ldap_timeout: 1");
    let logins = [("plain", "secret", Verdict::Accepted), ("plain", "bad", Verdict::Refused)];
    ends(&both, &logins).await;
    first.signal(Signal::SIGSTOP);
    ends(&both, &logins).await;
    let begin = Instant::now();
    ends(&both, &logins).await;
    assert!(begin.elapsed() < Duration::from_millis(900), "a server that hung is not asked again at once");
    first.signal(Signal::SIGCONT);
    first.stop();
    ends(&both, &logins).await;
    drop(second);
    assert_eq!(verdict(&both, "plain", "secret").await, Verdict::Unavailable);
}

#[tokio::test]
async fn a_server_that_is_back_is_used_again() {
    let mut slapd = Slapd::start();
    let ldap = over(&slapd, "");
    assert_eq!(verdict(&ldap, "plain", "secret").await, Verdict::Accepted);
    slapd.stop();
    assert_eq!(verdict(&ldap, "plain", "secret").await, Verdict::Unavailable);
    slapd.run();
    assert_eq!(verdict(&ldap, "plain", "secret").await, Verdict::Accepted);
    // And where nobody noticed that it was away.
    slapd.stop();
    slapd.run();
    assert_eq!(verdict(&ldap, "plain", "secret").await, Verdict::Accepted);
}

#[tokio::test]
async fn a_server_that_hangs_costs_no_more_than_the_timeout() {
    let slapd = Slapd::start();
    let ldap = over(&slapd, "ldap_timeout: 1");
    for _ in 0..2 {
        assert_eq!(verdict(&ldap, "plain", "secret").await, Verdict::Accepted);
        slapd.signal(Signal::SIGSTOP);
        let begin = Instant::now();
        assert_eq!(verdict(&ldap, "plain", "secret").await, Verdict::Unavailable);
        assert!(begin.elapsed() < Duration::from_millis(1900), "{:?}", begin.elapsed());
        slapd.signal(Signal::SIGCONT);
    }
}

#[tokio::test]
async fn many_log_in_at_once() {
    let slapd = Slapd::start();
    let ldap = Rc::new(over(&slapd, ""));
    let logins = async {
        let mut set = JoinSet::new();
        for number in 0..200 {
            let ldap = Rc::clone(&ldap);
            set.spawn_local(async move {
                let password = if number % 2 == 0 { "secret" } else { "bad" };
                (number % 2 == 0, verdict(&ldap, "plain", password).await)
            });
        }
        set.join_all().await
    };
    for (is_right, verdict) in LocalSet::new().run_until(logins).await {
        assert_eq!(verdict, if is_right { Verdict::Accepted } else { Verdict::Refused });
    }
}

#[tokio::test]
async fn a_login_that_nobody_waits_for_spoils_no_connection() {
    let slapd = Slapd::start();
    let ldap = over(&slapd, "");
    for micros in (0..4000).step_by(100) {
        let given_up = tokio::time::timeout(Duration::from_micros(micros), verdict(&ldap, "plain", "secret")).await;
        assert!(given_up.is_err() || given_up == Ok(Verdict::Accepted));
        assert_eq!(verdict(&ldap, "plain", "bad").await, Verdict::Refused);
    }
}

/// A server that answers everything with `reply`.
async fn impostor(reply: &'static [u8]) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 4096];
                while stream.read(&mut request).await.is_ok_and(|length| length > 0) {
                    let _ = stream.write_all(reply).await;
                }
            });
        }
    });
    format!("ldap://127.0.0.1:{port}/")
}

#[tokio::test]
async fn a_server_that_speaks_no_ldap_is_unavailable() {
    let deep: &'static [u8] = Box::leak([0x30, 0x80].repeat(50_000).into_boxed_slice());
    // References without an end.
    let endless: &'static [u8] = Box::leak(b"\x30\x09\x02\x01\x01\x73\x04\x04\x02l:".repeat(1000).into_boxed_slice());
    let replies: [&'static [u8]; 14] = [
        b"\x30\x00",
        b"\x30\x03\x02\x01\x01",
        b"\x30\x05\x01\x01\x01\x61\x00",
        b"\x30\x05\x02\x01\x01\x61\x00",
        b"\x30\x84\x7f\xff\xff\xff",
        b"\x30\x80\x02\x01\x01",
        b"\x1f\xff\xff\xff",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        // Of the right shape, for another question.
        b"\x30\x0c\x02\x01\x63\x61\x07\x0a\x01\x00\x04\x00\x04\x00",
        // Everything is well, of a deletion.
        b"\x30\x0c\x02\x01\x01\x6b\x07\x0a\x01\x00\x04\x00\x04\x00",
        // A notice of disconnection.
        b"\x30\x0c\x02\x01\x00\x78\x07\x0a\x01\x34\x04\x00\x04\x00",
        // Busy.
        b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x33\x04\x00\x04\x00",
        deep,
        endless,
    ];
    for reply in replies {
        let uri = impostor(reply).await;
        for more in ["", "ldap_start_tls: yes", "ldap_use_sasl: yes", "ldap_auth_method: fastbind\nldap_filter: uid=%u"]
        {
            let begin = Instant::now();
            assert_eq!(
                verdict(&over_uri(&uri, more), "plain", "secret").await,
                Verdict::Unavailable,
                "{reply:x?} {more}"
            );
            assert!(begin.elapsed() < Duration::from_secs(3), "{reply:x?} {more}");
        }
    }
}

#[tokio::test]
async fn only_so_many_passwords_of_one_entry_are_compared_and_the_others_are_no_wrong_password() {
    for (before, expected) in [(15, Verdict::Accepted), (16, Verdict::Unavailable)] {
        let values: Vec<_> = (0..before).map(|_| &b"x"[..]).chain([&b"s"[..]]).collect();
        let uri = impostor(found(&values)).await;
        assert_eq!(verdict(&over_uri(&uri, "ldap_auth_method: custom"), "u", "s").await, expected);
    }
}

/// The answer to the first question, a search: one entry with these passwords.
fn found(values: &[&[u8]]) -> &'static [u8] {
    let element = |tag, content: &[&[u8]]| {
        let content = content.concat();
        [&[tag, u8::try_from(content.len()).unwrap()][..], &content].concat()
    };
    let values: Vec<_> = values.iter().map(|value| element(4, &[value])).collect();
    let attribute = element(0x30, &[b"\x04\x02pw", &element(0x31, &[&values.concat()])]);
    let entry = element(0x64, &[b"\x04\x04cn=a", &element(0x30, &[&attribute])]);
    let done = b"\x30\x0c\x02\x01\x01\x65\x07\x0a\x01\x00\x04\x00\x04\x00";
    [&element(0x30, &[b"\x02\x01\x01", &entry])[..], done].concat().leak()
}

#[tokio::test]
async fn what_a_server_says_before_tls_does_not_count_after_it() {
    // It agrees to TLS, and has answered the next question already.
    let eager = b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00";
    let ldap = over_uri(&impostor(eager).await, "ldap_start_tls: yes\nldap_tls_check_peer: no");
    let answer = answer(&ldap, "plain", "secret").await;
    assert_eq!(answer.verdict, Verdict::Unavailable);
    assert!(answer.reason.ends_with("start tls failed (octets before TLS)"), "{}", answer.reason);
}

#[test]
fn what_makes_no_sense_is_named_with_its_line() {
    for (text, complaint) in [
        ("ldap_servers: foo", "line 1: ldap_servers: must be ldap://"),
        ("ldap_timeout: abc", "line 1: ldap_timeout: must be a number"),
        ("ldap_timeout: 0", "line 1: ldap_timeout: must be from 1"),
        ("ldap_size_limit: 4294967296", "line 1: ldap_size_limit: "),
        ("ldap_scope: subtree", "line 1: ldap_scope: must be one of: sub one base"),
        ("ldap_deref: yes", "line 1: ldap_deref: must be one of"),
        ("ldap_auth_method: simple", "line 1: ldap_auth_method: must be one of"),
        ("ldap_auth_method: fastbind", "ldap_filter: is needed"),
        ("\nldap_filter: (uid=%u", "line 2: ldap_filter: is no filter"),
        ("ldap_password_attr: a b", "line 1: ldap_password_attr: "),
        ("ldap_bind_dn: cn=a", "line 1: ldap_bind_dn: needs ldap_bind_pw"),
        ("ldap_group_filter: (a=%D)", "line 1: ldap_group_filter: needs ldap_group_match_method"),
        ("ldap_group_dn: cn=a\nldap_group_match_method: filter", "line 2: ldap_group_match_method: needs"),
        ("ldap_restart: maybe", "line 1: ldap_restart: "),
        ("ldap_start_tls: maybe", "line 1: ldap_start_tls: "),
        ("ldap_start_tls: yes\nldap_servers: ldapi:///", "line 2: ldap_servers: there is no StartTLS"),
        ("ldap_servers: ldaps://a/\nldap_tls_cacert_file: /no/such", "line 2: ldap_tls_cacert_file: "),
        ("ldap_use_sasl: yes\nldap_mech: GSSAPI", "line 2: ldap_mech: must be one of: SCRAM"),
        ("ldap_use_sasl: yes\nldap_sasl_mech: external", "line 2: ldap_sasl_mech: would let everybody in"),
        ("ldap_sasl_secprops: strong", "line 1: ldap_sasl_secprops: unknown"),
    ] {
        let error = try_ldap(text).expect_err(text);
        assert!(error.starts_with(&format!("/x.conf: {complaint}")), "{text}: {error}");
    }
}

#[test]
fn what_has_no_effect_is_said() {
    let warnings = |text: &str| ldap(text).warnings().iter().map(ToString::to_string).collect::<Vec<_>>();
    assert!(
        warnings("ldap_version: 3\nldap_restart: yes\nldap_debug: 0\nldap_referrals: no\nhttpform_host: x").is_empty()
    );
    for text in [
        "ldap_version: 2",
        "ldap_referrals: yes",
        "ldap_debug: 1",
        "ldap_tls_ciphers: HIGH\nldap_start_tls: yes",
        "ldap_tls_check_peer: no\nldap_start_tls: yes",
        "ldap_tls_cacert_file: /etc/ssl/ca.pem",
        "ldap_group_match_method: filter",
        "ldap_host: x",
    ] {
        let key = text.split(':').next().unwrap();
        let warnings = warnings(text);
        assert!(warnings.len() == 1 && warnings[0].starts_with(&format!("/x.conf: line 1: {key}: ")), "{warnings:?}");
    }
}

#[test]
fn of_two_names_for_a_key_the_latter_counts() {
    assert!(try_ldap("ldap_use_sasl: yes\nldap_mech: GSSAPI\nldap_sasl_mech: PLAIN").is_ok());
    assert!(try_ldap("ldap_use_sasl: yes\nldap_sasl_mech: PLAIN\nldap_mech: GSSAPI").is_err());
}

/// The examples in the documentation are read as they stand.
#[test]
fn the_examples_of_the_documentation_are_read() {
    let text = include_str!("../../../../docs/backends/ldap.md");
    let blocks: Vec<_> = text.split("```conf\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(blocks.len() > 3);
    for block in blocks {
        let made: Vec<_> = block
            .lines()
            .filter(|line| {
                !line.contains("ldap_tls_ca") && !line.contains("ldap_tls_cert") && !line.contains("ldap_tls_key")
            })
            .collect();
        let ldap = ldap(&made.join("\n"));
        assert!(ldap.warnings().is_empty(), "{block}: {:?}", ldap.warnings());
    }
}

/// Every key is in the documentation.
#[test]
fn every_key_is_documented() {
    let text = include_str!("../../../../docs/backends/ldap.md");
    for line in include_str!("../../src/ldap/settings.rs").lines().filter(|line| line.starts_with("    \"ldap_")) {
        let key = line.trim().trim_matches(['"', ',']);
        assert!(text.contains(&format!("`{key}`")), "{key}");
    }
}
