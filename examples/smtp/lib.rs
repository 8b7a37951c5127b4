//! What the two programs have in common: lines, keys in files, and what a TLS connection is to SASL.

pub mod channel;
pub mod exit;
pub mod pem;
pub mod report;
pub mod wire;
