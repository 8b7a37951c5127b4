//! Passwords that were right a moment ago.
//!
//! An entry is found by the stamp of the record that the password was checked against, and a stamp is new with
//! every write of a record: whoever changes, disables or deletes a user need tell nobody. It holds no password,
//! only a MAC of it under a key that lives and dies with this process.
//!
//! The MAC is BLAKE2s over key, stamp and password: one block for most, where HMAC takes four. BLAKE2s cannot be
//! extended (RFC 7693), so that a key in front is all it needs.

use blake2::{Blake2s256, Digest};
use sasl_core::{failure::Failure, random, secret::Secret};
use sasldb::record::Stamp;
use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    time::{Duration, Instant},
};
use subtle::ConstantTimeEq;

/// The verified passwords, at most a fixed number of them.
pub struct Cache {
    key: Secret,
    life: Duration,
    /// Full, this generation takes the place of the one before, whose entries are then forgotten.
    young: Generation,
    old: Generation,
    largest: usize,
    started: Instant,
    /// Seconds after the start, as of the last tick.
    now: u32,
}

type Generation = HashMap<u64, Entry, BuildHasherDefault<AsItIs>>;

/// Sixteen bytes of a MAC, and when it ends, in seconds after the start.
#[derive(Clone, Copy)]
struct Entry {
    mac: [u8; 16],
    end: u32,
}

/// What an entry takes in memory, with the table's own byte and its free places.
const ENTRY_BYTES: usize = 40;

impl Cache {
    /// A cache of at most `bytes`, whose entries are good for `life`.
    ///
    /// # Errors
    /// Where the system gives no randomness.
    pub fn new(bytes: usize, life: Duration) -> Result<Self, Failure> {
        let key = Secret::new(random::bytes::<16>()?);
        let largest = (bytes / ENTRY_BYTES / 2).max(1);
        Ok(Self {
            key,
            life,
            young: Generation::default(),
            old: Generation::default(),
            largest,
            started: Instant::now(),
            now: 0,
        })
    }

    /// Whether `password` was right for the record with that stamp, not longer ago than an entry lives.
    #[must_use]
    pub fn knows(&self, stamp: Stamp, password: &[u8]) -> bool {
        let place = place(stamp);
        let Some(entry) = self.young.get(&place).or_else(|| self.old.get(&place)) else { return false };
        entry.end > self.now && bool::from(entry.mac.ct_eq(&self.mac(stamp, password)))
    }

    /// Remembers that `password` is right for the record with that stamp.
    pub fn learn(&mut self, stamp: Stamp, password: &[u8]) {
        if self.young.len() >= self.largest {
            self.old = std::mem::take(&mut self.young);
        }
        let life = u32::try_from(self.life.as_secs()).unwrap_or(u32::MAX);
        let entry = Entry { mac: self.mac(stamp, password), end: self.now.saturating_add(life) };
        self.young.insert(place(stamp), entry);
    }

    /// Looks at the clock, which is one that nobody can set. Call it once a second.
    pub fn tick(&mut self) {
        self.now = u32::try_from(self.started.elapsed().as_secs()).unwrap_or(u32::MAX);
    }

    fn mac(&self, stamp: Stamp, password: &[u8]) -> [u8; 16] {
        let hash = Blake2s256::new().chain_update(self.key.expose()).chain_update(stamp.as_bytes());
        let mac = hash.chain_update(password).finalize();
        mac[..16].try_into().expect("BLAKE2s has more than sixteen bytes")
    }
}

/// The start of the stamp. Two stamps that share it share a place, not a MAC.
fn place(stamp: Stamp) -> u64 {
    stamp.as_bytes().first_chunk().copied().map_or(0, u64::from_ne_bytes)
}

/// A hash of what is random already.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash << 8 | u64::from(*byte));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cache({} entries)", self.young.len() + self.old.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sasl_core::verifier::Verifiers;
    use sasldb::{name::Name, record::Record};

    fn stamp() -> Stamp {
        Record::new(Name::new(b"tim", b"r").unwrap(), Verifiers::default()).unwrap().stamp()
    }

    #[test]
    fn only_what_was_learnt_is_known() {
        let mut cache = Cache::new(4096, Duration::from_secs(60)).unwrap();
        let (one, other) = (stamp(), stamp());
        cache.learn(one, b"pencil");
        assert!(cache.knows(one, b"pencil"));
        assert!(!cache.knows(one, b"pencils") && !cache.knows(one, b"") && !cache.knows(other, b"pencil"));
        cache.learn(one, b"pen");
        assert!(cache.knows(one, b"pen") && !cache.knows(one, b"pencil"));
    }

    #[test]
    fn nothing_is_known_for_ever() {
        let mut cache = Cache::new(4096, Duration::ZERO).unwrap();
        let one = stamp();
        cache.learn(one, b"pencil");
        assert!(!cache.knows(one, b"pencil"));
    }

    #[test]
    fn it_keeps_its_bound_and_the_newest() {
        let mut cache = Cache::new(100 * ENTRY_BYTES, Duration::from_secs(60)).unwrap();
        let stamps: Vec<Stamp> = (0..1000).map(|_| stamp()).collect();
        for one in &stamps {
            cache.learn(*one, b"pencil");
            assert!(cache.young.len() + cache.old.len() <= 100);
        }
        assert!(stamps[950..].iter().all(|one| cache.knows(*one, b"pencil")));
        assert!(!stamps[..900].iter().any(|one| cache.knows(*one, b"pencil")));
    }

    #[test]
    fn two_caches_keep_different_macs_of_one_password() {
        let caches = [0; 2].map(|_| Cache::new(4096, Duration::from_secs(60)).unwrap());
        let one = stamp();
        assert_ne!(caches[0].mac(one, b"pencil"), caches[1].mac(one, b"pencil"));
    }
}
