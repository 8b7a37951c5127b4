//! HMAC-MD5 (RFC 2104) over a packet's number and message, cut to ten octets (RFC 2831 section 2.3).

use crate::md5_block::{self, BLOCK, State, compress};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// The octets that are left of the hash.
pub(super) const TAG: usize = 10;

/// A MAC.
pub(super) type Tag = [u8; TAG];

/// The octets of a message that share the first block with the number.
pub(super) const HEAD: usize = BLOCK - 4;

/// Both hashes of HMAC, stopped after their first block, which is the key's: it is hashed once, not with each packet.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(super) struct Mac {
    inner: State,
    outer: State,
}

impl Mac {
    pub(super) fn new(key: &[u8; 16]) -> Self {
        let [inner, outer] = *md5_block::keyed(key);
        Self { inner, outer }
    }

    /// The MAC of a packet.
    pub(super) fn of(&self, number: u32, message: &[u8]) -> Tag {
        let Some((head, rest)) = message.split_first_chunk() else {
            let mut numbered = [0; BLOCK];
            numbered[..4].copy_from_slice(&number.to_be_bytes());
            numbered[4..][..message.len()].copy_from_slice(message);
            return self.finish(&self.inner, &numbered[..4 + message.len()], message.len());
        };
        let mut state = self.begin();
        compress(&mut state, &first_block(number, head));
        let (blocks, rest) = rest.as_chunks();
        blocks.iter().for_each(|block| compress(&mut state, block));
        self.finish(&state, rest, message.len())
    }

    /// The inner hash, for who takes the blocks of a message himself, first of all the [`first_block`].
    pub(super) fn begin(&self) -> Zeroizing<State> {
        Zeroizing::new(self.inner)
    }

    /// The MAC of a message that long, of which `rest` is no whole block.
    pub(super) fn finish(&self, inner: &State, rest: &[u8], length: usize) -> Tag {
        let inner = md5_block::finish(inner, rest, BLOCK + 4 + length);
        let outer = md5_block::finish(&self.outer, &inner, BLOCK + inner.len());
        *outer.first_chunk().expect("ten of sixteen octets")
    }
}

/// The number and the message's first octets.
pub(super) fn first_block(number: u32, head: &[u8; HEAD]) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    block[..4].copy_from_slice(&number.to_be_bytes());
    block[4..].copy_from_slice(head);
    block
}

#[cfg(test)]
mod tests {
    use super::*;
    use hmac::{Hmac, KeyInit, Mac as _};
    use md5::Md5;
    use proptest::prelude::*;

    fn hmac(key: &[u8; 16], number: u32, message: &[u8]) -> Vec<u8> {
        let hmac = Hmac::<Md5>::new_from_slice(key).unwrap().chain_update(number.to_be_bytes());
        hmac.chain_update(message).finalize().into_bytes()[..10].to_vec()
    }

    #[test]
    fn the_same_as_another_implementation_at_every_length_around_a_block() {
        let message: Vec<u8> = (0..=255).collect();
        for length in 0..message.len() {
            let message = &message[..length];
            assert_eq!(Mac::new(b"0123456789abcdef").of(7, message)[..], hmac(b"0123456789abcdef", 7, message));
        }
    }

    proptest! {
        #[test]
        fn the_same_as_another_implementation(
            key: [u8; 16],
            number: u32,
            message in prop::collection::vec(any::<u8>(), 0..2000),
        ) {
            prop_assert_eq!(Mac::new(&key).of(number, &message).to_vec(), hmac(&key, number, &message));
        }
    }
}
