//! The client's half, in the order of the wire: response, check of the server.

use super::{
    digest::{Hashed, SessionKey},
    directives::{Directives, check_charset, check_maxbuf, put_quoted, put_token},
};
use crate::{
    client_step::Response,
    credentials::Credentials,
    failure::{Failure, Reason},
    host::Host,
    mechanism::ClientContext,
    nonce::Notation,
    verifier::digest_md5::{latin1, reading_of_the_rfc},
};
use subtle::ConstantTimeEq;

const MAX_CHALLENGE: usize = 2048;

/// Nothing is remembered of earlier exchanges, so there is no initial response.
#[expect(clippy::unnecessary_wraps, reason = "the shape of every client")]
pub(super) fn begin(context: ClientContext) -> Result<Response, Failure> {
    Ok(Response::then(None, move |challenge| respond(&context, &Challenge::parse(challenge)?)))
}

/// A digest-challenge (section 2.1.1), as far as we use it.
struct Challenge {
    realms: Vec<Vec<u8>>,
    nonce: Vec<u8>,
    utf8: bool,
}

impl Challenge {
    fn parse(message: &[u8]) -> Result<Self, Failure> {
        if message.len() > MAX_CHALLENGE || message.contains(&0) {
            return Err(Failure::malformed("challenge too long or with a NUL"));
        }
        let directives = Directives::parse(message)?;
        if !directives.the("algorithm")?.eq_ignore_ascii_case(b"md5-sess") {
            return Err(Failure::malformed("algorithm other than md5-sess"));
        }
        let qop = directives.one("qop")?.unwrap_or(b"auth");
        if !qop.split(|octet| matches!(octet, b',' | b' ' | b'\t')).any(|word| word.eq_ignore_ascii_case(b"auth")) {
            return Err(Failure::new(Reason::TooWeak, "no qop that both sides have"));
        }
        let charset = directives.one("charset")?;
        check_charset(charset)?;
        check_maxbuf(directives.one("maxbuf")?)?;
        Ok(Self {
            realms: directives.all("realm").map(<[u8]>::to_vec).collect(),
            nonce: directives.the("nonce")?.to_vec(),
            utf8: charset.is_some(),
        })
    }

    /// The realm that the credentials ask for, where it is offered or none is; else the first one offered.
    fn choose_realm<'a>(&'a self, credentials: &'a Credentials) -> Option<&'a [u8]> {
        let wanted = credentials.realm.as_deref();
        let wanted = wanted.filter(|wanted| self.realms.is_empty() || self.realms.iter().any(|realm| realm == wanted));
        wanted.or(self.realms.first().map(|realm| &**realm))
    }
}

fn respond(context: &ClientContext, challenge: &Challenge) -> Result<Response, Failure> {
    let ClientContext { host, credentials, nonces, .. } = context;
    let realm = challenge.choose_realm(credentials);
    let (cnonce, digest_uri) = (nonces.next(Notation::Client)?, uri(host));
    let hashed = Hashed {
        nonce: &challenge.nonce,
        cnonce: cnonce.as_bytes(),
        nc: b"00000001",
        qop: b"auth",
        digest_uri: digest_uri.as_bytes(),
    };
    let ha1 = reading_of_the_rfc(&credentials.login, realm.unwrap_or_default(), credentials.password()?.expose());
    let key = hashed.session_key(&ha1, credentials.acts_as.as_deref());
    let message = write(context, challenge, realm, (&hashed, &key));
    let rspauth = hashed.rspauth(&key);
    Ok(Response::then(message, move |proof| {
        check_server(proof, &rspauth)?;
        Ok(Response::last(Vec::new()))
    }))
}

fn write(
    context: &ClientContext,
    challenge: &Challenge,
    realm: Option<&[u8]>,
    (hashed, key): (&Hashed<'_>, &SessionKey),
) -> Vec<u8> {
    let credentials = &context.credentials;
    let spelled = |name| if challenge.utf8 { std::borrow::Cow::Borrowed(name) } else { latin1(name) };
    let mut message = Vec::with_capacity(320);
    put_quoted("username", &spelled(&credentials.login), &mut message);
    realm.into_iter().for_each(|realm| put_quoted("realm", &spelled(realm), &mut message));
    credentials.acts_as.iter().for_each(|name| put_quoted("authzid", name, &mut message));
    put_quoted("nonce", hashed.nonce, &mut message);
    put_quoted("cnonce", hashed.cnonce, &mut message);
    put_token("nc", "00000001", &mut message);
    put_token("qop", "auth", &mut message);
    if challenge.utf8 {
        put_token("charset", "utf-8", &mut message); // also for ASCII: without it and without a realm, gsasl 2.2 crashes
    }
    put_quoted("digest-uri", hashed.digest_uri, &mut message);
    put_token("response", &String::from_utf8_lossy(&hashed.response(key)), &mut message);
    message
}

fn check_server(proof: &[u8], rspauth: &[u8; 32]) -> Result<(), Failure> {
    let directives = Directives::parse(proof);
    let sent = directives.as_ref().ok().and_then(|directives| directives.one("rspauth").ok().flatten());
    match sent.is_some_and(|sent| sent.ct_eq(rspauth).into()) {
        true => Ok(()),
        false => Err(Failure::new(Reason::ServerNotAuthenticated, "rspauth missing or wrong")),
    }
}

fn uri(host: &Host) -> String {
    format!("{}/{}", host.service(), host.name())
}
