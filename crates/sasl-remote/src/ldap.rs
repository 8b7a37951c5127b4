//! ldap: a directory says whether a password is the user's.
//!
//! Three methods: `bind` finds the user's entry and binds with its DN; `fastbind` binds at once; `custom` compares with what is
//! stored in the entry. A group may be asked for besides.

pub(crate) mod ber;
mod code;
mod connection;
pub(crate) mod filter;
pub(crate) mod message;
mod pool;
mod sasl;
mod servers;
mod settings;
pub(crate) mod stored;
mod template;

use crate::{
    attempt::{Answer, Attempt, Verdict},
    conf::{Conf, ConfError},
};
use connection::{Answered, Connection, Fault, FaultKind};
use filter::Filter;
use message::{Entry, NO_ATTRIBUTE, Request, Search};
use pool::Pool;
use sasl::Sasl;
use sasl_core::{credentials::Credentials, escape::Escaped, secret::Secret};
use servers::Servers;
use settings::{Group, Method, Place, Searcher, Settings};
use std::{
    cell::{Cell, RefCell},
    fmt,
    future::Future,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    thread,
    time::Duration,
};
use stored::{Hash, Stored};
use template::{DnTemplate, Parts, Values};
use tokio::{
    sync::Semaphore,
    task::spawn_blocking,
    time::{Instant, sleep_until, timeout},
};

/// Checks a password (the first) against a hash of crypt(3). `None` where that cannot be told.
pub type Crypt = Rc<dyn Fn(Secret, Secret) -> Pin<Box<dyn Future<Output = Option<bool>>>>>;

/// The back end ldap. Keeps connections: one is made for each configuration, and serves all attempts.
pub struct Ldap {
    settings: Settings,
    /// Over these we search, as whom the configuration says.
    searches: Pool,
    /// Over these users bind. Whoever bound last, the next attempt binds anew.
    proofs: Pool,
    crypt: Crypt,
    /// How many threads may hash at once.
    threads: Arc<Semaphore>,
    /// What was compared last: whoever is not found is compared with it, which costs as much.
    decoy: RefCell<Option<Secret>>,
    /// How long the last user's bind took.
    usual: Cell<Duration>,
    warnings: Vec<ConfError>,
}

/// So many of the passwords in one entry are compared: users may write their own, and each may be much work.
const MOST_VALUES: usize = 16;

const MILLISECOND: Duration = Duration::from_millis(1);

impl Ldap {
    /// Reads the keys that begin with `ldap_`. No server is asked yet. `crypt` is for the method `custom`.
    ///
    /// # Errors
    /// The first key whose value makes no sense, with its line.
    pub fn new(conf: &Conf, crypt: Crypt) -> Result<Self, ConfError> {
        let mut settings = Settings::read(conf)?;
        let servers = Rc::new(Servers::new(std::mem::take(&mut settings.servers)));
        let pool = || Pool::new(Rc::clone(&servers), settings.tls.clone(), settings.timeout);
        let (searches, proofs) = (pool(), pool());
        let threads = Arc::new(Semaphore::new(thread::available_parallelism().map_or(1, usize::from)));
        let (warnings, decoy, usual) = (settings::warnings(conf)?, RefCell::default(), Cell::default());
        Ok(Self { settings, searches, proofs, crypt, threads, decoy, usual, warnings })
    }

    /// What the file asks for that is not done, or that nobody knows.
    #[must_use]
    pub fn warnings(&self) -> &[ConfError] {
        &self.warnings
    }

    /// Whether `tim@a` and `tim@b` may both be found as `tim`: where the configuration has `%U`, and no `%d` and `%1` to `%9`.
    #[must_use]
    pub fn finds_by_user_part(&self) -> bool {
        let Settings { users, method, .. } = &self.settings;
        let at_once = if let Method::Fastbind { dn } = method { dn.parts() } else { Parts::default() };
        let all = [users.base.parts(), users.filter.parts(), at_once];
        all.iter().any(|parts| parts.user) && !all.iter().any(|parts| parts.domain)
    }

    /// Asks the directory. A future that is dropped leaves nothing behind but a closed connection.
    pub async fn check(&self, attempt: &Attempt) -> Answer {
        if attempt.password.expose().is_empty() {
            // A server would take that for nobody, and let it in (RFC 4513 section 5.1.2).
            return Answer::refused("empty password");
        }
        let realm = if attempt.realm.is_empty() { &self.settings.default_realm } else { &attempt.realm };
        let values = Values { login: &attempt.login, service: &attempt.service, realm, dn: b"" };
        let checked = match &self.settings.method {
            Method::Bind => self.bind(attempt, &values).await,
            Method::Custom { attribute } => self.custom(attempt, &values, attribute).await,
            Method::Fastbind { dn } => self.fastbind(attempt, &values, dn).await,
        };
        checked.err().unwrap_or_else(|| Answer::accepted("password"))
    }

