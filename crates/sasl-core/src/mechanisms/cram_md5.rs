//! CRAM-MD5 (RFC 2195): the server sends a msg-id, the client its name and an HMAC-MD5 of it.

use crate::{
    client_step::Response,
    failure::{Failure, Reason},
    guarantees::Guarantees,
    hex,
    identity::Login,
    mechanism::{Authzid, Binds, ClientContext, Context, First, Mechanism, Proof},
    name::MechanismName,
    nonce::Notation,
    step::{Ending, Step},
    verifier::{Scheme, Verifier, cram_md5::CramMd5},
};
use subtle::ConstantTimeEq;

/// CRAM-MD5. A listener can try passwords at leisure, and the server proves nothing.
pub static CRAM_MD5: Mechanism = Mechanism {
    name: MechanismName::new("CRAM-MD5"),
    guarantees: Guarantees::NO_PLAINTEXT.and(Guarantees::NO_ANONYMOUS),
    max_ssf: 0,
    first: First::Server,
    proof: Proof::Password,
    authzid: Authzid::Absent,
    binds: Binds::Never,
    server,
    client,
};

const MAX_CHALLENGE: usize = 1024;

fn server(context: Context, _: Option<&[u8]>) -> Result<Step, Failure> {
    let nonce = context.settings.nonces.next(Notation::MessageId)?;
    let challenge = ["<", &nonce, "@", context.settings.host.name(), ">"].concat().into_bytes();
    let sent = challenge.clone();
    Ok(Step::challenge(challenge, move |response| {
        let (login, digest) = parse(&context, response)?;
        Ok(Step::ask_verifier(login, Scheme::CramMd5, move |login, found| {
            let states = states(found);
            let fits = states.as_ref().unwrap_or(&CramMd5::decoy()).digest(&sent).ct_eq(&digest);
            match bool::from(fits) && states.is_some() {
                true => context.finish(login, None, Ending::default()),
                false => Err(Failure::new(Reason::BadCredentials, "digest does not fit")),
            }
        }))
    }))
}

/// `name SP digest`, split at the last blank: a name may hold some.
fn parse(context: &Context, response: &[u8]) -> Result<(Login, [u8; 16]), Failure> {
    let blank = response.iter().rposition(|octet| *octet == b' ').ok_or(Failure::malformed("no blank"))?;
    let digest = hex::decode(&response[blank + 1..]);
    let digest = digest.ok_or(Failure::malformed("digest is not 32 lower-case hexadecimal digits"))?;
    Ok((context.login(&response[..blank])?, digest))
}

fn states(found: Option<Verifier>) -> Option<CramMd5> {
    match found {
        Some(Verifier::CramMd5(states)) => Some(states),
        Some(Verifier::Plaintext(password)) => Some(CramMd5::derive(password.expose())),
        _ => None,
    }
}

fn client(ClientContext { settings, .. }: ClientContext) -> Result<Response, Failure> {
    Ok(Response::then(None, move |challenge| {
        if challenge.is_empty() || challenge.len() > MAX_CHALLENGE || challenge.contains(&0) {
            return Err(Failure::malformed("challenge empty, too long or with a NUL"));
        }
        let digest = hex::encode(CramMd5::derive(settings.credentials.password()?.expose()).digest(challenge));
        Ok(Response::last([&settings.credentials.login, &b" "[..], &digest].concat()))
    }))
}
