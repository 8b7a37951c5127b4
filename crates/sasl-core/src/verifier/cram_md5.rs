//! What a CRAM-MD5 server keeps: HMAC-MD5 (RFC 2104) stopped after its key.

use crate::{
    failure::Failure,
    hex,
    md5_block::{self, BLOCK, compress},
    secret::Secret,
};
use md5::{Digest, Md5};
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// The chaining values of MD5 after the one block of the key XOR ipad, and of the key XOR opad: 16 bytes each,
/// words least significant byte first. Whoever has them can log in by CRAM-MD5, and by nothing else.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct CramMd5 {
    inner: [u8; 16],
    outer: [u8; 16],
}

impl CramMd5 {
    /// Derives from a password. Fast: says nothing to a passive listener, but a thief can try passwords on it.
    #[must_use]
    pub fn derive(password: &[u8]) -> Self {
        let states = match password.len() {
            0..=BLOCK => md5_block::keyed(password),
            _ => md5_block::keyed(&*Zeroizing::<[u8; 16]>::new(Md5::digest(password).into())),
        };
        let [inner, outer] = states.map(md5_block::octets);
        Self { inner, outer }
    }

    /// What a user who is not there is checked against: it costs as much. That it fits nobody is for the caller
    /// to see to.
    pub(crate) const fn decoy() -> Self {
        Self { inner: [0; 16], outer: [0; 16] }
    }

    /// HMAC-MD5 of `challenge`.
    #[must_use]
    pub fn digest(&self, challenge: &[u8]) -> [u8; 16] {
        let inner = Zeroizing::new(resume(&self.inner, challenge));
        resume(&self.outer, &*inner)
    }

    /// Whether `password` derives to this.
    #[must_use]
    pub fn check(&self, password: &[u8]) -> bool {
        let other = Self::derive(password);
        (self.inner.ct_eq(&other.inner) & self.outer.ct_eq(&other.outer)).into()
    }

    /// Reads Dovecot's form, `{CRAM-MD5}` and the outer and the inner state in hexadecimal.
    ///
    /// # Errors
    /// [`Reason::Malformed`](crate::failure::Reason::Malformed).
    pub fn from_text(text: &str) -> Result<Self, Failure> {
        let states = text.strip_prefix("{CRAM-MD5}").and_then(|states| states.split_at_checked(32));
        let states = states.and_then(|(outer, inner)| {
            Some(Self { inner: hex::decode(inner.as_bytes())?, outer: hex::decode(outer.as_bytes())? })
        });
        states.ok_or(Failure::malformed("no CRAM-MD5 states"))
    }

    /// Dovecot's form.
    #[must_use]
    pub fn to_text(&self) -> Secret {
        let [outer, inner] = [self.outer, self.inner].map(|state| Zeroizing::new(hex::encode(state)));
        Secret::new([b"{CRAM-MD5}", &outer[..], &inner[..]].concat())
    }
}

/// MD5 of one block and a message, after the block was taken and left `state`.
fn resume(state: &[u8; 16], message: &[u8]) -> [u8; 16] {
    let mut state = Zeroizing::new(md5_block::words(state));
    let (whole, rest) = message.as_chunks::<BLOCK>();
    whole.iter().for_each(|block| compress(&mut state, block));
    md5_block::finish(&state, rest, BLOCK + message.len())
}

impl fmt::Debug for CramMd5 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CramMd5(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hmac::{Hmac, KeyInit, Mac};

    #[test]
    fn example_of_rfc_2195_section_2() {
        let digest = CramMd5::derive(b"tanstaaftanstaaf").digest(b"<1896.697170952@postoffice.reston.mci.net>");
        assert_eq!(hex::text(digest), "b913a602c7eda7a495b4e6e7334d3890");
    }

    #[test]
    fn the_states_continue_as_hmac_does_for_keys_and_challenges_around_a_block() {
        for (key, challenge) in [(0, 0), (1, 55), (63, 56), (64, 64), (65, 127), (200, 1000)] {
            let (key, challenge) = (vec![b'k'; key], vec![b'c'; challenge]);
            let hmac = Hmac::<Md5>::new_from_slice(&key).unwrap().chain_update(&challenge).finalize().into_bytes();
            assert_eq!(CramMd5::derive(&key).digest(&challenge), hmac[..]);
        }
    }
}
