//! What a SCRAM server keeps (RFC 5802 section 3, RFC 5803).

mod digest;

use crate::{
    failure::{Failure, Reason},
    name::MechanismName,
    prepare::{self, Prepared},
    random,
    secret::Secret,
};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
pub(crate) use digest::Digest;
use digest::Keyed;
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use std::{fmt, sync::Arc};
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

/// The rounds of PBKDF2 that new verifiers take. libsasl2 clients refuse more than 65536.
pub const ITERATIONS: u32 = 15_000;

pub(crate) const SALT: usize = 16;

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

/// StoredKey and ServerKey with the salt and the count they were made with: those of the password as SASLprep has
/// it, and, where that changes it, those of the password as it was typed. See `docs/decisions/raw-and-prepared.md`.
#[derive(Clone)]
pub struct Scram {
    hash: Hash,
    iterations: u32,
    salt: Arc<[u8]>,
    /// One pair or two, the prepared password's first.
    keys: Arc<[Keys]>,
}

/// A pair that one client may know the password of.
pub(crate) struct Keys {
    pub(crate) stored_key: Digest,
    pub(crate) server_key: Digest,
}

/// What salts are made of for users who are not there, from a secret that stays what it is for as long as the users do, on every
/// machine that serves them: it alone knows that the salt is none.
pub(crate) struct DecoySalts(Keyed<Sha256>);

impl Hash {
    const ALL: [Self; 3] = [Self::Sha1, Self::Sha256, Self::Sha512];

    /// The one in the name of a mechanism.
    pub(crate) fn of_mechanism(name: MechanismName) -> Result<Self, Failure> {
        let plain = name.as_bytes().strip_suffix(b"-PLUS").unwrap_or(name.as_bytes());
        let known = Self::ALL.into_iter().find(|hash| hash.name().as_bytes() == plain);
        known.ok_or(Failure::new(Reason::NoMechanism, "no hash function of that name"))
    }

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

    /// Hi(password, salt, iterations): slow on purpose. What a client has hashed is [`prepare::password`].
    pub(crate) fn salted_password(self, password: &[u8], salt: &[u8], iterations: u32) -> Digest {
        match self {
            Self::Sha1 => digest::hi::<Sha1>(password, salt, iterations),
            Self::Sha256 => digest::hi::<Sha256>(password, salt, iterations),
            Self::Sha512 => digest::hi::<Sha512>(password, salt, iterations),
        }
    }

    pub(crate) fn client_key(self, salted_password: &Digest) -> Digest {
        self.hmac(salted_password, b"Client Key")
    }

    /// Of the ClientKey.
    pub(crate) fn stored_key(self, client_key: &Digest) -> Digest {
        match self {
            Self::Sha1 => digest::hash::<Sha1>(client_key),
            Self::Sha256 => digest::hash::<Sha256>(client_key),
            Self::Sha512 => digest::hash::<Sha512>(client_key),
        }
    }

    pub(crate) fn server_key(self, salted_password: &Digest) -> Digest {
        self.hmac(salted_password, b"Server Key")
    }

    /// HMAC with this hash function: with StoredKey or ServerKey over an AuthMessage, a signature.
    pub(crate) fn hmac(self, key: &[u8], message: &[u8]) -> Digest {
        match self {
            Self::Sha1 => digest::hmac::<Sha1>(key, message),
            Self::Sha256 => digest::hmac::<Sha256>(key, message),
            Self::Sha512 => digest::hmac::<Sha512>(key, message),
        }
    }
}

impl Scram {
    /// Derives from a password with a fresh salt and [`ITERATIONS`] rounds: slow on purpose, and twice as slow for
    /// a password that SASLprep changes.
    ///
    /// # Errors
    /// [`Reason::Unavailable`] where the system gives no randomness.
    pub fn derive(hash: Hash, password: &[u8]) -> Result<Self, Failure> {
        Ok(Self::derive_with(hash, password, &random::bytes::<SALT>()?, ITERATIONS))
    }

