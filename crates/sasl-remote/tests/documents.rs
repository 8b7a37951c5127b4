//! The pages of `docs/backends` say what the parsers take.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use rcgen::{CertifiedKey, generate_simple_self_signed};
use sasl_remote::{conf::Conf, form, form::Form, imap::Rimap, tls};
use std::{fs, path::Path};
use tempfile::TempDir;

/// Where the examples have their certificates.
const DIRECTORY: &str = "/etc/saslauthd/";

fn page(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/backends").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The blocks of that language.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    page.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

/// The files of the examples, in a directory that is there.
fn certificates() -> TempDir {
    let directory = TempDir::new().unwrap();
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["example.com".to_owned()]).unwrap();
    for name in ["ca.pem", "client.pem"] {
        fs::write(directory.path().join(name), cert.pem()).unwrap();
    }
    fs::write(directory.path().join("client.key"), signing_key.serialize_pem()).unwrap();
    directory
}

fn with_files(text: &str, directory: &TempDir) -> String {
    text.replace(DIRECTORY, &format!("{}/", directory.path().display()))
}

#[test]
fn the_examples_of_httpform_are_taken() {
    let (page, directory) = (page("httpform.md"), certificates());
    let examples = blocks(&page, "conf");
    assert!(examples.len() >= 3);
    for example in examples {
        let conf = Conf::parse(Path::new("example"), with_files(&example, &directory).as_bytes()).unwrap();
        Form::new(&conf).unwrap_or_else(|error| panic!("{error} in\n{example}"));
        let strangers: Vec<_> = conf.strangers("", &form::KEYS).collect();
        assert!(strangers.is_empty(), "{strangers:?}");
    }
}

#[test]
fn the_examples_of_rimap_are_taken() {
    let (page, directory) = (page("rimap.md"), certificates());
    let examples = blocks(&page, "sh");
    assert!(examples.len() >= 4);
    for example in examples {
        let option = example.split("-O ").nth(1).unwrap().trim().trim_matches('\'');
        Rimap::new(&with_files(option, &directory)).unwrap_or_else(|error| panic!("{error} in\n{example}"));
    }
}

#[test]
fn every_key_has_a_row() {
    let rows = |page: &str, name: &str| page.matches(&format!("\n| `{name}` |")).count();
    let (httpform, rimap) = (page("httpform.md"), page("rimap.md"));
    assert!(form::KEYS.iter().all(|key| rows(&httpform, key) == 1), "{:?}", form::KEYS);
    assert!(tls::KEYS.iter().all(|key| rows(&rimap, key) == 1), "{:?}", tls::KEYS);
}
