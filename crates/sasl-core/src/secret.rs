//! Bytes that never reach a log.

use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A password, a token or a key. Wiped when dropped; `Debug` shows nothing, in every build.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes `bytes` over. Give the only copy: the caller's buffer is not wiped.
    #[must_use]
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    /// The bytes themselves. Search for this name to find every place that sees them.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Compares in time that depends on the lengths alone.
    #[must_use]
    pub fn matches(&self, other: &[u8]) -> bool {
        self.0.ct_eq(other).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Secret::new("pencil")), "Secret(..)");
    }

    #[test]
    fn matches_the_whole_only() {
        let secret = Secret::new("pencil");
        assert!(secret.matches(b"pencil"));
        assert!(!secret.matches(b"pencil ") && !secret.matches(b"penci") && !secret.matches(b"Pencil"));
    }
}
