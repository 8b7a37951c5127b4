//! crypt(3), of libxcrypt, but for the hashes `$5$` and `$6$`.
#![expect(unsafe_code, reason = "it calls C")]

use crate::{
    library::{Library, Missing},
    sha_crypt::ShaCrypt,
};
use nix::libc::{c_char, c_int, c_ulong, c_void};
use std::{
    ffi::{CStr, CString},
    ptr::null,
};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

/// libxcrypt's `crypt_rn`, which unlike `crypt_r` is told how large its memory is.
type CryptRn = unsafe extern "C" fn(*const c_char, *const c_char, *mut c_void, c_int) -> *mut c_char;
/// libxcrypt's `crypt_gensalt_rn`.
type GensaltRn = unsafe extern "C" fn(*const c_char, c_ulong, *const c_char, c_int, *mut c_char, c_int) -> *mut c_char;

/// Of Debian and many others; of Fedora and Arch.
const LIBRARIES: [&str; 2] = ["libcrypt.so.1", "libcrypt.so.2"];

/// What libxcrypt wants to work in, in words: 32 KiB.
const SCRATCH: usize = 32 * 1024 / size_of::<u64>();
/// CRYPT_GENSALT_OUTPUT_SIZE.
const LONGEST_SETTING: usize = 192;

/// Hashes passwords, one at a time.
pub struct Crypt {
    crypt_rn: CryptRn,
    gensalt_rn: GensaltRn,
    scratch: Zeroizing<Box<[u64]>>,
}

/// What a password and a stored hash are to each other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by nature")]
pub enum Match {
    /// The hash is the password's.
    Right,
    /// The hash is another password's.
    Wrong,
    /// It is no hash that could ever be right: empty, a lock, or of a kind that libcrypt does not know. Finding
    /// that out takes hardly any time. A password that is too long ends here too.
    NoHash,
}

impl Crypt {
    /// Loads libcrypt.
    ///
    /// # Errors
    /// Where there is none, or one that is not libxcrypt.
    pub fn load() -> Result<Self, Missing> {
        let library = Library::load(&LIBRARIES)?;
        // SAFETY: both types are written down from crypt(3) and crypt_gensalt(3) of libxcrypt.
        let (crypt_rn, gensalt_rn) = unsafe { (library.function("crypt_rn")?, library.function("crypt_gensalt_rn")?) };
        Ok(Self { crypt_rn, gensalt_rn, scratch: Zeroizing::new(vec![0; SCRATCH].into()) })
    }

    /// Compares in time that does not depend on how much of the hash is right.
    pub fn check(&mut self, password: &CStr, stored: &CStr) -> Match {
        let of_sha = ShaCrypt::parse(stored.to_bytes()).and_then(|hash| hash.is_of(password.to_bytes()));
        match of_sha {
            Some(true) => Match::Right,
            Some(false) => Match::Wrong,
            None => self.check_by_libcrypt(password, stored),
        }
    }

    fn check_by_libcrypt(&mut self, password: &CStr, stored: &CStr) -> Match {
        let stored_bytes = stored.to_bytes();
        let found = self.hash(password, stored, |hash| match hash.len() == stored_bytes.len() {
            true if hash.ct_eq(stored_bytes).into() => Match::Right,
            true => Match::Wrong,
            false => Match::NoHash,
        });
        found.unwrap_or(Match::NoHash)
    }

    /// Hands the hash to `look`, and wipes it; `None` where libcrypt makes none.
    pub(crate) fn hash<T>(&mut self, password: &CStr, setting: &CStr, look: impl FnOnce(&[u8]) -> T) -> Option<T> {
        let size = c_int::try_from(size_of_val(&**self.scratch)).expect("32 KiB");
        // SAFETY: both strings end in NUL. The memory is ours alone, as large as is said, and was zeroed: libxcrypt
        // asks for no more, and refuses what is too small.
        let hash = unsafe {
            (self.crypt_rn)(password.as_ptr(), setting.as_ptr(), self.scratch.as_mut_ptr().cast::<c_void>(), size)
        };
        // SAFETY: unless it is null, it is a string that ends in NUL and lies in the memory that was given, where
        // nobody writes until `look` is done.
        let looked = (!hash.is_null()).then(|| look(unsafe { CStr::from_ptr(hash) }.to_bytes()));
        self.scratch[..].zeroize();
        looked
    }

