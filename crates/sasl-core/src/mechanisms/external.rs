//! EXTERNAL (RFC 4422 appendix A): who the client is, the channel says; the client may ask to act as another.

use crate::{
    client_step::Response,
    failure::{Failure, Reason},
    guarantees::Guarantees,
    identity::Login,
    mechanism::{Authzid, Binds, ClientContext, Context, First, Mechanism, Proof},
    name::MechanismName,
    step::{Ending, Step},
};

/// EXTERNAL. As good as what the channel knows: a verified client certificate, or the peer of a unix socket.
pub static EXTERNAL: Mechanism = Mechanism {
    name: MechanismName::new("EXTERNAL"),
    guarantees: Guarantees::NO_PLAINTEXT.and(Guarantees::NO_ANONYMOUS).and(Guarantees::NO_DICTIONARY),
    max_ssf: 0,
    first: First::Client,
    proof: Proof::Channel,
    authzid: Authzid::Carried,
    binds: Binds::Never,
    server,
    client,
};

/// The identity of the channel is taken as the application gave it: no default realm is added.
fn server(context: Context, response: Option<&[u8]>) -> Result<Step, Failure> {
    let identity =
        context.channel.external().ok_or(Failure::new(Reason::NoMechanism, "nobody known by the channel"))?;
    let login = Login::parse(identity)?;
    let wanted = response.filter(|name| !name.is_empty()).map(|name| context.login(name)).transpose()?;
    context.finish(login, wanted, Ending::default())
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of every client")]
fn client(ClientContext { settings, .. }: ClientContext) -> Result<Response, Failure> {
    Ok(Response::last(settings.credentials.acts_as.as_deref().unwrap_or_default().to_vec()))
}
