//! The server's half, in the order of the wire: challenge, check of the proof, signature.

use super::{
    super::gs2::Flag,
    message::{ClientFinal, ClientFirst, put_base64},
};
use crate::{
    failure::{Failure, Reason},
    identity::Login,
    mechanism::{BindingOffer, Binds, Context},
    nonce::Notation,
    step::{Ending, Step},
    verifier::{
        Scheme, Verifier,
        scram::{Digest, Hash, ITERATIONS, Keys, Scram},
    },
};
use std::ops::Range;
use subtle::ConstantTimeEq;

/// An empty initial response is none: the client may still say something.
pub(super) fn begin(context: Context, response: Option<&[u8]>) -> Result<Step, Failure> {
    match response.unwrap_or_default() {
        b"" => Ok(Step::challenge(b"", move |response| first(context, response))),
        response => first(context, response),
    }
}

/// The client has said who it is. We need what is kept for it.
fn first(context: Context, response: &[u8]) -> Result<Step, Failure> {
    let message = ClientFirst::parse(response)?;
    let hash = Hash::of_mechanism(context.mechanism.name)?;
    let login = context.login(&message.user)?;
    let wanted = message.header.authzid.as_deref().map(|name| context.login(name)).transpose()?;
    let ours = context.settings.nonces.next(Notation::Scram)?;
    let mut auth_message = Vec::with_capacity(AUTH_MESSAGE);
    auth_message.extend_from_slice(message.header.rest);
    auth_message.extend_from_slice(b",r=");
    let start = auth_message.len();
    auth_message.extend_from_slice(message.nonce);
    auth_message.extend_from_slice(ours.as_bytes());
    let nonce = start..auth_message.len();
    let mut binding = Vec::new();
    put_base64(&[message.header.raw, binding_data(&context, message.flag())?].concat(), &mut binding);
    let exchange = Exchange { context, wanted, binding, auth_message, nonce };
    Ok(Step::ask_verifier(login, Scheme::Scram(hash), move |login, found| exchange.challenge(hash, login, found)))
}

/// What the client must have tied the exchange to (RFC 5802 section 6). One that could have and did not, because somebody in
/// between took `-PLUS` off our offer, is refused.
fn binding_data<'a>(context: &'a Context, flag: Flag<'_>) -> Result<&'a [u8], Failure> {
    let refused = |cause| Err(Failure::new(Reason::ChannelBinding, cause));
    match flag {
        Flag::Unable | Flag::NotOffered if context.mechanism.binds == Binds::Always => refused("not bound"),
        Flag::NotOffered if context.binding == BindingOffer::Made => refused("our offer was altered on its way"),
        Flag::Unable | Flag::NotOffered => Ok(b""),
        Flag::By(name) => {
            let known = context.channel.bindings().iter().find(|binding| binding.kind().as_str().as_bytes() == name);
            known.map_or_else(|| refused("unsupported channel binding type"), |binding| Ok(binding.data()))
        }
    }
}

/// What has been said so far.
struct Exchange {
    context: Context,
    wanted: Option<Login>,
    /// What the client must send as `c=`.
    binding: Vec<u8>,
    auth_message: Vec<u8>,
    /// Where in AuthMessage it is.
    nonce: Range<usize>,
}

/// As long as AuthMessage is for most.
const AUTH_MESSAGE: usize = 384;

impl Exchange {
    /// Salt and count; a user who is not there has some too, and always the same.
    fn challenge(mut self, hash: Hash, login: Login, found: Option<Verifier>) -> Result<Step, Failure> {
        let salt = self.context.settings.decoys.scram_salt(hash, &login)?;
        let keys = match found {
            Some(Verifier::Scram(keys)) if keys.hash() == hash => Some(keys),
            Some(Verifier::Plaintext(password)) => Some(Scram::derive_with(hash, password.expose(), &salt, ITERATIONS)),
            _ => None,
        };
        let known = keys.is_some();
        let keys = keys.unwrap_or_else(|| Scram::decoy(hash, salt));
        self.auth_message.extend_from_slice(b",s=");
        put_base64(keys.salt(), &mut self.auth_message);
        self.auth_message.extend_from_slice(b",i=");
        self.auth_message.extend_from_slice(keys.iterations().to_string().as_bytes());
        let message = self.auth_message[self.nonce.start - "r=".len()..].to_vec();
        Ok(Step::challenge(message, move |response| {
            let data = self.prove(&keys, known, response)?;
            self.context.finish(login, self.wanted, Ending { data: Some(data), ..Ending::default() })
        }))
    }

    /// Our signature, where the client's proof fits.
    fn prove(&mut self, keys: &Scram, known: bool, response: &[u8]) -> Result<Vec<u8>, Failure> {
        let last = ClientFinal::parse(response)?;
        if *last.nonce != self.auth_message[self.nonce.clone()] {
            return Err(Failure::new(Reason::BadCredentials, "nonce is not the one of this exchange"));
        }
        if last.binding != self.binding {
            return Err(Failure::new(Reason::ChannelBinding, "bound to another channel"));
        }
        self.auth_message.push(b',');
        self.auth_message.extend_from_slice(last.without_proof);
        let signature = signature(keys, &last.proof, &self.auth_message).filter(|_| known);
        let signature = signature.ok_or(Failure::new(Reason::BadCredentials, "proof does not fit"))?;
        let mut message = Vec::with_capacity(90);
        message.extend_from_slice(b"v=");
        put_base64(&signature, &mut message);
        Ok(message)
    }
}

/// What proves us to a client whose `proof` fits one of the pairs of keys. Each is tried, whether one before it fits or not.
fn signature(kept: &Scram, proof: &[u8], auth_message: &[u8]) -> Option<Digest> {
    let hash = kept.hash();
    let fits = |keys: &&Keys| {
        let mut client_key = hash.hmac(&keys.stored_key, auth_message);
        client_key.xor(proof);
        proof.len() == client_key.len() && hash.stored_key(&client_key).ct_eq(&keys.stored_key).into()
    };
    kept.keys().iter().filter(fits).fold(None, |_, keys| Some(hash.hmac(&keys.server_key, auth_message)))
}