    /// Derives with a salt and a count of your own.
    #[must_use]
    pub fn derive_with(hash: Hash, password: &[u8], salt: &[u8], iterations: u32) -> Self {
        let keys = |password: &[u8]| Keys::derive(hash, password, salt, iterations);
        let keys: Arc<[Keys]> = match prepare::password(password) {
            Prepared::Same(password) => [keys(password)].into(),
            Prepared::Changed(prepared) => [keys(prepared.expose()), keys(password)].into(),
        };
        Self { hash, iterations, salt: salt.into(), keys }
    }

    /// What a user who is not there is challenged with: it looks as the keys of a user do who was added today, and fits nobody.
    pub(crate) fn decoy(hash: Hash, salt: [u8; SALT]) -> Self {
        Self { hash, iterations: ITERATIONS, salt: salt.into(), keys: [Keys::of_nobody(hash)].into() }
    }

    /// Which hash function it is for.
    #[must_use]
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// What the client is told to salt its password with.
    #[must_use]
    pub fn salt(&self) -> &[u8] {
        &self.salt
    }

    /// How many rounds of PBKDF2 the client is told to take.
    #[must_use]
    pub fn iterations(&self) -> u32 {
        self.iterations
    }

    /// One pair or two. A client's proof may fit either; the ServerKey it is answered with is of the same pair.
    pub(crate) fn keys(&self) -> &[Keys] {
        &self.keys
    }

    /// Whether `password` derives to this, as it is or as SASLprep has it. Slow on purpose, and twice as slow for
    /// one that SASLprep changes and that is not the password as it was typed when this was derived.
    #[must_use]
    pub fn check(&self, password: &[u8]) -> bool {
        self.has_keys_of(password)
            || matches!(prepare::password(password), Prepared::Changed(prepared) if self.has_keys_of(prepared.expose()))
    }

    fn has_keys_of(&self, password: &[u8]) -> bool {
        let derived = Keys::derive(self.hash, password, &self.salt, self.iterations);
        self.keys.iter().fold(Choice::from(0), |found, keys| found | keys.ct_eq(&derived)).into()
    }

    /// Reads the form of RFC 5803, `SCRAM-SHA-256$count:salt$StoredKey:ServerKey`, and behind it, if there is one,
    /// `$StoredKey:ServerKey` of the password as it was typed.
    ///
    /// # Errors
    /// [`Reason::Malformed`], also for a count over a million.
    pub fn from_text(text: &str) -> Result<Self, Failure> {
        Self::parse(text).ok_or(Failure::malformed("no SCRAM keys within limits"))
    }

    /// The form that [`Self::from_text`] reads: that of RFC 5803 where SASLprep did not change the password.
    #[must_use]
    pub fn to_text(&self) -> Secret {
        let start = format!("{}${}:{}", self.hash.name(), self.iterations, BASE64.encode(&self.salt));
        let keys: Vec<_> = self.keys.iter().map(Keys::to_text).collect();
        let parts = [start.as_bytes()].into_iter().chain(keys.iter().map(Secret::expose));
        Secret::new(parts.collect::<Vec<_>>().join(&b'$'))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('$');
        let (name, (iterations, salt)) = (parts.next()?, parts.next()?.split_once(':')?);
        let hash = Hash::ALL.into_iter().find(|hash| hash.name() == name)?;
        let keys: Arc<[Keys]> = parts.map(|pair| Keys::parse(hash, pair)).collect::<Option<_>>()?;
        Some(Self {
            hash,
            iterations: iterations.parse().ok().filter(|count| (1..=1_000_000).contains(count))?,
            salt: BASE64.decode(salt).ok()?.into(),
            keys: Some(keys).filter(|keys| matches!(keys.len(), 1 | 2))?,
        })
    }
}

impl DecoySalts {
    pub(crate) fn new(secret: &[u8]) -> Self {
        Self(Keyed::new(secret))
    }

