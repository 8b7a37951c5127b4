//! Checking a password at the same cost, whether or not there is something that it could match.

use crate::{
    crypt::{Crypt, Match},
    finding::Finding,
    library::Missing,
    sha_crypt::{ALPHABET, LONGEST_PASSWORD},
};
use sasl_core::random;
use std::{
    cmp::Reverse,
    collections::HashMap,
    ffi::{CStr, CString},
    fs::File,
    io::{BufRead, BufReader, Read},
    path::Path,
};
use zeroize::Zeroizing;

/// crypt(3), and a hash that passwords are compared with that nothing is stored for.
pub(crate) struct EqualWork {
    crypt: Crypt,
    decoy: CString,
}

/// A kind of hash with what it costs: all of the setting that is not salt.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct Kind {
    /// What comes before the salt.
    parameters: Vec<u8>,
    /// How long the salt is. Its last character may have to be one of a few, so that it stays.
    salt: usize,
    last: u8,
}

/// So much of a file is looked at: enough to see what most users have, little enough to start at once.
const LOOKED_AT: u64 = 1024 * 1024;

/// A file without any hash that libcrypt knows does not keep a start waiting.
const MOST_TRIED: usize = 4;

/// A salt that is longer is none that libcrypt would take.
const LONGEST_SALT: usize = 64;

impl EqualWork {
    /// Costs what a check of most users costs who are in `file`, passwd or shadow; where there are none, or it cannot be
    /// read, what libcrypt prefers for new passwords.
    pub(crate) fn like_most_in(file: &Path) -> Result<Self, Missing> {
        let mut crypt = Crypt::load()?;
        let kinds = File::open(file).map(|file| by_frequency(BufReader::new(file.take(LOOKED_AT)))).unwrap_or_default();
        let settings = kinds.iter().take(MOST_TRIED).filter_map(Kind::setting);
        let decoy = settings.chain(crypt.preferred_setting()).find_map(|setting| hash_of_nobody(&mut crypt, &setting));
        let decoy = decoy.unwrap_or_default();
        Ok(Self { crypt, decoy })
    }

    /// What the hash and the password are to each other. `None`, and what cannot be a hash, takes as long.
    pub(crate) fn compare(&mut self, password: &CStr, stored: Option<&CStr>) -> Match {
        let found = stored.map_or(Match::NoHash, |stored| self.crypt.check(password, stored));
        if found == Match::NoHash {
            let _ = self.crypt.check(password, &self.decoy);
        }
        if found == Match::NoHash && password.count_bytes() > LONGEST_PASSWORD { Match::Wrong } else { found }
    }
}

/// What was found where the password is not right.
pub(crate) fn of_wrong(found: Match) -> Finding {
    if found == Match::NoHash { Finding::NoPassword } else { Finding::Wrong }
}

/// A whole one: which code checks it must be what checks a user's.
fn hash_of_nobody(crypt: &mut Crypt, setting: &CStr) -> Option<CString> {
    crypt.hash(c"decoy", setting, |hash| CString::new(hash).ok()).flatten()
}

/// The kinds of hash that lines have in their second field, the most frequent first. Not all of them are any.
fn by_frequency(lines: impl BufRead) -> Vec<Kind> {
    let mut kinds = HashMap::new();
    for line in lines.split(b'\n').map_while(Result::ok).map(Zeroizing::new) {
        if let Some(kind) = line.split(|byte| *byte == b':').nth(1).and_then(Kind::of) {
            let (count, _) = kinds.entry((kind.parameters.clone(), kind.salt)).or_insert((0_u32, kind));
            *count += 1;
        }
    }
    let mut kinds: Vec<_> = kinds.into_values().collect();
    kinds.sort_by_key(|(count, _)| Reverse(*count));
    kinds.into_iter().map(|(_, kind)| kind).collect()
}

impl Kind {
    fn of(hash: &[u8]) -> Option<Self> {
        let salt = salt_of(hash)?;
        let salted = &hash[salt.clone()];
        let last = *salted.last().filter(|_| salted.len() <= LONGEST_SALT)?;
        Some(Self { parameters: hash[..salt.start].to_vec(), salt: salted.len(), last })
    }

