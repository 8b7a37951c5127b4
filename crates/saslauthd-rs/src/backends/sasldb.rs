//! Passwords whose verifiers are in a store of ours.

use crate::{
    cache::Cache,
    database::Database,
    metrics::Page,
    peer::{Client, has_gone},
    pool::Pool,
    queue::TOO_MANY,
};
use sasl_core::{
    identity::{Login, Realm},
    secret::Secret,
    verifier::{Scheme, Verifier, Verifiers},
};
use sasl_remote::attempt::{Answer, Attempt};
use sasl_wire::saslauthd::Request;
use sasldb::{
    error::Error,
    name::Name,
    record::{Record, Stamp, Status},
};
use std::{cell::RefCell, hint::black_box, sync::Arc};

/// So often is a password hashed for one request, whose record may be written anew meanwhile.
const ATTEMPTS: u32 = 2;

/// Why there is no verifier of somebody who is there.
const NOTHING_KEPT: &str = "nothing kept for this mechanism";

/// A name that nobody has.
const NOBODY: &[u8] = b"\x01";

/// A store, and the threads that hash for it.
#[derive(Debug)]
pub struct Sasldb {
    database: RefCell<Database>,
    pool: Pool,
    /// Where requests without a realm are looked up.
    realm: RefCell<Vec<u8>>,
    /// Somebody who is there, once that is known: user and realm.
    somebody: RefCell<Option<[Vec<u8>; 2]>>,
}

impl Sasldb {
    /// Checks against `database`, hashes in `pool`, and looks requests without a realm up in `realm`.
    #[must_use]
    pub fn new(database: Database, pool: Pool, realm: Vec<u8>) -> Self {
        Self { database: RefCell::new(database), pool, realm: RefCell::new(realm), somebody: RefCell::default() }
    }

    /// Whether the password is known to be right: it was so, and the record has not changed since.
    pub fn recalls(&self, cache: &mut Cache, request: &Request<'_>) -> bool {
        let own = self.realm.borrow();
        let realm = in_realm(request.realm, &own);
        let Some(entry) = cache.find(cache.mac(&[request.login, realm], request.password)) else { return false };
        let mut database = self.database.borrow_mut();
        if entry.is_of(database.revision()) {
            return true;
        }
        let seen = Name::new(request.login, realm).ok().and_then(|name| database.stamp(name).ok());
        seen.is_some_and(|(stamp, revision)| entry.holds(stamp, revision))
    }

    /// Where a request is looked up.
    #[must_use]
    pub fn realm(&self, realm: &[u8]) -> Vec<u8> {
        in_realm(realm, &self.realm.borrow()).to_vec()
    }

    /// Whether there is a record of the user; also where that cannot be told.
    pub fn may_know(&self, request: &Request<'_>) -> bool {
        let own = self.realm.borrow();
        let Ok(name) = Name::new(request.login, in_realm(request.realm, &own)) else { return false };
        self.database.borrow_mut().stamp(name).map_or(true, |(stamp, _)| stamp.is_some())
    }

    /// Checks a password, and remembers in `cache` that it was right.
    pub async fn check(&self, attempt: &Attempt, client: &Client, cache: Option<&RefCell<Cache>>) -> Answer {
        let realm = in_realm(&attempt.realm, &self.realm.borrow()).to_vec();
        let Ok(name) = Name::new(&attempt.login, &realm) else { return Answer::unknown("no possible name") };
        match self.verify(name, &attempt.password, client).await {
            Ok(stamp) => {
                if let Some(mut cache) = cache.map(RefCell::borrow_mut) {
                    let mac = cache.mac(&[&attempt.login, &realm], attempt.password.expose());
                    cache.learn(mac, Some(stamp));
                }
                Answer::accepted("password")
            }
            Err(answer) => answer,
        }
    }

    /// What is kept of the user for mechanisms that send no password.
    ///
    /// # Errors
    /// What they will come to who have none.
    pub fn verifier(&self, request: &Request<'_>, scheme: Scheme) -> Result<(Verifier, Stamp), Answer> {
        let realm = in_realm(request.realm, &self.realm.borrow()).to_vec();
        let name = Name::new(request.login, &realm).map_err(|_| Answer::unknown("no possible name"))?;
        let record = self.find(name).map_err(unavailable)?.ok_or(Answer::unknown("unknown user"))?;
        if record.status() != Status::Enabled {
            return Err(Answer::refused("disabled user"));
        }
        match record.verifiers().of(scheme) {
            // The keys would be derived from it on the thread that serves, once for each challenge.
            Some(Verifier::Plaintext(_)) if matches!(scheme, Scheme::Scram(_)) => Err(Answer::refused(NOTHING_KEPT)),
            Some(verifier) => Ok((verifier.clone(), record.stamp())),
            None => Err(Answer::refused(NOTHING_KEPT)),
        }
    }