    async fn bind(&self, attempt: &Attempt, values: &Values<'_>) -> Result<(), Answer> {
        let entry = match self.find(attempt, values, NO_ATTRIBUTE).await {
            Err(answer) if answer.verdict == Verdict::Unknown => {
                self.prove_nobody(attempt, values).await;
                return Err(answer);
            }
            found => found?,
        };
        let begin = Instant::now();
        let proved = self.prove(&entry.dn, attempt).await;
        self.usual.set(begin.elapsed());
        proved?;
        self.check_group(&Values { dn: &entry.dn, ..*values }).await
    }

    async fn custom(&self, attempt: &Attempt, values: &Values<'_>, attribute: &[u8]) -> Result<(), Answer> {
        let entry = match self.find(attempt, values, attribute).await {
            Err(answer) if answer.verdict == Verdict::Unknown => {
                let decoy = self.decoy.borrow().clone();
                if let Some(decoy) = decoy {
                    let _ = self.fits(decoy.expose(), attempt).await;
                }
                return Err(answer);
            }
            found => found?,
        };
        self.compare(&entry, attempt).await?;
        self.check_group(&Values { dn: &entry.dn, ..*values }).await
    }

    /// All of it over one connection, as the user.
    async fn fastbind(&self, attempt: &Attempt, values: &Values<'_>, template: &DnTemplate) -> Result<(), Answer> {
        let dn = template.expand(values).map_err(|_| Answer::refused("the DN is too long"))?;
        if dn.is_empty() && self.settings.sasl.is_none() {
            return Err(Answer::refused("an empty DN, which is nobody's"));
        }
        let log_in = async |connection: &mut Connection| match &self.settings.sasl {
            None => self.log_in(connection, attempt, &Values { dn: &dn, ..*values }).await,
            Some(sasl) => self.log_in_by_sasl(connection, attempt, values, sasl).await,
        };
        self.proofs.with(async |_| Ok(()), log_in).await?
    }

    async fn log_in(
        &self,
        connection: &mut Connection,
        attempt: &Attempt,
        values: &Values<'_>,
    ) -> Result<Result<(), Answer>, Fault> {
        let bind = Request::Bind { dn: values.dn, password: attempt.password.expose() };
        match judge_bind(&connection.ask(&bind).await?, attempt) {
            Ok(()) => self.group_over(connection, values).await,
            refused => Ok(refused),
        }
    }

    async fn log_in_by_sasl(
        &self,
        connection: &mut Connection,
        attempt: &Attempt,
        values: &Values<'_>,
        sasl: &Sasl,
    ) -> Result<Result<(), Answer>, Fault> {
        let answered = sasl.bind(connection, self.credentials(attempt, values)).await?;
        match judge_bind(&answered, attempt) {
            Ok(()) if self.settings.group.is_some() => {
                let dn = who_am_i(connection).await?;
                self.group_over(connection, &Values { dn: &dn, ..*values }).await
            }
            judged => Ok(judged),
        }
    }

    /// The user's entry, or why there is not one.
    async fn find(&self, attempt: &Attempt, values: &Values<'_>, attribute: &[u8]) -> Result<Entry, Answer> {
        let (search, text) = self.search(&self.settings.users, values, attribute)?;
        let shown = attempt.show(&text);
        let ask = async |connection: &mut Connection| connection.ask(&Request::Search(&search)).await;
        let mut answered = self.searches.with(async |connection| self.introduce(connection).await, ask).await?;
        let failed = |code| format!("search failed {code} ({}) ({shown})", code::name(code));
        match (answered.code, answered.entries.len()) {
            (code::SUCCESS, 1) if answered.entries[0].dn.is_empty() => Err(Answer::refused("an entry without a DN")),
            (code::SUCCESS, 1) => Ok(answered.entries.remove(0)),
            (code::SUCCESS | code::NO_SUCH_OBJECT, 0) if answered.is_referred && self.settings.follows_referrals => {
                Err(Answer::unavailable(format!("a referral, which is not followed ({shown})")))
            }
            // Nobody is there, because there is no such place: that says nothing of this user.
            (code::NO_SUCH_OBJECT, 0) if self.settings.users.base.is_fixed() => {
                Err(Answer::unavailable(format!("ldap_search_base: {}", failed(code::NO_SUCH_OBJECT))))
            }
            (code::SUCCESS | code::NO_SUCH_OBJECT, 0) => Err(Answer::unknown(format!("Entry not found ({shown})."))),
            (code::SUCCESS | code::SIZE_LIMIT_EXCEEDED, _) => {
                Err(Answer::refused(format!("Duplicate entries found ({shown}).")))
            }
            (code, _) if code::denies(code) => Err(Answer::refused(failed(code))),
            (code, _) => Err(Answer::unavailable(failed(code))),
        }
    }

