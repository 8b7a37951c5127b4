//! Who has sent wrong passwords lately, and how long the next one has to wait. No I/O and no clock: the time is handed in.
//!
//! A failure is a debt of some seconds, which time pays back. It is kept for whoever may be guessing and whoever may be guessed:
//! under a hash with a key of this process's own, so that no name is kept. What is free of charge is not waited for; after that
//! each attempt waits longer, before it is looked at, so that right and wrong passwords wait alike.

use crate::peer::host_of;
use std::{
    borrow::Cow,
    collections::{HashMap, hash_map::Entry},
    fmt,
    hash::{BuildHasher, RandomState},
    net::{IpAddr, Ipv6Addr},
    ops::Range,
    time::{Duration, Instant},
};

/// How much is let pass.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "what flags and configuration say")]
pub struct Rules {
    /// So many failures before anybody waits.
    pub free: u32,
    /// The longest that an attempt waits for failures of the same client.
    pub longest: Duration,
    /// The longest that it waits for those of others. It is never refused for them.
    pub elsewhere: Duration,
    /// After so long, a failure is forgiven.
    pub forgiven: Duration,
}

/// Whose password is tried, and from where.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "made by whoever asks")]
pub struct Who<'a> {
    /// Login and realm, as they are looked up.
    pub name: [Cow<'a, [u8]>; 2],
    /// `address;port` of the peer's own client, where it says so.
    pub client: Option<&'a [u8]>,
}

/// What is kept of them: hashes.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Keys {
    user: u64,
    /// The peer's client and the user; the peer and the user where it names no client.
    own: u64,
    client: Option<u64>,
    peer: u64,
}

/// Whether an attempt may be looked at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by nature")]
pub enum Answer {
    /// Now.
    Now,
    /// After so long.
    Later(Duration),
    /// After so long, and [`TURN`] after the one before it: nobody can tell whether it is the guesser's.
    InTurn(Duration),
    /// When one that is being looked at has ended: before that, nobody knows how many of them fail. There is no wrong password that this
    /// would be the price of, so nobody is refused for it here.
    Next,
    /// Not at all: too many wait already.
    Never,
}

/// Failures, and attempts that have begun.
pub struct Throttle {
    rules: Rules,
    hasher: RandomState,
    debts: Debts,
    /// So many attempts have begun, by user and by own key.
    begun: HashMap<u64, u32>,
    /// So many wait for their time or their turn, by peer and by own key.
    waiting: HashMap<u64, u32>,
    started: Instant,
}

/// Until when each key is in debt, in milliseconds after the start. A set of places is small enough to be looked through, and which
/// set a key is in depends on a secret. In a full set the least debt makes room: to push out one of n failures takes a greater one in
/// all other places of its set, and so some n failures for each place of the table.
struct Debts {
    /// A key, and until when. Memory that was never written to costs nothing.
    places: Vec<[u64; 2]>,
    /// The end of the last.
    last: u64,
}

const PLACES: usize = 64 * 1024;
const SET: usize = 8;

/// How long the first one waits that is not free; each after it twice as long.
const FIRST: Duration = Duration::from_secs(1);

/// So many attempts that wait for the failures of the same client may have begun.
const MOST_BEGUN: u32 = 4;

/// Attempts of which nobody can tell whose they are, since no client is named: they are not refused for their failures, wait no longer than
/// that for them, and then are looked at one by one, in the order in which they came.
const LONGEST_OF_ALL: Duration = Duration::from_secs(5);

/// So far apart.
pub const TURN: Duration = Duration::from_millis(500);

/// So many of one peer may wait for their time or their turn.
const MOST_WAITING: u32 = 512;

/// An own key may have that part of the places that are left to its peer: 47 where it is the only one, and they have their turns within
/// 24 s. However many are guessed at, another finds a place.
const SHARE: u32 = 10;

/// Behind one address there may be many people: it has so many times as many failures free, and is forgiven as much faster.
const PEOPLE_AT_AN_ADDRESS: u64 = 8;

impl Default for Rules {
    /// Twenty failures are more than a person makes, and one each 30 s after that are 2,880 guesses a day.
    fn default() -> Self {
        let [longest, forgiven] = [Duration::from_secs(30); 2];
        Self { free: 20, longest, elsewhere: Duration::from_secs(1), forgiven }
    }
}

