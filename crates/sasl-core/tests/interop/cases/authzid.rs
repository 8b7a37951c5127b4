//! Who acts as whom.

use crate::case::{Case, DIGEST, GSASL, Known, OURS, TIM, WITH_AUTHZID};

/// The user asks to act as one, and may act as another; `None` is a server without a policy.
const fn asks(name: &'static str, authzid: &'static str, proxy: Option<&'static str>) -> Case {
    Case { name, mechanisms: WITH_AUTHZID, authzid: Some(authzid), proxy, expected: None, ..TIM }
}

const fn allowed(name: &'static str, authzid: &'static str, expected: &'static str) -> Case {
    Case { expected: Some(expected), ..asks(name, authzid, Some(authzid)) }
}

const BOB: Case = allowed("as another, allowed", "bob", "tim as bob");
const QUOTED: Case = allowed("as one with quotes", "qu\"o\\te", "tim as qu\"o\\te");

const NO_ESCAPES: &[Known] = &[
    Known::refused("gsasl writes no backslash before a quote").by(DIGEST).from(GSASL).to(OURS),
    Known::refused("gsasl reads no backslash before a quote").by(DIGEST).from(OURS).to(GSASL),
];

const NOT_DROPPED: &[Known] = &[Known::refused("our client does not drop what it is asked to act as").from(OURS)];

pub(super) const CASES: &[Case] = &[
    BOB,
    asks("as another, not this one", "bob", Some("eve")),
    asks("as another, without a policy", "bob", None),
    Case { name: "as another, wrong password", tried_password: "x", expected: None, ..BOB },
    Case { name: "as another, unknown user", tried_user: "x", expected: None, ..BOB },
    Case { name: "as another, no initial response", initial: false, ..BOB },
    Case { name: "as another, data with the success", data: true, ..BOB },
    Case { expected: Some("tim"), ..asks("as oneself", "tim", None) },
    Case { expected: Some("tim"), ..asks("as oneself, with a policy", "tim", Some("bob")) },
    allowed("as another in a realm", "bob@example.org", "tim as bob@example.org"),
    allowed("as one with a comma and an equals sign", "b,o=b", "tim as b,o=b"),
    allowed("as one beyond ASCII", "jürgen", "tim as jürgen"),
    Case { known: NO_ESCAPES, ..QUOTED },
    Case { name: "no authzid, with a policy", authzid: None, expected: Some("tim"), ..BOB },
    Case {
        name: "a mechanism without",
        mechanisms: &["LOGIN", "CRAM-MD5"],
        expected: Some("tim"),
        known: NOT_DROPPED,
        ..BOB
    },
];
