//! PLAIN (RFC 4616): `[authzid] NUL authcid NUL password`.
//!
//! The name is looked up octet by octet, as libsasl2 does; the RFC would have it prepared. The password is tried as it came
//! and as SASLprep has it: see [`Verifiers::check`](crate::verifier::Verifiers::check).

use crate::{
    client_step::Response,
    failure::{Failure, Reason},
    guarantees::Guarantees,
    identity::Login,
    mechanism::{Authzid, Binds, ClientContext, Context, First, MAX_PASSWORD, Mechanism, Proof},
    name::MechanismName,
    secret::Secret,
    step::{Ending, Step},
};

/// PLAIN. Withstands nothing: TLS must.
pub static PLAIN: Mechanism = Mechanism {
    name: MechanismName::new("PLAIN"),
    guarantees: Guarantees::NO_ANONYMOUS.and(Guarantees::PASS_CREDENTIALS),
    max_ssf: 0,
    first: First::Client,
    proof: Proof::Password,
    authzid: Authzid::Carried,
    binds: Binds::Never,
    server,
    client,
};

fn server(context: Context, response: Option<&[u8]>) -> Result<Step, Failure> {
    let Message { acts_as, login, password } = Message::parse(&context, response.unwrap_or_default())?;
    Ok(Step::ask_password(login, password, move |login, verdict| {
        verdict.or_fail(Reason::BadCredentials)?;
        context.finish(login, acts_as, Ending::default())
    }))
}

struct Message {
    acts_as: Option<Login>,
    login: Login,
    password: Secret,
}

impl Message {
    fn parse(context: &Context, message: &[u8]) -> Result<Self, Failure> {
        let mut fields = message.split(|octet| *octet == 0);
        let (Some(acts_as), Some(login), Some(password), None) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            return Err(Failure::malformed("not three fields"));
        };
        if password.is_empty() || password.len() > MAX_PASSWORD {
            return Err(Failure::malformed("password empty or too long"));
        }
        let acts_as = Some(acts_as).filter(|name| !name.is_empty()).map(|name| context.login(name)).transpose()?;
        Ok(Self { acts_as, login: context.login(login)?, password: Secret::new(password) })
    }
}

fn client(ClientContext { settings, .. }: ClientContext) -> Result<Response, Failure> {
    let credentials = &settings.credentials;
    let acts_as = credentials.acts_as.as_deref().unwrap_or_default();
    Ok(Response::last([acts_as, &credentials.login, credentials.password()?.expose()].join(&0)))
}
