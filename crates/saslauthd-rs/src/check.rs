//! Whether a password is the user's.

use crate::{
    cache::{Cache, Mac},
    database::Database,
    log::Level,
    pool::Pool,
};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use sasl_core::{secret::Secret, verifier::Verifiers};
use sasl_wire::saslauthd::Request;
use sasldb::{
    name::Name,
    record::{Stamp, Status},
};
use std::{borrow::Cow, os::unix::net::UnixStream, sync::Arc};
use tokio::sync::oneshot;

/// What a check ends in, for the client by the verdict alone and for the log with the rest.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "made in several places")]
pub struct Outcome {
    /// Whether the client hears `OK`.
    pub accepted: bool,
    /// Why, in the words of the log.
    pub reason: &'static str,
    /// How the log should take it: an error is ours, not the client's.
    pub level: Level,
}

/// Known now, or once the password has been hashed.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "complete by nature")]
pub enum Check {
    /// Known now.
    Done(Outcome),
    /// To be awaited; then [`Checker::finish`] has the outcome.
    Pending(Pending),
}

/// A check that a thread of the pool is at.
#[derive(Debug)]
pub struct Pending {
    answer: oneshot::Receiver<bool>,
    /// Nobody, where the answer cannot be yes.
    user: Option<User>,
    failure: &'static str,
}

/// Whom a check is about, and what is to be remembered.
#[derive(Debug)]
struct User {
    login: Vec<u8>,
    realm: Vec<u8>,
    password: Secret,
    stamp: Stamp,
    mac: Option<Mac>,
    attempt: Attempt,
}

/// How often a password is hashed for one request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Attempt {
    First,
    /// The record was written anew meanwhile.
    Second,
}

/// Whether a request's login is combined with its realm: `-r`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by nature")]
pub enum Combine {
    /// The login is looked up as it came.
    No,
    /// Where there is a realm, `login@realm` is looked up.
    LoginAndRealm,
}

/// Checks passwords against the database.
#[derive(Debug)]
pub struct Checker {
    /// The users.
    pub database: Database,
    cache: Option<Cache>,
    pool: Pool,
    combine: Combine,
    /// Where requests without a realm are looked up.
    pub realm: Vec<u8>,
}

impl Outcome {
    const ACCEPTED: Self = Self { accepted: true, reason: "password", level: Level::Info };
    const CACHED: Self = Self { accepted: true, reason: "password, cached", level: Level::Info };

    /// The client's fault.
    #[must_use]
    pub const fn refused(reason: &'static str) -> Self {
        Self { accepted: false, reason, level: Level::Info }
    }

    /// Our fault.
    #[must_use]
    pub const fn deferred(reason: &'static str) -> Self {
        Self { accepted: false, reason, level: Level::Error }
    }
}

impl Checker {
    /// Checks against `database`; remembers in `cache`, if there is one; hashes in `pool`.
    #[must_use]
    pub fn new(database: Database, cache: Option<Cache>, pool: Pool, combine: Combine, realm: Vec<u8>) -> Self {
        Self { database, cache, pool, combine, realm }
    }

    /// What is known of a request without more than a look: above all, that its password was right a moment ago.
    pub fn recall(&mut self, request: &Request<'_>) -> Option<Outcome> {
        let login = login(request, self.combine);
        let realm = realm(request, &self.realm);
        let cache = self.cache.as_mut()?;
        let entry = cache.find(cache.mac(&login, realm, request.password))?;
        if !entry.is_of(self.database.revision()) {
            let (stamp, revision) = self.database.stamp(Name::new(&login, realm).ok()?).ok()?;
            if !entry.holds(stamp, revision) {
                return None;
            }
        }
        Some(Outcome::CACHED)
    }

    /// Begins to check a request that nothing is known of. A check that takes time is one for `client`.
    pub fn check(&mut self, request: &Request<'_>, client: &Arc<UnixStream>) -> Check {
        self.try_check(request, client).unwrap_or_else(Check::Done)
    }

