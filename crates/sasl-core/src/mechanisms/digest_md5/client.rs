//! The client's half, in the order of the wire: response, check of the server.

use super::{
    digest::{Hashed, SessionKey},
    directives::{Directives, check_charset, maxbuf, put_quoted, put_token},
    keys::{self, Room, Side},
    qop::{Qop, Range},
};
use crate::{
    channel::Channel,
    client_step::{Response, Resumption},
    credentials::Credentials,
    failure::{Failure, Reason},
    mechanism::{ClientContext, ClientSettings},
    nonce::Notation,
    verifier::digest_md5::{latin1, reading_of_the_rfc},
};
use std::borrow::Cow;
use subtle::ConstantTimeEq;

const MAX_CHALLENGE: usize = 2048;

/// Without an initial response. With one, it would be subsequent authentication: see [`Session::resume`].
#[expect(clippy::unnecessary_wraps, reason = "the shape of every client")]
pub(super) fn begin(context: ClientContext) -> Result<Response, Failure> {
    Ok(Response::then(None, move |challenge| Session::agree(context, challenge)?.respond()))
}

/// What both sides know after a digest-challenge (section 2.1.1), and still in a later exchange.
struct Session {
    context: ClientContext,
    realm: Option<Vec<u8>>,
    nonce: Vec<u8>,
    cnonce: String,
    /// How often the nonce was used, this time included.
    count: u32,
    qop: Qop,
    /// The largest packet that the server takes, in bytes.
    maxbuf: u32,
    utf8: bool,
}

impl Session {
    fn agree(context: ClientContext, challenge: &[u8]) -> Result<Self, Failure> {
        if challenge.len() > MAX_CHALLENGE || challenge.contains(&0) {
            return Err(Failure::malformed("challenge too long or with a NUL"));
        }
        let directives = Directives::parse(challenge)?;
        if !directives.the("algorithm")?.eq_ignore_ascii_case(b"md5-sess") {
            return Err(Failure::malformed("algorithm other than md5-sess"));
        }
        let (qops, ciphers) = (directives.one("qop")?.unwrap_or(b"auth"), directives.one("cipher")?);
        let (charset, maxbuf) = (directives.one("charset")?, maxbuf(directives.one("maxbuf")?)?);
        check_charset(charset)?;
        let qop = Range::of(&context.settings.policy, &context.channel).choose(qops, ciphers.unwrap_or_default())?;
        if !qop.fits(maxbuf) {
            return Err(Failure::malformed("maxbuf without room for a message"));
        }
        Ok(Self {
            realm: choose_realm(&context.settings.credentials, &directives).map(<[u8]>::to_vec),
            nonce: directives.the("nonce")?.to_vec(),
            cnonce: context.settings.nonces.next(Notation::Client)?,
            count: 1,
            qop,
            maxbuf,
            utf8: charset.is_some(),
            context,
        })
    }

    fn respond(self) -> Result<Response, Failure> {
        let (message, proof) = self.prove()?;
        Ok(Response::then(message, move |answer| {
            check_server(answer, &proof.rspauth)?;
            Ok(self.established(&proof))
        }))
    }

    /// The same session over another channel.
    fn over(self, channel: &Channel, count: u32) -> Result<Self, Failure> {
        let ClientContext { settings, mechanism, .. } = &self.context;
        mechanism.admitted_by(&settings.policy, channel)?;
        if !Range::of(&settings.policy, channel).admits(self.qop) {
            return Err(Failure::new(Reason::TooWeak, "the layer of before will not do on this channel"));
        }
        let context = ClientContext { channel: channel.clone(), ..self.context };
        Ok(Self { context, count, ..self })
    }

    /// Begins another exchange with the same server, by the same nonce (section 2.2).
    fn resume(self) -> Result<Response, Failure> {
        let (message, proof) = self.prove()?;
        Ok(Response::then(message, move |answer| {
            let challenged = Directives::parse(answer).is_ok_and(|directives| directives.all("nonce").next().is_some());
            if challenged {
                return Self::agree(self.context, answer)?.respond();
            }
            check_server(answer, &proof.rspauth)?;
            Ok(self.established(&proof))
        }))
    }

