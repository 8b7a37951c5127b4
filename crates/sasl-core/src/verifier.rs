//! What is kept in place of a password.

pub mod argon2id;
pub mod cram_md5;
pub mod digest_md5;
pub mod scram;

use crate::{
    failure::Failure,
    identity::{Login, Realm},
    name::MechanismName,
    prepare::{self, Prepared},
    secret::Secret,
};
use argon2id::{Argon2id, Memory};
use cram_md5::CramMd5;
use digest_md5::DigestMd5;
use scram::{Hash, Scram};
use std::{fmt, str::FromStr, sync::Arc};

/// A kind of verifier.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Scheme {
    /// An argon2id hash, for PLAIN and LOGIN.
    Argon2id,
    /// RFC 5803 keys, for SCRAM with that hash; PLAIN and LOGIN can be checked against them too.
    Scram(Hash),
    /// The two HMAC-MD5 states, for CRAM-MD5. Password-equivalent for CRAM-MD5.
    CramMd5,
    /// H(user:realm:password), for DIGEST-MD5. Password-equivalent for DIGEST-MD5 in that realm.
    DigestMd5,
    /// The password itself, for everything. Only where somebody asked for it by name.
    Plaintext,
}

/// Something that recognises a password; all but the last are not a password.
#[derive(Clone)]
#[non_exhaustive]
pub enum Verifier {
    /// See [`Scheme::Argon2id`].
    Argon2id(Argon2id),
    /// See [`Scheme::Scram`].
    Scram(Scram),
    /// See [`Scheme::CramMd5`].
    CramMd5(CramMd5),
    /// See [`Scheme::DigestMd5`].
    DigestMd5(DigestMd5),
    /// See [`Scheme::Plaintext`].
    Plaintext(Secret),
}

/// All that is kept for one user. Shared by its clones, so that a store need not copy secrets into each exchange.
#[derive(Clone, Debug, Default)]
pub struct Verifiers(Arc<Vec<Verifier>>);

impl Scheme {
    /// All but [`Self::Plaintext`]: what is derived where nobody chose.
    pub const DERIVED: [Self; 6] = [
        Self::Argon2id,
        Self::Scram(Hash::Sha512),
        Self::Scram(Hash::Sha256),
        Self::Scram(Hash::Sha1),
        Self::DigestMd5,
        Self::CramMd5,
    ];

    /// What `mechanism` needs, with or without `-PLUS`; `None` for one that needs nothing kept.
    #[must_use]
    pub fn of_mechanism(mechanism: MechanismName) -> Option<Self> {
        let name = mechanism.as_str();
        match name.strip_suffix("-PLUS").unwrap_or(name) {
            "PLAIN" | "LOGIN" => Some(Self::Argon2id),
            name => Self::DERIVED.into_iter().find(|scheme| scheme.as_str().eq_ignore_ascii_case(name)),
        }
    }

    /// Its name, as in `saslpasswd2 --verifiers`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Argon2id => "argon2id",
            Self::Scram(Hash::Sha1) => "scram-sha-1",
            Self::Scram(Hash::Sha256) => "scram-sha-256",
            Self::Scram(Hash::Sha512) => "scram-sha-512",
            Self::CramMd5 => "cram-md5",
            Self::DigestMd5 => "digest-md5",
            Self::Plaintext => "plaintext",
        }
    }
}

impl Verifier {
    /// Reads the text form.
    ///
    /// # Errors
    /// [`Reason::Malformed`](crate::failure::Reason::Malformed) where it is none of the forms that [`Self::to_text`] writes.
    pub fn from_text(text: &[u8]) -> Result<Self, Failure> {
        if let Some(password) = text.strip_prefix(b"{PLAIN}") {
            return Ok(Self::Plaintext(Secret::new(password)));
        }
        let text = std::str::from_utf8(text).map_err(|_| Failure::malformed("verifier is no text"))?;
        match text {
            text if text.starts_with("$argon2id$") => Argon2id::from_text(text).map(Self::Argon2id),
            text if text.starts_with("SCRAM-") => Scram::from_text(text).map(Self::Scram),
            text if text.starts_with("{CRAM-MD5}") => CramMd5::from_text(text).map(Self::CramMd5),
            text if text.starts_with("{DIGEST-MD5}") => DigestMd5::from_text(text).map(Self::DigestMd5),
            _ => Err(Failure::malformed("verifier of an unknown kind")),
        }
    }

