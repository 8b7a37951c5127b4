//! A digest-response (RFC 2831 section 2.1.2) as a server reads and checks it.

use super::{
    digest::{Hashed, SessionKey},
    directives::{check_charset, maxbuf, singles},
    qop::{Qop, Range},
};
use crate::{
    failure::Failure,
    mechanism::Context,
    reauth::Use,
    verifier::{
        Verifier,
        digest_md5::{Ha1, readings},
    },
};
use std::{borrow::Cow, str};
use subtle::ConstantTimeEq;

const MAX_RESPONSE: usize = 4096;

/// What a client answered, laid out in one allocation: it waits for an answer from the store.
pub(super) struct Answer {
    text: Vec<u8>,
    ends: [usize; FIELDS],
    has_authzid: bool,
    has_charset: bool,
    qop: Qop,
    maxbuf: u32,
}

const FIELDS: usize = 9;

/// What is read of it.
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
pub(super) struct Fields<'a> {
    pub(super) username: &'a [u8],
    pub(super) realm: &'a [u8],
    pub(super) authzid: Option<&'a [u8]>,
    response: &'a [u8],
    pub(super) hashed: Hashed<'a>,
}

/// How a name and a realm are spelled that came without a charset (section 2.1.2): as they were sent, or in UTF-8.
#[derive(Clone, Copy)]
pub(super) enum Spelling {
    Utf8,
    AsSent,
}

impl Answer {
    /// What must be there once is, what may be there once is not there twice, and what has a form has it.
    pub(super) fn parse(context: &Context, response: &[u8]) -> Result<Self, Failure> {
        if response.len() > MAX_RESPONSE || response.contains(&0) {
            return Err(Failure::malformed("response too long or with a NUL"));
        }
        let given = singles(response, NAMES)?;
        let [username, realm, authzid, proof, nonce, cnonce, nc, qop, digest_uri, charset, room, cipher] =
            given.each_ref().map(Option::as_deref);
        check_charset(charset)?;
        let the = |value: Option<_>| value.ok_or(Failure::malformed("directive missing"));
        let fields = [
            the(username)?,
            realm.unwrap_or_default(),
            authzid.unwrap_or_default(),
            the(proof)?,
            the(nonce)?,
            the(cnonce)?,
            the(nc)?,
            qop.unwrap_or(b"auth"),
            the(digest_uri)?,
        ];
        let mut end = 0;
        let ends = fields.map(|field| {
            end += field.len();
            end
        });
        let answer = Self {
            text: fields.concat(),
            ends,
            has_authzid: authzid.is_some(),
            has_charset: charset.is_some(),
            qop: agreed(context, qop.unwrap_or(b"auth"), cipher)?,
            maxbuf: maxbuf(room)?,
        };
        answer.check(context.settings.host.service())?;
        Ok(answer)
    }

    pub(super) fn fields(&self) -> Fields<'_> {
        let mut start = 0;
        let [username, realm, authzid, response, nonce, cnonce, nc, qop, digest_uri] = self.ends.map(|end| {
            let field = &self.text[start..end];
            start = end;
            field
        });
        let authzid = self.has_authzid.then_some(authzid);
        Fields { username, realm, authzid, response, hashed: Hashed { nonce, cnonce, nc, qop, digest_uri } }
    }

    pub(super) fn qop(&self) -> Qop {
        self.qop
    }

    /// The largest packet that the client takes, in bytes.
    pub(super) fn maxbuf(&self) -> u32 {
        self.maxbuf
    }

    /// Whether the name or the realm can only be ISO 8859-1.
    pub(super) fn is_latin1(&self) -> bool {
        let fields = self.fields();
        !self.has_charset && [fields.username, fields.realm].into_iter().any(|text| str::from_utf8(text).is_err())
    }

    /// The name and the realm.
    pub(super) fn spelled(&self, spelling: Spelling) -> (Cow<'_, [u8]>, Cow<'_, [u8]>) {
        let fields = self.fields();
        match spelling {
            Spelling::Utf8 if self.is_latin1() => (utf8(fields.username), utf8(fields.realm)),
            Spelling::Utf8 | Spelling::AsSent => (fields.username.into(), fields.realm.into()),
        }
    }

    /// Whether this is the next use of a nonce by the same client.
    pub(super) fn follows(&self, last: &Use) -> bool {
        let fields = self.fields();
        *fields.username == *last.username && *fields.realm == *last.realm && fields.count() == last.nc.checked_add(1)
    }

    fn check(&self, service: &str) -> Result<(), Failure> {
        let fields = self.fields();
        if fields.response.len() != 32 || fields.count().is_none() {
            return Err(Failure::malformed("response or nc of a wrong form"));
        }
        if !self.qop.fits(self.maxbuf) {
            return Err(Failure::malformed("maxbuf without room for a message"));
        }
        fields.check_uri(service)
    }
}

/// What protects the messages afterwards: of what we offered, what the client names.
fn agreed(context: &Context, qop: &[u8], cipher: Option<&[u8]>) -> Result<Qop, Failure> {
    let range = Range::of(&context.settings.policy, &context.channel);
    let named = Qop::named(qop, cipher).filter(|qop| range.admits(*qop));
    named.ok_or(Failure::malformed("qop or cipher that was not offered"))
}

fn utf8(latin1: &[u8]) -> Cow<'static, [u8]> {
    latin1.iter().copied().map(char::from).collect::<String>().into_bytes().into()
}

impl Fields<'_> {
    /// `nc` as a number: eight hexadecimal digits.
    pub(super) fn count(&self) -> Option<u32> {
        let digits = Some(self.hashed.nc).filter(|nc| nc.len() == 8 && nc.iter().all(u8::is_ascii_hexdigit))?;
        u32::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
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

    /// Compares with all that the client may have hashed, to the end, and gives the key of what fits.
    pub(super) fn prove(
        &self,
        (username, realm): &(Cow<'_, [u8]>, Cow<'_, [u8]>),
        found: Option<&Verifier>,
    ) -> Option<SessionKey> {
        let derived;
        let hashes = match found {
            Some(Verifier::DigestMd5(keys)) => keys.hashes(username, realm),
            Some(Verifier::Plaintext(password)) => {
                derived = readings(username, realm, password.expose());
                &derived
            }
            _ => &[],
        };
        let known = !hashes.is_empty();
        let hashes = if known { hashes } else { &[Ha1::decoy()] };
        hashes.iter().filter_map(|ha1| self.fitting_key(ha1)).fold(None, |_, key| Some(key)).filter(|_| known)
    }

    /// An empty authzid is hashed by some clients and not by others (gsasl).
    fn fitting_key(&self, ha1: &Ha1) -> Option<SessionKey> {
        let unhashed = self.authzid.filter(|authzid| authzid.is_empty()).map(|_| None);
        let keys =
            [Some(self.authzid), unhashed].into_iter().flatten().map(|authzid| self.hashed.session_key(ha1, authzid));
        keys.filter(|key| self.hashed.response(key).ct_eq(self.response).into()).fold(None, |_, key| Some(key))
    }
}
