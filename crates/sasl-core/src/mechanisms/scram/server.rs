//! The server's half, in the order of the wire: challenge, check of the proof, signature.

use super::{
    super::gs2::Flag,
    message::{ClientFinal, ClientFirst},
};
use crate::{
    failure::{Failure, Reason},
    identity::Login,
    mechanism::{BindingOffer, Binds, Context, Ending},
    nonce::Notation,
    step::Step,
    verifier::{
        Scheme, Verifier,
        scram::{Digest, Hash, Keys, Scram},
    },
};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
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
    let exchange = Exchange {
        binding: [message.header.raw, binding_data(&context, message.flag())?].concat(),
        nonce: [message.nonce, ours.as_bytes()].concat(),
        auth_message: [message.header.rest, b","].concat(),
        wanted,
        context,
    };
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
    /// What the client must send as `c=`, before base64.
    binding: Vec<u8>,
    nonce: Vec<u8>,
    auth_message: Vec<u8>,
}

impl Exchange {
    /// Salt and count; a user who is not there has some too, and always the same.
    fn challenge(mut self, hash: Hash, login: Login, found: Option<Verifier>) -> Result<Step, Failure> {
        let decoy = self.context.settings.decoys.scram(hash, &login)?;
        let keys = match found {
            Some(Verifier::Scram(keys)) if keys.hash() == hash => Some(keys),
            Some(Verifier::Plaintext(password)) => {
                Some(Scram::derive_with(hash, password.expose(), decoy.salt(), decoy.iterations()))
            }
            _ => None,
        };
        let known = keys.is_some();
        let keys = keys.unwrap_or(decoy);
        let start = [b"r=", &self.nonce[..], b",s="].concat();
        let rest = format!("{},i={}", BASE64.encode(keys.salt()), keys.iterations());
        let message = [start, rest.into_bytes()].concat();
        self.auth_message.extend(&message);
        Ok(Step::challenge(message, move |response| {
            let data = self.prove(&keys, known, response)?;
            self.context.finish(login, self.wanted, Ending { data: Some(data), layer: None })
        }))
    }

    /// The signature, where the client's proof fits.
    fn prove(&mut self, keys: &Scram, known: bool, response: &[u8]) -> Result<Vec<u8>, Failure> {
        let last = ClientFinal::parse(response)?;
        if last.nonce != self.nonce {
            return Err(Failure::new(Reason::BadCredentials, "nonce is not the one of this exchange"));
        }
        if last.binding != self.binding {
            return Err(Failure::new(Reason::ChannelBinding, "bound to another channel"));
        }
        self.auth_message.push(b',');
        self.auth_message.extend(last.without_proof);
        let signature = signature(keys, &last.proof, &self.auth_message).filter(|_| known);
        let signature = signature.ok_or(Failure::new(Reason::BadCredentials, "proof does not fit"))?;
        Ok(["v=", &BASE64.encode(&*signature)].concat().into_bytes())
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
