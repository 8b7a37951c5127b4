//! Passwords as directories store them: `{SCHEME}` and a hash, or the password itself.

use argon2::{Algorithm, Argon2, Params, PasswordHash, Version};
use base64::{
    Engine,
    alphabet::{Alphabet, STANDARD},
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use md5::Md5;
use pbkdf2::pbkdf2_hmac;
use sasl_core::secret::Secret;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};
use zeroize::Zeroizing;

/// More rounds of PBKDF2 than this are not spent, whatever a directory says.
const MOST_ROUNDS: u32 = 5_000_000;

/// Nor more memory than this for argon2, in KiB; nor more of it times passes.
const MOST_MEMORY: u32 = 1024 * 1024;
const MOST_WORK: u32 = 4 * MOST_MEMORY;

/// Padding may be there or not.
const BASE64: GeneralPurpose = GeneralPurpose::new(&STANDARD, FORGIVING);
const FORGIVING: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);

/// A value of `userPassword`.
#[derive(Debug)]
pub(crate) enum Stored {
    /// The password itself.
    Plain(Secret),
    /// Known to crypt(3) alone.
    Crypt(Secret),
    /// Known to us.
    Hash(Hash),
    /// Nobody's: why.
    Unusable(&'static str),
}

/// A hash, with all that it takes to make it anew.
pub(crate) enum Hash {
    Digest { function: Function, salt: Vec<u8>, digest: Secret },
    Pbkdf2 { function: Function, rounds: u32, salt: Vec<u8>, key: Secret },
    Argon2 { argon2: Box<Argon2<'static>>, salt: Vec<u8>, hash: Secret },
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Function {
    Md5,
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Salt {
    None,
    Behind,
}

impl Stored {
    /// Reads a value. The name of a scheme has no case.
    pub(crate) fn parse(value: &[u8]) -> Self {
        let Some((scheme, rest)) = scheme(value) else { return Self::Plain(Secret::new(value)) };
        match scheme.to_ascii_uppercase().as_slice() {
            b"CRYPT" | b"UNIX" if rest.len() < 2 => Self::Unusable("no hash of crypt(3)"),
            b"CRYPT" | b"UNIX" => Self::Crypt(Secret::new(rest)),
            b"MD5" => digest(Function::Md5, Salt::None, rest),
            b"SMD5" => digest(Function::Md5, Salt::Behind, rest),
            b"SHA" => digest(Function::Sha1, Salt::None, rest),
            b"SSHA" => digest(Function::Sha1, Salt::Behind, rest),
            b"SHA256" => digest(Function::Sha256, Salt::None, rest),
            b"SSHA256" => digest(Function::Sha256, Salt::Behind, rest),
            b"SHA384" => digest(Function::Sha384, Salt::None, rest),
            b"SSHA384" => digest(Function::Sha384, Salt::Behind, rest),
            b"SHA512" => digest(Function::Sha512, Salt::None, rest),
            b"SSHA512" => digest(Function::Sha512, Salt::Behind, rest),
            b"PBKDF2" | b"PBKDF2-SHA1" => pbkdf2(Function::Sha1, rest),
            b"PBKDF2-SHA256" => pbkdf2(Function::Sha256, rest),
            b"PBKDF2-SHA512" => pbkdf2(Function::Sha512, rest),
            b"ARGON2" => argon2(rest),
            _ => Self::Unusable("a scheme that is not known"),
        }
    }
}

impl Hash {
    /// Whether it is made of `password`. Takes as long as whoever stored it wanted: not on a thread that serves.
    pub(crate) fn check(&self, password: &[u8]) -> bool {
        match self {
            Self::Digest { function, salt, digest } => digest.matches(&function.digest(password, salt)),
            Self::Pbkdf2 { function, rounds, salt, key } => key.matches(&function.derive(password, salt, *rounds)),
            Self::Argon2 { argon2, salt, hash } => {
                let mut made = Zeroizing::new(vec![0; hash.expose().len()]);
                argon2.hash_password_into(password, salt, &mut made).is_ok() && hash.matches(&made)
            }
        }
    }

    /// Whether the check takes no longer than a request does.
    pub(crate) fn is_quick(&self) -> bool {
        matches!(self, Self::Digest { .. })
    }
}

impl std::fmt::Debug for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Digest { function, .. } => write!(f, "Digest({function:?}, ..)"),
            Self::Pbkdf2 { function, rounds, .. } => write!(f, "Pbkdf2({function:?}, {rounds}, ..)"),
            Self::Argon2 { .. } => f.write_str("Argon2(..)"),
        }
    }
}

impl Function {
    fn size(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    fn digest(self, password: &[u8], salt: &[u8]) -> Zeroizing<Vec<u8>> {
        fn of<D: Digest>(password: &[u8], salt: &[u8]) -> Vec<u8> {
            D::new().chain_update(password).chain_update(salt).finalize().to_vec()
        }
        Zeroizing::new(match self {
            Self::Md5 => of::<Md5>(password, salt),
            Self::Sha1 => of::<Sha1>(password, salt),
            Self::Sha256 => of::<Sha256>(password, salt),
            Self::Sha384 => of::<Sha384>(password, salt),
            Self::Sha512 => of::<Sha512>(password, salt),
        })
    }

    fn derive(self, password: &[u8], salt: &[u8], rounds: u32) -> Zeroizing<Vec<u8>> {
        let mut key = Zeroizing::new(vec![0; self.size()]);
        match self {
            Self::Sha256 => pbkdf2_hmac::<Sha256>(password, salt, rounds, &mut key),
            Self::Sha512 => pbkdf2_hmac::<Sha512>(password, salt, rounds, &mut key),
            _ => pbkdf2_hmac::<Sha1>(password, salt, rounds, &mut key),
        }
        key
    }
}

/// The name in braces, and what is behind them. What has such a name is a hash or a file's name, and never compared as
/// it is: whoever read it in the directory could log in with it.
fn scheme(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let inner = value.strip_prefix(b"{")?;
    let end = inner.iter().position(|octet| *octet == b'}').filter(|end| *end > 0)?;
    let fits = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.' | b'/');
    inner[..end].iter().all(fits).then_some((&inner[..end], &inner[end + 1..]))
}

/// base64 of a digest and the salt behind it, which may be empty. Behind a digest without salt nothing counts.
fn digest(function: Function, salt: Salt, text: &[u8]) -> Stored {
    let Ok(octets) = BASE64.decode(text).map(Zeroizing::new) else {
        return Stored::Unusable("a hash that is no base64");
    };
    let Some((digest, behind)) = octets.split_at_checked(function.size()) else {
        return Stored::Unusable("a hash that is too short");
    };
    let salt = if salt == Salt::Behind { behind } else { b"" };
    Stored::Hash(Hash::Digest { function, salt: salt.to_vec(), digest: Secret::new(digest) })
}

/// As OpenLDAP's pw-pbkdf2 writes it: `rounds$salt$key`, in base64 with `.` for `+`.
fn pbkdf2(function: Function, text: &[u8]) -> Stored {
    let mut parts = text.split(|octet| *octet == b'$');
    let (Some(rounds), Some(salt), Some(key), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Stored::Unusable("no hash of PBKDF2");
    };
    let rounds = str::from_utf8(rounds).ok().and_then(|rounds| rounds.parse().ok());
    let (Some(rounds @ 1..), Some(salt), Some(key)) = (rounds, adapted(salt), adapted(key)) else {
        return Stored::Unusable("no hash of PBKDF2");
    };
    match rounds {
        _ if key.len() != function.size() => Stored::Unusable("a hash of another length"),
        ..=MOST_ROUNDS => Stored::Hash(Hash::Pbkdf2 { function, rounds, salt, key: Secret::new(key) }),
        _ => Stored::Unusable("more rounds of PBKDF2 than are spent"),
    }
}

fn adapted(text: &[u8]) -> Option<Vec<u8>> {
    let alphabet = Alphabet::new("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789./").ok()?;
    let text: Vec<u8> = text.iter().map(|octet| if *octet == b'+' { b'.' } else { *octet }).collect();
    GeneralPurpose::new(&alphabet, FORGIVING).decode(text).ok()
}

/// A PHC string, of any of the three kinds: OpenLDAP 2.5 writes argon2i.
fn argon2(text: &[u8]) -> Stored {
    let hash = str::from_utf8(text).ok().and_then(|text| PasswordHash::new(text).ok());
    let Some((algorithm, params, salt, hash)) = hash.as_ref().and_then(parts) else {
        return Stored::Unusable("no hash of argon2");
    };
    if params.m_cost() > MOST_MEMORY || params.m_cost().saturating_mul(params.t_cost()) > MOST_WORK {
        return Stored::Unusable("more work of argon2 than is spent");
    }
    let argon2 = Box::new(Argon2::new(algorithm, Version::V0x13, params));
    Stored::Hash(Hash::Argon2 { argon2, salt, hash })
}

/// Of version 19 alone, and with a hash that nobody guesses.
fn parts(phc: &PasswordHash) -> Option<(Algorithm, Params, Vec<u8>, Secret)> {
    let algorithm = Algorithm::try_from(phc.algorithm.as_str()).ok()?;
    let (Some(salt), Some(hash), Some(0x13)) = (&phc.salt, &phc.hash, phc.version) else { return None };
    let hash = Some(hash.as_bytes()).filter(|hash| hash.len() >= 16)?;
    Some((algorithm, Params::try_from(phc).ok()?, salt.as_ref().to_vec(), Secret::new(hash)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(value: &str, password: &str) -> bool {
        match Stored::parse(value.as_bytes()) {
            Stored::Plain(plain) => plain.matches(password.as_bytes()),
            Stored::Hash(hash) => hash.check(password.as_bytes()),
            other => panic!("{value}: {other:?}"),
        }
    }

    fn unusable(value: &str) -> bool {
        matches!(Stored::parse(value.as_bytes()), Stored::Unusable(_))
    }

    /// Of slapd's entries in the recorded cases.
    #[test]
    fn hashes_of_secret() {
        for value in [
            "secret",
            "{MD5}Xr4ilOzQ4PCOq3aQ0qbuaQ==",
            "{SMD5}Iz/XzdvLqa3tOulEFssDk3Nh",
            "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
            "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ",
            "{SHA}5en6G6MezRroT3XKqkdPOmY/BfRleHRyYQ==",
            "{SSHA}gVK8WC9YyFT1gMsQHTGCgT3sSv5zYWx0",
            "{ssha}gVK8WC9YyFT1gMsQHTGCgT3sSv5zYWx0",
            "{SSHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
            "{SSHA256}+E+iFJ27Yu1ODPH1UNKUmzOmUT06dwfghQJRHHnMsO5zYWx0",
        ] {
            assert!(fits(value, "secret") && !fits(value, "Secret") && !fits(value, ""), "{value}");
        }
    }

    /// Made by slappasswd 2.5.13, with pw-argon2, pw-pbkdf2 and pw-sha2.
    #[test]
    fn hashes_of_openldap() {
        for value in [
            "{ARGON2}$argon2i$v=19$m=4096,t=3,p=1$469JgBBdHD2UgTnIw2T7jg$KhZbhWaghT2LZmaeAXaTabE3tcU+2YjeGLUkLWuQEYs",
            "{PBKDF2}10000$.nmFtfJHWJooqajOUtc0Lg$w5LBITNyMr0xcYT5lb1G2ZII3h4",
            "{PBKDF2-SHA1}10000$3koy20wWFt4ygltjngNd9w$.DauZlNHcFHp6IlzS6I3yc9BMKk",
            "{PBKDF2-SHA256}10000$94yT79VyWL.gLGbFTb0gvA$jhLyGOZUef4ncKBa/jpuJ9miCWxhSG1mg2IbIYauNpE",
            "{PBKDF2-SHA512}10000$pfbym8cLP5nY31VPZhBu/A$\
             uUH75ftakVJsqHciU9vjruuy0HrX7A7yxPw0mz1Q0JYd3wUmYf2mCei8L4YHL6wBEq1PM7ZDhNzF6YY3n8e3pQ",
            "{SHA256}K7gNU3sdo+OL0wNhqoVWhr3g6s1xYv72ol/pe/Unols=",
            "{SSHA256}i7I4Yk9SE0nU9mZ8uQJ4BVc+aQjcJ5E1pSb8He4xjHsDJrE3iCNssw==",
            "{SHA384}WKd1ukESvjAFrkQHznV9iP2nHUBJe7gCbsrFTU4//HIyzo3jq1rLMK45dg/ufFPt",
            "{SSHA384}LUpOzpRkjxyI8CCJXg06pRGs36/rJMshk9N4GRE0t8lcGxasyul/ZxE5pJezBvHoKKhpfmCmGgk=",
            "{SHA512}vSsar3708Jvp9Szi2NWZZ02Bqp1qRCFpbcTZPdBhnWgs5WtNZKnvCXdhztmeD2cmW192CF5bDufKRpayrW/isg==",
            "{SSHA512}VBYDVgG3dSyUCIuIAf1LHe8NAfNJ8glSqapO9ERTSXWGiObnQjYARw2+i2cmS19p4UqTew0tlY0lQ9daRjtiUy0L+isqcUTV",
            "{SMD5}urbsABHzksWY76uOfcBIUf5Zjro=",
            "{SSHA}Vw2ApQ/1t5KvXLSx5daOcz5ZUwxXQtTg",
        ] {
            assert!(fits(value, "secret") && !fits(value, "Secret") && !fits(value, ""), "{value}");
        }
    }

    #[test]
    fn what_is_in_braces_is_never_the_password_itself() {
        for value in ["{CLEARTEXT}secret", "{SSHA3-512}abcd", "{FILE}/etc/passwd", "{SASL}alice@realm", "{x}y"] {
            assert!(unusable(value), "{value}");
        }
        for value in ["{}", "{}x", "{a b}c", "{", "{open", "}{"] {
            assert!(fits(value, value), "{value}");
        }
    }

    #[test]
    fn what_no_password_has() {
        for value in [
            "{SHA}!!!",
            "{SHA}5en6G6Me",
            "{SSHA512}5en6G6MezRroT3XKqkdPOmY/BfQ=",
            "{CRYPT}x",
            "{PBKDF2}",
            "{PBKDF2}0$c2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "{PBKDF2}5000001$c2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "{PBKDF2}10$c2FsdA$AAAA",
            "{PBKDF2}10$c2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAA$",
            "{PBKDF2}-1$c2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "{ARGON2}",
            "{ARGON2}$argon2i$v=16$m=64,t=1,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA",
            "{ARGON2}$argon2id$v=19$m=65536,t=65,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA",
            "{ARGON2}$argon2id$v=19$m=2097152,t=1,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA",
        ] {
            assert!(unusable(value), "{value}");
        }
        assert!(matches!(Stored::parse(b"{crypt}xy"), Stored::Crypt(hash) if hash.matches(b"xy")));
    }
}
