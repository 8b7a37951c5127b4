//! SASL (RFC 4422) without I/O.

pub mod channel;
pub mod failure;
pub mod guarantees;
pub mod identity;
pub mod name;
pub mod random;
pub mod secret;
pub mod verifier;