    fn try_check(&mut self, request: &Request<'_>, client: &Arc<UnixStream>) -> Result<Check, Outcome> {
        let login = login(request, self.combine);
        let realm = realm(request, &self.realm).to_vec();
        self.begin((&login, &realm), request.password, client, Attempt::First)
    }

    fn begin(
        &mut self,
        (login, realm): (&[u8], &[u8]),
        password: &[u8],
        client: &Arc<UnixStream>,
        attempt: Attempt,
    ) -> Result<Check, Outcome> {
        let name = Name::new(login, realm).map_err(|_| Outcome::refused("no possible name"))?;
        let record = self.database.get(name).map_err(|_| Outcome::deferred("database unavailable"))?;
        // Whoever is not there, or not enabled, is checked against nothing, which costs as much.
        let (verifiers, stamp, failure) = match record {
            Some(record) if record.status() == Status::Enabled => {
                (record.verifiers().clone(), Some(record.stamp()), "wrong password")
            }
            Some(_) => (Verifiers::default(), None, "disabled user"),
            None => (Verifiers::default(), None, "unknown user"),
        };
        let mac = self.cache.as_ref().map(|cache| cache.mac(login, realm, password));
        let uid = getsockopt(&**client, PeerCredentials).map_or(u32::MAX, |peer| peer.uid());
        let password = Secret::new(password);
        let queued = self.pool.check(verifiers, password.clone(), Arc::clone(client), uid);
        let answer = queued.map_err(|_| Outcome::deferred("too many checks"))?;
        let [login, realm] = [login, realm].map(<[u8]>::to_vec);
        let user = stamp.map(|stamp| User { login, realm, password, stamp, mac, attempt });
        Ok(Check::Pending(Pending { answer, user, failure }))
    }

    /// What is to be done once a second.
    pub fn tick(&mut self) {
        self.database.refresh();
        if let Some(cache) = &mut self.cache {
            cache.tick();
        }
    }

    /// Remembers a password that was right, and gives the outcome. Where the record was written anew while the password
    /// was hashed, that goes for the new one.
    pub fn finish(&mut self, pending: &Pending, fits: Option<bool>, client: &Arc<UnixStream>) -> Check {
        match (fits, &pending.user) {
            (Some(true), Some(user)) => self.accept(user, client).unwrap_or_else(Check::Done),
            (Some(_), _) => Check::Done(Outcome::refused(pending.failure)),
            (None, _) => Check::Done(Outcome::deferred("check abandoned")),
        }
    }

    fn accept(&mut self, user: &User, client: &Arc<UnixStream>) -> Result<Check, Outcome> {
        let name = Name::new(&user.login, &user.realm).map_err(|_| Outcome::refused("no possible name"))?;
        let (stamp, _) = self.database.stamp(name).map_err(|_| Outcome::deferred("database unavailable"))?;
        if stamp != Some(user.stamp) {
            return match user.attempt {
                Attempt::First => {
                    self.begin((&user.login, &user.realm), user.password.expose(), client, Attempt::Second)
                }
                Attempt::Second => Err(Outcome::refused("changed meanwhile")),
            };
        }
        if let (Some(cache), Some(mac)) = (&mut self.cache, user.mac) {
            cache.learn(mac, user.stamp);
        }
        Ok(Check::Done(Outcome::ACCEPTED))
    }
}

impl Pending {
    /// Waits for the thread. `None` where there is no answer to come.
    pub async fn answer(&mut self) -> Option<bool> {
        (&mut self.answer).await.ok()
    }
}

fn realm<'a>(request: &Request<'a>, default_realm: &'a [u8]) -> &'a [u8] {
    if request.realm.is_empty() { default_realm } else { request.realm }
}

fn login<'a>(request: &Request<'a>, combine: Combine) -> Cow<'a, [u8]> {
    match combine {
        Combine::LoginAndRealm if !request.realm.is_empty() => [request.login, b"@", request.realm].concat().into(),
        Combine::LoginAndRealm | Combine::No => request.login.into(),
    }
}
