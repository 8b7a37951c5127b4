//! The server's half, in the order of the wire: challenge, response, proof of the server.

use super::{
    digest::Hashed,
    directives::{Directives, put_quoted, put_token},
};
use crate::{
    failure::{Failure, Reason},
    identity::{Login, Realm},
    mechanism::Context,
    nonce::Notation,
    step::Step,
    verifier::{
        Scheme, Verifier,
        digest_md5::{Ha1, readings},
    },
};
use std::sync::Arc;
use subtle::ConstantTimeEq;

const MAX_RESPONSE: usize = 4096;

/// An initial response would be subsequent authentication (section 2.2). We keep no old nonces, and so pass it
/// over and challenge, as libsasl2 does where `reauth_timeout` is 0.
pub(super) fn challenge(context: Arc<Context>, _: Option<&[u8]>) -> Result<Step, Failure> {
    let nonce = context.settings.nonces.next(Notation::Base64)?;
    let mut message = Vec::with_capacity(160);
    put_quoted("nonce", nonce.as_bytes(), &mut message);
    context.settings.digest_realms.iter().for_each(|realm| put_quoted("realm", realm.as_bytes(), &mut message));
    put_quoted("qop", b"auth", &mut message);
    put_token("charset", "utf-8", &mut message);
    put_token("algorithm", "md5-sess", &mut message);
    Ok(Step::challenge(message, move |response| respond(context, &nonce, response)))
}

/// The client has answered. We need what is kept for it.
fn respond(context: Arc<Context>, nonce: &str, response: &[u8]) -> Result<Step, Failure> {
    if response.len() > MAX_RESPONSE || response.contains(&0) {
        return Err(Failure::malformed("response too long or with a NUL"));
    }
    let answer = Answer::parse(&context, &Directives::parse(response)?)?;
    if !bool::from(answer.nonce.ct_eq(nonce.as_bytes())) {
        return Err(Failure::new(Reason::BadCredentials, "nonce is not the one of this exchange"));
    }
    let login = answer.login(&context)?;
    Ok(Step::ask_verifier(login.clone(), Scheme::DigestMd5, move |found| {
        let decoy = Ha1::decoy(context.settings.decoys.of("digest-md5", &login));
        let rspauth = answer.check(found.as_ref(), decoy)?;
        let wanted = answer.authzid.as_deref().filter(|name| !name.is_empty());
        let wanted = wanted.map(|name| context.login(name)).transpose()?;
        context.finish(login, wanted, Some([b"rspauth=", &rspauth[..]].concat()))
    }))
}

/// A digest-response (section 2.1.2).
struct Answer {
    username: Vec<u8>,
    realm: Vec<u8>,
    nonce: Vec<u8>,
    cnonce: Vec<u8>,
    nc: Vec<u8>,
    qop: Vec<u8>,
    digest_uri: Vec<u8>,
    response: Vec<u8>,
    authzid: Option<Vec<u8>>,
}

impl Answer {
    /// What must be there once is, what may be there once is not there twice, and what has a form has it.
    fn parse(context: &Context, directives: &Directives<'_>) -> Result<Self, Failure> {
        directives.one("cipher")?;
        check_charset(directives.one("charset")?)?;
        check_maxbuf(directives.one("maxbuf")?)?;
        let answer = Self {
            username: directives.the("username")?.to_vec(),
            realm: directives.one("realm")?.unwrap_or_default().to_vec(),
            nonce: directives.the("nonce")?.to_vec(),
            cnonce: directives.the("cnonce")?.to_vec(),
            nc: directives.the("nc")?.to_vec(),
            qop: directives.one("qop")?.unwrap_or(b"auth").to_vec(),
            digest_uri: directives.the("digest-uri")?.to_vec(),
            response: directives.the("response")?.to_vec(),
            authzid: directives.one("authzid")?.map(<[u8]>::to_vec),
        };
        if !answer.qop.eq_ignore_ascii_case(b"auth") {
            return Err(Failure::malformed("qop that was not offered"));
        }
        if answer.response.len() != 32 || answer.nc.len() != 8 {
            return Err(Failure::malformed("response or nc of a wrong length"));
        }
        answer.check_uri(context.settings.host.service())?;
        Ok(answer)
    }

