//! What a server remembers of DIGEST-MD5 exchanges, so that a client may come back with one message (RFC 2831 section 2.2).

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// The nonces that were used and may be used again, each by its user and once for every count. Share one among the servers
/// of a process.
///
/// An attempt with a remembered nonce takes it away, and a right one puts it back: whoever overhears a nonce can make its
/// user authenticate in full, and nothing more.
pub struct Reauth {
    lifetime: Duration,
    capacity: usize,
    clock: Box<dyn Fn() -> Duration + Send + Sync>,
    table: Mutex<Table>,
}

/// The last use of a nonce.
pub(crate) struct Use {
    /// Both as the client spelled them.
    pub(crate) username: Box<[u8]>,
    pub(crate) realm: Box<[u8]>,
    pub(crate) nc: u32,
    /// When it was first used, by the clock of the table; `None` where that is now.
    pub(crate) since: Option<Duration>,
}

/// Entries by nonce, and nonces by age.
#[derive(Default)]
struct Table {
    uses: HashMap<Box<[u8]>, (u64, Use)>,
    ages: BTreeMap<u64, Box<[u8]>>,
    next: u64,
}

impl Reauth {
    /// Remembers up to `capacity` nonces, the oldest of which make way, each for `lifetime` from its first use (libsasl2's
    /// `reauth_timeout`). `clock` gives the time since any fixed moment, and must not go back: `Instant::elapsed`.
    #[must_use]
    pub fn new(capacity: usize, lifetime: Duration, clock: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self { lifetime, capacity, clock: Box::new(clock), table: Mutex::default() }
    }

    pub(crate) fn remember(&self, nonce: &[u8], last: Use) {
        let since = last.since.unwrap_or_else(&self.clock);
        let mut table = self.table();
        table.take(nonce);
        table.put(nonce, Use { since: Some(since), ..last });
        while table.uses.len() > self.capacity {
            table.take_oldest();
        }
    }

    /// The last use of a nonce, which is forgotten with that.
    pub(crate) fn take(&self, nonce: &[u8]) -> Option<Use> {
        let last = self.table().take(nonce)?;
        let age = (self.clock)().saturating_sub(last.since.unwrap_or_default());
        Some(last).filter(|_| age <= self.lifetime)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn put(&mut self, nonce: &[u8], last: Use) {
        self.uses.insert(nonce.into(), (self.next, last));
        self.ages.insert(self.next, nonce.into());
        self.next += 1;
    }

    fn take(&mut self, nonce: &[u8]) -> Option<Use> {
        let (age, last) = self.uses.remove(nonce)?;
        self.ages.remove(&age);
        Some(last)
    }

    fn take_oldest(&mut self) {
        if let Some((_, nonce)) = self.ages.pop_first() {
            self.uses.remove(&nonce);
        }
    }
}

impl fmt::Debug for Reauth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reauth({} of {} nonces)", self.table().uses.len(), self.capacity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    };

    fn at(nc: u32) -> Use {
        Use { username: b"tim"[..].into(), realm: b"r"[..].into(), nc, since: None }
    }

    #[test]
    fn a_nonce_is_taken_once_and_the_oldest_make_way() {
        let reauth = Reauth::new(2, Duration::MAX, || Duration::ZERO);
        for nonce in ["a", "b", "a", "c"] {
            reauth.remember(nonce.as_bytes(), at(1));
        }
        assert!(reauth.take(b"b").is_none());
        assert!(reauth.take(b"a").is_some() && reauth.take(b"a").is_none());
        assert!(reauth.take(b"c").is_some());
        assert_eq!(format!("{reauth:?}"), "Reauth(0 of 2 nonces)");
    }

    #[test]
    fn a_nonce_ages_from_its_first_use() {
        let now = Arc::new(AtomicU64::new(5));
        let clock = Arc::clone(&now);
        let seconds = move || Duration::from_secs(clock.load(Ordering::Relaxed));
        let reauth = Reauth::new(9, Duration::from_secs(10), seconds);
        reauth.remember(b"n", at(1));
        now.store(15, Ordering::Relaxed);
        let last = reauth.take(b"n").unwrap();
        reauth.remember(b"n", Use { nc: 2, ..last });
        now.store(16, Ordering::Relaxed);
        assert!(reauth.take(b"n").is_none());
    }
}