impl Throttle {
    /// Nobody has failed yet.
    #[must_use]
    pub fn new(rules: Rules, now: Instant) -> Self {
        let debts = Debts { places: vec![[0; 2]; PLACES], last: 0 };
        let (begun, waiting) = (HashMap::new(), HashMap::new());
        Self { rules, hasher: RandomState::new(), debts, begun, waiting, started: now }
    }

    /// Goes by other rules from now on. What is known stays.
    pub fn set_rules(&mut self, rules: Rules) {
        self.rules = rules;
    }

    /// What `who` is kept under, where the user `uid` of this host asks.
    #[must_use]
    pub fn keys(&self, who: &Who<'_>, uid: u32) -> Keys {
        let own = ("own", &who.name, uid, who.client.and_then(network));
        Keys {
            user: self.user(who),
            own: self.hasher.hash_one(own),
            client: self.client(who),
            peer: self.hasher.hash_one(("peer", uid)),
        }
    }

    /// Whether there is anything about `who`, whichever peer asks. Where there is not, it may be looked at now.
    #[must_use]
    pub fn knows(&self, who: &Who<'_>, now: Instant) -> bool {
        let (now, user) = (self.millis(now), self.user(who));
        let in_debt = |key| self.debts.until(key) > now;
        self.begun.contains_key(&user) || in_debt(user) || self.client(who).is_some_and(in_debt)
    }

    /// Whether there is anything about anybody.
    #[must_use]
    pub fn is_empty(&self, now: Instant) -> bool {
        self.begun.is_empty() && self.debts.last <= self.millis(now)
    }

    /// Whether an attempt may be looked at.
    #[must_use]
    pub fn ask(&self, keys: &Keys, now: Instant) -> Answer {
        let (failures, begun) = (self.failures(keys.own, now), count(&self.begun, keys.own));
        let delay = |beyond: u32| self.delay(beyond.saturating_add(begun));
        let own = match failures.checked_sub(self.rules.free) {
            Some(beyond) if keys.client.is_none() => delay(beyond).min(LONGEST_OF_ALL),
            Some(_) if begun >= MOST_BEGUN => return Answer::Never,
            Some(beyond) => delay(beyond),
            None => Duration::ZERO,
        };
        let may_be_too_many = own.is_zero() && failures.saturating_add(begun) >= self.rules.free;
        let wait = own.max(self.delay_for_others(keys, now));
        match (may_be_too_many, wait.is_zero()) {
            (false, true) => Answer::Now,
            (true, _) => Answer::Next,
            _ if !self.has_room(keys) => Answer::Never,
            (false, false) if keys.client.is_none() && !own.is_zero() => Answer::InTurn(wait),
            (false, false) => Answer::Later(wait),
        }
    }

    /// An attempt is looked at, or will be after [`Answer::Later`] or [`Answer::InTurn`].
    pub fn begin(&mut self, keys: &Keys) {
        [keys.user, keys.own].into_iter().for_each(|key| *self.begun.entry(key).or_default() += 1);
    }

    /// It is over, however it ended.
    pub fn end(&mut self, keys: &Keys) {
        [keys.user, keys.own].into_iter().for_each(|key| release(&mut self.begun, key));
    }

    /// An attempt waits, for [`Answer::Later`] or [`Answer::InTurn`].
    pub fn wait(&mut self, keys: &Keys) {
        [keys.peer, keys.own].into_iter().for_each(|key| *self.waiting.entry(key).or_default() += 1);
    }

    /// It waits no more.
    pub fn stop_waiting(&mut self, keys: &Keys) {
        [keys.peer, keys.own].into_iter().for_each(|key| release(&mut self.waiting, key));
    }

    /// The password was wrong, or there is no such user.
    pub fn failed(&mut self, keys: &Keys, now: Instant) {
        let (now, one) = (self.millis(now), self.forgiven());
        let most = now.saturating_add(u64::from(self.most_failures()) * one);
        self.debts.add(keys.user, one, now..most);
        self.debts.add(keys.own, one, now..most);
        if let Some(client) = keys.client {
            self.debts.add(client, one.div_ceil(PEOPLE_AT_AN_ADDRESS), now..most);
        }
    }

    /// The password was right: its owner need not wait for their own mistakes. What others did is not forgotten, nor what may have been
    /// others: where no client is named, each login of the owner would give the guesser as many guesses again.
    pub fn succeeded(&mut self, keys: &Keys) {
        if keys.client.is_some() {
            self.debts.clear(keys.own);
        }
    }

