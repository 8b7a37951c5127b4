//! SCRAM (RFC 5802, RFC 7677): both sides prove that they know the password, and neither shows it. With `-PLUS` both prove
//! besides that they are on the same TLS connection.

mod client;
mod message;
mod server;

use crate::{
    guarantees::Guarantees,
    mechanism::{Authzid, Binds, First, Mechanism, Proof},
    name::MechanismName,
};

/// SCRAM-SHA-1.
pub static SCRAM_SHA_1: Mechanism = scram("SCRAM-SHA-1", Binds::Possibly);
/// SCRAM-SHA-1, tied to the channel.
pub static SCRAM_SHA_1_PLUS: Mechanism = scram("SCRAM-SHA-1-PLUS", Binds::Always);
/// SCRAM-SHA-256.
pub static SCRAM_SHA_256: Mechanism = scram("SCRAM-SHA-256", Binds::Possibly);
/// SCRAM-SHA-256, tied to the channel.
pub static SCRAM_SHA_256_PLUS: Mechanism = scram("SCRAM-SHA-256-PLUS", Binds::Always);
/// SCRAM-SHA-512.
pub static SCRAM_SHA_512: Mechanism = scram("SCRAM-SHA-512", Binds::Possibly);
/// SCRAM-SHA-512, tied to the channel.
pub static SCRAM_SHA_512_PLUS: Mechanism = scram("SCRAM-SHA-512-PLUS", Binds::Always);

/// A thief of what the server keeps cannot log in with it; a listener can try passwords, slowly.
const fn scram(name: &str, binds: Binds) -> Mechanism {
    let passive = Guarantees::NO_PLAINTEXT.and(Guarantees::NO_ANONYMOUS);
    Mechanism {
        name: MechanismName::new(name),
        guarantees: passive.and(Guarantees::NO_ACTIVE).and(Guarantees::MUTUAL_AUTH),
        max_ssf: 0,
        first: First::Client,
        proof: Proof::Password,
        authzid: Authzid::Carried,
        binds,
        server: server::begin,
        client: client::begin,
    }
}
