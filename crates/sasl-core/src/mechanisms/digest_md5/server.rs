//! The server's half, in the order of the wire: challenge, response, proof of the server.

use super::{
    answer::{Answer, Spelling},
    digest::SessionKey,
    directives::{put_quoted, put_token},
    keys::{self, Room, Side},
    qop::Range,
};
use crate::{
    failure::{Failure, Reason},
    identity::{Login, Realm},
    mechanism::Context,
    nonce::Notation,
    reauth::Use,
    step::{Ending, Step},
    verifier::Scheme,
};
use std::time::Duration;

/// An initial response is subsequent authentication (section 2.2). Where we remember nothing, or cannot read it, it is passed
/// over, as libsasl2 does. A nonce that is not remembered is stale, whatever came with it: looking at the proof would
/// tell whoever makes up nonces which password is right, and nobody would hear of the wrong ones.
pub(super) fn begin(context: Context, initial: Option<&[u8]>) -> Result<Step, Failure> {
    let (Some(reauth), Some(initial @ [_, ..])) = (&context.settings.reauth, initial) else {
        return challenge(context, Stale::No);
    };
    let Ok(answer) = Answer::parse(&context, initial) else { return challenge(context, Stale::No) };
    match reauth.take(answer.fields().hashed.nonce) {
        Some(last) => Exchange { context, answer, last: Some(last) }.ask(Spelling::Utf8),
        None => challenge(context, Stale::Yes),
    }
}

/// Whether the client used a nonce that we no longer know, and need not ask its user again.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Stale {
    Yes,
    No,
}

fn challenge(context: Context, stale: Stale) -> Result<Step, Failure> {
    let (nonce, range) = (context.settings.nonces.next(Notation::Server)?, range(&context));
    let (qops, ciphers, policy) = (range.qops()?, range.ciphers(), &context.settings.policy);
    let mut message = Vec::with_capacity(160);
    put_quoted("nonce", nonce.as_bytes(), &mut message);
    context.settings.digest_realms.iter().for_each(|realm| put_quoted("realm", realm.as_bytes(), &mut message));
    put_quoted("qop", qops.join(",").as_bytes(), &mut message);
    if !ciphers.is_empty() {
        put_quoted("cipher", ciphers.join(",").as_bytes(), &mut message);
    }
    if stale == Stale::Yes {
        put_token("stale", "true", &mut message);
    }
    if qops != ["auth"] {
        put_token("maxbuf", &policy.max_buffer().to_string(), &mut message);
    }
    put_token("charset", "utf-8", &mut message);
    put_token("algorithm", "md5-sess", &mut message);
    Ok(Step::challenge(message, move |response| respond(context, &nonce, response)))
}

fn range(context: &Context) -> Range {
    Range::of(&context.settings.policy, &context.channel)
}

/// The client has answered. We need what is kept for it.
fn respond(context: Context, nonce: &str, response: &[u8]) -> Result<Step, Failure> {
    let answer = Answer::parse(&context, response)?;
    if answer.fields().hashed.nonce != nonce.as_bytes() {
        return Err(Failure::new(Reason::BadCredentials, "nonce is not the one of this exchange"));
    }
    Exchange { context, answer, last: None }.ask(Spelling::Utf8)
}

/// A response that is to be checked.
struct Exchange {
    context: Context,
    answer: Answer,
    /// What is remembered of its nonce, in subsequent authentication.
    last: Option<Use>,
}

impl Exchange {
    /// A client that sends ISO 8859-1 is looked up in UTF-8 first, and then as it spells itself.
    fn ask(self, spelling: Spelling) -> Result<Step, Failure> {
        let login = self.login(spelling)?;
        Ok(Step::ask_verifier(login, Scheme::DigestMd5, move |login, found| {
            let key = self.answer.fields().prove(&self.answer.spelled(spelling), found.as_ref());
            match spelling {
                Spelling::Utf8 if key.is_none() && self.answer.is_latin1() => self.ask(Spelling::AsSent),
                _ => self.judge(login, key),
            }
        }))
    }

    /// Whose password it is. A name with a realm of its own is looked up in that one, whatever realm was hashed; one without, in
    /// the realm that the client chose, unless that is the first one offered: then the login has the default realm, as in every
    /// other mechanism.
    fn login(&self, spelling: Spelling) -> Result<Login, Failure> {
        let settings = &self.context.settings;
        let own = settings.digest_realms.first().map(Realm::as_bytes);
        let (username, realm) = self.answer.spelled(spelling);
        let chosen = Some(&*realm).filter(|realm| !realm.is_empty() && Some(*realm) != own);
        let chosen = chosen.map(Realm::parse).transpose()?;
        Ok(Login::parse(username)?.or_in(chosen.as_ref()).or_in(settings.default_realm.as_ref()))
    }

    /// The count is looked at when the proof is known to be right.
    fn judge(mut self, login: Login, key: Option<SessionKey>) -> Result<Step, Failure> {
        let wrong = Failure::new(Reason::BadCredentials, "response does not fit, or nc is not the first");
        let key = key.ok_or(wrong)?;
        match self.last.take() {
            None if self.answer.fields().count() == Some(1) => self.accept(login, &key, None),
            None => Err(wrong),
            Some(last) if self.answer.follows(&last) => self.accept(login, &key, last.since),
            Some(_) => challenge(self.context, Stale::Yes),
        }
    }

    /// `since` is when the nonce was first used, where that was before.
    fn accept(self, login: Login, key: &SessionKey, since: Option<Duration>) -> Result<Step, Failure> {
        let Self { context, answer, .. } = self;
        let fields = answer.fields();
        if let (Some(reauth), Some(nc)) = (&context.settings.reauth, fields.count()) {
            let (username, realm) = (fields.username.into(), fields.realm.into());
            reauth.remember(fields.hashed.nonce, Use { username, realm, nc, since });
        }
        let room = Room { ours: context.settings.policy.max_buffer(), peers: answer.maxbuf() };
        let layer = keys::layer(&key.h_a1, answer.qop(), Side::Server, room);
        let wanted = fields.authzid.filter(|name| !name.is_empty()).map(|name| context.login(name)).transpose()?;
        let data = [b"rspauth=", &fields.hashed.rspauth(key)[..]].concat();
        context.finish(login, wanted, Ending { data: Some(data), layer: layer.map(Box::new), ..Ending::default() })
    }
}
