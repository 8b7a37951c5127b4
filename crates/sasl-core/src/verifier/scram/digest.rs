//! The functions that RFC 5802 section 2.2 is written in, over any hash function. None takes memory from the heap.

use hmac::{
    EagerHash, KeyInit,
    block_api::HmacCore,
    digest::{
        Output, OutputSizeUser,
        block_api::{Buffer, FixedOutputCore, UpdateCore},
    },
};
use std::ops::Deref;
use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// As long as SHA-512's.
const LONGEST: usize = 64;

/// What a hash function yields. Wiped when dropped; compare it in constant time.
#[derive(Clone)]
pub(crate) struct Digest {
    octets: [u8; LONGEST],
    len: usize,
}

impl Digest {
    /// `None` where there are more than 64 `octets`.
    pub(super) fn new(octets: &[u8]) -> Option<Self> {
        let mut digest = Self { octets: [0; LONGEST], len: Some(octets.len()).filter(|len| *len <= LONGEST)? };
        digest.octets[..octets.len()].copy_from_slice(octets);
        Some(digest)
    }

    /// Exclusive-or with `other`, which is as long.
    pub(crate) fn xor(&mut self, other: &[u8]) {
        self.octets.iter_mut().zip(other).for_each(|(octet, other)| *octet ^= other);
    }

    /// What `yields` writes.
    fn of<D: OutputSizeUser>(yields: impl FnOnce(&mut Output<D>)) -> Self {
        let mut digest = Self { octets: [0; LONGEST], len: D::output_size() };
        yields((&mut digest.octets[..D::output_size()]).try_into().expect("no hash function here yields more"));
        digest
    }
}

/// Word by word, which is faster than octet by octet.
impl ConstantTimeEq for Digest {
    fn ct_eq(&self, other: &Self) -> Choice {
        let [own, others] = [self, other].map(|digest| digest.octets.as_chunks().0);
        let same = |(own, other): (&[u8; 8], &[u8; 8])| u64::from_ne_bytes(*own).ct_eq(&u64::from_ne_bytes(*other));
        own.iter().zip(others).fold(Choice::from(u8::from(self.len == other.len)), |all, words| all & same(words))
    }
}

/// Behind its end there never was anything.
impl Drop for Digest {
    fn drop(&mut self) {
        self.octets[..self.len].zeroize();
    }
}

impl ZeroizeOnDrop for Digest {}

impl Deref for Digest {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.octets[..self.len]
    }
}

/// H(str).
pub(super) fn hash<D: EagerHash>(str: &[u8]) -> Digest {
    Digest::of::<D>(|digest| D::new_with_prefix(str).finalize_into(digest))
}

/// HMAC(key, str).
pub(super) fn hmac<D: EagerHash>(key: &[u8], str: &[u8]) -> Digest {
    Digest::of::<HmacCore<D>>(|mac| Keyed::<D>::new(key).write_mac([str], mac))
}

/// Hi(str, salt, i): one block of PBKDF2 (RFC 8018 section 5.2). An `i` of 0 is taken for 1.
pub(super) fn hi<D: EagerHash>(str: &[u8], salt: &[u8], i: u32) -> Digest {
    let mut keyed = Keyed::<D>::new(str);
    let mut u = keyed.mac([salt, &1_u32.to_be_bytes()]);
    let mut hi = Digest::new(&u).expect("no hash function here yields more");
    for _ in 1..i {
        u = keyed.mac([&*u]);
        hi.xor(&u);
    }
    u.zeroize();
    hi
}

/// HMAC that took its key: both blocks of it are compressed once, and one buffer, wiped at the end, serves for all.
/// (`Hmac` has a buffer for each message, and wiping those takes a fifth of the time of Hi.)
#[derive(Clone)]
pub(super) struct Keyed<D: EagerHash> {
    core: HmacCore<D>,
    buffer: Buffer<HmacCore<D>>,
}

