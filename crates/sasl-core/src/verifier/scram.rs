//! What a SCRAM server keeps (RFC 5802 section 3, RFC 5803).

use crate::{failure::Failure, random, secret::Secret};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use hmac::{Hmac, KeyInit, Mac};
use md5::Digest;
use pbkdf2::pbkdf2_hmac;
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The rounds of PBKDF2 that new verifiers take. libsasl2 clients refuse more than 65536.
pub const ITERATIONS: u32 = 15_000;

const SALT: usize = 16;

/// The hash function that gives a SCRAM mechanism its name.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Hash {
    /// SCRAM-SHA-1.
    Sha1,
    /// SCRAM-SHA-256.
    Sha256,
    /// SCRAM-SHA-512.
    Sha512,
}

/// StoredKey and ServerKey with the salt and the count they were made with.
#[derive(Clone)]
pub struct Scram {
    hash: Hash,
    iterations: u32,
    salt: Box<[u8]>,
    stored_key: Zeroizing<Vec<u8>>,
    server_key: Zeroizing<Vec<u8>>,
}

impl Hash {
    const ALL: [Self; 3] = [Self::Sha1, Self::Sha256, Self::Sha512];

    const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SCRAM-SHA-1",
            Self::Sha256 => "SCRAM-SHA-256",
            Self::Sha512 => "SCRAM-SHA-512",
        }
    }

    const fn len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    fn salted_password(self, password: &[u8], salt: &[u8], iterations: u32) -> Zeroizing<Vec<u8>> {
        let mut salted = Zeroizing::new(vec![0; self.len()]);
        match self {
            Self::Sha1 => pbkdf2_hmac::<Sha1>(password, salt, iterations, &mut salted),
            Self::Sha256 => pbkdf2_hmac::<Sha256>(password, salt, iterations, &mut salted),
            Self::Sha512 => pbkdf2_hmac::<Sha512>(password, salt, iterations, &mut salted),
        }
        salted
    }

    fn mac(self, key: &[u8], data: &[u8]) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(match self {
            Self::Sha1 => hmac::<Hmac<Sha1>>(key, data),
            Self::Sha256 => hmac::<Hmac<Sha256>>(key, data),
            Self::Sha512 => hmac::<Hmac<Sha512>>(key, data),
        })
    }

    fn digest(self, data: &[u8]) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(match self {
            Self::Sha1 => Sha1::digest(data).to_vec(),
            Self::Sha256 => Sha256::digest(data).to_vec(),
            Self::Sha512 => Sha512::digest(data).to_vec(),
        })
    }
}

impl Scram {
    /// Derives from a password with a fresh salt and [`ITERATIONS`] rounds: slow on purpose.
    ///
    /// # Errors
    /// [`Reason::Unavailable`](crate::failure::Reason::Unavailable) where the system gives no randomness.
    pub fn derive(hash: Hash, password: &[u8]) -> Result<Self, Failure> {
        Ok(Self::derive_with(hash, password, &random::bytes::<SALT>()?, ITERATIONS))
    }

    /// Derives with a salt and a count of your own.
    #[must_use]
    pub fn derive_with(hash: Hash, password: &[u8], salt: &[u8], iterations: u32) -> Self {
        let salted = hash.salted_password(password, salt, iterations);
        let client_key = hash.mac(&salted, b"Client Key");
        let (stored_key, server_key) = (hash.digest(&client_key), hash.mac(&salted, b"Server Key"));
        Self { hash, iterations, salt: salt.into(), stored_key, server_key }
    }

    /// Which hash function it is for.
    #[must_use]
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// Whether `password` derives to this.
    #[must_use]
    pub fn check(&self, password: &[u8]) -> bool {
        let other = Self::derive_with(self.hash, password, &self.salt, self.iterations);
        (self.stored_key.ct_eq(&other.stored_key) & self.server_key.ct_eq(&other.server_key)).into()
    }

    /// Reads the form of RFC 5803: `SCRAM-SHA-256$count:salt$StoredKey:ServerKey`.
    ///
    /// # Errors
    /// [`Reason::Malformed`](crate::failure::Reason::Malformed), also for a count over a million.
    pub fn from_text(text: &str) -> Result<Self, Failure> {
        Self::parse(text).ok_or(Failure::malformed("no SCRAM keys within limits"))
    }

    /// The form of RFC 5803.
    #[must_use]
    pub fn to_text(&self) -> Secret {
        let [salt, stored, server] =
            [&*self.salt, &self.stored_key, &self.server_key].map(|bytes| BASE64.encode(bytes));
        Secret::new(format!("{}${}:{salt}${stored}:{server}", self.hash.name(), self.iterations))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('$');
        let (name, cost, keys) = (parts.next()?, parts.next()?, parts.next()?);
        let ((iterations, salt), (stored, server)) = (cost.split_once(':')?, keys.split_once(':')?);
        let hash = Hash::ALL.into_iter().find(|hash| hash.name() == name)?;
        let key = |text| BASE64.decode(text).ok().filter(|key| key.len() == hash.len()).map(Zeroizing::new);
        Some(Self {
            hash,
            iterations: iterations.parse().ok().filter(|count| (1..=1_000_000).contains(count))?,
            salt: BASE64.decode(salt).ok()?.into(),
            stored_key: key(stored)?,
            server_key: key(server)?,
        })
    }
}

fn hmac<M: Mac + KeyInit>(key: &[u8], data: &[u8]) -> Vec<u8> {
    let mac = <M as KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.chain_update(data).finalize().into_bytes().to_vec()
}

impl fmt::Debug for Scram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scram({}, ..)", self.hash.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_behind_the_example_of_rfc_7677_section_3() {
        let salt = BASE64.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let text = Scram::derive_with(Hash::Sha256, b"pencil", &salt, 4096).to_text();
        let expected = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";
        assert_eq!(text.expose(), expected.as_bytes());
        assert!(Scram::from_text(expected).unwrap().check(b"pencil"));
    }

    #[test]
    fn what_is_refused() {
        let key = BASE64.encode([7; 20]);
        let text = |count: &str| format!("SCRAM-SHA-1${count}:c2FsdA==${key}:{key}");
        assert!(Scram::from_text(&text("4096")).is_ok());
        for bad in [
            text("0"),
            text("1000001"),
            text("x"),
            text("4096").replace("SHA-1", "SHA-256"),
            text("4096").replace(":c2FsdA==", ""),
        ] {
            assert!(Scram::from_text(&bad).is_err(), "{bad}");
        }
    }
}
