//! What an IMAP server says to a login, and what a web server says to a form.

use sasl_core::secret::Secret;
use sasl_remote::{
    attempt::{Attempt, Verdict},
    fuzzing::{http_status, imap_login},
};

const PASSWORD: &[u8] = b"tanstaaftanstaaf";

pub(super) fn run(input: &[u8]) {
    let attempt =
        Attempt { login: b"tim".to_vec(), password: Secret::new(PASSWORD), service: Vec::new(), realm: Vec::new() };
    let said = match imap_login(input, &attempt) {
        Ok(answer) => {
            assert!(answer.verdict != Verdict::Accepted || input.windows(13).any(|said| said == b"\nsaslauthd OK"));
            answer.reason.into_owned()
        }
        Err(reason) => reason,
    };
    assert!(!said.contains(char::is_control) && !said.contains("tanstaaftanstaaf") && said.len() < 1024);
    if let Some(status) = http_status(input) {
        assert!(status < 1000 && input.starts_with(b"HTTP/1."));
    }
}
