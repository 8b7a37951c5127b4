//! ANONYMOUS (RFC 4505): the client proves nothing, and may leave a trace.

use crate::{
    client_step::Response,
    failure::Failure,
    guarantees::Guarantees,
    identity::Login,
    mechanism::{Authzid, Binds, ClientContext, Context, First, Mechanism, Proof},
    name::MechanismName,
    prepare,
    step::{Ending, Step},
};
use std::str;

/// ANONYMOUS. Everybody is `anonymous`. Never under `noanonymous`, the letter `y`, which is the default.
pub static ANONYMOUS: Mechanism = Mechanism {
    name: MechanismName::new("ANONYMOUS"),
    guarantees: Guarantees::NO_PLAINTEXT,
    max_ssf: 0,
    first: First::Client,
    proof: Proof::Nothing,
    authzid: Authzid::Absent,
    binds: Binds::Never,
    server,
    client,
};

/// The longest trace, in characters; and what is refused, in bytes, where libsasl2 cuts anything off.
const MAX_TRACE: usize = 255;
const MAX_MESSAGE: usize = 4 * MAX_TRACE;

fn server(context: Context, response: Option<&[u8]>) -> Result<Step, Failure> {
    let trace = trace(response.unwrap_or_default())?;
    context.finish(Login::parse("anonymous")?, None, Ending { trace: Some(trace.into()), ..Ending::default() })
}

/// The first 255 characters.
fn trace(message: &[u8]) -> Result<String, Failure> {
    let text = str::from_utf8(message).ok().filter(|text| text.len() <= MAX_MESSAGE && prepare::is_trace(text));
    let text = text.ok_or(Failure::malformed("trace is too long or no text"))?;
    Ok(text.chars().take(MAX_TRACE).collect())
}

fn client(ClientContext { settings, .. }: ClientContext) -> Result<Response, Failure> {
    Ok(Response::last(settings.credentials.trace()?.into()))
}
