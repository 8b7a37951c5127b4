//! Whether a password is the user's.

use crate::{
    backends::{Backend, sasldb::Sasldb},
    cache::{Cache, Mac},
    helper::backend::Kind,
    metrics::{Count, Family, Histogram, Page},
    outcome::Outcome,
    peer::{Client, host_of},
    throttle::Who,
};
use sasl_remote::attempt::{Answer, Attempt, Verdict};
use sasl_wire::saslauthd::Request;
use std::{
    borrow::Cow,
    cell::RefCell,
    rc::Rc,
    time::{Duration, Instant},
};
use unicode_normalization::UnicodeNormalization;

const CACHED: &str = "password, cached";

/// What a back end that was asked has said.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "made here, shown elsewhere")]
pub struct Said<'a> {
    /// Which one.
    pub backend: &'static str,
    /// The answer.
    pub answer: &'a Answer,
    /// How long it took.
    pub took: Duration,
    /// Whether no other is asked.
    pub decides: bool,
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
    /// How long each back end took, each time.
    times: Vec<Histogram>,
    hits: Count,
    misses: Count,
}

const TIMES: Family = Family::histogram(
    "saslauthd_check_duration_seconds",
    "How long a back end took for a check, with the wait for its turn; what was remembered is not among it.",
);
const LOOKUPS: Family = Family::counter(
    "saslauthd_cache_lookups_total",
    "Whether a password was remembered: a hit, or a miss; none where nothing is remembered.",
);
const ENTRIES: Family =
    Family::gauge("saslauthd_cache_entries", "Passwords that are remembered, some of them too long.");

impl Checker {
    /// Asks `backends` in their order: the first that knows a user decides.
    #[must_use]
    pub fn new(backends: Vec<Backend>, cache: Option<Cache>, remember: Remember, combine: Combine) -> Self {
        let times = backends.iter().map(|_| Histogram::default()).collect();
        let (hits, misses) = Default::default();
        Self { backends, cache: cache.map(RefCell::new), remember, combine, times, hits, misses }
    }

