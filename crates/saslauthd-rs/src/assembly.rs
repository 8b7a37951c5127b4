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
    errands::Errands,
    exit::Failure,
    helper::backend::Kind,
    helper_pool::HelperPool,
    log::{Level, Log},
    mechanisms::Mechanism,
    pool::Pool,
    settings::Settings,
};
use sasl_remote::{
    conf::Conf,
    form::{Form, KEYS},
    imap::Rimap,
    ldap::{Crypt, Ldap},
};
use sasl_system::finding::Finding;
use sasl_wire::saslauthd::Request;
use sasldb::{location::Location, users::realm_of_this_host};
use std::{fmt::Display, path::Path, rc::Rc};

/// What has been read, and is now to be put to use.
#[derive(Debug)]
pub struct Prepared {
    parts: Vec<Part>,
    cache: Option<Cache>,
}

/// A back end, or what needs no privileges to become one, and starts threads.
#[derive(Debug)]
enum Part {
    Whole(Backend),
    Sasldb(Location),
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
    /// Opens the store, and starts threads: whoever is to lose privileges has lost them by now.
    ///
    /// # Errors
    /// Where the system gives no threads.
    pub fn assemble(self, settings: &Settings, log: &Rc<Log>) -> Result<Checker, Failure> {
        let backend = |part| match part {
            Part::Whole(backend) => Ok(backend),
            Part::Sasldb(location) => sasldb(&location, settings, log).map(Backend::Sasldb),
        };
        let backends = self.parts.into_iter().map(backend).collect::<Result<Vec<_>, _>>()?;
        warn_of_order(&backends, log);
        let names = backends.iter().map(Backend::name).collect::<Vec<_>>().join(",");
        let cached = match (&self.cache, settings.remember) {
            (None, _) => "off",
            (Some(_), Remember::OurOwn) => "sasldb",
            (Some(_), Remember::All) => "all",
        };
        log.write(Level::Debug, format_args!("mechanisms={names} threads={} cache={cached}", settings.threads));
        Ok(Checker::new(backends, self.cache, settings.remember, settings.combine))
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
///
/// # Errors
/// Where the host's name cannot be read, or is none.
pub fn realm() -> Result<Vec<u8>, impl Display> {
    realm_of_this_host().map(|realm| realm.as_bytes().to_vec())
}

fn part(mechanism: &Mechanism, settings: &Settings, (log, errands): (&Rc<Log>, &Rc<Errands>)) -> Result<Part, Failure> {
    let host = |kind, most| Ok(Backend::Host(Host::new(kind, most, Rc::clone(errands))));
    match mechanism {
        Mechanism::Sasldb(location) => return Ok(Part::Sasldb(location.clone())),
        Mechanism::Host(Kind::Pam) => host(Kind::Pam, settings.pam_helpers),
        Mechanism::Host(kind) => host(*kind, settings.threads),
        Mechanism::Rimap(servers) => {
            Rimap::new(servers).map(Server::Rimap).map(remote).map_err(|error| broken("rimap", error))
        }
        Mechanism::Ldap(file) => ldap(file, crypt(settings, errands), log).map(Box::new).map(Server::Ldap).map(remote),
        Mechanism::Httpform(file) => httpform(file, log).map(Server::Httpform).map(remote),
    }
    .map(Part::Whole)
}

fn remote(server: Server) -> Backend {
    Backend::Remote(Remote::new(server))
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
    conf.strangers("httpform_", &KEYS).for_each(|warning| log.write(Level::Warning, warning));
    Ok(form)
}

fn ldap(file: &Path, crypt: Crypt, log: &Rc<Log>) -> Result<Ldap, Failure> {
    let ldap = Conf::read(file).and_then(|conf| Ldap::new(&conf, crypt));
    let ldap = ldap.map_err(|error| broken("ldap", error))?;
    ldap.warnings().iter().for_each(|warning| log.write(Level::Warning, warning));
    Ok(ldap)
}

/// Hashes of crypt(3) are for a process of their own.
fn crypt(settings: &Settings, errands: &Rc<Errands>) -> Crypt {
    let helpers = Rc::new(HelperPool::new(Kind::Crypt, settings.threads, Rc::clone(errands)));
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
