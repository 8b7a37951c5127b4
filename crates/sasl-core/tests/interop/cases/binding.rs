//! Channel bindings: SCRAM's `-PLUS`.

use crate::case::{Case, END, End, GSASL, Known, OURS, SCRAM, TIM};

const EXPORTER: End = End { binding: Some(("tls-exporter", &[7; 32])), ..END };
const UNIQUE: End = End { binding: Some(("tls-unique", &[9; 12])), ..END };
const END_POINT: End = End { binding: Some(("tls-server-end-point", &[5; 32])), ..END };
const OTHER: End = End { binding: Some(("tls-exporter", &[8; 32])), ..END };
const MUST: End = End { must_bind: true, ..EXPORTER };
const MUST_WITHOUT: End = End { must_bind: true, ..END };

/// Both sides have the same, and `-PLUS` it is.
const PLUS: Case = Case { mechanisms: SCRAM, offered: "*-PLUS", client: EXPORTER, server: EXPORTER, ..TIM };
/// The client is told of that name among others.
const LIST: Case = Case { offered: "*-PLUS * PLAIN", ..PLUS };
/// The client is told of others only.
const SHORT_LIST: Case = Case { offered: "* PLAIN", ..PLUS };
/// The name without `-PLUS` it is.
const PLAIN_NAME: Case = Case { offered: "*", ..PLUS };

const OUR_NAMES: &[Known] = &[Known::refused("under the plain name our client does not bind").from(OURS)];
const ALWAYS_PLUS: &[Known] = &[Known::refused("gsasl's client chooses -PLUS, whatever it can bind to").from(GSASL)];
const NEVER_Y: &[Known] = &[Known::refused("gsasl's client does without a binding only where it has none").from(GSASL)];

pub(super) const CASES: &[Case] = &[
    Case { name: "bound by tls-exporter", ..PLUS },
    Case { name: "bound by tls-unique", client: UNIQUE, server: UNIQUE, ..PLUS },
    Case { name: "bound by tls-server-end-point", client: END_POINT, server: END_POINT, ..PLUS },
    Case { name: "bound, no initial response", initial: false, ..PLUS },
    Case { name: "bound, data with the success", data: true, ..PLUS },
    Case { name: "bound, wrong password", tried_password: "x", expected: None, ..PLUS },
    Case { name: "bound, unknown user", tried_user: "bob", expected: None, ..PLUS },
    Case { name: "bound, as another", authzid: Some("bob"), proxy: Some("bob"), expected: Some("tim as bob"), ..PLUS },
    Case { name: "bound, a name with a comma", user: "t,i=m", tried_user: "t,i=m", expected: Some("t,i=m"), ..PLUS },
    Case { name: "bound to another connection", server: OTHER, expected: None, ..PLUS },
    Case { name: "bound by another type", server: UNIQUE, expected: None, ..PLUS },
    Case { name: "bound, the server has nothing to bind to", server: END, expected: None, ..PLUS },
    Case { name: "the client has nothing to bind to", client: END, expected: None, ..PLUS },
    Case { name: "chosen from a list", ..LIST },
    Case { name: "chosen from a list, both demand it", client: MUST, server: MUST, ..LIST },
    Case { name: "a client that cannot, from a list", client: END, known: ALWAYS_PLUS, ..LIST },
    Case { name: "a client that demands what it has not", client: MUST_WITHOUT, expected: None, ..LIST },
    Case { name: "a server that cannot, from a list", server: END, known: NEVER_Y, ..SHORT_LIST },
    Case { name: "a list that somebody shortened", expected: None, ..SHORT_LIST },
    Case {
        name: "a client that demands what the server has not",
        client: MUST,
        server: END,
        expected: None,
        ..SHORT_LIST
    },
    Case { name: "the plain name", client: END, ..PLAIN_NAME },
    Case { name: "the plain name, both demand it", client: MUST, server: MUST, known: OUR_NAMES, ..PLAIN_NAME },
    Case {
        name: "a server that demands what the client cannot",
        client: END,
        server: MUST,
        expected: None,
        ..PLAIN_NAME
    },
];