impl<D: EagerHash> Keyed<D> {
    pub(super) fn new(key: &[u8]) -> Self {
        let core = HmacCore::new_from_slice(key).expect("HMAC takes a key of any length");
        Self { core, buffer: Buffer::<HmacCore<D>>::default() }
    }

    /// The MAC of all `parts`, one after the other.
    pub(super) fn mac<'a>(&mut self, parts: impl IntoIterator<Item = &'a [u8]>) -> Output<HmacCore<D>> {
        let mut mac = Output::<HmacCore<D>>::default();
        self.write_mac(parts, &mut mac);
        mac
    }

    fn write_mac<'a>(&mut self, parts: impl IntoIterator<Item = &'a [u8]>, mac: &mut Output<HmacCore<D>>) {
        let mut core = self.core.clone();
        for part in parts {
            self.buffer.digest_blocks(part, |blocks| core.update_blocks(blocks));
        }
        core.finalize_fixed_core(&mut self.buffer, mac);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex;
    use sha1::Sha1;
    use sha2::{Sha256, Sha512};

    #[test]
    fn vectors_of_rfc_4231_sections_4_3_and_4_7() {
        let what = b"what do ya want for nothing?";
        let mac = hmac::<Sha256>(b"Jefe", what);
        assert_eq!(hex::text(mac[..16].try_into().unwrap()), "5bdcc146bf60754e6a042426089575c7");
        let mac = hmac::<Sha512>(b"Jefe", what);
        assert_eq!(
            (hex::text(mac[..16].try_into().unwrap()), mac.len()),
            ("164b7a7bfcf819e2e395fbe73b56e0a3".into(), 64)
        );
        let mac = hmac::<Sha256>(&[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First");
        assert_eq!(hex::text(mac[..16].try_into().unwrap()), "60e431591ee0b67f0d8a26aacbf5b77f");
    }

    #[test]
    fn vectors_of_rfc_6070() {
        let hi = |password: &[u8], salt: &[u8], i| hi::<Sha1>(password, salt, i);
        let first = |digest: Digest| hex::text(digest[..16].try_into().unwrap());
        assert_eq!(first(hi(b"password", b"salt", 1)), "0c60c80f961f0e71f3a9b524af601206");
        assert_eq!(first(hi(b"password", b"salt", 2)), "ea6c014dc72d6f8ccd1ed92ace1d41f0");
        assert_eq!(first(hi(b"password", b"salt", 4096)), "4b007901b765489abead49d926f721d0");
        assert_eq!(hi(b"password", b"salt", 4096).len(), 20);
    }

    #[test]
    fn hi_is_pbkdf2_whatever_the_lengths() {
        for (password, salt) in [(0, 0), (20, 60), (64, 64), (65, 123), (200, 300)] {
            let (password, salt, mut expected) = (vec![b'p'; password], vec![b's'; salt], [0; 64]);
            pbkdf2::pbkdf2_hmac::<Sha256>(&password, &salt, 10, &mut expected[..32]);
            assert_eq!(*hi::<Sha256>(&password, &salt, 10), expected[..32]);
            pbkdf2::pbkdf2_hmac::<Sha512>(&password, &salt, 10, &mut expected);
            assert_eq!(*hi::<Sha512>(&password, &salt, 10), expected);
        }
    }

    #[test]
    fn every_octet_is_compared_and_the_length() {
        let digest = |octets: &[u8]| Digest::new(octets).unwrap();
        let same = |a: &[u8], b: &[u8]| bool::from(digest(a).ct_eq(&digest(b)));
        assert!(same(&[7; 20], &[7; 20]) && same(&[7; 64], &[7; 64]) && !same(&[0; 20], &[0; 32]));
        for at in 0..20 {
            let mut other = [7; 20];
            other[at] ^= 1;
            assert!(!same(&[7; 20], &other), "{at}");
        }
    }

    #[test]
    fn what_is_longer_is_no_digest() {
        assert!(Digest::new(&[0; 64]).is_some() && Digest::new(&[0; 65]).is_none());
    }
}
