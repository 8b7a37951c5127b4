//! The hashes (RFC 2831 section 2.1.2.1).

use crate::{hex, verifier::digest_md5::Ha1};
use md5::{Digest, Md5};
use zeroize::Zeroizing;

/// What both sides hash, as it went over the wire.
pub(super) struct Hashed<'a> {
    pub(super) nonce: &'a [u8],
    pub(super) cnonce: &'a [u8],
    pub(super) nc: &'a [u8],
    pub(super) qop: &'a [u8],
    pub(super) digest_uri: &'a [u8],
}

/// What an exchange hangs on. Wiped when dropped.
pub(super) struct SessionKey {
    /// H(A1), of which the keys of a layer are made.
    pub(super) h_a1: Zeroizing<[u8; 16]>,
    /// The hash over `HEX(H(A1)):nonce:nc:cnonce:qop:`, which both proofs begin with.
    start: Md5,
}

/// What is hashed in place of a body that there is not, where a layer is agreed on.
const NO_BODY: &[u8] = b":00000000000000000000000000000000";

impl Hashed<'_> {
    /// `authzid` is hashed where it was sent, also an empty one.
    pub(super) fn session_key(&self, ha1: &Ha1, authzid: Option<&[u8]>) -> SessionKey {
        let mut a1 = Md5::new_with_prefix(ha1.0).chain_update(b":").chain_update(self.nonce);
        a1 = a1.chain_update(b":").chain_update(self.cnonce);
        if let Some(authzid) = authzid {
            a1 = a1.chain_update(b":").chain_update(authzid);
        }
        let h_a1 = Zeroizing::new(a1.finalize().into());
        let mut start = Md5::new_with_prefix(&Zeroizing::new(hex::encode(*h_a1))[..]);
        for part in [self.nonce, self.nc, self.cnonce, self.qop] {
            start.update(b":");
            start.update(part);
        }
        SessionKey { h_a1, start: start.chain_update(b":") }
    }

    /// `response`: what the client proves itself with.
    pub(super) fn response(&self, key: &SessionKey) -> [u8; 32] {
        self.proof(key, b"AUTHENTICATE:")
    }

    /// `rspauth`: what the server proves itself with.
    pub(super) fn rspauth(&self, key: &SessionKey) -> [u8; 32] {
        self.proof(key, b":")
    }

    fn proof(&self, key: &SessionKey, method: &[u8]) -> [u8; 32] {
        let mut a2 = Md5::new_with_prefix(method).chain_update(self.digest_uri);
        if !self.qop.eq_ignore_ascii_case(b"auth") {
            a2.update(NO_BODY);
        }
        hex(key.start.clone().chain_update(hex(a2)))
    }
}

fn hex(hash: Md5) -> [u8; 32] {
    hex::encode(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verifier::digest_md5::reading_of_the_rfc;

    #[test]
    fn example_of_rfc_2831_section_4() {
        let hashed = Hashed {
            nonce: b"OA6MG9tEQGm2hh",
            cnonce: b"OA6MHXh6VqTrRk",
            nc: b"00000001",
            qop: b"auth",
            digest_uri: b"imap/elwood.innosoft.com",
        };
        let key = hashed.session_key(&reading_of_the_rfc(b"chris", b"elwood.innosoft.com", b"secret"), None);
        assert_eq!(&hashed.response(&key), b"d388dad90d4bbd760a152321f2143af7");
        assert_eq!(&hashed.rspauth(&key), b"ea40f60335c427b5527b84dbabcdfffd");
    }
}
