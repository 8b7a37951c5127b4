//! LOGIN (draft-murchison-sasl-login): the server asks twice, the client says its name and its password.

use crate::{
    client_step::Response,
    failure::{Failure, Reason},
    guarantees::Guarantees,
    identity::MAX_NAME,
    mechanism::{Authzid, Binds, ClientContext, Context, First, MAX_PASSWORD, Mechanism, Proof},
    name::MechanismName,
    secret::Secret,
    step::{Ending, Step},
};

/// LOGIN. Withstands nothing: TLS must.
pub static LOGIN: Mechanism = Mechanism {
    name: MechanismName::new("LOGIN"),
    guarantees: Guarantees::NO_ANONYMOUS.and(Guarantees::PASS_CREDENTIALS),
    max_ssf: 0,
    first: First::Either,
    proof: Proof::Password,
    authzid: Authzid::Absent,
    binds: Binds::Never,
    server,
    client,
};

/// Some old clients look for exactly these words.
const PROMPTS: [&[u8]; 2] = [b"Username:", b"Password:"];

/// An initial response is the name; an empty one is none.
fn server(context: Context, initial: Option<&[u8]>) -> Result<Step, Failure> {
    match initial.filter(|name| !name.is_empty()) {
        Some(name) => named(context, name),
        None => Ok(Step::challenge(PROMPTS[0], move |name| named(context, name))),
    }
}

/// The password is asked for whatever the name is: an empty one fails at the end, as a wrong one does.
fn named(context: Context, name: &[u8]) -> Result<Step, Failure> {
    let no_user = |_| Failure::new(Reason::BadCredentials, "empty name");
    let login = context.login(field(name, MAX_NAME)?).map_err(no_user);
    Ok(Step::challenge(PROMPTS[1], move |password| {
        let (password, login) = (Secret::new(field(password, MAX_PASSWORD)?), login?);
        Ok(Step::ask_password(login, password, move |login, verdict| {
            verdict.or_fail(Reason::BadCredentials)?;
            context.finish(login, None, Ending::default())
        }))
    }))
}

fn field(text: &[u8], longest: usize) -> Result<&[u8], Failure> {
    match text.len() > longest || text.contains(&0) {
        true => Err(Failure::malformed("name or password too long or with a NUL")),
        false => Ok(text),
    }
}

/// Prompts are counted, not read: each server has its own. No initial response, for some servers ignore it.
fn client(ClientContext { settings, .. }: ClientContext) -> Result<Response, Failure> {
    Ok(Response::then(None, move |_| {
        let name = settings.credentials.login.to_vec();
        Ok(Response::then(name, move |_| Ok(Response::last(settings.credentials.password()?.expose().to_vec()))))
    }))
}
