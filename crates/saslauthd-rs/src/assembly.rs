//! From what the flags say to what passwords are checked against.

use crate::{
    backends::{
        Backend,
        host::Host,
        remote::{Remote, Server},
        sasldb::Sasldb,
    },
    cache::Cache,
    check::{Checker, Remember},
    database::Database,
    endpoint,
    errands::Errands,
    exchange_socket::{self, Protocol},
    exit::Failure,
    helper::backend::Kind,
    helper_pool::HelperPool,
    log::{Level, Log},
    mechanisms::Mechanism,
    pool::Pool,
    session::{Limits, Service},
    settings::Settings,
};
use nix::unistd::Uid;
use sasl_remote::{
    conf::Conf,
    form::{Form, KEYS},
    imap::Rimap,
    ldap::{Crypt, Ldap},
};
use sasl_system::finding::Finding;
use sasl_wire::saslauthd::Request;
use sasldb::{location::Location, users::realm_of_this_host};
use std::{
    fmt::{self, Display},
    path::Path,
    rc::Rc,
};
use tokio::task::spawn_local;

/// Descriptors for everything but connections and back ends.
const OTHER_FILES: usize = 24;

/// A service, and what it is assembled from, which may be read again.
#[derive(Debug)]
pub struct Assembly {
    settings: Settings,
    /// How many may be open.
    files: u64,
    log: Rc<Log>,
    errands: Rc<Errands>,
    service: Rc<Service>,
}

/// What has been read, and is now to be put to use.
#[derive(Debug)]
pub struct Prepared {
    parts: Vec<Part>,
    cache: Option<Cache>,
}

/// A back end, or what takes no privileges to become one, and starts threads.
#[derive(Debug)]
enum Part {
    Whole(Backend),
    Sasldb(Location),
}

impl Assembly {
    /// Assembles a service, for a process that may have so many files open.
    ///
    /// # Errors
    /// As with [`Prepared::checker`].
    pub fn new(
        prepared: Prepared,
        settings: &Settings,
        files: u64,
        (log, errands): (&Rc<Log>, &Rc<Errands>),
    ) -> Result<Self, Failure> {
        let checker = prepared.checker(settings, log, None)?;
        let limits = limits(settings, files, &checker);
        let service = Service::new(checker, Rc::clone(log), limits);
        let (settings, log, errands) = (settings.clone(), Rc::clone(log), Rc::clone(errands));
        Ok(Self { settings, files, log, errands, service })
    }

    /// The service.
    #[must_use]
    pub fn service(&self) -> Rc<Service> {
        Rc::clone(&self.service)
    }

    /// How many files may be open.
    #[must_use]
    pub fn files(&self) -> u64 {
        self.files
    }

    /// Opens the log anew and reads all configuration again. Connections stay, and requests in flight go on as they began. A store of
    /// ours stays, and is opened anew. What was remembered is forgotten: who said so may not be asked any more. Where a file is bad,
    /// all is as before, and the log has why.
    pub fn reload(&self) {
        self.log.reopen();
        match self.again() {
            Ok((checker, limits)) => {
                self.reopen(&checker);
                self.service.replace(checker, limits);
                self.log.write(Level::Info, "read the configuration again");
                spawn_local(self.service().look_for_servers());
            }
            Err(failure) => {
                self.log.write(Level::Error, format_args!("{failure}; nothing is changed{}", Reader(&failure)))
            }
        }
    }

    fn again(&self) -> Result<(Checker, Limits), Failure> {
        let settings = self.settings.read_again()?;
        let prepared = prepare(&settings, &self.log, &self.errands)?;
        let checker = prepared.checker(&settings, &self.log, self.service.checker().sasldb())?;
        let limits = limits(&settings, self.files, &checker);
        Ok((checker, limits))
    }

    fn reopen(&self, checker: &Checker) {
        // Where it cannot be read, it is the one of before.
        let realm = realm().inspect_err(|error| self.log.write(Level::Warning, error)).ok();
        if let Some(Err(error)) = checker.sasldb().map(|sasldb| sasldb.reopen(realm)) {
            self.log.write(Level::Error, error);
        }
    }
}

/// Who must be able to read configuration, where that is not root: what root could at the start may be closed to us by now. The
/// number says it without asking anybody.
struct Reader<'a>(&'a Failure);

impl Display for Reader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Uid::effective() {
            uid if uid.is_root() || !self.0.to_string().contains("ermission denied") => Ok(()),
            uid => write!(f, "; uid {uid} must be able to read all configuration"),
        }
    }
}