    /// A setting of this kind, with a salt that nobody has.
    fn setting(&self) -> Option<CString> {
        let random = random::bytes::<LONGEST_SALT>().ok()?;
        let salt = random[..self.salt - 1].iter().map(|byte| ALPHABET[usize::from(byte % 64)]);
        let setting = self.parameters.iter().copied().chain(salt).chain([self.last]);
        CString::new(setting.collect::<Vec<u8>>()).ok()
    }
}

/// Where in a hash its salt is, see crypt(5).
fn salt_of(hash: &[u8]) -> Option<std::ops::Range<usize>> {
    const SCRYPT_PARAMETERS: usize = b"$7$".len() + 11;
    const BCRYPT_PARAMETERS: usize = b"$2b$10$".len();
    match hash {
        [b'$', b'2', _, b'$', ..] if hash.len() == 60 => Some(BCRYPT_PARAMETERS..BCRYPT_PARAMETERS + 22),
        [b'$', b'7', b'$', ..] => Some(SCRYPT_PARAMETERS..last_dollar(hash)?),
        [b'$', ..] => {
            let end = last_dollar(hash)?;
            Some(last_dollar(&hash[..end])? + 1..end)
        }
        [b'_', ..] if hash.len() == 20 => Some(5..9),
        _ if hash.len() == 13 && hash.iter().all(|byte| ALPHABET.contains(byte)) => Some(0..2),
        _ => None,
    }
    .filter(|salt| !salt.is_empty())
}