    /// The text form: a PHC string, RFC 5803, or `{SCHEME}` and a value. Secret, all of them.
    #[must_use]
    pub fn to_text(&self) -> Secret {
        match self {
            Self::Argon2id(argon2id) => argon2id.to_text(),
            Self::Scram(scram) => scram.to_text(),
            Self::CramMd5(states) => states.to_text(),
            Self::DigestMd5(keys) => keys.to_text(),
            Self::Plaintext(password) => Secret::new([b"{PLAIN}", password.expose()].concat()),
        }
    }

    /// Of which kind it is.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        match self {
            Self::Argon2id(_) => Scheme::Argon2id,
            Self::Scram(scram) => Scheme::Scram(scram.hash()),
            Self::CramMd5(_) => Scheme::CramMd5,
            Self::DigestMd5(_) => Scheme::DigestMd5,
            Self::Plaintext(_) => Scheme::Plaintext,
        }
    }

    /// Whether `password` is the one. `memory` is for argon2id alone. None with a NUL is: HMAC pads its key with
    /// NULs, so it would take them behind the right password for the right password.
    #[must_use]
    pub fn check(&self, password: &[u8], memory: &mut Memory) -> bool {
        if password.contains(&0) {
            return false;
        }
        match self {
            Self::Argon2id(argon2id) => argon2id.check(password, memory),
            Self::Scram(scram) => scram.check(password),
            Self::CramMd5(states) => states.check(password),
            Self::DigestMd5(keys) => keys.check(password),
            Self::Plaintext(stored) => stored.matches(password),
        }
    }
}

impl Verifiers {
    /// Derives one verifier of each of `schemes`, with fresh salts. Slow on purpose. For DIGEST-MD5, keys are
    /// made for the login's own realm and for each of `realms`: the names that servers will offer.
    ///
    /// # Errors
    /// [`Reason::Unavailable`](crate::failure::Reason::Unavailable) where the system gives no randomness or memory.
    pub fn derive(
        schemes: &[Scheme],
        login: &Login,
        realms: &[Realm],
        password: &[u8],
        memory: &mut Memory,
    ) -> Result<Self, Failure> {
        let derive = |scheme: &Scheme| {
            Ok(match *scheme {
                Scheme::Argon2id => Verifier::Argon2id(Argon2id::derive(password, memory)?),
                Scheme::Scram(hash) => Verifier::Scram(Scram::derive(hash, password)?),
                Scheme::CramMd5 => Verifier::CramMd5(CramMd5::derive(password)),
                Scheme::DigestMd5 => Verifier::DigestMd5(DigestMd5::derive(login, realms, password)),
                Scheme::Plaintext => Verifier::Plaintext(Secret::new(password)),
            })
        };
        schemes.iter().map(derive).collect()
    }

    /// Each verifier, in the order they were given.
    pub fn iter(&self) -> impl Iterator<Item = &Verifier> {
        self.0.iter()
    }

    /// The verifier of `scheme`; a plaintext password serves for all.
    #[must_use]
    pub fn of(&self, scheme: Scheme) -> Option<&Verifier> {
        let of = |scheme| self.0.iter().find(|verifier| verifier.scheme() == scheme);
        of(scheme).or_else(|| of(Scheme::Plaintext))
    }

    /// Whether `password` is the user's, as it was typed or as SASLprep has it (RFC 4616). A wrong one costs what argon2id
    /// costs, also where only a faster verifier is kept: else the time would tell who has an account, and guesses would be
    /// cheap. One that SASLprep changes costs twice as much, whoever the user is.
    #[must_use]
    pub fn check(&self, password: &[u8], memory: &mut Memory) -> bool {
        self.fit(password, memory)
            || matches!(prepare::password(password), Prepared::Changed(other) if self.fit(other.expose(), memory))
    }

    fn fit(&self, password: &[u8], memory: &mut Memory) -> bool {
        match Self::TO_CHECK.iter().find_map(|scheme| self.of(*scheme)) {
            Some(argon2id @ Verifier::Argon2id(_)) => argon2id.check(password, memory),
            Some(faster) if faster.check(password, memory) => true,
            _ => Argon2id::decoy().check(password, memory) & false,
        }
    }

    /// Which verifier a password is checked against: the slow one, or else the fastest.
    const TO_CHECK: [Scheme; 6] = [
        Scheme::Argon2id,
        Scheme::CramMd5,
        Scheme::DigestMd5,
        Scheme::Scram(Hash::Sha256),
        Scheme::Scram(Hash::Sha1),
        Scheme::Scram(Hash::Sha512),
    ];
}

