//! SHA-crypt: the hashes of crypt(3) that begin with `$5$` and `$6$`, as Ulrich Drepper's "Unix crypt using SHA-256 and SHA-512"
//! describes them. libcrypt knows them too, and takes longer; see `docs/decisions/sha-crypt.md`.

use sha2::block_api::{compress256, compress512};
use std::{
    array,
    ops::{Range, RangeInclusive},
};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A stored hash, in parts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct ShaCrypt<'a> {
    function: Function,
    rounds: u32,
    salt: &'a [u8],
    checksum: &'a [u8],
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Function {
    Sha256,
    Sha512,
}

/// As with libcrypt, whatever the kind of hash: a longer password has none.
pub(crate) const LONGEST_PASSWORD: usize = 511;

const DEFAULT_ROUNDS: u32 = 5000;
const ROUNDS: RangeInclusive<u32> = 1000..=999_999_999;
const LONGEST_SALT: usize = 16;

/// What salts and checksums are written in.
pub(crate) const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

impl<'a> ShaCrypt<'a> {
    /// None where it is another kind of hash, or not written as libcrypt writes it.
    pub(crate) fn parse(stored: &'a [u8]) -> Option<Self> {
        let (function, rest) = match stored {
            [b'$', b'5', b'$', rest @ ..] => (Function::Sha256, rest),
            [b'$', b'6', b'$', rest @ ..] => (Function::Sha512, rest),
            _ => return None,
        };
        let mut fields = rest.split(|byte| *byte == b'$');
        let (mut rounds, mut salt) = (DEFAULT_ROUNDS, fields.next()?);
        if let Some(number) = salt.strip_prefix(b"rounds=") {
            (rounds, salt) = (count(number)?, fields.next()?);
        }
        let checksum = fields.next()?;
        let is_canonical = salt.len() <= LONGEST_SALT
            && salt.iter().copied().all(is_salt)
            && checksum.len() == function.checksum_length()
            && checksum.iter().all(|byte| ALPHABET.contains(byte))
            && fields.next().is_none();
        is_canonical.then_some(Self { function, rounds, salt, checksum })
    }

    /// Whether it is the password's; `None` for a password that is too long: it would be hashed as often as it is long.
    pub(crate) fn is_of(&self, password: &[u8]) -> Option<bool> {
        let checksum = (password.len() <= LONGEST_PASSWORD).then(|| self.checksum_of(password));
        checksum.map(|checksum| checksum.ct_eq(self.checksum).into())
    }

    fn checksum_of(&self, password: &[u8]) -> Zeroizing<Vec<u8>> {
        let (function, salt) = (self.function, self.salt);
        let mut sum = self.first_sum(password);
        let p = stretched(&function.sum_of(password.len(), password), password.len());
        let s = stretched(&function.sum_of(16 + usize::from(sum[0]), salt), salt.len());
        let mut messages: [_; 8] = array::from_fn(|kind| Message::new(function, kind, &p, &s));
        for round in 0..self.rounds {
            let message = &mut messages[Message::kind(round)];
            message.octets[message.sum.clone()].copy_from_slice(&sum);
            function.sum(&message.octets, &mut sum);
        }
        function.written(&sum)
    }

    /// The sum to begin with: of password and salt, and, a bit of the password's length after the other, of another sum or the
    /// password.
    fn first_sum(&self, password: &[u8]) -> Zeroizing<Vec<u8>> {
        let other = self.function.sum_of(1, &Zeroizing::new([password, self.salt, password].concat()));
        let other_stretched = stretched(&other, password.len());
        let bits = (0..usize::BITS).map(|bit| password.len() >> bit).take_while(|rest| *rest > 0);
        let of_bits = bits.map(|rest| if rest % 2 == 1 { &**other } else { password });
        let parts = [password, self.salt, &other_stretched].into_iter().chain(of_bits).collect::<Vec<_>>();
        self.function.sum_of(1, &Zeroizing::new(parts.concat()))
    }
}

/// What is hashed in a round. There are eight kinds, made once, since all but the last sum stays what it is.
struct Message {
    octets: Zeroizing<Vec<u8>>,
    /// Where the last sum goes.
    sum: Range<usize>,
}

impl Message {
    /// The last sum is behind `p` in every second round, `s` missing from every third, and `p` from every seventh.
    fn kind(round: u32) -> usize {
        usize::from(round % 2 == 1)
            | usize::from(round.is_multiple_of(3)) << 1
            | usize::from(round.is_multiple_of(7)) << 2
    }

