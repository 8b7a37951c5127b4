//! Realms: the default one of a server, and those of DIGEST-MD5.

use crate::case::{Case, DIGEST, END, End, GSASL, Kept, Known, OURS, TIM};

const fn in_realm(realm: &'static str) -> End {
    End { realm: Some(realm), ..END }
}

/// A server with that default realm, and the user in it.
const fn served_in(realm: &'static str, expected: &'static str) -> Case {
    Case { server: in_realm(realm), expected: Some(expected), known: &[NO_DEFAULT], ..TIM }
}

const ORG: End = in_realm("example.org");
const IN_ORG: Case = served_in("example.org", "tim@example.org");
/// By DIGEST-MD5 alone, and the client wants a realm.
const WANTED: Case = Case { mechanisms: DIGEST, client: ORG, ..TIM };
/// The server offers that one second.
const TWO: Case = Case { more_realms: &["example.org"], ..WANTED };
/// The server offers none.
const NONE: Case = Case { mechanisms: DIGEST, server: in_realm(""), ..TIM };

const NO_DEFAULT: Known = Known::accepted("tim", "gsasl has no default realm").to(GSASL);

const HALF_CONVERTED: Known =
    Known::refused("gsasl converts the password to ISO 8859-1, but not the realm").by(DIGEST).from(OURS).to(GSASL);

const NO_ESCAPES: &[Known] = &[
    Known::refused("gsasl reads no backslash before a quote").by(DIGEST).from(GSASL),
    Known::refused("gsasl writes no backslash before a quote").by(DIGEST).to(GSASL),
    NO_DEFAULT,
];

const OWN_MIND: &[Known] =
    &[Known::refused("gsasl's client takes the realm it wants, whatever is offered").from(GSASL).to(OURS)];
const OF_NO_REALM: &[Known] = &[Known::refused("the verifier is of no realm").where_kept(Kept::AsVerifiers)];
const ANY_SERVICE: &[Known] = &[Known::accepted("tim", "gsasl's server does not look at the service").to(GSASL)];

pub(super) const CASES: &[Case] = &[
    Case { name: "a default realm", ..IN_ORG },
    Case { name: "a default realm, wrong password", tried_password: "x", expected: None, known: &[], ..IN_ORG },
    Case { name: "a default realm, and its name", server: ORG, ..Case::of("tim@example.org", "tanstaaf") },
    Case { name: "a default realm, another's name", server: ORG, ..Case::of("tim@example.net", "tanstaaf") },
    Case {
        name: "a realm beyond ASCII",
        known: &[HALF_CONVERTED.where_kept(Kept::AsPlaintext), NO_DEFAULT],
        ..served_in("exämple", "tim@exämple")
    },
    Case { name: "a realm beyond latin-1", ..served_in("例え", "tim@例え") },
    Case { name: "a realm with quotes", known: NO_ESCAPES, ..served_in("a\"b\\c", "tim@a\"b\\c") },
    Case { name: "a realm with a blank and a comma", ..served_in("a b, c", "tim@a b, c") },
    Case { name: "the realm that is offered", mechanisms: DIGEST, client: ORG, ..IN_ORG },
    Case { name: "a realm that is not offered", known: OWN_MIND, ..WANTED },
    Case { name: "two realms, none chosen", client: END, ..TWO },
    Case { name: "the first of two realms", client: in_realm("mail.example.com"), ..TWO },
    Case { name: "the second of two realms", user: "tim@example.org", expected: Some("tim@example.org"), ..TWO },
    Case { name: "the second realm, where the user is not", expected: None, ..TWO },
    Case { name: "no realm at all", ..NONE },
    Case { name: "no realm at all, and one wanted", client: ORG, known: OF_NO_REALM, ..NONE },
    Case { name: "a host with capitals", server: End { host: "MAIL.Example.COM", ..END }, ..TIM },
    Case { name: "a client that knows another host", client: End { host: "other.example.com", ..END }, ..TIM },
    Case {
        name: "a client of another service",
        client: End { service: "imap", ..END },
        expected: None,
        known: ANY_SERVICE,
        ..WANTED
    },
];