    /// The record of a user. Somebody else is looked up besides, who is there where this one is not and the other way round: so that the
    /// time does not tell which.
    fn find(&self, name: Name<'_>) -> Result<Option<Record>, Error> {
        let (mut database, mut somebody) = (self.database.borrow_mut(), self.somebody.borrow_mut());
        let found = database.get(name)?;
        let nobody = Name::new(NOBODY, name.realm()).ok();
        let known = somebody.as_ref().and_then(|[user, realm]| Name::new(user, realm).ok());
        let other = if found.is_some() { nobody } else { known };
        let beside = black_box(other.map(|name| database.get(name)).transpose()?.flatten());
        if found.is_some() && somebody.is_none() {
            *somebody = Some([name.user().to_vec(), name.realm().to_vec()]);
        } else if found.is_none() && beside.is_none() {
            *somebody = None;
        }
        Ok(found)
    }

    /// Whether the record of the user is still the one of that stamp.
    pub fn is_as_it_was(&self, request: &Request<'_>, stamp: Stamp) -> bool {
        let realm = in_realm(request.realm, &self.realm.borrow()).to_vec();
        let Ok(name) = Name::new(request.login, &realm) else { return false };
        self.database.borrow_mut().stamp(name).is_ok_and(|(now, _)| now == Some(stamp))
    }

    /// Whether a user may come in; `None` where there is nobody of that name.
    ///
    /// # Errors
    /// Why that cannot be told.
    pub fn status(&self, login: &Login) -> Result<Option<Status>, Answer> {
        let realm = login.realm().map(Realm::as_bytes).unwrap_or_default();
        let Ok(name) = Name::new(login.user().as_bytes(), realm) else { return Ok(None) };
        let record = self.database.borrow_mut().get(name).map_err(unavailable)?;
        Ok(record.map(|record| record.status()))
    }

    /// From what those who are not there are challenged.
    ///
    /// # Errors
    /// Where there is no store, or it cannot be read.
    pub fn secret(&self) -> Result<Secret, Error> {
        self.database.borrow_mut().secret()
    }

    /// The stamp of the record that the password is right for. Where it was written anew while the password was hashed,
    /// that goes for the new one.
    async fn verify(&self, name: Name<'_>, password: &Secret, client: &Client) -> Result<Stamp, Answer> {
        for _ in 0..ATTEMPTS {
            let stamp = self.verify_once(name, password, client).await?;
            if self.database.borrow_mut().stamp(name).map_err(unavailable)?.0 == Some(stamp) {
                return Ok(stamp);
            }
        }
        Err(Answer::refused("changed meanwhile"))
    }

    /// Whoever is not there, or not enabled, is checked against nothing, which costs as much.
    async fn verify_once(&self, name: Name<'_>, password: &Secret, client: &Client) -> Result<Stamp, Answer> {
        let record = self.database.borrow_mut().get(name).map_err(unavailable)?;
        let (verifiers, known) = match record {
            Some(record) if record.status() == Status::Enabled => (record.verifiers().clone(), Ok(record.stamp())),
            Some(_) => (Verifiers::default(), Err(Answer::refused("disabled user"))),
            None => (Verifiers::default(), Err(Answer::unknown("unknown user"))),
        };
        let queued = self.pool.check(verifiers, password.clone(), Arc::clone(&client.stream));
        let fits = queued.map_err(|_| Answer::unavailable(TOO_MANY))?.await;
        match (fits, known) {
            (Err(_), _) if has_gone(&client.stream) => Err(Answer::unavailable("client gone")),
            (Err(_), _) => Err(Answer::unavailable(TOO_MANY)),
            (Ok(false), Ok(_)) => Err(Answer::refused("wrong password")),
            (Ok(_), known) => known,
        }
    }

    /// Puts on a page who waits, and how often there was trouble.
    pub fn measure(&self, page: &mut Page) {
        self.pool.measure(page, "sasldb");
        self.database.borrow().measure(page);
    }

    /// What is to be done once a second.
    pub fn tick(&self) {
        self.database.borrow_mut().refresh();
    }

    /// Opens the store anew. Where a realm is given, requests without one are looked up there from now on.
    ///
    /// # Errors
    /// Where there is no store, or it cannot be opened.
    pub fn reopen(&self, realm: Option<Vec<u8>>) -> Result<(), Error> {
        if let Some(realm) = realm {
            self.realm.replace(realm);
        }
        self.database.borrow_mut().reopen()
    }
}

fn in_realm<'a>(realm: &'a [u8], own: &'a [u8]) -> &'a [u8] {
    if realm.is_empty() { own } else { realm }
}

#[expect(clippy::needless_pass_by_value, reason = "made by map_err")]
fn unavailable(error: Error) -> Answer {
    Answer::unavailable(format!("database unavailable: {error}"))
}