fn last_dollar(bytes: &[u8]) -> Option<usize> {
    bytes.iter().rposition(|byte| *byte == b'$')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::{io::Write, time::Instant};

    const SHA_512: &str =
        "$6$abcdefgh$M/eYsB4rVXAm3ZNc88J.UD9rCKAT6FB1rahiwJCHtEndQNORCub5qhjxn50qbqVVthkM.9HpEwtf0t.iV9uH0/";

    fn most(lines: &[&str]) -> Option<CString> {
        let lines: Vec<_> = lines.iter().map(|hash| format!("user:{hash}:20000:0:99999:7:::\n")).collect();
        by_frequency(lines.concat().as_bytes()).first()?.setting()
    }

    #[test]
    fn what_most_have_is_hashed_with_a_salt_of_its_own_and_the_same_parameters() {
        let mut crypt = Crypt::load().unwrap();
        for (hash, parameters, length) in [
            ("$y$j9T$MfJSvy9L0g4Y4xZCT7m1k0$PMO/ybZGzwvHUDcEDrYISVNPmdY1pppLlI6NvjamW79", "$y$j9T$", 29),
            ("$gy$j9T$abcdefgh$SpxTDaYvonyMgE6IJ3cv.RPHd83UtMzLfbmyATrV9.2", "$gy$j9T$", 16),
            ("$7$CU..../....abcdefgh$g2zfZMM6gmsUWDn6gECAUVqrmH1vBgZEoNScK0/Y.y7", "$7$CU..../....", 22),
            ("$2b$05$abcdefghijklmnopqrstuuoXuKqgZXLiJqzfmMXDDhSFPIvxV7t8.", "$2b$05$", 29),
            (SHA_512, "$6$", 11),
            ("$6$rounds=6000$abcdefgh$hash", "$6$rounds=6000$", 23),
            ("$sha1$1000$abcdefgh$G1P7Qf4i0tMlivS.nyYq6gUgZ.ZF", "$sha1$1000$", 19),
            ("$1$abcdefgh$vhxKZ/s1ygZHyCEDPyqtQ/", "$1$", 11),
            ("_J9..rasmZ9PwMUN0zKg", "_J9..", 9),
            ("ab0ozUNIgzCZ.", "", 2),
        ] {
            let setting = most(&["$5$other$one", hash, hash, "!", "*", "!!", "*", ""]).unwrap();
            assert!(setting.to_bytes().starts_with(parameters.as_bytes()), "{setting:?}");
            assert_eq!(setting.as_bytes().len(), length, "{setting:?}");
            assert!(hash_of_nobody(&mut crypt, &setting).is_some(), "{setting:?}");
            assert!((0..8).any(|_| most(&[hash]) != most(&[hash])), "{setting:?}");
        }
    }

    #[test]
    fn where_nobody_has_a_hash_there_is_none_to_be_like() {
        assert_eq!(most(&["", "*", "!", "x", "!!", "*NP*", "$", "$$", "$$$", "!ab0ozUNIgzCZ."]), None);
        assert_eq!(by_frequency(&b"\xff\n:\n::\n"[..]), []);
    }

    proptest! {
        #[test]
        fn no_hash_panics(hash in "[$./0-9a-zA-Z_,=:]{0,70}", head in prop::sample::select(vec!["", "$", "$7$", "$2b$", "_", "$y$"])) {
            let hash = [head, &hash].concat();
            let _ = Kind::of(hash.as_bytes()).and_then(|kind| kind.setting());
            let _ = by_frequency(hash.as_bytes());
        }
    }

    #[test]
    fn what_most_have_is_not_taken_if_it_is_no_hash() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "a:$9$a$b:\nb:$9$a$c:\nc:$7$a$:\nuser:{SHA_512}:1::::::").unwrap();
        let work = EqualWork::like_most_in(file.path()).unwrap();
        assert!(work.decoy.to_bytes().starts_with(b"$6$"), "{:?}", work.decoy);
    }

    #[test]
    fn nobody_matches_a_decoy() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "user:{SHA_512}:1::::::").unwrap();
        let mut work = EqualWork::like_most_in(file.path()).unwrap();
        assert!(work.decoy.to_bytes().starts_with(b"$6$"), "{:?}", work.decoy);
        let decoy = work.decoy.clone();
        let made = work.crypt.hash(c"pencil", &decoy, |hash| CString::new(hash).unwrap()).unwrap();
        work.decoy = made;
        assert_eq!(work.compare(c"pencil", None), Match::NoHash);
        assert_eq!(work.compare(c"pencil", Some(c"")), Match::NoHash);
        assert_eq!(work.compare(c"pencil", Some(c"!")), Match::NoHash);
        assert_eq!(work.compare(c"hunter2", Some(&CString::new(SHA_512).unwrap())), Match::Right);
    }

    #[test]
    fn without_a_file_the_work_is_what_libcrypt_prefers() {
        let mut work = EqualWork::like_most_in(Path::new("/nonexistent/shadow")).unwrap();
        let decoy = work.decoy.clone();
        assert!(hash_of_nobody(&mut work.crypt, &decoy).is_some());
    }

    #[test]
    fn each_refusal_is_as_much_work() {
        refusals_are_as_much_work(SHA_512);
    }

    /// libcrypt takes more in salts than it writes itself.
    #[test]
    fn so_it_is_whatever_is_in_a_salt() {
        for setting in [c"$6$J3xQ8fZ+9kM=", c"$5$a+b", c"$5$rounds=2000$="] {
            let hash =
                Crypt::load().unwrap().hash(c"hunter2", setting, |hash| String::from_utf8(hash.to_vec()).unwrap());
            refusals_are_as_much_work(&hash.unwrap());
        }
    }

    fn refusals_are_as_much_work(of_most: &str) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "user:{of_most}:1::::::").unwrap();
        let mut work = EqualWork::like_most_in(file.path()).unwrap();
        let hash = CString::new(of_most).unwrap();
        let locked = CString::new(format!("!{of_most}")).unwrap();
        let mut least = |stored: Option<&CStr>| {
            (0..30)
                .map(|_| {
                    let start = Instant::now();
                    assert_ne!(work.compare(c"wrong", stored), Match::Right);
                    start.elapsed()
                })
                .min()
                .unwrap()
        };
        let wrong = least(Some(&hash));
        for stored in [None, Some(c""), Some(c"*NP*"), Some(c"ab"), Some(&*locked)] {
            let other = least(stored);
            assert!(other * 2 > wrong && wrong * 2 > other, "{stored:?}: {other:?} and {wrong:?}");
        }
    }
}