impl FromIterator<Verifier> for Verifiers {
    fn from_iter<I: IntoIterator<Item = Verifier>>(verifiers: I) -> Self {
        Self(Arc::new(verifiers.into_iter().collect()))
    }
}

/// No verifier has that name.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct UnknownScheme;

impl FromStr for Scheme {
    type Err = UnknownScheme;

    fn from_str(name: &str) -> Result<Self, UnknownScheme> {
        let all = Self::DERIVED.into_iter().chain([Self::Plaintext]);
        all.into_iter().find(|scheme| scheme.as_str() == name).ok_or(UnknownScheme)
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for UnknownScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no such verifier; there are")?;
        Scheme::DERIVED.iter().try_for_each(|scheme| write!(f, " {scheme}"))
    }
}

impl std::error::Error for UnknownScheme {}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Verifier({}, ..)", self.scheme())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_of(password: &[u8]) -> Verifiers {
        let login = Login::parse("tim@example.com").unwrap();
        Verifiers::derive(&Scheme::DERIVED, &login, &[], password, &mut Memory::default()).unwrap()
    }

    #[test]
    fn every_verifier_recognises_its_password_alone_also_after_a_trip_through_text() {
        let memory = &mut Memory::default();
        let plaintext = Verifier::Plaintext(Secret::new("pencil"));
        for verifier in all_of(b"pencil").iter().chain([&plaintext]) {
            let again = Verifier::from_text(verifier.to_text().expose()).unwrap();
            assert_eq!(again.scheme(), verifier.scheme());
            assert!(verifier.check(b"pencil", memory) && again.check(b"pencil", memory), "{verifier:?}");
            for wrong in [&b"penci"[..], b"pencils", b"Pencil", b"", b"pencil\0"] {
                assert!(!again.check(wrong, memory), "{verifier:?} takes {wrong:?}");
            }
        }
    }

    #[test]
    fn no_prefix_of_a_text_form_panics_and_none_is_taken_for_the_whole() {
        for verifier in all_of(b"x").iter() {
            let text = verifier.to_text();
            for end in (0..text.expose().len()).filter(|end| text.expose()[*end] != b';') {
                let cut = Verifier::from_text(&text.expose()[..end]);
                assert!(!cut.is_ok_and(|cut| cut.check(b"x", &mut Memory::default())), "{verifier:?} cut at {end}");
            }
        }
    }

    #[test]
    fn plaintext_serves_for_all_and_a_user_without_verifiers_has_no_password() {
        let plaintext: Verifiers = [Verifier::Plaintext(Secret::new("pw"))].into_iter().collect();
        assert!(Scheme::DERIVED.iter().all(|scheme| plaintext.of(*scheme).is_some()));
        assert!(plaintext.check(b"pw", &mut Memory::default()));
        assert!(!Verifiers::default().check(b"", &mut Memory::default()));
        assert!(!plaintext.check(b"wrong", &mut Memory::default()));
    }

    #[test]
    fn a_password_may_be_typed_in_another_form_than_it_was_set_in() {
        let (composed, decomposed) = ("pässwörd", "pa\u{308}sswo\u{308}rd");
        let memory = &mut Memory::default();
        for schemes in [&[Scheme::Argon2id][..], &[Scheme::CramMd5], &[Scheme::Scram(Hash::Sha1)]] {
            let login = Login::parse("tim").unwrap();
            let kept = Verifiers::derive(schemes, &login, &[], composed.as_bytes(), memory).unwrap();
            assert!(
                kept.check(composed.as_bytes(), memory) && kept.check(decomposed.as_bytes(), memory),
                "{schemes:?}"
            );
            assert!(!kept.check("password".as_bytes(), memory), "{schemes:?}");
        }
    }

    #[test]
    fn mechanisms_name_what_they_need() {
        let of = |name| Scheme::of_mechanism(MechanismName::new(name));
        assert_eq!(of("LOGIN"), Some(Scheme::Argon2id));
        assert_eq!(of("SCRAM-SHA-256-PLUS"), Some(Scheme::Scram(Hash::Sha256)));
        assert_eq!(of("DIGEST-MD5"), Some(Scheme::DigestMd5));
        assert_eq!((of("EXTERNAL"), of("PLAINTEXT")), (None, None));
        assert!("rot13".parse::<Scheme>().is_err());
    }
}
