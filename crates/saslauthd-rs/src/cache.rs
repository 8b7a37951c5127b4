//! Passwords that were right a moment ago.
//!
//! An entry is found by a MAC of who logs in with which password, under a key that lives and dies with this process: it
//! holds neither. It says which record the password was right for, by that one's stamp, which is new with every write of
//! a record, and as of which revision of the database the record was still that one. As long as the database has not
//! changed, nothing of it need be read; and whoever changes, disables or deletes a user need tell nobody.
//!
//! The MAC is BLAKE2s with the key in front: one block for most, where HMAC takes four. BLAKE2s cannot be extended
//! (RFC 7693), so that this is all it needs. Of the block, 44 bytes are for login, realm and password.

use crate::database::Revision;
use blake2::{Blake2s256, Digest};
use sasl_core::{failure::Failure, random, secret::Secret};
use sasldb::record::Stamp;
use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    time::{Duration, Instant},
};
use subtle::ConstantTimeEq;
use zeroize::zeroize_stack;

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

/// Who logged in with which password: its first half is where the entry is.
#[derive(Clone, Copy)]
pub struct Mac([u8; 16]);

/// A password that was right.
#[derive(Clone, Copy)]
pub struct Entry {
    /// The second half of the MAC.
    proof: [u8; 8],
    /// So much of the stamp as tells it from all others.
    stamp: [u8; 8],
    revision: Option<Revision>,
    /// When it ends, in seconds after the start.
    end: u32,
}

/// More of the stack than a MAC takes, in bytes.
const STACK: usize = 2048;

/// What a place of the table takes in memory, with the table's own byte.
const PLACE_BYTES: usize = 1 + size_of::<(u64, Entry)>();

impl Cache {
    /// A cache of at most `bytes`, whose entries are good for `life`.
    ///
    /// # Errors
    /// Where the system gives no randomness.
    pub fn new(bytes: usize, life: Duration) -> Result<Self, Failure> {
        let key = Secret::new(random::bytes::<16>()?);
        // As a table has it: a power of two of places, of which an eighth stays free.
        let places = 1 << (bytes / 2 / PLACE_BYTES).max(8).ilog2();
        let largest = places / 8 * 7;
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

    /// The MAC of whoever is told from others by these names, such as login and realm, with a password.
    #[must_use]
    pub fn mac(&self, who: &[&[u8]], password: &[u8]) -> Mac {
        let mac = mac(self.key.expose(), who, password);
        // BLAKE2s leaves copies of its block behind, with the password in it.
        zeroize_stack::<STACK>();
        mac
    }

    /// What is known of a password that was right not longer ago than an entry lives.
    pub fn find(&mut self, mac: Mac) -> Option<&mut Entry> {
        let entry = match self.young.get_mut(&mac.place()) {
            Some(entry) => Some(entry),
            None => self.old.get_mut(&mac.place()),
        };
        entry.filter(|entry| entry.end > self.now && bool::from(entry.proof.ct_eq(&mac.proof())))
    }

    /// Remembers that a password is right, for the record with that stamp where there is one.
    pub fn learn(&mut self, mac: Mac, stamp: Option<Stamp>) {
        if self.young.len() >= self.largest {
            // The room of the one that is forgotten is used again; the first time it is made whole, and not piece by piece.
            std::mem::swap(&mut self.young, &mut self.old);
            self.young.clear();
            self.young.reserve(self.largest);
        }
        let life = u32::try_from(self.life.as_secs()).unwrap_or(u32::MAX);
        let end = self.now.saturating_add(life);
        self.young
            .insert(mac.place(), Entry { proof: mac.proof(), stamp: stamp.map_or([0; 8], start), revision: None, end });
    }

    /// How many passwords it has, also of those that are too old.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.young.len() + self.old.len()
    }

    /// Looks at the clock, which is one that nobody can set. Call it once a second.
    pub fn tick(&mut self) {
        self.now = u32::try_from(self.started.elapsed().as_secs()).unwrap_or(u32::MAX);
    }
}

/// In a frame of its own, so that all of it lies where the stack is wiped.
#[inline(never)]
fn mac(key: &[u8], who: &[&[u8]], password: &[u8]) -> Mac {
    let mut hash = Blake2s256::new();
    hash.update(key);
    for part in who {
        hash.update(u16::try_from(part.len()).expect("names have less than 64 KiB").to_ne_bytes());
        hash.update(part);
    }
    hash.update(password);
    Mac(*hash.finalize_reset().first_chunk().expect("BLAKE2s has more than sixteen bytes"))
}