    fn new(function: Function, kind: usize, p: &[u8], s: &[u8]) -> Self {
        let sum = &[0; 64][..function.sum_length()];
        let [first, last] = if kind & 1 == 1 { [p, sum] } else { [sum, p] };
        let [salt, password] = [(2, s), (4, p)].map(|(missing, part)| if kind & missing == 0 { part } else { b"" });
        let start = if kind & 1 == 1 { first.len() + salt.len() + password.len() } else { 0 };
        let octets = function.padded([first, salt, password, last].concat());
        Self { octets, sum: start..start + sum.len() }
    }
}

impl Function {
    /// In octets.
    const fn sum_length(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    /// Six bits a character.
    const fn checksum_length(self) -> usize {
        (8 * self.sum_length()).div_ceil(6)
    }

    /// The sum of so many times `part`.
    fn sum_of(self, times: usize, part: &[u8]) -> Zeroizing<Vec<u8>> {
        let mut sum = Zeroizing::new(vec![0; self.sum_length()]);
        self.sum(&self.padded(part.repeat(times)), &mut sum);
        sum
    }

    /// A message as the function takes it (FIPS 180-4 section 5.1): behind it a bit, zeros, and its length in bits, for which an
    /// eighth of a block is left.
    fn padded(self, message: Vec<u8>) -> Zeroizing<Vec<u8>> {
        let (message, block) = (Zeroizing::new(message), 2 * self.sum_length());
        let bits = 8 * message.len() as u64;
        let end = (message.len() + 1 + block / 8).next_multiple_of(block);
        let mut padded = Zeroizing::new(vec![0; end]);
        padded[..message.len()].copy_from_slice(&message);
        padded[message.len()] = 0x80;
        padded[end - size_of_val(&bits)..].copy_from_slice(&bits.to_be_bytes());
        padded
    }

    /// Of a message that is padded (FIPS 180-4 section 6).
    fn sum(self, padded: &[u8], sum: &mut [u8]) {
        match self {
            Self::Sha256 => {
                let mut state = SHA_256;
                compress256(&mut state, padded.as_chunks().0);
                sum.copy_from_slice(state.map(u32::to_be_bytes).as_flattened());
            }
            Self::Sha512 => {
                let mut state = SHA_512;
                compress512(&mut state, padded.as_chunks().0);
                sum.copy_from_slice(state.map(u64::to_be_bytes).as_flattened());
            }
        }
    }

    /// Three octets are four characters. Those of a group are far apart, and change places from one group to the next.
    fn written(self, sum: &[u8]) -> Zeroizing<Vec<u8>> {
        let groups = sum.len() / 3;
        let mut text = Zeroizing::new(Vec::with_capacity(self.checksum_length()));
        for at in 0..groups {
            let mut group = [at, at + groups, at + 2 * groups].map(|octet| sum[octet]);
            match self {
                Self::Sha256 => group.rotate_right(at % 3),
                Self::Sha512 => group.rotate_left(at % 3),
            }
            put(group, 4, &mut text);
        }
        match self {
            Self::Sha256 => put([0, sum[31], sum[30]], 3, &mut text),
            Self::Sha512 => put([0, 0, sum[63]], 2, &mut text),
        }
        text
    }
}

/// What the functions begin with (FIPS 180-4 section 5.3).
const SHA_256: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];
const SHA_512: [u64; 8] = [
    0x6a09_e667_f3bc_c908,
    0xbb67_ae85_84ca_a73b,
    0x3c6e_f372_fe94_f82b,
    0xa54f_f53a_5f1d_36f1,
    0x510e_527f_ade6_82d1,
    0x9b05_688c_2b3e_6c1f,
    0x1f83_d9ab_fb41_bd6b,
    0x5be0_cd19_137e_2179,
];

/// The lowest six bits first.
fn put([high, middle, low]: [u8; 3], characters: usize, text: &mut Vec<u8>) {
    let bits = u32::from_be_bytes([0, high, middle, low]);
    text.extend((0..characters).map(|at| ALPHABET[(bits >> (6 * at) & 63) as usize]));
}

/// Whether libcrypt takes it in a salt. It takes more than it writes itself, which is of the alphabet.
fn is_salt(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"!*:;\\$".contains(&byte)
}

/// A number as libcrypt writes it.
fn count(digits: &[u8]) -> Option<u32> {
    let is_canonical = digits.iter().all(u8::is_ascii_digit) && !digits.starts_with(b"0");
    let number = str::from_utf8(digits).ok().filter(|_| is_canonical)?.parse().ok()?;
    ROUNDS.contains(&number).then_some(number)
}

