//! A message, its padding and its MAC under DES or 3DES in CBC mode (RFC 2831 section 2.4). The chain goes on from
//! packet to packet.

use super::mac::{HEAD, Mac, TAG};
use crate::md5_block::{BLOCK as HASHED, START, compress};
use cbc::cipher::{
    Array, BlockModeDecrypt, BlockModeEncrypt, KeyIvInit,
    consts::{U8, U16},
};
use des::{Des, TdesEde2};
use std::{hint, iter};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq, ConstantTimeGreater};
use zeroize::Zeroizing;

/// The octets of a block.
const BLOCK: usize = 8;

/// One direction, for who sends. Its keys are wiped when dropped, and lie on the heap, so that no copy stays behind where
/// it moves.
pub(super) enum Encryptor {
    Des(Box<cbc::Encryptor<Des>>),
    TripleDes(Box<cbc::Encryptor<TdesEde2>>),
}

/// The same for who receives.
pub(super) enum Decryptor {
    Des(Box<cbc::Decryptor<Des>>),
    TripleDes(Box<cbc::Decryptor<TdesEde2>>),
}

impl Encryptor {
    pub(super) fn des(sealing: &[u8; 16]) -> Self {
        Self::Des(Box::new(des(sealing)))
    }

    pub(super) fn triple_des(sealing: &[u8; 16]) -> Self {
        Self::TripleDes(Box::new(triple_des(sealing)))
    }

    /// Pads the message that begins at `start`, appends its MAC, and encrypts both.
    pub(super) fn seal(&mut self, mac: &Mac, number: u32, wire: &mut Vec<u8>, start: usize) {
        let message = &wire[start..];
        let tag = mac.of(number, message);
        let padding = BLOCK - (message.len() + TAG) % BLOCK;
        wire.extend(iter::repeat_n(octet(padding), padding));
        wire.extend_from_slice(&tag);
        let blocks = Array::cast_slice_from_core_mut(wire[start..].as_chunks_mut().0);
        match self {
            Self::Des(cipher) => cipher.encrypt_blocks(blocks),
            Self::TripleDes(cipher) => cipher.encrypt_blocks(blocks),
        }
    }
}

impl Decryptor {
    pub(super) fn des(sealing: &[u8; 16]) -> Self {
        Self::Des(Box::new(des(sealing)))
    }

    pub(super) fn triple_des(sealing: &[u8; 16]) -> Self {
        Self::TripleDes(Box::new(triple_des(sealing)))
    }

    /// Decrypts in place. Gives the length of the message; `None` where padding or MAC are wrong, and nothing tells
    /// which of them.
    pub(super) fn open(&mut self, mac: &Mac, number: u32, text: &mut [u8]) -> Option<usize> {
        if !text.len().is_multiple_of(BLOCK) {
            return None;
        }
        let blocks = Array::cast_slice_from_core_mut(text.as_chunks_mut().0);
        match self {
            Self::Des(cipher) => cipher.decrypt_blocks(blocks),
            Self::TripleDes(cipher) => cipher.decrypt_blocks(blocks),
        }
        let (padded, tag) = text.split_last_chunk::<TAG>()?;
        let (padding, right) = padding(padded)?;
        let length = padded.len() - usize::from(padding);
        let fits = mac.of(number, &padded[..length]).ct_eq(tag);
        even_out(length, padded.len() - 1);
        bool::from(right & fits).then_some(length)
    }
}

/// How much of the end is padding, and whether it is as it must be; the shortest where it is not. In constant time.
fn padding(padded: &[u8]) -> Option<(u8, Choice)> {
    let last = *padded.last()?;
    let most = octet(padded.len().min(BLOCK));
    let mut right = !last.ct_eq(&0) & !last.ct_gt(&most);
    for (at, octet) in (0..most).zip(padded.iter().rev()) {
        right &= octet.ct_eq(&last) | !last.ct_gt(&at);
    }
    Some((u8::conditional_select(&1, &last, right), right))
}

fn octet(length: usize) -> u8 {
    u8::try_from(length).expect("at most a block")
}

/// Hashes one block more where a message took fewer than the longest that it could have been: the time would tell which
/// padding is right (the attack Lucky Thirteen).
fn even_out(length: usize, longest: usize) {
    let blocks = |length: usize| (length + HASHED - HEAD + 8) / HASHED;
    if blocks(length) < blocks(longest) {
        let mut state = START;
        compress(&mut state, &[0; HASHED]);
        hint::black_box(state);
    }
}

/// The first seven octets are the key, the last eight the initial vector (section 2.4).
fn des<M: KeyIvInit<KeySize = U8, IvSize = U8>>(sealing: &[u8; 16]) -> M {
    let key = Zeroizing::new(spread(&sealing[..7]));
    M::new((&*key).into(), vector(sealing).into())
}

/// The first seven octets are the first and the third key, the next seven the second.
fn triple_des<M: KeyIvInit<KeySize = U16, IvSize = U8>>(sealing: &[u8; 16]) -> M {
    let mut keys = Zeroizing::new([0; 16]);
    keys[..8].copy_from_slice(&*Zeroizing::new(spread(&sealing[..7])));
    keys[8..].copy_from_slice(&*Zeroizing::new(spread(&sealing[7..14])));
    M::new((&*keys).into(), vector(sealing).into())
}

fn vector(sealing: &[u8; 16]) -> &[u8; BLOCK] {
    sealing.last_chunk().expect("eight of sixteen octets")
}

/// A key of DES: of each octet the upper seven bits count, so that 56 bits take eight octets. The lowest would be for
/// parity, which nobody looks at.
fn spread(key: &[u8]) -> [u8; 8] {
    let bits = key.iter().fold(0, |bits: u64, octet| bits << 8 | u64::from(*octet));
    (0..8).fold(0, |spread: u64, at| spread << 8 | (bits >> (49 - 7 * at) & 0x7f) << 1).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seven_octets_are_spread_over_eight() {
        assert_eq!(spread(&[0xff; 7]), [0xfe; 8]);
        assert_eq!(spread(&[0x80, 0, 0, 0, 0, 0, 0x01]), [0x80, 0, 0, 0, 0, 0, 0, 0x02]);
        assert_eq!(spread(&[0x01, 0x80, 0, 0, 0, 0, 0]), [0, 0xc0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn padding_is_one_to_eight_octets_that_say_how_many() {
        let of = |padded: &[u8]| padding(padded).map(|(padding, right)| (padding, right.into()));
        assert_eq!(of(b"hello\x01"), Some((1, true)));
        assert_eq!(of(b"\x06\x06\x06\x06\x06\x06"), Some((6, true)));
        assert_eq!(of(b"hello!\x08\x08\x08\x08\x08\x08\x08\x08"), Some((8, true)));
        for wrong in [
            &b"hello\x00"[..],
            b"hell\x01\x02",
            b"\x07\x07\x07\x07\x07\x07",
            b"hello\x09\x09\x09\x09\x09\x09\x09\x09\x09",
            b"hello!\x07\x08\x08\x08\x08\x08\x08\x08",
        ] {
            assert_eq!(of(wrong), Some((1, false)), "{wrong:?}");
        }
    }
}
