//! MD5's function of one block (RFC 1321 section 3.4), arranged for speed, for what hashes on from a state that is kept:
//! HMAC after its key.

use std::{array, hint};
use zeroize::Zeroizing;

/// The chaining value.
pub(crate) type State = [u32; 4];

/// The octets that one call takes.
pub(crate) const BLOCK: usize = 64;

/// The chaining value before the first block (section 3.3).
pub(crate) const START: State = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];

/// Takes one block.
pub(crate) fn compress(state: &mut State, block: &[u8; BLOCK]) {
    compress_beside(state, block, |_| ());
}

/// Takes one block, and calls `work` with the number of each of the 64 steps. Every step waits for the one before it,
/// so the processor has room for other work beside them.
#[inline(always)]
pub(crate) fn compress_beside(state: &mut State, block: &[u8; BLOCK], mut work: impl FnMut(usize)) {
    let words = block.as_chunks().0;
    let words: [u32; 16] = array::from_fn(|at| u32::from_le_bytes(words[at]));
    // The compiler adds a constant that it knows last, and so makes the next step wait for it.
    let sines = hint::black_box(&SINES);
    let mut now = *state;
    macro_rules! steps {
        ($($number:literal)*) => { $(now = step::<$number>(now, &words, sines); work($number);)* };
    }
    steps!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
    steps!(16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31);
    steps!(32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47);
    steps!(48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63);
    for (word, now) in state.iter_mut().zip(now) {
        *word = word.wrapping_add(now);
    }
}

/// Takes the end of a message, `rest`, and gives the hash of it all; `length` is that of the message, in octets. What fills the
/// last block is a one, zeros, and the length in bits (sections 3.1 and 3.2).
pub(crate) fn finish(state: &State, rest: &[u8], length: usize) -> [u8; 16] {
    let mut last = Zeroizing::new([0; 2 * BLOCK]);
    last[..rest.len()].copy_from_slice(rest);
    last[rest.len()] = 0x80;
    let end = if rest.len() < BLOCK - 8 { BLOCK } else { 2 * BLOCK };
    last[end - 8..end].copy_from_slice(&(8 * length as u64).to_le_bytes());
    let mut state = Zeroizing::new(*state);
    last[..end].as_chunks().0.iter().for_each(|block| compress(&mut state, block));
    octets(*state)
}

/// What the key of HMAC is combined with (RFC 2104 section 2).
const IPAD: u8 = 0x36;
const OPAD: u8 = 0x5c;

/// Both hashes of HMAC, the inner and the outer one, stopped after their first block, which is the key's. The key is no longer
/// than a block.
pub(crate) fn keyed(key: &[u8]) -> Zeroizing<[State; 2]> {
    let after = |pad: u8| {
        let mut block = Zeroizing::new([pad; BLOCK]);
        block[..key.len()].iter_mut().zip(key).for_each(|(octet, key)| *octet ^= key);
        let mut state = Zeroizing::new(START);
        compress(&mut state, &block);
        *state
    };
    Zeroizing::new([after(IPAD), after(OPAD)])
}

/// A state as it is written: words least significant octet first.
pub(crate) fn octets(words: State) -> [u8; 16] {
    let mut octets = [0; 16];
    octets.as_chunks_mut().0.iter_mut().zip(words).for_each(|(octets, word)| *octets = word.to_le_bytes());
    octets
}

/// A state as it is computed with.
pub(crate) fn words(octets: &[u8; 16]) -> State {
    let (words, _) = octets.as_chunks();
    [0, 1, 2, 3].map(|at| u32::from_le_bytes(words[at]))
}

/// The operation of section 3.4, which turns the roles of the four words on by one. `b` is new, and all else is there
/// before it: so what does not hang on `b` is added first. The second round's function is a sum for that, whose terms
/// have no bit in common.
#[inline(always)]
fn step<const NUMBER: usize>([a, b, c, d]: State, words: &[u32; 16], sines: &[u32; 64]) -> State {
    let (early, late, word) = match NUMBER / 16 {
        0 => (0, d ^ b & (c ^ d), NUMBER),
        1 => (c & !d, b & d, 5 * NUMBER + 1),
        2 => (0, b ^ (c ^ d), 3 * NUMBER + 5),
        _ => (0, c ^ (b | !d), 7 * NUMBER),
    };
    let ready = a.wrapping_add(sines[NUMBER]).wrapping_add(words[word % 16]).wrapping_add(early);
    let turned = ready.wrapping_add(late).rotate_left(SHIFTS[NUMBER / 16][NUMBER % 4]);
    [d, b.wrapping_add(turned), b, c]
}