    /// A search, and the text of its filter.
    fn search(&self, place: &Place, values: &Values<'_>, attribute: &[u8]) -> Result<(Search, Vec<u8>), Answer> {
        let too_long = |_| Answer::refused("the filter or the base is too long");
        let (base, text) =
            (place.base.expand(values).map_err(too_long)?, place.filter.expand(values).map_err(too_long)?);
        let filter = Filter::parse(&text).map_err(|_| Answer::refused("what is searched for is no filter"))?;
        let Settings { dereference, limits, .. } = self.settings;
        let search = Search { base, scope: place.scope, dereference, limits, filter, attribute: attribute.to_vec() };
        Ok((search, text))
    }

    /// Binds a connection on which to search.
    async fn introduce(&self, connection: &mut Connection) -> Result<(), Fault> {
        let answered = match &self.settings.searcher {
            Searcher::Nobody => return Ok(()),
            Searcher::Simple { dn, password } => {
                connection.ask(&Request::Bind { dn, password: password.expose() }).await?
            }
            Searcher::Sasl(sasl, credentials) => {
                let bound = sasl.bind(connection, credentials.clone()).await;
                bound
                    .map_err(|fault| if fault.kind == FaultKind::Unfit { Fault::denied(fault.reason) } else { fault })?
            }
        };
        match answered.code {
            code::SUCCESS => Ok(()),
            code => Err(Fault::denied(format!("bind as ldap_bind_dn failed {code} ({})", code::name(code)))),
        }
    }

    /// Whether the password is the one of that DN.
    async fn prove(&self, dn: &[u8], attempt: &Attempt) -> Result<(), Answer> {
        let request = Request::Bind { dn, password: attempt.password.expose() };
        let ask = async |connection: &mut Connection| connection.ask(&request).await;
        let answered = self.proofs.with(async |_| Ok(()), ask).await?;
        judge_bind(&answered, attempt)
    }

    /// Whoever is not there takes as many messages as whoever is, and as much time: a server hashes for those alone who are.
    async fn prove_nobody(&self, attempt: &Attempt, values: &Values<'_>) {
        let end = Instant::now() + self.usual.get();
        let _ = self.prove(&self.nobody(values), attempt).await;
        // Timers are for milliseconds: below that, a wait would be longer than what it stands for.
        if end.saturating_duration_since(Instant::now()) > MILLISECOND {
            sleep_until(end - MILLISECOND / 2).await;
        }
    }

    /// A DN where nobody is.
    fn nobody(&self, values: &Values<'_>) -> Vec<u8> {
        let base = self.settings.users.base.expand(values).unwrap_or_default();
        let comma: &[u8] = if base.is_empty() { b"" } else { b"," };
        [b"cn=nobody of saslauthd", comma, &base].concat()
    }

    /// Whether the password fits one of the values that are stored.
    async fn compare(&self, entry: &Entry, attempt: &Attempt) -> Result<(), Answer> {
        let mut answer = Answer::refused("no password in the entry");
        if let Some(value) = entry.values.last() {
            self.decoy.replace(Some(Secret::new(value.to_vec())));
        }
        for value in entry.values.iter().take(MOST_VALUES) {
            match self.fits(value, attempt).await {
                Ok(()) => return Ok(()),
                // That one could not be compared weighs more than that others do not fit.
                Err(_) if answer.verdict == Verdict::Unavailable => {}
                Err(other) => answer = other,
            }
        }
        Err(if entry.values.len() > MOST_VALUES {
            Answer::unavailable("more passwords than are compared")
        } else {
            answer
        })
    }

