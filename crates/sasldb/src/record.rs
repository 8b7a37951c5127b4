//! A user's record, as a value and as bytes.
//!
//! ```text
//! key   = user NUL realm, or where that is longer than 500 bytes, 0xff and its SHA-256
//! value = version, stamp (16), checksum (8), fields
//! field = tag, length (4, most significant first), bytes
//! ```
//!
//! The checksum is the start of SHA-256 over the key and all of the value but itself.

mod fields;

use crate::{error::Kind, name::Name};
use sasl_core::{
    failure::Failure,
    identity::{Realm, UserName},
    random,
    secret::Secret,
    verifier::{Verifier, Verifiers},
};
use sha2::{Digest, Sha256};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use zeroize::Zeroizing;

/// All that is kept of one user.
#[derive(Clone, Debug)]
pub struct Record {
    user: UserName,
    realm: Realm,
    status: Status,
    changed: u64,
    verifiers: Verifiers,
    stamp: Stamp,
}

/// Sixteen random bytes that are new with every record written: while the stamp is the same, so is the record.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Stamp([u8; 16]);

/// Whether a user may log in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by nature")]
pub enum Status {
    /// As anybody.
    Enabled,
    /// Not now: the record stays, and reads to the outside as if it were not there.
    Disabled,
}

/// The first byte of an encoded record; its stamp is behind it.
pub(crate) const VERSION: u8 = 1;
const HEADER: usize = 1 + 16 + 8;

/// LMDB's limit is 511.
const LONGEST_PLAIN_KEY: usize = 500;

impl Record {
    /// A record of now, enabled.
    ///
    /// # Errors
    /// [`Reason::Unavailable`](sasl_core::failure::Reason::Unavailable) where the system gives no randomness.
    pub fn new(name: Name<'_>, verifiers: Verifiers) -> Result<Self, Failure> {
        let (user, realm) = (UserName::parse(name.user())?, Realm::parse(name.realm())?);
        let changed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
        Ok(Self { user, realm, status: Status::Enabled, changed, verifiers, stamp: Stamp(random::bytes()?) })
    }

    /// A new record for somebody who is disabled, and stays so.
    #[must_use]
    pub fn disabled(self) -> Self {
        Self { status: Status::Disabled, ..self }
    }

    /// The same, disabled where `old` is.
    #[must_use]
    pub(crate) fn disabled_like(self, old: Option<&Self>) -> Self {
        if old.is_some_and(|old| old.status == Status::Disabled) { self.disabled() } else { self }
    }

    /// The same with another status, and a stamp of its own.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_status(self, status: Status) -> Result<Self, Failure> {
        Ok(Self { status, stamp: Stamp(random::bytes()?), ..self })
    }

    /// Whose it is.
    #[must_use]
    pub fn name(&self) -> Name<'_> {
        Name::from((&self.user, &self.realm))
    }

    /// Whether the user may log in.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status
    }

    /// What is kept in place of the password.
    #[must_use]
    pub fn verifiers(&self) -> &Verifiers {
        &self.verifiers
    }

    /// Since when the password is what it is, in seconds since 1970 UTC.
    #[must_use]
    pub fn changed(&self) -> u64 {
        self.changed
    }

    /// What changes with it.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// The value under [`key`].
    pub(crate) fn encode(&self) -> Zeroizing<Vec<u8>> {
        let fields = self.fields();
        let length = fields.iter().map(|(_, bytes)| fields::LENGTH + bytes.expose().len()).sum::<usize>();
        // No octet more, so that it does not move and leave a copy.
        let mut value = Zeroizing::new(Vec::with_capacity(HEADER + length));
        value.push(VERSION);
        value.extend(self.stamp.0);
        value.extend([0; 8]);
        fields.iter().for_each(|(tag, bytes)| fields::put(*tag, bytes.expose(), &mut value));
        let checksum = checksum(&key(self.name()), &value);
        value[HEADER - 8..HEADER].copy_from_slice(&checksum);
        value
    }

    /// Reads what [`Self::encode`] wrote under `key`.
    pub(crate) fn decode(key: &[u8], value: &[u8]) -> Result<Self, Kind> {
        let stamp = Stamp::of(value)?;
        let (header, rest) = value.split_at_checked(HEADER).ok_or(Kind::Damaged("record cut off"))?;
        if header[HEADER - 8..] != checksum(key, value) {
            return Err(Kind::Damaged("record with a wrong checksum"));
        }
        let record = Self::read_fields(rest, stamp)?;
        match self::key(record.name()) == *key {
            true => Ok(record),
            false => Err(Kind::Damaged("record under another's key")),
        }
    }
}