fn limits(settings: &Settings, files: u64, checker: &Checker) -> Limits {
    let exchanges = if settings.exchange.listen.is_empty() {
        0
    } else {
        exchange_socket::connections(files) * exchange_socket::DESCRIPTORS
    };
    let most_open = most_open(files, checker.descriptors() + exchanges, 1 + settings.metrics.len());
    let most_open = most_open.min(settings.limits.connections);
    Limits {
        deadline: settings.limits.deadline,
        most_open,
        most_of_one_user: most_of_one_user(most_open, settings.limits.user_share),
        longest_field: settings.limits.longest_field,
        throttle: settings.throttle,
        drain: settings.limits.drain,
    }
}

/// How many connections so many files have room for. Clients that only wait must not keep back ends from what they need, which in turn take no
/// more than half; nor whoever asks about the daemon, for whom an eighth is enough.
fn most_open(files: u64, of_backends: usize, doors: usize) -> usize {
    let files = usize::try_from(files).unwrap_or(usize::MAX);
    let others = OTHER_FILES + of_backends.min(files / 2) + (doors * endpoint::DESCRIPTORS).min(files / 8);
    files.saturating_sub(others).max(1)
}

/// At least one.
fn most_of_one_user(most_open: usize, percent: usize) -> usize {
    (most_open * percent).div_ceil(100).max(1)
}

/// Reads all configuration, and connects to nobody. What is odd, but no reason not to serve, is logged. Helpers are started by
/// whom `errands` are run.
///
/// # Errors
/// What is wrong, with its flag, or its file, line and key.
pub fn prepare(settings: &Settings, log: &Rc<Log>, errands: &Rc<Errands>) -> Result<Prepared, Failure> {
    let cache = settings.cache.map(|(bytes, life)| Cache::new(bytes, life)).transpose();
    let cache = cache.map_err(|failure| Failure::new(format!("cache: {}", failure.cause())))?;
    let parts = settings.mechanisms.iter().map(|mechanism| part(mechanism, settings, (log, errands)));
    Ok(Prepared { parts: parts.collect::<Result<_, _>>()?, cache })
}

impl Prepared {
    /// Opens the store, and starts threads: whoever is to lose privileges has lost them by now. A store of ours that is `open` stays
    /// the one: flags alone say which, and it cannot be opened twice.
    ///
    /// # Errors
    /// Where the system gives no threads.
    pub fn checker(self, settings: &Settings, log: &Rc<Log>, open: Option<&Rc<Sasldb>>) -> Result<Checker, Failure> {
        let backend = |part| match part {
            Part::Whole(backend) => Ok(backend),
            Part::Sasldb(location) => {
                let stays = open.cloned().map_or_else(|| sasldb(&location, settings, log).map(Rc::new), Ok);
                stays.map(Backend::Sasldb)
            }
        };
        let backends = self.parts.into_iter().map(backend).collect::<Result<Vec<_>, _>>()?;
        warn_of_order(&backends, log);
        warn_of_exchanges(settings, backends.first(), log);
        let names = backends.iter().map(Backend::name).collect::<Vec<_>>().join(",");
        let cached = match (&self.cache, settings.remember, backends.first()) {
            (Some(_), Remember::All, _) => "all",
            (Some(_), Remember::OurOwn, Some(Backend::Sasldb(_))) => "sasldb",
            _ => "off",
        };
        log.write(Level::Debug, format_args!("mechanisms={names} threads={} cache={cached}", settings.threads));
        Ok(Checker::new(backends, self.cache, settings.remember, settings.combine))
    }
}

/// Where nothing is left to offer, mail servers take it for a fault; and Dovecot serves nobody of whom it is told nothing.
fn warn_of_exchanges(settings: &Settings, first: Option<&Backend>, log: &Log) {
    let (exchange, has_store) = (&settings.exchange, matches!(first, Some(Backend::Sasldb(_))));
    let speaks = |protocol| exchange.listen.iter().any(|socket| socket.protocol() == protocol);
    if speaks(Protocol::Exchanges) && exchange.offer(has_store).next().is_none() {
        let why = if has_store { "" } else { ": SCRAM, DIGEST-MD5 and CRAM-MD5 take sasldb before all others" };
        log.write(Level::Warning, format_args!("exchange.mech_list: nothing is left to offer{why}"));
    }
    if speaks(Protocol::Userdb) && exchange.userdb.is_empty() {
        log.write(Level::Warning, "exchange.userdb: is empty; Dovecot needs uid, gid and home");
    }
}