    fn established(self, proof: &Proof) -> Response {
        let room = Room { ours: self.context.settings.policy.max_buffer(), peers: self.maxbuf };
        let layer = keys::layer(&proof.key.h_a1, self.qop, Side::Client, room);
        let resumption =
            self.count.checked_add(1).map(|count| Resumption::new(move |channel| self.over(channel, count)?.resume()));
        Response::last(Vec::new()).gaining(layer, resumption)
    }

    fn prove(&self) -> Result<(Vec<u8>, Proof), Failure> {
        let ClientSettings { host, credentials, .. } = &*self.context.settings;
        let (nc, digest_uri) = (format!("{:08x}", self.count), format!("{}/{}", host.service(), host.name()));
        let hashed = Hashed {
            nonce: &self.nonce,
            cnonce: self.cnonce.as_bytes(),
            nc: nc.as_bytes(),
            qop: self.qop.as_str().as_bytes(),
            digest_uri: digest_uri.as_bytes(),
        };
        let realm = self.realm.as_deref().unwrap_or_default();
        let ha1 = reading_of_the_rfc(&credentials.login, realm, credentials.password()?.expose());
        let key = hashed.session_key(&ha1, credentials.acts_as.as_deref());
        Ok((self.write(&hashed, &key), Proof { rspauth: hashed.rspauth(&key), key }))
    }

    fn write(&self, hashed: &Hashed<'_>, key: &SessionKey) -> Vec<u8> {
        let ClientSettings { credentials, policy, .. } = &*self.context.settings;
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        let mut message = Vec::with_capacity(320);
        put_quoted("username", &self.spelled(&credentials.login), &mut message);
        self.realm.iter().for_each(|realm| put_quoted("realm", &self.spelled(realm), &mut message));
        credentials.acts_as.iter().for_each(|name| put_quoted("authzid", name, &mut message));
        put_quoted("nonce", hashed.nonce, &mut message);
        put_quoted("cnonce", hashed.cnonce, &mut message);
        put_token("nc", &text(hashed.nc), &mut message);
        put_token("qop", self.qop.as_str(), &mut message);
        self.qop.cipher().iter().for_each(|cipher| put_token("cipher", cipher, &mut message));
        if self.qop != Qop::Auth {
            put_token("maxbuf", &policy.max_buffer().to_string(), &mut message);
        }
        if self.utf8 {
            put_token("charset", "utf-8", &mut message); // also for ASCII: without it and without a realm, gsasl 2.2 crashes
        }
        put_quoted("digest-uri", hashed.digest_uri, &mut message);
        put_token("response", &text(&hashed.response(key)), &mut message);
        message
    }

    fn spelled<'a>(&self, name: &'a [u8]) -> Cow<'a, [u8]> {
        if self.utf8 { Cow::Borrowed(name) } else { latin1(name) }
    }
}

/// What the server must answer, and what keys a layer.
struct Proof {
    rspauth: [u8; 32],
    key: SessionKey,
}

/// The realm that the credentials ask for, where it is offered or none is; else the first one offered.
fn choose_realm<'a>(credentials: &'a Credentials, challenge: &'a Directives<'_>) -> Option<&'a [u8]> {
    let offered = || challenge.all("realm");
    let wanted = credentials.realm.as_deref();
    let wanted = wanted.filter(|wanted| offered().next().is_none() || offered().any(|realm| realm == *wanted));
    wanted.or(offered().next())
}

fn check_server(proof: &[u8], rspauth: &[u8; 32]) -> Result<(), Failure> {
    let directives = Directives::parse(proof);
    let sent = directives.as_ref().ok().and_then(|directives| directives.one("rspauth").ok().flatten());
    match sent.is_some_and(|sent| sent.ct_eq(rspauth).into()) {
        true => Ok(()),
        false => Err(Failure::new(Reason::ServerNotAuthenticated, "rspauth missing or wrong")),
    }
}