    /// The service must be ours. The host may be any: clients know a server by many names, and no peer checks it.
    fn check_uri(&self, service: &str) -> Result<(), Failure> {
        let slash = self.digest_uri.iter().position(|octet| *octet == b'/');
        match slash.map(|at| self.digest_uri[..at].eq_ignore_ascii_case(service.as_bytes())) {
            Some(true) => Ok(()),
            Some(false) => Err(Failure::malformed("digest-uri for another service")),
            None => Err(Failure::malformed("digest-uri without a host")),
        }
    }

    /// Whose password it is. A name with a realm of its own is looked up in that one, whatever realm was hashed;
    /// one without, in the realm that the client chose, unless that is the first one offered: then the login has
    /// the default realm, as in every other mechanism.
    fn login(&self, context: &Context) -> Result<Login, Failure> {
        let own = context.settings.digest_realms.first().map(Realm::as_bytes);
        let login = Login::parse(&self.username)?;
        let chosen = Some(&self.realm[..]).filter(|realm| !realm.is_empty() && Some(*realm) != own);
        let chosen = chosen.map(Realm::parse).transpose()?;
        Ok(login.or_in(chosen.as_ref()).or_in(context.settings.default_realm.as_ref()))
    }

    /// Compares with all that the client may have hashed, to the end, and gives the `rspauth` of what fits.
    fn check(&self, found: Option<&Verifier>, decoy: Ha1) -> Result<[u8; 32], Failure> {
        let hashes = match found {
            Some(Verifier::DigestMd5(keys)) => keys.hashes(&self.username, &self.realm).to_vec(),
            Some(Verifier::Plaintext(password)) => readings(&self.username, &self.realm, password.expose()),
            _ => Vec::new(),
        };
        let known = !hashes.is_empty();
        let hashes = if known { hashes } else { vec![decoy] };
        let hashed = self.hashed();
        let hashed_by = |ha1| self.authzids().map(|authzid| hashed.session_key(ha1, authzid)).collect::<Vec<_>>();
        let keys: Vec<_> = hashes.iter().flat_map(hashed_by).collect();
        let fits: Vec<bool> = keys.iter().map(|key| hashed.response(key).ct_eq(&self.response).into()).collect();
        match fits.iter().position(|fits| *fits).filter(|_| known && self.nc == b"00000001") {
            Some(at) => Ok(hashed.rspauth(&keys[at])),
            None => Err(Failure::new(Reason::BadCredentials, "response does not fit, or nc is not the first")),
        }
    }

    /// An empty authzid is hashed by some clients and not by others (gsasl).
    fn authzids(&self) -> impl Iterator<Item = Option<&[u8]>> {
        let sent = self.authzid.as_deref();
        let unhashed = sent.filter(|authzid| authzid.is_empty()).map(|_| None);
        [sent].into_iter().chain(unhashed)
    }

    fn hashed(&self) -> Hashed<'_> {
        let Self { nonce, cnonce, nc, qop, digest_uri, .. } = self;
        Hashed { nonce, cnonce, nc, qop, digest_uri }
    }
}

pub(super) fn check_charset(charset: Option<&[u8]>) -> Result<(), Failure> {
    match charset.is_none_or(|charset| charset.eq_ignore_ascii_case(b"utf-8")) {
        true => Ok(()),
        false => Err(Failure::malformed("charset other than utf-8")),
    }
}

/// Without a layer it means nothing, but must be right.
pub(super) fn check_maxbuf(maxbuf: Option<&[u8]>) -> Result<(), Failure> {
    let number = |digits| std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<u32>().ok());
    match maxbuf.map(number) {
        None | Some(Some(17..=0x00ff_ffff)) => Ok(()),
        Some(_) => Err(Failure::malformed("maxbuf out of range")),
    }
}
