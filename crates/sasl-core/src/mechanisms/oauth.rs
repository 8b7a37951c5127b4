//! OAUTHBEARER (RFC 7628) and its forerunner XOAUTH2, as Google and Microsoft have it: the client shows a bearer token.
//!
//! A token that does not do is told to the client as a challenge with a JSON document; the client acknowledges it, and fails.

mod refusal;

use super::gs2::{self, Flag, Header};
use crate::{
    client_step::Response,
    failure::{Failure, Reason},
    guarantees::Guarantees,
    identity::Login,
    mechanism::{Authzid, Binds, ClientContext, ClientSettings, Context, First, Mechanism, Proof},
    name::MechanismName,
    secret::Secret,
    step::{Ending, Step, TokenError, TokenVerdict},
};

/// OAUTHBEARER. Withstands nothing: TLS must.
pub static OAUTHBEARER: Mechanism =
    Mechanism { name: MechanismName::new("OAUTHBEARER"), server: oauthbearer, client: oauthbearer_client, ..BEARER };

/// XOAUTH2. Withstands nothing: TLS must.
pub static XOAUTH2: Mechanism = Mechanism {
    name: MechanismName::new("XOAUTH2"),
    authzid: Authzid::Absent,
    server: xoauth2,
    client: xoauth2_client,
    ..BEARER
};

/// What both have in common.
const BEARER: Mechanism = Mechanism {
    name: MechanismName::new("BEARER"),
    guarantees: Guarantees::NO_ANONYMOUS.and(Guarantees::PASS_CREDENTIALS),
    max_ssf: 0,
    first: First::Client,
    proof: Proof::Token,
    authzid: Authzid::Carried,
    binds: Binds::Never,
    server: oauthbearer,
    client: oauthbearer_client,
};

/// What separates the parts of a message, and acknowledges a refusal.
const SOH: u8 = 1;

fn oauthbearer(context: Context, response: Option<&[u8]>) -> Result<Step, Failure> {
    let header = Header::parse(response.unwrap_or_default())?;
    if matches!(header.flag, Flag::By(_)) {
        return Err(Failure::malformed("channel binding in OAUTHBEARER"));
    }
    let claimed = header.authzid.as_deref().map(|name| context.login(name)).transpose()?;
    let [SOH, pairs @ ..] = header.rest else { return Err(Failure::malformed("no pairs behind the header")) };
    match token(&Pairs::parse(pairs)?)? {
        Some(token) => Ok(ask(context, claimed, token, rfc_7628)),
        // Section 4.3: a client without a token asks what it needs.
        None => Ok(refusal::challenge(rfc_7628(TokenError::InvalidToken), &context.settings.oauth)),
    }
}

fn xoauth2(context: Context, response: Option<&[u8]>) -> Result<Step, Failure> {
    let pairs = Pairs::parse(response.unwrap_or_default())?;
    let claimed = context.login(pairs.value("user").ok_or(Failure::malformed("no user"))?)?;
    match token(&pairs)? {
        Some(token) => Ok(ask(context, Some(claimed), token, google)),
        None => Err(Failure::malformed("no token")),
    }
}

/// The token decides who it is. Whoever claims to be another may ask to act as that one.
fn ask(context: Context, claimed: Option<Login>, token: Secret, why: Why) -> Step {
    Step::ask_token(claimed, token, move |claimed, verdict| match verdict {
        TokenVerdict::Accept(login) => context.finish(login, claimed, Ending::default()),
        TokenVerdict::Reject(error) => Ok(refusal::challenge(why(error), &context.settings.oauth)),
        TokenVerdict::Defer => Err(Failure::new(Reason::Unavailable, "no verdict")),
    })
}

/// How a mechanism writes why a token does not do.
type Why = fn(TokenError) -> &'static [(&'static str, &'static str)];

fn rfc_7628(error: TokenError) -> &'static [(&'static str, &'static str)] {
    match error {
        TokenError::InvalidToken => &[("status", "invalid_token")],
        TokenError::InsufficientScope => &[("status", "insufficient_scope")],
    }
}

fn google(error: TokenError) -> &'static [(&'static str, &'static str)] {
    match error {
        TokenError::InvalidToken => &[("status", "401"), ("schemes", "bearer")],
        TokenError::InsufficientScope => &[("status", "403"), ("schemes", "bearer")],
    }
}