impl Entry {
    /// Whether it was still true as of that revision.
    #[must_use]
    pub fn is_of(&self, revision: Option<Revision>) -> bool {
        revision.is_some() && self.revision == revision
    }

    /// Whether it is still true of a user whose record has that stamp now, as of that revision.
    pub fn holds(&mut self, stamp: Option<Stamp>, revision: Option<Revision>) -> bool {
        let holds = stamp.is_some_and(|stamp| start(stamp) == self.stamp);
        self.revision = revision.filter(|_| holds);
        holds
    }
}

impl Mac {
    fn place(self) -> u64 {
        u64::from_ne_bytes(*self.0.first_chunk().expect("there are sixteen bytes"))
    }

    fn proof(self) -> [u8; 8] {
        *self.0.last_chunk().expect("there are sixteen bytes")
    }
}

fn start(stamp: Stamp) -> [u8; 8] {
    *stamp.as_bytes().first_chunk().expect("a stamp has sixteen bytes")
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
        write!(f, "Cache({} entries)", self.entries())
    }
}

impl std::fmt::Debug for Mac {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mac")
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

    fn cache(bytes: usize, life: u64) -> Cache {
        Cache::new(bytes, Duration::from_secs(life)).unwrap()
    }

    fn knows(cache: &mut Cache, login: &str, realm: &str, password: &str, stamp: Stamp) -> bool {
        let mac = cache.mac(&[login.as_bytes(), realm.as_bytes()], password.as_bytes());
        cache.find(mac).is_some_and(|entry| entry.holds(Some(stamp), None))
    }

    #[test]
    fn only_what_was_learnt_is_known() {
        let mut cache = cache(4096, 60);
        let (one, other) = (stamp(), stamp());
        cache.learn(cache.mac(&[b"tim", b"r"], b"pencil"), Some(one));
        assert!(knows(&mut cache, "tim", "r", "pencil", one));
        assert!(!knows(&mut cache, "tim", "r", "pencil", other));
        for (login, realm, password) in [
            ("tim", "r", "pencils"),
            ("tim", "r", ""),
            ("ti", "mr", "pencil"),
            ("tim", "", "rpencil"),
            ("bob", "r", "pencil"),
        ] {
            assert!(!knows(&mut cache, login, realm, password, one), "{login} {realm} {password}");
        }
    }

    #[test]
    fn an_entry_is_good_for_one_revision_and_then_for_one_stamp() {
        let mut cache = cache(4096, 60);
        let (one, other) = (stamp(), stamp());
        let mac = cache.mac(&[b"tim", b"r"], b"pencil");
        cache.learn(mac, Some(one));
        let [first, second] = [Some(Revision::FIRST), Some(Revision::FIRST.next())];
        let entry = cache.find(mac).unwrap();
        assert!(!entry.is_of(first) && !entry.is_of(None));
        assert!(entry.holds(Some(one), first) && entry.is_of(first) && !entry.is_of(second) && !entry.is_of(None));
        assert!(entry.holds(Some(one), None) && !entry.is_of(first) && !entry.is_of(None));
        assert!(!entry.holds(None, second) && !entry.holds(Some(other), second) && !entry.is_of(second));
    }

    #[test]
    fn nothing_is_known_for_ever() {
        let mut cache = cache(4096, 0);
        let one = stamp();
        cache.learn(cache.mac(&[b"tim", b"r"], b"pencil"), Some(one));
        assert!(!knows(&mut cache, "tim", "r", "pencil", one));
    }

    #[test]
    fn it_keeps_its_bound_and_the_newest() {
        let mut cache = cache(100 * PLACE_BYTES, 60);
        let users: Vec<String> = (0..1000).map(|number| format!("user{number}")).collect();
        let one = stamp();
        for user in &users {
            cache.learn(cache.mac(&[user.as_bytes(), b"r"], b"pencil"), Some(one));
            // Free ones included, that is at most eight sevenths of what fits.
            assert!(cache.young.capacity() + cache.old.capacity() <= 100 * 7 / 8);
        }
        assert!(users[972..].iter().all(|user| knows(&mut cache, user, "r", "pencil", one)));
        assert!(!users[..900].iter().any(|user| knows(&mut cache, user, "r", "pencil", one)));
    }

    #[test]
    fn the_default_bound_is_just_enough_for_so_many() {
        assert_eq!(cache(8960 * 1024, 60).largest, 114_688);
    }

    #[test]
    fn two_caches_keep_different_macs_of_one_password() {
        let macs = [0; 2].map(|_| cache(4096, 60).mac(&[b"tim", b"r"], b"pencil"));
        assert_ne!(macs[0].0, macs[1].0);
    }
}