    fn user(&self, who: &Who<'_>) -> u64 {
        self.hasher.hash_one(("user", &who.name))
    }

    fn client(&self, who: &Who<'_>) -> Option<u64> {
        who.client.and_then(network).map(|network| self.hasher.hash_one(("client", network)))
    }

    fn has_room(&self, keys: &Keys) -> bool {
        let left = MOST_WAITING.saturating_sub(count(&self.waiting, keys.peer));
        count(&self.waiting, keys.own) < left.div_ceil(SHARE)
    }

    fn delay_for_others(&self, keys: &Keys, now: Instant) -> Duration {
        let most = [Some(keys.user), keys.client].into_iter().flatten().map(|key| self.failures(key, now)).max();
        let beyond = most.and_then(|failures| failures.checked_sub(self.rules.free));
        beyond.map_or(Duration::ZERO, |beyond| self.delay(beyond).min(self.rules.elsewhere))
    }

    /// How many are not forgiven; a part of one counts as one.
    fn failures(&self, key: u64, now: Instant) -> u32 {
        let debt = self.debts.until(key).saturating_sub(self.millis(now));
        u32::try_from(debt.div_ceil(self.forgiven())).unwrap_or(u32::MAX)
    }

    /// The wait of the one that comes so many after the first that waits.
    fn delay(&self, beyond: u32) -> Duration {
        FIRST.saturating_mul(1_u32.checked_shl(beyond).unwrap_or(u32::MAX)).min(self.rules.longest)
    }

    /// More are not kept: the wait is as long as it gets.
    fn most_failures(&self) -> u32 {
        let doublings = (0..u32::BITS).find(|beyond| self.delay(*beyond) >= self.rules.longest);
        self.rules.free.saturating_add(1 + doublings.unwrap_or(u32::BITS))
    }

    /// In milliseconds.
    fn forgiven(&self) -> u64 {
        u64::try_from(self.rules.forgiven.as_millis()).unwrap_or(u64::MAX).clamp(1, u64::from(u32::MAX))
    }

    fn millis(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.started).as_millis()).unwrap_or(u64::MAX)
    }
}

impl Debts {
    fn until(&self, key: u64) -> u64 {
        let place = self.places[Self::set(key)].iter().find(|[there, _]| *there == key);
        place.map_or(0, |[_, until]| *until)
    }

    /// Adds so much, from now and to the end of that time at most.
    fn add(&mut self, key: u64, debt: u64, time: Range<u64>) {
        let set = &mut self.places[Self::set(key)];
        let place = match set.iter().position(|[there, _]| *there == key) {
            Some(known) => known,
            None => (0..SET).min_by_key(|place| set[*place][1]).unwrap_or_default(),
        };
        let before = if set[place][0] == key { set[place][1].max(time.start) } else { time.start };
        set[place] = [key, (before + debt).min(time.end)];
        self.last = self.last.max(set[place][1]);
    }

    fn clear(&mut self, key: u64) {
        self.places[Self::set(key)].iter_mut().filter(|[there, _]| *there == key).for_each(|[_, until]| *until = 0);
    }

    fn set(key: u64) -> Range<usize> {
        let first = usize::try_from(key % PLACES as u64).unwrap_or_default() / SET * SET;
        first..first + SET
    }
}

/// Of a client's address as much as one household has: the first 64 bits of an IPv6 address. `None` where it has none.
fn network(client: &[u8]) -> Option<(Option<IpAddr>, &[u8])> {
    let host = Some(host_of(client)).filter(|host| !host.is_empty())?;
    let address = str::from_utf8(host).ok().and_then(|host| host.parse::<IpAddr>().ok());
    Some(match address.map(|address| address.to_canonical()) {
        Some(IpAddr::V6(address)) => (Some(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()), b""),
        Some(address) => (Some(address), b""),
        None => (None, host),
    })
}

fn count(counts: &HashMap<u64, u32>, key: u64) -> u32 {
    counts.get(&key).copied().unwrap_or_default()
}

fn release(counts: &mut HashMap<u64, u32>, key: u64) {
    if let Entry::Occupied(mut entry) = counts.entry(key) {
        *entry.get_mut() -= 1;
        if *entry.get() == 0 {
            entry.remove();
        }
    }
}

impl fmt::Debug for Throttle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Throttle({} begun)", self.begun.len())
    }
}

#[cfg(test)]
mod tests;
