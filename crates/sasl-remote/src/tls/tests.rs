use super::*;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use std::{fs, time::Duration};
use tempfile::TempDir;
use tokio::net::TcpListener;

struct Files {
    _directory: TempDir,
    certificate: PathBuf,
    key: PathBuf,
}

fn files() -> Files {
    let directory = TempDir::new().unwrap();
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let [certificate, key] = ["cert.pem", "key.pem"].map(|name| directory.path().join(name));
    fs::write(&certificate, cert.pem()).unwrap();
    fs::write(&key, signing_key.serialize_pem()).unwrap();
    Files { _directory: directory, certificate, key }
}

fn conf(text: &str) -> Conf {
    Conf::parse(Path::new("/x"), text.as_bytes()).unwrap()
}

#[test]
fn the_keys_of_a_file_are_taken_under_their_prefix() {
    let files = files();
    let [certificate, key] = [&files.certificate, &files.key].map(|path| path.display().to_string());
    let text = format!("a_tls_cacert_file: {certificate}\na_tls_cert: {certificate}\na_tls_key: {key}\nb_tls_key: no");
    assert!(Tls::from_conf(&conf(&text), "a").unwrap().config().client_auth_cert_resolver.has_certs());
    assert!(Tls::from_conf(&conf("x: y"), "a").is_ok(), "the system has authorities; else install ca-certificates");
}

#[test]
fn a_file_that_is_no_good_is_named_with_its_key() {
    let files = files();
    let [certificate, key] = [&files.certificate, &files.key].map(|path| path.display().to_string());
    for (text, complaint) in [
        ("a_tls_cacert_file: /no/such".into(), "/x: line 1: a_tls_cacert_file: "),
        (format!("a_tls_cacert_file: {key}"), "/x: line 1: a_tls_cacert_file: "),
        ("a_tls_cacert_dir: /no/such".into(), "/x: line 1: a_tls_cacert_dir: "),
        ("a_tls_cert: /no/such".into(), "/x: line 1: a_tls_cert: /no/such: "),
        (format!("a_tls_cert: {key}"), "/x: line 1: a_tls_cert: "),
        (format!("a_tls_cert: {certificate}\na_tls_key: /no/such"), "/x: line 2: a_tls_key: /no/such: "),
        (format!("a_tls_cert: {certificate}"), "/x: a_tls_key: "),
        (format!("a_tls_key: {key}"), "/x: line 1: a_tls_key: is of no use without a certificate"),
        ("a_tls_check_peer: perhaps".into(), "/x: line 1: a_tls_check_peer: must be yes or no"),
    ] {
        let error = Tls::from_conf(&conf(&text), "a").unwrap_err().to_string();
        assert!(error.starts_with(complaint), "{text}: {error}");
    }
}

#[tokio::test]
async fn all_addresses_are_tried_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let deadline = Deadline::after(Duration::from_secs(20));
    // On most machines that is ::1 too, where nobody listens.
    assert!(connect(&Address::new("localhost", port).unwrap(), deadline).await.is_ok());
    drop(listener);
    let error = connect(&Address::new("127.0.0.1", port).unwrap(), deadline).await.unwrap_err();
    assert!(error.to_string().starts_with(&format!("127.0.0.1:{port}: Connection refused")), "{error}");
    assert!(connect(&Address::new("no.such.invalid", port).unwrap(), deadline).await.is_err());
}

#[test]
fn some_hosts_can_have_no_certificate() {
    for host in ["localhost", "127.0.0.1", "::1"] {
        assert!(server_name(&Address::new(host, 1).unwrap()).is_ok(), "{host}");
    }
    assert!(server_name(&Address::new("fe80::1%eth0", 1).unwrap()).is_err());
}
