//! The server's half, in the order of the wire: challenge, response, proof of the server.

use super::{
    digest::{Hashed, SessionKey},
    directives::{check_charset, check_maxbuf, put_quoted, put_token, singles},
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
    let nonce = context.settings.nonces.next(Notation::Server)?;
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
    let answer = Answer::parse(&context, response)?;
    if answer.fields().hashed.nonce != nonce.as_bytes() {
        return Err(Failure::new(Reason::BadCredentials, "nonce is not the one of this exchange"));
    }
    let login = answer.fields().login(&context)?;
    Ok(Step::ask_verifier(login.clone(), Scheme::DigestMd5, move |found| {
        let fields = answer.fields();
        let rspauth = fields.prove(found.as_ref())?;
        let wanted = fields.authzid.filter(|name| !name.is_empty()).map(|name| context.login(name)).transpose()?;
        context.finish(login, wanted, Some([b"rspauth=", &rspauth[..]].concat()))
    }))
}

/// A digest-response (section 2.1.2), laid out in one allocation: it waits for an answer from the store.
struct Answer {
    text: Vec<u8>,
    ends: [usize; FIELDS],
    has_authzid: bool,
}

const FIELDS: usize = 9;

/// What is read of a digest-response; of the last only that it does not come twice.
const NAMES: [&str; 12] = [
    "username",
    "realm",
    "authzid",
    "response",
    "nonce",
    "cnonce",
    "nc",
    "qop",
    "digest-uri",
    "charset",
    "maxbuf",
    "cipher",
];

/// The fields of an [`Answer`], unquoted.
struct Fields<'a> {
    username: &'a [u8],
    realm: &'a [u8],
    authzid: Option<&'a [u8]>,
    response: &'a [u8],
    hashed: Hashed<'a>,
}

impl Answer {
    /// What must be there once is, what may be there once is not there twice, and what has a form has it.
    fn parse(context: &Context, response: &[u8]) -> Result<Self, Failure> {
        let given = singles(response, NAMES)?;
        let [username, realm, authzid, proof, nonce, cnonce, nc, qop, digest_uri, charset, maxbuf, _] =
            given.each_ref().map(Option::as_deref);
        check_charset(charset)?;
        check_maxbuf(maxbuf)?;
        let the = |value: Option<_>| value.ok_or(Failure::malformed("directive missing"));
        let answer = Self::lay_out(
            authzid.is_some(),
            [
                the(username)?,
                realm.unwrap_or_default(),
                authzid.unwrap_or_default(),
                the(proof)?,
                the(nonce)?,
                the(cnonce)?,
                the(nc)?,
                qop.unwrap_or(b"auth"),
                the(digest_uri)?,
            ],
        );
        answer.fields().check(context.settings.host.service())?;
        Ok(answer)
    }

    fn lay_out(has_authzid: bool, fields: [&[u8]; FIELDS]) -> Self {
        let mut end = 0;
        let ends = fields.map(|field| {
            end += field.len();
            end
        });
        Self { text: fields.concat(), ends, has_authzid }
    }

    fn fields(&self) -> Fields<'_> {
        let mut start = 0;
        let [username, realm, authzid, response, nonce, cnonce, nc, qop, digest_uri] = self.ends.map(|end| {
            let field = &self.text[start..end];
            start = end;
            field
        });
        let authzid = self.has_authzid.then_some(authzid);
        Fields { username, realm, authzid, response, hashed: Hashed { nonce, cnonce, nc, qop, digest_uri } }
    }
}

impl Fields<'_> {
    fn check(&self, service: &str) -> Result<(), Failure> {
        if !self.hashed.qop.eq_ignore_ascii_case(b"auth") {
            return Err(Failure::malformed("qop that was not offered"));
        }
        if self.response.len() != 32 || self.hashed.nc.len() != 8 {
            return Err(Failure::malformed("response or nc of a wrong length"));
        }
        self.check_uri(service)
    }

    /// The service must be ours. The host may be any: clients know a server by many names, and no peer checks it.
    fn check_uri(&self, service: &str) -> Result<(), Failure> {
        let uri = self.hashed.digest_uri;
        let slash =
            uri.iter().position(|octet| *octet == b'/').ok_or(Failure::malformed("digest-uri without a host"))?;
        match uri[..slash].eq_ignore_ascii_case(service.as_bytes()) {
            true => Ok(()),
            false => Err(Failure::malformed("digest-uri for another service")),
        }
    }

    /// Whose password it is. A name with a realm of its own is looked up in that one, whatever realm was hashed;
    /// one without, in the realm that the client chose, unless that is the first one offered: then the login has
    /// the default realm, as in every other mechanism.
    fn login(&self, context: &Context) -> Result<Login, Failure> {
        let own = context.settings.digest_realms.first().map(Realm::as_bytes);
        let login = Login::parse(self.username)?;
        let chosen = Some(self.realm).filter(|realm| !realm.is_empty() && Some(*realm) != own);
        let chosen = chosen.map(Realm::parse).transpose()?;
        Ok(login.or_in(chosen.as_ref()).or_in(context.settings.default_realm.as_ref()))
    }

    /// Compares with all that the client may have hashed, to the end, and gives the `rspauth` of what fits.
    fn prove(&self, found: Option<&Verifier>) -> Result<[u8; 32], Failure> {
        let derived;
        let hashes = match found {
            Some(Verifier::DigestMd5(keys)) => keys.hashes(self.username, self.realm),
            Some(Verifier::Plaintext(password)) => {
                derived = readings(self.username, self.realm, password.expose());
                &derived
            }
            _ => &[],
        };
        let known = !hashes.is_empty();
        let hashes = if known { hashes } else { &[Ha1::decoy()] };
        let fits = hashes.iter().filter_map(|ha1| self.fitting_key(ha1)).fold(None, |_, key| Some(key));
        match fits.filter(|_| known && self.hashed.nc == b"00000001") {
            Some(key) => Ok(self.hashed.rspauth(&key)),
            None => Err(Failure::new(Reason::BadCredentials, "response does not fit, or nc is not the first")),
        }
    }

    /// An empty authzid is hashed by some clients and not by others (gsasl).
    fn fitting_key(&self, ha1: &Ha1) -> Option<SessionKey> {
        let unhashed = self.authzid.filter(|authzid| authzid.is_empty()).map(|_| None);
        let keys =
            [Some(self.authzid), unhashed].into_iter().flatten().map(|authzid| self.hashed.session_key(ha1, authzid));
        keys.filter(|key| self.hashed.response(key).ct_eq(self.response).into()).fold(None, |_, key| Some(key))
    }
}
