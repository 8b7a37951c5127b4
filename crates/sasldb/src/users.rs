//! A store of records as a store of verifiers, for exchanges.

use crate::{
    error::{Error, Kind},
    name::Name,
    record::Status,
    store::Store,
};
use sasl_core::{
    identity::{Login, Realm},
    store::Unavailable,
    verifier::Verifiers,
};

/// Answers the questions of `sasl_core`'s exchanges from a store.
pub struct Users {
    store: Box<dyn Store>,
    realm: Realm,
}

impl Users {
    /// The users of `store`; a login without a realm is looked up in `realm`: the host's, as a rule. Give the server the same
    /// [default realm](sasl_core::server::ServerBuilder::default_realm), and the store's [secret](Store::secret) for its decoys.
    #[must_use]
    pub fn new(store: Box<dyn Store>, realm: Realm) -> Self {
        Self { store, realm }
    }
}

impl sasl_core::store::Store for Users {
    fn verifiers(&self, login: &Login) -> Result<Option<Verifiers>, Unavailable> {
        let name = Name::from((login.user(), login.realm().unwrap_or(&self.realm)));
        let record = self.store.get(name).map_err(|_| Unavailable)?;
        Ok(record.filter(|record| record.status() == Status::Enabled).map(|record| record.verifiers().clone()))
    }
}

/// The realm of this host, where a user names none: its name in lower case.
///
/// # Errors
/// Where the host has no name, or one that cannot be read.
pub fn realm_of_this_host() -> Result<Realm, Error> {
    let host = nix::unistd::gethostname().map_err(|error| Error::new("host name", Kind::Io("read", error.into())))?;
    Realm::of_host(host.as_encoded_bytes()).map_err(|_| Error::new("host name", Kind::Damaged("too long")))
}