    async fn fits(&self, value: &[u8], attempt: &Attempt) -> Result<(), Answer> {
        let fits = match Stored::parse(value) {
            Stored::Unusable(why) => return Err(Answer::refused(format!("stored password: {why}"))),
            Stored::Plain(plain) => Some(!value.is_empty() && plain.matches(attempt.password.expose())),
            Stored::Crypt(hash) => (self.crypt)(attempt.password.clone(), hash).await,
            Stored::Hash(hash) => self.hash(hash, attempt.password.clone()).await,
        };
        match fits {
            Some(true) => Ok(()),
            Some(false) => Err(Answer::refused("Invalid password")),
            None => Err(Answer::unavailable("the stored password could not be checked now")),
        }
    }

    /// Hashes where it holds nobody up.
    async fn hash(&self, hash: Hash, password: Secret) -> Option<bool> {
        if hash.is_quick() {
            return Some(hash.check(password.expose()));
        }
        let permit = timeout(self.settings.timeout, Arc::clone(&self.threads).acquire_owned()).await.ok()?.ok()?;
        let checked = spawn_blocking(move || {
            let _permit = permit;
            hash.check(password.expose())
        });
        checked.await.ok()
    }

    async fn check_group(&self, values: &Values<'_>) -> Result<(), Answer> {
        if self.settings.group.is_none() {
            return Ok(());
        }
        let ask = async |connection: &mut Connection| self.group_over(connection, values).await;
        self.searches.with(async |connection| self.introduce(connection).await, ask).await?
    }

    /// Whether the user whose DN is known is in the group, if there is one.
    async fn group_over(&self, connection: &mut Connection, values: &Values<'_>) -> Result<Result<(), Answer>, Fault> {
        let answered = match &self.settings.group {
            None => return Ok(Ok(())),
            Some(Group::Attribute { dn, attribute }) => {
                let Ok(dn) = dn.expand(values) else { return Ok(Err(Answer::refused("the group's DN is too long"))) };
                let value = values.dn;
                connection.ask(&Request::Compare { dn: &dn, attribute, value }).await?
            }
            Some(Group::Filter(place)) => match self.search(place, values, NO_ATTRIBUTE) {
                Ok((search, _)) => connection.ask(&Request::Search(&search)).await?,
                Err(answer) => return Ok(Err(answer)),
            },
        };
        Ok(judge_group(&answered))
    }

    /// With what a user binds by SASL.
    fn credentials(&self, attempt: &Attempt, values: &Values<'_>) -> Credentials {
        let whole = attempt.login.contains(&b'@') || values.realm.is_empty();
        let login = if whole { attempt.login.clone() } else { [&attempt.login, &b"@"[..], values.realm].concat() };
        let own = Credentials::new(login, attempt.password.clone());
        self.settings.sasl_realm.iter().fold(own, Credentials::in_realm)
    }
}

fn judge_bind(answered: &Answered, attempt: &Attempt) -> Result<(), Answer> {
    let said = match &answered.text[..] {
        [] => String::new(),
        text => format!(": {}", attempt.show(text)),
    };
    let failed = |code| format!("Bind to ldap server failed {code} ({}{said})", code::name(code));
    match answered.code {
        code::SUCCESS => Ok(()),
        code if code::denies(code) => Err(Answer::refused(failed(code))),
        code => Err(Answer::unavailable(failed(code))),
    }
}

fn judge_group(answered: &Answered) -> Result<(), Answer> {
    match (answered.code, answered.entries.len()) {
        (code::COMPARE_TRUE, _) | (code::SUCCESS | code::SIZE_LIMIT_EXCEEDED, 1..) => Ok(()),
        (code::SUCCESS | code::COMPARE_FALSE | code::NO_SUCH_ATTRIBUTE | code::NO_SUCH_OBJECT, _) => {
            Err(Answer::refused("Group member check failed"))
        }
        (code, _) if code::denies(code) => {
            Err(Answer::refused(format!("Group member check failed ({})", code::name(code))))
        }
        (code, _) => Err(Answer::unavailable(format!("group check failed {code} ({})", code::name(code)))),
    }
}

/// The DN of whoever has just bound (RFC 4532).
async fn who_am_i(connection: &mut Connection) -> Result<Vec<u8>, Fault> {
    let answered = connection.ask(&Request::WhoAmI).await?;
    match answered.data.as_deref().and_then(|data| data.strip_prefix(b"dn:")) {
        Some(dn) if answered.code == code::SUCCESS => Ok(dn.to_vec()),
        _ => Err(Fault::denied(format!("\"who am I\" gives no DN ({})", Escaped(&answered.text)))),
    }
}

impl fmt::Debug for Ldap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ldap").finish_non_exhaustive()
    }
}