    /// The login that a request is about.
    #[must_use]
    pub fn login<'a>(&self, request: &Request<'a>) -> Cow<'a, [u8]> {
        match self.combine {
            Combine::LoginAndRealm if !request.realm.is_empty() => [request.login, b"@", request.realm].concat().into(),
            Combine::LoginAndRealm | Combine::No => request.login.into(),
        }
    }

    /// Whose password is tried. Back ends other than a store of ours do not all look at the realm, at how a name is spelt or behind an
    /// `@`, and a user must not be another by what is not looked at.
    #[must_use]
    pub fn who<'a>(&self, request: &Request<'a>) -> Who<'a> {
        let name = match &*self.backends {
            [Backend::Sasldb(sasldb)] => [request.login.into(), sasldb.realm(request.realm).into()],
            backends => {
                let by_user_part = backends.iter().any(Backend::finds_by_user_part);
                let mut login = folded(request.login);
                if let Some(end) = login.find('@').filter(|_| by_user_part) {
                    login.truncate(end);
                }
                [login.into_bytes().into(), Cow::default()]
            }
        };
        Who { name, client: request.client }
    }

    /// What is known of a request without more than a look: above all, that its password was right a moment ago.
    pub fn recall(&self, request: &Request<'_>) -> Option<Outcome> {
        let outcome = self.look_up(request);
        if outcome.is_some() {
            self.hits.add()
        } else {
            self.misses.add()
        }
        outcome
    }

    /// The same, uncounted.
    pub fn look_up(&self, request: &Request<'_>) -> Option<Outcome> {
        let mut cache = self.cache.as_ref()?.borrow_mut();
        if self.first().is_some_and(|sasldb| sasldb.recalls(&mut cache, request)) {
            return Some(Outcome::new("sasldb", Answer::accepted(CACHED)));
        }
        if self.remember == Remember::OurOwn {
            return None;
        }
        let address = self.seen(request.client);
        let mac = of_others(&cache, [request.login, request.service, request.realm, address], request.password);
        cache.find(mac)?;
        // Whoever has come into our store meanwhile is that one's to judge.
        let ours = self.sasldb().is_some_and(|sasldb| sasldb.may_know(request));
        (!ours).then(|| Outcome::new(self.other(), Answer::accepted(CACHED)))
    }

    /// Asks one back end after the other, until one knows the user.
    pub async fn check(&self, attempt: &Attempt, client: &Client) -> Outcome {
        self.check_and_tell(attempt, client, |_| ()).await
    }

    /// The same, and tells what each of them said.
    pub async fn check_and_tell(&self, attempt: &Attempt, client: &Client, mut tell: impl FnMut(&Said<'_>)) -> Outcome {
        let mut outcome = Outcome::new("none", Answer::unknown("unknown user"));
        for (backend, times) in self.backends.iter().zip(&self.times) {
            let begun = Instant::now();
            let cache = self.cache.as_ref().filter(|_| self.first().is_some());
            let answer = backend.check(attempt, client, cache).await;
            let took = begun.elapsed();
            times.add(took);
            let decides = answer.verdict != Verdict::Unknown;
            tell(&Said { backend: backend.name(), answer: &answer, took, decides });
            outcome = Outcome::new(backend.name(), answer);
            if decides {
                self.remember(backend, (attempt, client), &outcome);
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

    /// Puts on a page what back ends and cache have to count.
    pub fn measure(&self, page: &mut Page) {
        for (backend, times) in self.backends.iter().zip(&self.times) {
            page.add_histogram(&TIMES, &[("backend", backend.name())], times);
            backend.measure(page);
        }
        if let Some(cache) = &self.cache {
            page.add_count(&LOOKUPS, &[("result", "hit")], &self.hits);
            page.add_count(&LOOKUPS, &[("result", "miss")], &self.misses);
            page.add_number(&ENTRIES, &[], cache.borrow().entries());
        }
    }

    /// Whether passwords are remembered at all.
    #[must_use]
    pub fn remembers(&self) -> bool {
        self.cache.is_some()
    }

    /// The back ends, by name, in their order.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        self.backends.iter().map(Backend::name).collect()
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

    /// How many descriptors the back ends may take.
    #[must_use]
    pub fn descriptors(&self) -> usize {
        self.backends.iter().map(Backend::descriptors).sum()
    }

    /// The back end that is a store of ours, if one is.
    #[must_use]
    pub fn sasldb(&self) -> Option<&Rc<Sasldb>> {
        self.backends.iter().find_map(|backend| match backend {
            Backend::Sasldb(sasldb) => Some(sasldb),
            _ => None,
        })
    }

    /// It, if it is asked before all others: what it keeps and remembers is the last word on a user only then. Another before it may
    /// decide otherwise for another service, or know the user by now.
    #[must_use]
    pub fn first(&self) -> Option<&Sasldb> {
        match self.backends.first() {
            Some(Backend::Sasldb(sasldb)) => Some(sasldb),
            _ => None,
        }
    }

    /// Where the client is, as far as a back end looks at that: PAM may let somebody in from one place alone.
    fn seen<'a>(&self, client: Option<&'a [u8]>) -> &'a [u8] {
        let is_seen = self.backends.iter().any(|backend| backend.name() == Kind::Pam.name());
        client.filter(|_| is_seen).map(host_of).unwrap_or_default()
    }

    /// By whom, as far as that can be told, what others said was remembered.
    fn other(&self) -> &'static str {
        let mut others = self.backends.iter().map(Backend::name).filter(|name| *name != "sasldb");
        others.next().filter(|_| others.next().is_none()).unwrap_or("cache")
    }

    /// A store of ours does so by itself.
    fn remember(&self, backend: &Backend, (attempt, client): (&Attempt, &Client), outcome: &Outcome) {
        let wanted = outcome.accepted && self.remember == Remember::All && !matches!(backend, Backend::Sasldb(_));
        if let Some(cache) = self.cache.as_ref().filter(|_| wanted) {
            let mut cache = cache.borrow_mut();
            let Attempt { login, service, realm, password } = attempt;
            let address = self.seen(client.address.as_deref());
            let mac = of_others(&cache, [login, service, realm, address], password.expose());
            cache.learn(mac, None);
        }
    }
}

