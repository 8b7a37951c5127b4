//! What a store keeps of its own: the version of its format, and its secret.

use crate::error::Kind;
use sasl_core::{random, secret::Secret};

/// Where it is. No user's key begins with a NUL.
pub(crate) const KEY: &[u8] = b"\0meta";

/// The version of the format: the first byte of the value.
pub(crate) const FORMAT: u8 = 1;

/// Whether a key is not a user's.
pub(crate) fn is_own(key: &[u8]) -> bool {
    key.first() == Some(&0)
}

/// The value for a new store, with a secret of its own.
pub(crate) fn generate() -> Result<Vec<u8>, Kind> {
    let secret = random::bytes::<32>().map_err(|_| Kind::NoRandomness)?;
    Ok([&[FORMAT], &secret[..]].concat())
}

/// The secret in a value.
pub(crate) fn secret(value: Option<&[u8]>) -> Result<Secret, Kind> {
    match value {
        Some([FORMAT, secret @ ..]) => Ok(Secret::new(secret)),
        _ => Err(Kind::Damaged("no secret")),
    }
}
