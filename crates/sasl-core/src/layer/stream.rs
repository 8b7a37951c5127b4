//! A message and its MAC under RC4 (RFC 2831 section 2.4): both chains of one packet, the hash and the key stream,
//! run side by side.

use super::{
    mac::{Mac, Tag, first_block},
    rc4::Rc4,
};
use crate::md5_block::{BLOCK, State, compress, compress_beside};
use subtle::{Choice, ConstantTimeEq};

/// Encrypts a message in place, and gives its MAC, encrypted.
pub(super) fn seal(mac: &Mac, rc4: &mut Rc4, number: u32, message: &mut [u8]) -> Tag {
    let length = message.len();
    let mut tag = match message.split_first_chunk_mut() {
        None => {
            let tag = mac.of(number, message);
            rc4.apply(message);
            tag
        }
        Some((head, rest)) => {
            let mut state = mac.begin();
            compress(&mut state, &first_block(number, head));
            rc4.apply(head);
            let (blocks, rest) = rest.as_chunks_mut();
            for block in blocks {
                let plain = *block;
                compress_and_apply(&mut state, &plain, rc4, block);
            }
            let tag = mac.finish(&state, rest, length);
            rc4.apply(rest);
            tag
        }
    };
    rc4.apply(&mut tag);
    tag
}

/// Decrypts a message and the MAC after it in place, and tells whether they fit.
pub(super) fn open(mac: &Mac, rc4: &mut Rc4, number: u32, message: &mut [u8], tag: &mut Tag) -> Choice {
    let length = message.len();
    let expected = match message.split_first_chunk_mut() {
        None => {
            rc4.apply(message);
            mac.of(number, message)
        }
        Some((head, rest)) => {
            rc4.apply(head);
            let mut state = mac.begin();
            let mut before = first_block(number, head);
            let (blocks, rest) = rest.as_chunks_mut();
            for block in blocks {
                compress_and_apply(&mut state, &before, rc4, block);
                before = *block;
            }
            compress(&mut state, &before);
            rc4.apply(rest);
            mac.finish(&state, rest, length)
        }
    };
    rc4.apply(tag);
    expected.ct_eq(tag)
}

/// Hashes one block and runs RC4 over another: one octet of the key stream beside each of the 64 steps of MD5. Alone,
/// each of the two leaves most of the processor idle, since each of its steps waits for the last one; together they take
/// little longer than one.
fn compress_and_apply(state: &mut State, hashed: &[u8; BLOCK], rc4: &mut Rc4, text: &mut [u8; BLOCK]) {
    rc4.lend(|table, place| compress_beside(state, hashed, |step| text[step] ^= place.next(table)));
}
