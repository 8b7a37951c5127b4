//! Whether a password is the user's.

use crate::{
    backends::{Backend, sasldb::Sasldb},
    cache::{Cache, Mac},
    log::Level,
    peer::Client,
};
use sasl_remote::attempt::{Answer, Attempt, Verdict};
use sasl_wire::saslauthd::Request;
use std::{borrow::Cow, cell::RefCell};

const CACHED: &str = "password, cached";

/// What a check ends in, for the client by the verdict alone and for the log with the rest.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "made in several places")]
pub struct Outcome {
    /// Whether the client hears `OK`.
    pub accepted: bool,
    /// By which back end.
    pub mechanism: &'static str,
    /// Why, in the words of the log.
    pub reason: Cow<'static, str>,
    /// How the log should take it: an error is ours, not the client's.
    pub level: Level,
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

/// Which passwords are remembered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by nature")]
pub enum Remember {
    /// Those in a store of ours: a change there counts at once.
    OurOwn,
    /// Those of others too, who do not tell when one is changed: `-c`.
    All,
}

/// Checks passwords, by one back end or by several.
#[derive(Debug)]
pub struct Checker {
    backends: Vec<Backend>,
    cache: Option<RefCell<Cache>>,
    remember: Remember,
    combine: Combine,
}

impl Checker {
    /// Asks `backends` in their order: the first that knows a user decides.
    #[must_use]
    pub fn new(backends: Vec<Backend>, cache: Option<Cache>, remember: Remember, combine: Combine) -> Self {
        Self { backends, cache: cache.map(RefCell::new), remember, combine }
    }

    /// The login that a request is about.
    #[must_use]
    pub fn login<'a>(&self, request: &Request<'a>) -> Cow<'a, [u8]> {
        match self.combine {
            Combine::LoginAndRealm if !request.realm.is_empty() => [request.login, b"@", request.realm].concat().into(),
            Combine::LoginAndRealm | Combine::No => request.login.into(),
        }
    }

    /// What is known of a request without more than a look: above all, that its password was right a moment ago.
    pub fn recall(&self, request: &Request<'_>) -> Option<Outcome> {
        let mut cache = self.cache.as_ref()?.borrow_mut();
        let sasldb = self.sasldb();
        if sasldb.is_some_and(|sasldb| sasldb.recalls(&mut cache, request)) {
            return Some(Outcome::new("sasldb", Answer::accepted(CACHED)));
        }
        if self.remember == Remember::OurOwn {
            return None;
        }
        let mac = of_others(&cache, [request.login, request.service, request.realm], request.password);
        cache.find(mac)?;
        // Whoever has come into our store meanwhile is that one's to judge.
        let ours = sasldb.is_some_and(|sasldb| sasldb.may_know(request));
        (!ours).then(|| Outcome::new(self.other(), Answer::accepted(CACHED)))
    }

    /// Asks one back end after the other, until one knows the user.
    pub async fn check(&self, attempt: &Attempt, client: &Client) -> Outcome {
        let mut outcome = Outcome::new("none", Answer::unknown("unknown user"));
        for backend in &self.backends {
            let answer = backend.check(attempt, client, self.cache.as_ref()).await;
            let decides = answer.verdict != Verdict::Unknown;
            outcome = Outcome::new(backend.name(), answer);
            if decides {
                self.remember(backend, attempt, &outcome);
                break;
            }
        }
        outcome
    }

    /// What is to be done once a second.
    pub fn tick(&self) {
        self.backends.iter().for_each(Backend::tick);
        if let Some(cache) = &self.cache {
            cache.borrow_mut().tick();
        }
    }

    /// Sentences for the log on names of servers that cannot be found now. They may be later.
    pub async fn unresolved(&self) -> Vec<String> {
        let mut all = Vec::new();
        for backend in &self.backends {
            if let Backend::Remote(remote) = backend {
                all.extend(remote.unresolved().await);
            }
        }
        all
    }

    /// The back end that is a store of ours, if one is.
    #[must_use]
    pub fn sasldb(&self) -> Option<&Sasldb> {
        self.backends.iter().find_map(|backend| match backend {
            Backend::Sasldb(sasldb) => Some(sasldb),
            _ => None,
        })
    }

    /// By whom, as far as that can be told, what others said was remembered.
    fn other(&self) -> &'static str {
        let mut others = self.backends.iter().map(Backend::name).filter(|name| *name != "sasldb");
        others.next().filter(|_| others.next().is_none()).unwrap_or("cache")
    }

    /// A store of ours does so by itself.
    fn remember(&self, backend: &Backend, attempt: &Attempt, outcome: &Outcome) {
        let wanted = outcome.accepted && self.remember == Remember::All && !matches!(backend, Backend::Sasldb(_));
        if let Some(cache) = self.cache.as_ref().filter(|_| wanted) {
            let mut cache = cache.borrow_mut();
            let mac = of_others(&cache, [&attempt.login, &attempt.service, &attempt.realm], attempt.password.expose());
            cache.learn(mac, None);
        }
    }
}

/// Of what others checked, the service counts as well. In a store of ours nobody has an empty name.
fn of_others(cache: &Cache, [login, service, realm]: [&[u8]; 3], password: &[u8]) -> Mac {
    cache.mac(&[b"", login, service, realm], password)
}

impl Outcome {
    /// What a back end's answer comes to.
    #[must_use]
    pub fn new(mechanism: &'static str, Answer { verdict, reason }: Answer) -> Self {
        let level = if verdict == Verdict::Unavailable { Level::Error } else { Level::Info };
        Self { accepted: verdict == Verdict::Accepted, mechanism, reason, level }
    }
}