/// A name of which other spellings may find the same user: letters without case, width and accents, digits and the signs of ASCII. Who
/// has become another by it shares a count of wrong passwords with them, and no more.
fn folded(name: &[u8]) -> String {
    let letters = String::from_utf8_lossy(name);
    let plain = letters.nfkd().filter(|c| c.is_alphanumeric() || c.is_ascii_graphic());
    // By capitals, since some have two small letters.
    plain.flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

/// Of what others checked, the service counts as well, and with PAM where the client is. In a store of ours nobody has an empty name.
fn of_others(cache: &Cache, [login, service, realm, address]: [&[u8]; 4], password: &[u8]) -> Mac {
    cache.mac(&[b"", login, service, realm, address], password)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        backends::{
            host::Host,
            remote::{Remote, Server},
        },
        database::Database,
        helper_pool::HelperPool,
        log::{Destination, Log},
        pool::Pool,
    };
    use sasl_core::{secret::Secret, verifier::Verifiers};
    use sasl_remote::{conf::Conf, imap::Rimap, ldap::Ldap};
    use sasldb::{
        location::{Access, Location},
        name::Name,
        open::open,
        record::Record,
        store::Change,
    };
    use std::{os::unix::net::UnixStream, path::Path, sync::Arc};

    const REQUEST: Request<'_> =
        Request { login: b"tim", password: b"pencil", service: b"imap", realm: b"r", client: Some(b"192.0.2.1;25") };

    fn checker(backends: Vec<Backend>, remember: Remember) -> Checker {
        let cache = Cache::new(4096, Duration::from_secs(60)).unwrap();
        Checker::new(backends, Some(cache), remember, Combine::No)
    }

    fn rimap() -> Backend {
        Backend::Remote(Remote::new(Server::Rimap(Rimap::new("localhost").unwrap()), 1))
    }

    fn ldap(filter: &str) -> Backend {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, format!("ldap_search_base: dc=example\nldap_filter: {filter}\n")).unwrap();
        let crypt =
            Rc::new(|_, _| -> std::pin::Pin<Box<dyn Future<Output = Option<bool>>>> { Box::pin(async { None }) });
        let ldap = Ldap::new(&Conf::read(file.path()).unwrap(), crypt).unwrap();
        Backend::Remote(Remote::new(Server::Ldap(Box::new(ldap)), 1))
    }

    fn sasldb(path: &Path) -> Backend {
        let database = Database::new(&Location::parse(path), Rc::new(Log::new(Destination::Stderr, false)));
        Backend::Sasldb(Rc::new(Sasldb::new(database, Pool::new(1).unwrap(), b"r".to_vec())))
    }

    #[test]
    fn what_a_store_of_ours_remembers_counts_where_it_is_asked_first() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("db");
        let record = Record::new(Name::new(b"tim", b"r").unwrap(), Verifiers::default()).unwrap();
        let stamp = record.stamp();
        open(&Location::parse(&path), Access::Create).unwrap().write(&mut [Change::Put(record)].into_iter()).unwrap();
        let recalls = |backends| {
            let checker = checker(backends, Remember::OurOwn);
            let mut cache = checker.cache.as_ref().unwrap().borrow_mut();
            let mac = cache.mac(&[b"tim", b"r"], b"pencil");
            cache.learn(mac, Some(stamp));
            drop(cache);
            checker.recall(&REQUEST).is_some()
        };
        assert!(recalls(vec![sasldb(&path), rimap()]));
        assert!(
            !recalls(vec![rimap(), sasldb(&path)]),
            "the server may say otherwise, for another service for instance"
        );
    }

    #[test]
    fn nobody_is_another_by_what_a_back_end_does_not_look_at() {
        let scratch = tempfile::tempdir().unwrap();
        let name = |backends, request: &Request<'_>| {
            let Who { name: [login, realm], .. } = checker(backends, Remember::OurOwn).who(request);
            [login, realm].map(|part| String::from_utf8(part.to_vec()).unwrap())
        };
        let tim = Request { login: b"Tim", realm: b"R", ..REQUEST };
        assert_eq!(name(vec![sasldb(scratch.path())], &tim), ["Tim", "R"]);
        assert_eq!(name(vec![sasldb(scratch.path())], &Request { realm: b"", ..tim }), ["Tim", "r"]);
        assert_eq!(name(vec![sasldb(scratch.path()), rimap()], &tim), ["tim", ""]);
        let tim = Request { login: b"Tim@a", ..tim };
        assert_eq!(name(vec![rimap()], &tim), ["tim@a", ""]);
        let by_filter = |filter| name(vec![ldap(filter)], &tim);
        assert_eq!(by_filter("uid=%u"), ["tim@a", ""]);
        assert_eq!(by_filter("(|(uid=%U)(mail=%u))"), ["tim", ""]);
        assert_eq!(by_filter("(&(uid=%U)(o=%d))"), ["tim@a", ""]);
    }

    /// As spelt, a directory finds the same entry by all of them.
    #[test]
    fn nobody_is_another_by_how_they_are_spelt() {
        let name = |login: &[u8]| {
            let Who { name: [login, _], .. } =
                checker(vec![rimap()], Remember::OurOwn).who(&Request { login, ..REQUEST });
            login.into_owned()
        };
        let spelt = [
            "TIM",
            " tim",
            "tim ",
            "t\u{a0}im\t",
            "ｔim",
            "𝐭𝐢𝐦",
            "ⓣim",
            "tiⅿ",
            "t\u{200b}i\u{ad}m\u{feff}",
            "tím",
            "tİm",
            "tım",
        ];
        spelt.iter().for_each(|spelt| assert_eq!(name(spelt.as_bytes()), b"tim", "{spelt:?}"));
        assert_eq!(name("STRASSE\u{3a3}".as_bytes()), name("straße\u{3c2}".as_bytes()));
        assert_eq!(name(b"m\xfcller"), name(b" M\xfcLLER"), "no UTF-8");
        for (one, other) in [("tim", "tom"), ("tim", "tim2"), ("ti.m", "tim"), ("иван", "иваy"), ("田中", "田口")]
        {
            assert_ne!(name(one.as_bytes()), name(other.as_bytes()));
        }
        assert!(name("\u{fdfa}".repeat(85).as_bytes()).len() <= 11 * 3 * 85, "it does not grow without a bound");
    }

    #[test]
    fn what_pam_said_of_a_client_goes_for_the_same_place_alone() {
        let recalled = |backend: Backend| {
            let checker = checker(vec![backend], Remember::All);
            let (stream, _peer) = UnixStream::pair().unwrap();
            let client = Client { stream: Arc::new(stream), address: REQUEST.client.map(<[u8]>::to_vec) };
            let attempt = Attempt {
                login: REQUEST.login.to_vec(),
                password: Secret::new(REQUEST.password),
                service: REQUEST.service.to_vec(),
                realm: REQUEST.realm.to_vec(),
            };
            checker.remember(&checker.backends[0], (&attempt, &client), &Outcome::new("", Answer::accepted("")));
            [Some(&b"192.0.2.1;26"[..]), Some(b"192.0.2.2;25"), None]
                .map(|client| checker.recall(&Request { client, ..REQUEST }).is_some())
        };
        let helpers = HelperPool::new(Kind::Pam, 1, Duration::from_secs(20), Rc::default());
        assert_eq!(recalled(Backend::Host(Host::new(helpers))), [true, false, false]);
        assert_eq!(recalled(rimap()), [true; 3]);
    }
}
