//! The client's half, in the order of the wire: name, proof, check of the server.

use super::{
    super::gs2,
    message::{ServerFirst, server_final},
};
use crate::{
    client_step::Response,
    failure::{Failure, Reason},
    mechanism::{ClientBinding, ClientContext},
    nonce::Notation,
    prepare::{self, Prepared},
    verifier::scram::Hash,
};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use subtle::ConstantTimeEq;

pub(super) fn begin(context: ClientContext) -> Result<Response, Failure> {
    let header = header(&context);
    let nonce = context.settings.nonces.next(Notation::Scram)?;
    let mut message = header.clone();
    message.extend(b"n=");
    let login = &*context.settings.credentials.login;
    gs2::encode(prepare::query(login).as_ref().map_or(login, Prepared::expose), &mut message);
    message.extend([b",r=", nonce.as_bytes()].concat());
    let bare = message[header.len()..].to_vec();
    Ok(Response::then(message, move |challenge| Exchange { context, header, nonce, bare }.prove(challenge)))
}

/// `p=tls-exporter,a=name,`.
fn header(context: &ClientContext) -> Vec<u8> {
    let mut header = match &context.binding {
        ClientBinding::Unable => b"n,".to_vec(),
        ClientBinding::NotOffered => b"y,".to_vec(),
        ClientBinding::By(binding) => ["p=", binding.kind().as_str(), ","].concat().into_bytes(),
    };
    if let Some(name) = &context.settings.credentials.acts_as {
        header.extend(b"a=");
        gs2::encode(name, &mut header);
    }
    header.push(b',');
    header
}

/// What has been said so far.
struct Exchange {
    context: ClientContext,
    header: Vec<u8>,
    nonce: String,
    bare: Vec<u8>,
}

impl Exchange {
    fn prove(self, challenge: &[u8]) -> Result<Response, Failure> {
        let first = self.read(challenge)?;
        let hash = Hash::of_mechanism(self.context.mechanism.name)?;
        let password = prepare::password(self.context.settings.credentials.password()?.expose());
        let salted = hash.salted_password(password.expose(), &first.salt, first.iterations);
        let mut message = [b"c=", BASE64.encode(self.binding()).as_bytes(), b",r=", first.nonce].concat();
        let auth_message = [&self.bare, challenge, &message].join(&b',');
        let mut proof = hash.client_key(&salted);
        proof.xor(&hash.hmac(&hash.stored_key(&proof), &auth_message));
        let signature = hash.hmac(&hash.server_key(&salted), &auth_message);
        message.extend([",p=", &BASE64.encode(&*proof)].concat().into_bytes());
        Ok(Response::then(message, move |proof| {
            check_server(proof, &signature)?;
            Ok(Response::last(Vec::new()))
        }))
    }

    /// Nothing slow is begun for a server that does not answer to our nonce, or that asks for more or less work than we mean
    /// to do: less would let it guess the password fast, more would keep us busy.
    fn read<'a>(&self, challenge: &'a [u8]) -> Result<ServerFirst<'a>, Failure> {
        let first = ServerFirst::parse(challenge)?;
        if first.nonce.len() <= self.nonce.len() || !first.nonce.starts_with(self.nonce.as_bytes()) {
            return Err(Failure::malformed("nonce does not begin with ours, or is no longer"));
        }
        match self.context.settings.iterations.contains(&first.iterations) {
            true => Ok(first),
            false => Err(Failure::malformed("iteration count out of range")),
        }
    }

    /// `c=`, before base64.
    fn binding(&self) -> Vec<u8> {
        match &self.context.binding {
            ClientBinding::By(binding) => [&self.header, binding.data()].concat(),
            ClientBinding::Unable | ClientBinding::NotOffered => self.header.clone(),
        }
    }
}

fn check_server(message: &[u8], signature: &[u8]) -> Result<(), Failure> {
    let unproved = |cause| Failure::new(Reason::ServerNotAuthenticated, cause);
    match server_final(message) {
        Ok(sent) if sent.ct_eq(signature).into() => Ok(()),
        Ok(_) => Err(unproved("signature does not fit")),
        Err(failure) if failure.reason() == Reason::BadCredentials => Err(failure),
        Err(_) => Err(unproved("signature missing")),
    }
}