/// What a field holds.
mod tag {
    pub(super) const USER: u8 = 1;
    pub(super) const REALM: u8 = 2;
    /// One byte: 1 for a disabled user.
    pub(super) const STATUS: u8 = 3;
    /// Eight bytes: seconds since 1970, most significant first.
    pub(super) const CHANGED: u8 = 4;
    /// The text form of a verifier. May come several times.
    pub(super) const VERIFIER: u8 = 5;
}

impl Record {
    fn fields(&self) -> Vec<(u8, Secret)> {
        let own = [
            (tag::USER, Secret::new(self.user.as_bytes())),
            (tag::REALM, Secret::new(self.realm.as_bytes())),
            (tag::STATUS, Secret::new([u8::from(self.status == Status::Disabled)])),
            (tag::CHANGED, Secret::new(self.changed.to_be_bytes())),
        ];
        own.into_iter().chain(self.verifiers.iter().map(|verifier| (tag::VERIFIER, verifier.to_text()))).collect()
    }

    fn read_fields(bytes: &[u8], stamp: Stamp) -> Result<Self, Kind> {
        let (mut user, mut realm, mut status, mut changed) = (None, None, None, None);
        let mut verifiers = Vec::new();
        for field in fields::all(bytes) {
            match field.ok_or(Kind::Damaged("record cut off"))? {
                (tag::USER, bytes) => user = UserName::parse(bytes).ok(),
                (tag::REALM, bytes) => realm = Realm::parse(bytes).ok(),
                (tag::STATUS, bytes) => status = Status::read(bytes),
                (tag::CHANGED, bytes) => changed = bytes.try_into().ok().map(u64::from_be_bytes),
                (tag::VERIFIER, bytes) => verifiers.push(Verifier::from_text(bytes).map_err(|_| Kind::Newer)?),
                _ => return Err(Kind::Newer),
            }
        }
        match (user, realm, status, changed) {
            (Some(user), Some(realm), Some(status), Some(changed)) => {
                let verifiers = verifiers.into_iter().collect();
                Ok(Self { user, realm, status, changed, verifiers, stamp })
            }
            _ => Err(Kind::Damaged("record without a field that each has")),
        }
    }
}

impl Status {
    fn read(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0] => Some(Self::Enabled),
            [1] => Some(Self::Disabled),
            _ => None,
        }
    }
}

impl Stamp {
    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The stamp of an encoded record.
    pub(crate) fn of(value: &[u8]) -> Result<Self, Kind> {
        match value {
            [VERSION, rest @ ..] => rest.first_chunk().copied().map(Self).ok_or(Kind::Damaged("record cut off")),
            [] => Err(Kind::Damaged("empty record")),
            [0, ..] => Err(Kind::Damaged("record that was wiped")),
            _ => Err(Kind::Newer),
        }
    }
}

/// What the record of `name` is kept under. Never begins with a NUL: such keys are the store's own.
pub(crate) fn key(name: Name<'_>) -> Key {
    let plain = name.user().len() + 1 + name.realm().len();
    let mut key = Key { bytes: [0; LONGEST_PLAIN_KEY], length: plain };
    match plain <= LONGEST_PLAIN_KEY && name.user()[0] != LONG_MARK {
        true => {
            key.bytes[..name.user().len()].copy_from_slice(name.user());
            key.bytes[name.user().len() + 1..plain].copy_from_slice(name.realm());
        }
        false => {
            let hash = Sha256::new().chain_update(name.user()).chain_update([0]).chain_update(name.realm()).finalize();
            key.bytes[0] = LONG_MARK;
            key.bytes[1..33].copy_from_slice(&hash);
            key.length = 33;
        }
    }
    key
}

/// The first byte of a key that is a hash.
const LONG_MARK: u8 = 0xff;

/// A key, without an allocation.
pub(crate) struct Key {
    bytes: [u8; LONGEST_PLAIN_KEY],
    length: usize,
}

impl std::ops::Deref for Key {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl PartialEq<[u8]> for Key {
    fn eq(&self, other: &[u8]) -> bool {
        **self == *other
    }
}

fn checksum(key: &[u8], value: &[u8]) -> [u8; 8] {
    let length = u64::try_from(key.len()).unwrap_or(u64::MAX).to_be_bytes();
    let hash = Sha256::new().chain_update(length).chain_update(key);
    let hash = hash.chain_update(&value[..HEADER - 8]).chain_update(&value[HEADER..]).finalize();
    hash[..8].try_into().expect("SHA-256 has more than eight bytes")
}

#[cfg(test)]
mod tests;