    /// The salt of the user whose name was looked for, in parts: the same whenever somebody asks.
    pub(crate) fn salt(&self, hash: Hash, name: &[&[u8]]) -> [u8; SALT] {
        let start = [b"scram fake salt v1\0", hash.name().as_bytes(), b"\0"];
        let mac = self.0.clone().mac(start.into_iter().chain(name.iter().copied()));
        *mac.first_chunk().expect("SHA-256 yields 32 octets")
    }
}

impl Keys {
    fn derive(hash: Hash, password: &[u8], salt: &[u8], iterations: u32) -> Self {
        let salted_password = hash.salted_password(password, salt, iterations);
        let stored_key = hash.stored_key(&hash.client_key(&salted_password));
        Self { stored_key, server_key: hash.server_key(&salted_password) }
    }

    /// Zeros: nobody knows a ClientKey that hashes to them.
    fn of_nobody(hash: Hash) -> Self {
        let zeros = Digest::new(&[0; 64][..hash.len()]).expect("no hash function here yields more");
        Self { stored_key: zeros.clone(), server_key: zeros }
    }

    fn parse(hash: Hash, text: &str) -> Option<Self> {
        let (stored_key, server_key) = text.split_once(':')?;
        let key = |text| Digest::new(&Zeroizing::new(BASE64.decode(text).ok().filter(|key| key.len() == hash.len())?));
        Some(Self { stored_key: key(stored_key)?, server_key: key(server_key)? })
    }

    fn to_text(&self) -> Secret {
        let [stored_key, server_key] =
            [&self.stored_key, &self.server_key].map(|key| Zeroizing::new(BASE64.encode(&**key)));
        Secret::new([stored_key.as_bytes(), server_key.as_bytes()].join(&b':'))
    }

    fn ct_eq(&self, other: &Self) -> Choice {
        self.stored_key.ct_eq(&other.stored_key) & self.server_key.ct_eq(&other.server_key)
    }
}

