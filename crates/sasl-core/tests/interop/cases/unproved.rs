//! EXTERNAL, where the channel knows the client, and ANONYMOUS, where nobody does.

use crate::case::{Case, END, End, GSASL, Known, TIM};

const SUBJECT: &str = "CN=tim,O=Example";
const KNOWN_BELOW: End = End { external: Some(SUBJECT), ..END };

const EXTERNAL: Case =
    Case { mechanisms: &["EXTERNAL"], client: KNOWN_BELOW, server: KNOWN_BELOW, expected: Some(SUBJECT), ..TIM };
/// The client asks to act as Bob.
const BOB: Case = Case { authzid: Some("bob"), expected: None, ..EXTERNAL };
const ANONYMOUS: Case =
    Case { mechanisms: &["ANONYMOUS"], trace: "tim@example.com", expected: Some("anonymous"), ..TIM };

const BLIND: &[Known] = &[Known::accepted(SUBJECT, "gsasl's client leaves it to the server to know it").from(GSASL)];
const NO_EMPTY_TRACE: &[Known] = &[Known::refused("gsasl's server wants a trace").to(GSASL)];

pub(super) const CASES: &[Case] = &[
    Case { name: "known by the channel", ..EXTERNAL },
    Case { name: "known, no initial response", initial: false, ..EXTERNAL },
    Case { name: "known, as oneself", authzid: Some(SUBJECT), ..EXTERNAL },
    Case { name: "known, as another", proxy: Some("bob"), expected: Some("CN=tim,O=Example as bob"), ..BOB },
    Case { name: "known, as another, not this one", proxy: Some("eve"), ..BOB },
    Case { name: "known, as another, without a policy", ..BOB },
    Case {
        name: "known, as another beyond ASCII",
        authzid: Some("jürgen"),
        proxy: Some("jürgen"),
        expected: Some("CN=tim,O=Example as jürgen"),
        ..EXTERNAL
    },
    Case { name: "unknown to the server", server: END, expected: None, ..EXTERNAL },
    Case { name: "unknown to the client", client: END, expected: None, known: BLIND, ..EXTERNAL },
    Case { name: "nobody, a mail address", ..ANONYMOUS },
    Case { name: "nobody, a token", trace: "sirhc", ..ANONYMOUS },
    Case { name: "nobody, no initial response", initial: false, ..ANONYMOUS },
    Case { name: "nobody, no trace", trace: "", known: NO_EMPTY_TRACE, ..ANONYMOUS },
    Case { name: "nobody, beyond ASCII", trace: "jürgen", ..ANONYMOUS },
];