    /// A new setting, with a salt, for the kind of hash that libcrypt likes best.
    pub(crate) fn preferred_setting(&self) -> Option<CString> {
        let mut output = [0 as c_char; LONGEST_SETTING];
        let size = c_int::try_from(output.len()).expect("192 bytes");
        // SAFETY: no prefix and no random bytes ask for the best of both; the output is as large as is said.
        let setting = unsafe { (self.gensalt_rn)(null(), 0, null(), 0, output.as_mut_ptr(), size) };
        // SAFETY: unless it is null, it is `output`, with a string that ends in NUL.
        (!setting.is_null()).then(|| unsafe { CStr::from_ptr(setting) }.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// Of `hunter2`, one a kind; perl's crypt and libcrypt agree on all of them, openssl on those that it knows.
    const HASHES: [&CStr; 14] = [
        c"$y$j9T$abcdefgh$PMO/ybZGzwvHUDcEDrYISVNPmdY1pppLlI6NvjamW79",
        c"$gy$j9T$abcdefgh$SpxTDaYvonyMgE6IJ3cv.RPHd83UtMzLfbmyATrV9.2",
        c"$7$CU..../....abcdefgh$g2zfZMM6gmsUWDn6gECAUVqrmH1vBgZEoNScK0/Y.y7",
        c"$2b$05$abcdefghijklmnopqrstuuoXuKqgZXLiJqzfmMXDDhSFPIvxV7t8.",
        c"$2a$05$abcdefghijklmnopqrstuuoXuKqgZXLiJqzfmMXDDhSFPIvxV7t8.",
        c"$2y$05$abcdefghijklmnopqrstuuoXuKqgZXLiJqzfmMXDDhSFPIvxV7t8.",
        c"$6$abcdefgh$M/eYsB4rVXAm3ZNc88J.UD9rCKAT6FB1rahiwJCHtEndQNORCub5qhjxn50qbqVVthkM.9HpEwtf0t.iV9uH0/",
        c"$5$abcdefgh$XEPmEiAJvPG31m/DaIsyckkv.Sxd.8NrmElXxCKFQr/",
        c"$sha1$1000$abcdefgh$G1P7Qf4i0tMlivS.nyYq6gUgZ.ZF",
        c"$md5,rounds=100$abcdefgh$$IjkZPO/tGUx4fRJk2ItTH1",
        c"$1$abcdefgh$vhxKZ/s1ygZHyCEDPyqtQ/",
        c"$3$$6608e4bc7b2b7a5f77ce3573570775af",
        c"_J9..rasmZ9PwMUN0zKg",
        c"ab0ozUNIgzCZ.",
    ];

    fn crypt() -> Crypt {
        Crypt::load().unwrap()
    }

    #[test]
    fn every_kind_of_hash_is_checked() {
        let mut crypt = crypt();
        for hash in HASHES {
            assert_eq!(crypt.check(c"hunter2", hash), Match::Right, "{hash:?}");
            assert_eq!(crypt.check(c"hunter3", hash), Match::Wrong, "{hash:?}");
            assert_eq!(crypt.check(c"", hash), Match::Wrong, "{hash:?}");
        }
    }

    #[test]
    fn openssl_makes_the_same_hashes() {
        for (kind, hash) in [("-6", HASHES[6]), ("-5", HASHES[7]), ("-1", HASHES[10])] {
            let made = Command::new("openssl").args(["passwd", kind, "-salt", "abcdefgh", "hunter2"]).output().unwrap();
            assert_eq!(made.stdout.trim_ascii_end(), hash.to_bytes());
        }
    }

    #[test]
    fn what_is_no_hash_lets_nobody_in() {
        let mut crypt = crypt();
        for lock in
            [c"", c"*", c"x", c"!", c"!!", c"*LK*", c"*NP*", c"*0", c"*1", c"$6$", c"$6$abcdefgh$", c"$9$a$b", c"ab"]
        {
            for password in [c"", c"*", c"*0", c"*1", c"x", c"hunter2"] {
                assert_eq!(crypt.check(password, lock), Match::NoHash, "{lock:?} {password:?}");
            }
        }
        for hash in HASHES {
            let locked = CString::new([b"!", hash.to_bytes()].concat()).unwrap();
            assert_eq!(crypt.check(c"hunter2", &locked), Match::NoHash, "{locked:?}");
        }
    }

    #[test]
    fn a_hash_that_was_cut_or_has_a_tail_is_not_right() {
        let mut crypt = crypt();
        for hash in HASHES {
            let bytes = hash.to_bytes();
            for other in [&bytes[..bytes.len() - 1], &[bytes, b"."].concat()] {
                let other = CString::new(other).unwrap();
                assert_ne!(crypt.check(c"hunter2", &other), Match::Right, "{other:?}");
            }
        }
    }

    #[test]
    fn a_password_that_is_too_long_is_not_cut() {
        let mut crypt = crypt();
        let long = CString::new(vec![b'x'; 512]).unwrap();
        assert_eq!(crypt.check(&long, HASHES[6]), Match::NoHash);
        assert_eq!(crypt.check(&CString::new(vec![b'x'; 511]).unwrap(), HASHES[6]), Match::Wrong);
    }

    #[test]
    fn nothing_stays_in_the_scratch_memory() {
        let mut crypt = crypt();
        assert_eq!(crypt.check(c"hunter2", HASHES[6]), Match::Right);
        assert_eq!(crypt.scratch.len(), SCRATCH);
        assert!(crypt.scratch.iter().all(|word| *word == 0));
    }

    #[test]
    fn the_preferred_setting_is_one_that_hashes_and_never_the_same() {
        let mut crypt = crypt();
        let [one, other] = [crypt.preferred_setting().unwrap(), crypt.preferred_setting().unwrap()];
        assert_ne!(one, other);
        assert!(crypt.hash(c"hunter2", &one, <[u8]>::len).is_some());
    }
}
