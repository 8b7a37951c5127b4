//! DIGEST-MD5 (RFC 2831; moved to historic by RFC 6331). Integrity and confidentiality are for
//! those who have no TLS: see [`Layer`](crate::layer::Layer).

mod answer;
mod client;
mod digest;
mod directives;
mod keys;
mod qop;
mod server;

#[cfg(test)]
pub(crate) use directives::Directives;

use crate::{
    guarantees::Guarantees,
    mechanism::{Authzid, Binds, First, Mechanism, Proof},
    name::MechanismName,
};

/// DIGEST-MD5. A listener can try passwords at leisure.
pub static DIGEST_MD5: Mechanism = Mechanism {
    name: MechanismName::new("DIGEST-MD5"),
    guarantees: Guarantees::NO_PLAINTEXT.and(Guarantees::NO_ANONYMOUS).and(Guarantees::MUTUAL_AUTH),
    max_ssf: 128,
    first: First::Either,
    proof: Proof::Password,
    authzid: Authzid::Carried,
    binds: Binds::Never,
    server: server::begin,
    client: client::begin,
};