impl fmt::Debug for Scram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scram({}, ..)", self.hash.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IX: &[u8] = b"IX";
    const ROMAN_NINE: &[u8] = "\u{2168}".as_bytes();

    #[test]
    fn the_keys_behind_the_example_of_rfc_7677_section_3() {
        let salt = BASE64.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let text = Scram::derive_with(Hash::Sha256, b"pencil", &salt, 4096).to_text();
        let expected = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";
        assert_eq!(text.expose(), expected.as_bytes());
        assert!(Scram::from_text(expected).unwrap().check(b"pencil"));
    }

    /// The proof, the check and the signature of RFC 5802 section 3, with the exchange of RFC 7677 section 3.
    #[test]
    fn the_proof_and_the_signature_of_rfc_7677_section_3() {
        let (hash, salt) = (Hash::Sha256, BASE64.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap());
        let auth_message = b"n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let kept = Scram::derive_with(hash, b"pencil", &salt, 4096);
        let keys = &kept.keys()[0];
        let mut proof = hash.client_key(&hash.salted_password(b"pencil", kept.salt(), kept.iterations()));
        proof.xor(&hash.hmac(&keys.stored_key, auth_message));
        assert_eq!(BASE64.encode(&*proof), "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
        let signature = hash.hmac(&keys.server_key, auth_message);
        assert_eq!(BASE64.encode(&*signature), "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    }

    #[test]
    fn a_password_that_saslprep_changes_has_two_pairs_under_one_salt() {
        let [typed, prepared] = [ROMAN_NINE, IX].map(|it| Scram::derive_with(Hash::Sha1, it, b"salt", 10));
        assert_eq!((typed.keys().len(), prepared.keys().len()), (2, 1));
        assert!(typed.keys[0].ct_eq(&prepared.keys[0]).unwrap_u8() == 1, "libgsasl and others prepare");
        assert!(
            typed.keys[1].ct_eq(&Keys::derive(Hash::Sha1, ROMAN_NINE, b"salt", 10)).unwrap_u8() == 1,
            "libsasl2 does not"
        );
        let unprepared = Scram::derive_with(Hash::Sha1, b"caf\xe9", b"salt", 10);
        assert_eq!(unprepared.keys().len(), 1);
        assert!(unprepared.check(b"caf\xe9") && !unprepared.check("caf\u{e9}".as_bytes()));
    }

    #[test]
    fn a_password_is_known_as_it_was_typed_and_as_it_is_prepared() {
        for derived_from in [ROMAN_NINE, IX] {
            let kept = Scram::derive_with(Hash::Sha256, derived_from, b"salt", 10);
            let read = Scram::from_text(str::from_utf8(kept.to_text().expose()).unwrap()).unwrap();
            for fits in [ROMAN_NINE, IX, "I\u{ad}X".as_bytes()] {
                assert!(kept.check(fits) && read.check(fits), "{derived_from:?} {fits:?}");
            }
            for other in ["\u{2167}", "VIII", "ix", "", "IX\u{1f600}"] {
                assert!(!kept.check(other.as_bytes()) && !read.check(other.as_bytes()), "{derived_from:?} {other:?}");
            }
        }
    }

    /// What was written when nothing was prepared.
    #[test]
    fn one_pair_of_a_password_as_it_was_typed_knows_that_alone() {
        let keys = [Keys::derive(Hash::Sha1, ROMAN_NINE, b"salt", 10)].into();
        let old = Scram { hash: Hash::Sha1, iterations: 10, salt: (*b"salt").into(), keys };
        let read = Scram::from_text(str::from_utf8(old.to_text().expose()).unwrap()).unwrap();
        assert!(read.check(ROMAN_NINE) && !read.check(IX));
    }

    /// HMAC-SHA-256 over `scram fake salt v1`, the mechanism and the user, with a NUL between: every machine of a site makes the same.
    #[test]
    fn the_salts_of_decoys_are_those_that_other_machines_make() {
        let secret: [u8; 32] = std::array::from_fn(|at| at.try_into().unwrap());
        for (user, salt) in [("nobody", "zJXoiJTa3iISe761UTHCCw=="), ("Nobody", "LZckws38N5/tqslimtWp0A==")] {
            assert_eq!(BASE64.encode(DecoySalts::new(&secret).salt(Hash::Sha256, &[user.as_bytes()])), salt);
        }
    }

    #[test]
    fn a_decoy_is_the_same_for_the_same_and_looks_like_a_user_of_today() {
        let decoy = |hash, secret, user| Scram::decoy(hash, DecoySalts::new(secret).salt(hash, &[user]));
        let (nobody, tim) = (decoy(Hash::Sha256, b"secret", b"nobody"), Scram::derive(Hash::Sha256, b"x").unwrap());
        assert_eq!(nobody.salt(), decoy(Hash::Sha256, b"secret", b"nobody").salt());
        for other in [
            decoy(Hash::Sha256, b"secret", b"somebody"),
            decoy(Hash::Sha256, b"Secret", b"nobody"),
            decoy(Hash::Sha512, b"secret", b"nobody"),
        ] {
            assert_ne!(nobody.salt(), other.salt());
        }
        assert_eq!((nobody.salt().len(), nobody.iterations()), (tim.salt().len(), tim.iterations()));
        assert_eq!(nobody.to_text().expose().len(), tim.to_text().expose().len());
        assert!(!nobody.check(b"") && !nobody.check(b"x"));
    }

    #[test]
    fn what_is_refused() {
        let key = BASE64.encode([7; 20]);
        let text = |count: &str| format!("SCRAM-SHA-1${count}:c2FsdA==${key}:{key}");
        let raw = text("4096") + &format!("${key}:{key}");
        assert!(Scram::from_text(&text("4096")).is_ok() && Scram::from_text(&raw).is_ok());
        for bad in [
            text("0"),
            text("1000001"),
            text("x"),
            text("4096").replace("SHA-1", "SHA-256"),
            text("4096").replace(":c2FsdA==", ""),
            text("4096") + "$",
            text("4096") + &format!("${key}"),
            text("4096") + &format!("${key}:{}", BASE64.encode([7; 32])),
            raw + &format!("${key}:{key}"),
        ] {
            assert!(Scram::from_text(&bad).is_err(), "{bad}");
        }
    }
}
