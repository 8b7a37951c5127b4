//! How a login is decided, in words: what `saslauthd check` shows.

use crate::{
    check::{Checker, Said},
    outcome::Outcome,
    peer::Client,
};
use sasl_core::{escape::Escaped, secret::Secret};
use sasl_remote::attempt::{Attempt, Verdict};
use sasl_wire::saslauthd::Request;
use std::fmt::{Display, Write};

/// What came of one.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "made here, sent elsewhere")]
pub struct Findings {
    /// Some lines, without a secret. The last is the answer.
    pub text: String,
    /// What a client would be told.
    pub accepted: bool,
}

/// Checks a login as a client's would be, but asks the back ends also where the password is remembered. `login` is what is
/// looked up for `request`.
pub async fn inquire(checker: &Checker, request: &Request<'_>, login: &[u8], client: &Client) -> Findings {
    let looked_up = Request { login, ..*request };
    let remembered = checker.look_up(&looked_up);
    let mut text = String::new();
    line(&mut text, "login", asked(request));
    line(&mut text, "looked up", place(checker, request, login));
    line(&mut text, "remembered", memory(checker, remembered.as_ref()));
    let attempt = Attempt {
        login: login.to_vec(),
        password: Secret::new(request.password),
        service: request.service.to_vec(),
        realm: request.realm.to_vec(),
    };
    let mut names = checker.names().into_iter();
    let decided = checker.check_and_tell(&attempt, client, |said| {
        names.next();
        line(&mut text, said.backend, words(said, names.len() == 0));
    });
    let outcome = decided.await;
    names.for_each(|name| line(&mut text, name, format_args!("not asked, since {} has decided", outcome.mechanism)));
    let accepted = remembered.is_some() || outcome.accepted;
    line(&mut text, "answer", answer(remembered.is_some(), &outcome));
    Findings { text, accepted }
}

fn line(text: &mut String, head: &str, words: impl Display) {
    let _ = writeln!(text, "{head:<12} {words}");
}

fn asked(request: &Request<'_>) -> String {
    let [login, realm, service] = [request.login, request.realm, request.service].map(Escaped);
    let realm = if request.realm.is_empty() { "no realm".into() } else { format!("realm {realm}") };
    format!("{login}, {realm}, service {service}")
}

fn place(checker: &Checker, request: &Request<'_>, login: &[u8]) -> String {
    let mut text = Escaped(login).to_string();
    if login != request.login {
        text.push_str(", which is login and realm combined: -r");
    }
    if let Some(sasldb) = checker.sasldb() {
        let realm = sasldb.realm(request.realm);
        let _ = write!(text, "; in sasldb in realm {}", Escaped(&realm));
        if request.realm.is_empty() {
            text.push_str(", this host\'s, since there is none in the request");
        }
    }
    text
}

fn memory(checker: &Checker, remembered: Option<&Outcome>) -> &'static str {
    match remembered {
        _ if !checker.remembers() => "no, the cache is off",
        None => "no",
        Some(_) => "yes: a client hears OK at once. Here the back ends are asked all the same",
    }
}

fn words(said: &Said<'_>, is_last: bool) -> String {
    let verdict = match said.answer.verdict {
        Verdict::Accepted => "accepted",
        Verdict::Refused => "refused",
        Verdict::Unknown => "unknown",
        Verdict::Unavailable => "unavailable",
    };
    let then = match (said.decides, is_last) {
        (true, true) => "",
        (true, false) => "; this decides",
        (false, true) => "; there is no other to ask",
        (false, false) => "; the next is asked",
    };
    format!("{verdict}: {}, {:.1} ms{then}", said.answer.reason, said.took.as_secs_f64() * 1e3)
}

fn answer(remembered: bool, outcome: &Outcome) -> &'static str {
    match (remembered, outcome.accepted) {
        (true, false) => "OK, as long as it is remembered",
        (_, true) => "OK",
        (false, false) => "NO",
    }
}