fn warn_of_order(backends: &[Backend], log: &Log) {
    let names = || backends.iter().map(Backend::name);
    let Some((deaf, behind)) = names().zip(names().skip(1)).find(|(name, _)| ["rimap", "httpform"].contains(name))
    else {
        return;
    };
    log.write(
        Level::Warning,
        format_args!("-a: {behind} is never asked: {deaf} knows no unknown users, and comes last"),
    );
}

/// Where requests without a realm are looked up.
fn realm() -> Result<Vec<u8>, impl Display> {
    realm_of_this_host().map(|realm| realm.as_bytes().to_vec())
}

fn part(mechanism: &Mechanism, settings: &Settings, (log, errands): (&Rc<Log>, &Rc<Errands>)) -> Result<Part, Failure> {
    let remote = |server| Backend::Remote(Remote::new(server, settings.limits.remote_checks));
    let backend = match mechanism {
        Mechanism::Sasldb(location) => return Ok(Part::Sasldb(location.clone())),
        Mechanism::Host(kind) => Ok(Backend::Host(Host::new(helpers(*kind, settings, errands)))),
        Mechanism::Rimap(servers) => {
            Rimap::new(servers).map(Server::Rimap).map(remote).map_err(|error| broken("rimap", error))
        }
        Mechanism::Ldap(file) => ldap(file, Rc::new(helpers(Kind::Crypt, settings, errands)), (settings, log)),
        Mechanism::Httpform(file) => httpform(file, log).map(Server::Httpform).map(remote),
    };
    backend.map(Part::Whole)
}

fn helpers(kind: Kind, settings: &Settings, errands: &Rc<Errands>) -> HelperPool {
    HelperPool::new(kind, settings.helpers_at_once(kind), settings.limits.helper_deadline, Rc::clone(errands))
}

fn broken(mechanism: &str, error: impl Display) -> Failure {
    Failure::new(format!("failed to initialize mechanism {mechanism}: {error}"))
}

fn sasldb(location: &Location, settings: &Settings, log: &Rc<Log>) -> Result<Sasldb, Failure> {
    let pool = Pool::new(settings.threads).map_err(|error| Failure::new(format!("threads: {error}")))?;
    let database = Database::new(location, Rc::clone(log));
    // A host without a name has users without a realm.
    let realm = realm().inspect_err(|error| log.write(Level::Warning, error)).unwrap_or_default();
    Ok(Sasldb::new(database, pool, realm))
}

fn httpform(file: &Path, log: &Rc<Log>) -> Result<Form, Failure> {
    let read = Conf::read(file).and_then(|conf| Form::new(&conf).map(|form| (conf, form)));
    let (conf, form) = read.map_err(|error| broken("httpform", error))?;
    conf.warnings("httpform_", &KEYS).for_each(|warning| log.write(Level::Warning, warning));
    Ok(form)
}

fn ldap(file: &Path, helpers: Rc<HelperPool>, (settings, log): (&Settings, &Log)) -> Result<Backend, Failure> {
    let ldap = Conf::read(file).and_then(|conf| Ldap::new(&conf, crypt(Rc::clone(&helpers))));
    let ldap = ldap.map_err(|error| broken("ldap", error))?;
    ldap.warnings().iter().for_each(|warning| log.write(Level::Warning, warning));
    let server = Server::Ldap(Box::new(ldap));
    Ok(Backend::Remote(Remote::new(server, settings.limits.remote_checks).with_helpers(helpers)))
}

/// Hashes of crypt(3) are for a process of their own.
fn crypt(helpers: Rc<HelperPool>) -> Crypt {
    Rc::new(move |password, hash| {
        let helpers = Rc::clone(&helpers);
        Box::pin(async move {
            let request =
                Request { login: hash.expose(), password: password.expose(), service: b"", realm: b"", client: None };
            match helpers.ask(&request, None).await.ok()?.finding {
                Finding::Accepted => Some(true),
                Finding::Wrong => Some(false),
                _ => None,
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_leave_back_ends_what_they_need_and_these_leave_them_half() {
        assert_eq!([most_open(1024, 0, 0), most_open(1024, 100, 0), most_open(1024, 5000, 0)], [1000, 900, 488]);
        assert_eq!([most_open(60, 0, 0), most_open(60, 192, 0), most_open(20, 192, 0)], [36, 6, 1]);
        assert_eq!([most_open(1024, 0, 1), most_open(1024, 0, 100), most_open(40, 0, 1)], [983, 872, 11]);
    }
}