/// `auth=Bearer TOKEN`; `None` where it is empty.
fn token(pairs: &Pairs<'_>) -> Result<Option<Secret>, Failure> {
    let value = pairs.value("auth").ok_or(Failure::malformed("no auth"))?;
    if value.is_empty() {
        return Ok(None);
    }
    let (scheme, token) = value.split_at_checked(7).ok_or(Failure::malformed("no bearer token"))?;
    match scheme.eq_ignore_ascii_case(b"Bearer ") && is_token(token) {
        true => Ok(Some(Secret::new(token))),
        false => Err(Failure::malformed("no bearer token")),
    }
}

/// b64token (RFC 6750 section 2.1).
fn is_token(text: &[u8]) -> bool {
    let end = text.iter().rposition(|octet| *octet != b'=').map_or(0, |last| last + 1);
    let of_token = |octet: &u8| octet.is_ascii_alphanumeric() || b"-._~+/".contains(octet);
    end > 0 && text[..end].iter().all(of_token)
}

/// `key=value` and an SOH each, and one more SOH at the end. No key twice.
struct Pairs<'a>(Vec<(&'a [u8], &'a [u8])>);

/// More pairs than these mean nothing to anybody.
const MAX_PAIRS: usize = 32;

impl<'a> Pairs<'a> {
    fn parse(message: &'a [u8]) -> Result<Self, Failure> {
        let [pairs @ .., SOH, SOH] = message else { return Err(Failure::malformed("message not ended twice")) };
        let mut known: Vec<(&[u8], &[u8])> = Vec::new();
        for pair in pairs.split(|octet| *octet == SOH) {
            let (key, value) = Self::pair(pair)?;
            if known.len() == MAX_PAIRS || known.iter().any(|(other, _)| *other == key) {
                return Err(Failure::malformed("key twice, or too many"));
            }
            known.push((key, value));
        }
        Ok(Self(known))
    }

    fn pair(pair: &[u8]) -> Result<(&[u8], &[u8]), Failure> {
        let equals = pair.iter().position(|octet| *octet == b'=').ok_or(Failure::malformed("key without a value"))?;
        let (key, value) = (&pair[..equals], &pair[equals + 1..]);
        let of_value = |octet: &u8| matches!(octet, b'\t' | b'\n' | b'\r' | b' '..=b'~' | 0x80..);
        match !key.is_empty() && key.iter().all(u8::is_ascii_alphabetic) && value.iter().all(of_value) {
            true => Ok((key, value)),
            false => Err(Failure::malformed("no key or no value")),
        }
    }

    fn value(&self, key: &str) -> Option<&'a [u8]> {
        self.0.iter().find(|(known, _)| *known == key.as_bytes()).map(|(_, value)| *value)
    }
}

/// The user is always named: Dovecot asks for it.
fn oauthbearer_client(ClientContext { settings, .. }: ClientContext) -> Result<Response, Failure> {
    let ClientSettings { host, credentials, .. } = &*settings;
    let token = credentials.token()?.expose();
    let mut message = b"n,a=".to_vec();
    gs2::encode(credentials.acts_as.as_deref().unwrap_or(&credentials.login), &mut message);
    let port = host.port().map(|port| format!("\x01port={port}")).unwrap_or_default();
    let parts = [b",\x01host=", host.name().as_bytes(), port.as_bytes(), b"\x01auth=Bearer ", token, b"\x01\x01"];
    Ok(shown(message, &parts, &[SOH]))
}

fn xoauth2_client(ClientContext { settings, .. }: ClientContext) -> Result<Response, Failure> {
    let credentials = &settings.credentials;
    let token = credentials.token()?.expose();
    if credentials.login.contains(&SOH) {
        return Err(Failure::malformed("user with a separator"));
    }
    let parts = [&credentials.login[..], b"\x01auth=Bearer ", token, b"\x01\x01"];
    Ok(shown(b"user=".to_vec(), &parts, b""))
}

/// The message, and what acknowledges a refusal.
fn shown(start: Vec<u8>, parts: &[&[u8]], acknowledgment: &'static [u8]) -> Response {
    let mut message = Vec::with_capacity(start.len() + parts.iter().map(|part| part.len()).sum::<usize>());
    message.extend(start);
    parts.iter().for_each(|part| message.extend(*part));
    Response::last_but_refused(message, acknowledgment)
}