/// A sum, over and over, as far as `length`.
fn stretched(sum: &[u8], length: usize) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(sum.iter().copied().cycle().take(length).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypt::Crypt;
    use proptest::{collection::vec, prelude::*};
    use std::ffi::CString;

    const HASH: &str =
        "$6$abcdefgh$M/eYsB4rVXAm3ZNc88J.UD9rCKAT6FB1rahiwJCHtEndQNORCub5qhjxn50qbqVVthkM.9HpEwtf0t.iV9uH0/";

    fn libcrypt(password: &[u8], setting: impl Into<Vec<u8>>) -> Option<Vec<u8>> {
        let (password, setting) = (CString::new(password).unwrap(), CString::new(setting).unwrap());
        Crypt::load().unwrap().hash(&password, &setting, <[u8]>::to_vec)
    }

    fn is(password: &[u8], stored: &[u8]) -> Option<bool> {
        ShaCrypt::parse(stored)?.is_of(password)
    }

    #[test]
    fn as_libcrypt_has_it_for_every_length_of_password() {
        for length in (0..200).chain([255, 256, 510, 511]) {
            let password: Vec<u8> = (1..=255).cycle().take(length).collect();
            for setting in ["$5$rounds=1000$salt", "$6$rounds=1000$saltsaltsaltsalt"] {
                let stored = libcrypt(&password, setting).unwrap();
                assert_eq!(is(&password, &stored), Some(true), "{length} {setting}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn as_libcrypt_has_it(
            password in vec(1_u8.., 0..140), kind in "[56]", rounds in prop::option::of(1000_u32..1500), salt in "[-\"#%&'()+,./0-9<=>?@A-Z\\[\\]^_`a-z{|}~]{0,16}",
        ) {
            let rounds = rounds.map(|rounds| format!("rounds={rounds}$")).unwrap_or_default();
            let stored = libcrypt(&password, format!("${kind}${rounds}{salt}")).unwrap();
            prop_assert_eq!(is(&password, &stored), Some(true));
            prop_assert_eq!(is(&[&*password, b"x"].concat(), &stored), Some(false));
        }

        /// What is no salt of libcrypt's is none here.
        #[test]
        fn what_libcrypt_does_not_take_is_left_to_it(salt in vec(1_u8.., 0..20)) {
            let setting = [b"$6$rounds=1000$", &*salt].concat();
            let stored = [&*setting, b"$", &HASH.as_bytes()[12..]].concat();
            let made = libcrypt(b"x", CString::new(setting.clone()).unwrap());
            let is_written_so = made.is_some_and(|made| made.starts_with(&[&*setting, b"$"].concat()));
            prop_assert_eq!(ShaCrypt::parse(&stored).is_some(), is_written_so && !salt.contains(&b'$'));
        }

        #[test]
        fn no_hash_panics(stored in "[$./0-9A-Za-z=!]{0,120}", head in prop::sample::select(vec!["", "$5$", "$6$", "$6$rounds="])) {
            let _ = ShaCrypt::parse([head, &stored].concat().as_bytes());
        }
    }

    #[test]
    fn a_hash_of_which_any_character_is_another_is_another() {
        assert_eq!(is(b"hunter2", HASH.as_bytes()), Some(true));
        for at in "$6$abcdefgh$".len()..HASH.len() {
            let mut other = HASH.as_bytes().to_vec();
            other[at] = if other[at] == b'x' { b'y' } else { b'x' };
            assert_eq!(is(b"hunter2", &other), Some(false), "{at}");
        }
    }

    #[test]
    fn what_libcrypt_would_write_otherwise_is_left_to_it() {
        let checksum = &HASH[12..];
        for other in [
            "",
            "$6$",
            "$6$abcdefgh",
            "$6$abcdefgh$",
            "$7$abcdefgh$x",
            "$5$abcdefgh$x",
            "!$6$abcdefgh$x",
            "$6$abc:efgh$x",
            "$6$abcdefghabcdefghi$x",
            "$6$rounds=999$abcdefgh$x",
            "$6$rounds=05000$abcdefgh$x",
            "$6$rounds=+5000$abcdefgh$x",
            "$6$rounds=1000000000$abcdefgh$x",
            "$6$rounds=99999999999$abcdefgh$x",
            "$6$rounds=$abcdefgh$x",
            "$6$rounds=5000$x",
            "$6$abcdefgh$x$",
            "$6$abcdefgh$xx",
            "$6$abcdefgh$ x",
        ] {
            let other = other.replace('x', checksum);
            assert_eq!(ShaCrypt::parse(other.as_bytes()), None, "{other}");
        }
        assert_eq!(is(&[b'x'; 512], HASH.as_bytes()), None);
    }
}