const SHIFTS: [[u32; 4]; 4] = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];

/// The table T: the first 32 bits after the point of |sin(1)|, |sin(2)|, ...
const SINES: [u32; 64] = [
    0xd76a_a478,
    0xe8c7_b756,
    0x2420_70db,
    0xc1bd_ceee,
    0xf57c_0faf,
    0x4787_c62a,
    0xa830_4613,
    0xfd46_9501,
    0x6980_98d8,
    0x8b44_f7af,
    0xffff_5bb1,
    0x895c_d7be,
    0x6b90_1122,
    0xfd98_7193,
    0xa679_438e,
    0x49b4_0821,
    0xf61e_2562,
    0xc040_b340,
    0x265e_5a51,
    0xe9b6_c7aa,
    0xd62f_105d,
    0x0244_1453,
    0xd8a1_e681,
    0xe7d3_fbc8,
    0x21e1_cde6,
    0xc337_07d6,
    0xf4d5_0d87,
    0x455a_14ed,
    0xa9e3_e905,
    0xfcef_a3f8,
    0x676f_02d9,
    0x8d2a_4c8a,
    0xfffa_3942,
    0x8771_f681,
    0x6d9d_6122,
    0xfde5_380c,
    0xa4be_ea44,
    0x4bde_cfa9,
    0xf6bb_4b60,
    0xbebf_bc70,
    0x289b_7ec6,
    0xeaa1_27fa,
    0xd4ef_3085,
    0x0488_1d05,
    0xd9d4_d039,
    0xe6db_99e5,
    0x1fa2_7cf8,
    0xc4ac_5665,
    0xf429_2244,
    0x432a_ff97,
    0xab94_23a7,
    0xfc93_a039,
    0x655b_59c3,
    0x8f0c_cc92,
    0xffef_f47d,
    0x8584_5dd1,
    0x6fa8_7e4f,
    0xfe2c_e6e0,
    0xa301_4314,
    0x4e08_11a1,
    0xf753_7e82,
    0xbd3a_f235,
    0x2ad7_d2bb,
    0xeb86_d391,
];

#[cfg(test)]
mod tests {
    use super::*;
    use md5::block_api;
    use proptest::prelude::*;

    #[test]
    fn the_table_is_made_of_sines() {
        for (number, entry) in (1..).zip(SINES) {
            assert_eq!(f64::from(entry), (f64::from(number).sin().abs() * 2_f64.powi(32)).floor(), "{number}");
        }
    }

    /// MD5 of a message of less than 56 octets, in hexadecimal.
    fn md5_of_short(message: &str) -> String {
        let mut block = [0; BLOCK];
        block[..message.len()].copy_from_slice(message.as_bytes());
        block[message.len()] = 0x80;
        block[56..].copy_from_slice(&(8 * message.len() as u64).to_le_bytes());
        let mut state = START;
        compress(&mut state, &block);
        state.iter().flat_map(|word| word.to_le_bytes()).map(|octet| format!("{octet:02x}")).collect()
    }

    /// Those that fit one block; the MAC's tests see to longer ones.
    #[test]
    fn the_suite_of_rfc_1321_section_a_5() {
        for (message, expected) in [
            ("", "d41d8cd98f00b204e9800998ecf8427e"),
            ("a", "0cc175b9c0f1b6a831c399e269772661"),
            ("abc", "900150983cd24fb0d6963f7d28e17f72"),
            ("message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
            ("abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"),
        ] {
            assert_eq!(md5_of_short(message), expected, "{message}");
        }
    }

    proptest! {
        #[test]
        fn the_same_as_another_implementation(state: State, block in prop::collection::vec(any::<u8>(), BLOCK)) {
            let block = block.try_into().unwrap();
            let (mut ours, mut theirs, mut steps) = (state, state, 0);
            compress_beside(&mut ours, &block, |_| steps += 1);
            block_api::compress(&mut theirs, &[block]);
            prop_assert_eq!((ours, steps), (theirs, 64));
        }
    }
}
