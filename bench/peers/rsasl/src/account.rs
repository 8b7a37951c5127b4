//! The one account of the exchanges, the same as in `bench/peers/exchange.h`.

use digest::{Digest, FixedOutputReset, Output, core_api::BlockSizeUser};
use rsasl::{
    callback::{Context, Request, SessionCallback, SessionData},
    config::SASLConfig,
    mechanisms::scram::{properties::ScramStoredPassword, tools},
    prelude::{SASLError, SessionError, Validation},
    property::{AuthId, Password},
    validate::{Validate, ValidationError},
};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use std::sync::Arc;

const USER: &str = "user0000000";
const PASSWORD: &str = "pass0000000";
const SALT: &[u8] = b"0123456789abcdef";
const ITERATIONS: u32 = 4096;

/// Both sides.
pub(crate) struct Account {
    pub(crate) server: Arc<SASLConfig>,
    pub(crate) client: Arc<SASLConfig>,
}

/// Whether the client is the one user, with the right password.
pub(crate) struct Checked;

impl Validation for Checked {
    type Value = bool;
}

/// What the server keeps for SCRAM.
struct Keys {
    stored_key: Vec<u8>,
    server_key: Vec<u8>,
}

impl Account {
    pub(crate) fn new(mechanism: &str) -> Result<Self, SASLError> {
        let keys = match mechanism {
            "SCRAM-SHA-256" => Keys::derive::<Sha256>(),
            "SCRAM-SHA-512" => Keys::derive::<Sha512>(),
            _ => Keys::derive::<Sha1>(),
        };
        Ok(Self {
            server: SASLConfig::builder().with_defaults().with_callback(keys)?,
            client: SASLConfig::with_credentials(None, USER.into(), PASSWORD.into())?,
        })
    }
}

impl Keys {
    fn derive<D: Digest + BlockSizeUser + FixedOutputReset + Clone + Sync>() -> Self {
        let mut salted = Output::<D>::default();
        tools::hash_password::<D>(PASSWORD.as_bytes(), ITERATIONS, SALT, &mut salted);
        let (client_key, server_key) = tools::derive_keys::<D>(&salted);
        Self { stored_key: D::digest(client_key).to_vec(), server_key: server_key.to_vec() }
    }
}

impl SessionCallback for Keys {
    fn callback(&self, _: &SessionData, context: &Context<'_>, request: &mut Request<'_>) -> Result<(), SessionError> {
        if context.get_ref::<AuthId>() == Some(USER) {
            let kept = ScramStoredPassword::new(ITERATIONS, SALT, &self.stored_key, &self.server_key);
            request.satisfy::<ScramStoredPassword<'_>>(&kept)?;
        }
        Ok(())
    }

    /// SCRAM has no password to look at: it asks for this when the proof is known to be right.
    fn validate(
        &self,
        _: &SessionData,
        context: &Context<'_>,
        answer: &mut Validate<'_>,
    ) -> Result<(), ValidationError> {
        let password = context.get_ref::<Password>();
        let fits = context.get_ref::<AuthId>() == Some(USER) && password.is_none_or(|it| it == PASSWORD.as_bytes());
        answer.with::<Checked, _>(|| Ok(fits))?;
        Ok(())
    }
}
