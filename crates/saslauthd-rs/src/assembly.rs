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

/// Reads all configuration, and connects to nobody. What is odd, but no reason not to serve, is logged.
///
/// # Errors
/// What is wrong, with its flag, or its file, line and key.
pub fn checker(settings: &Settings, log: &Rc<Log>) -> Result<Checker, Failure> {
    let cache = settings.cache.map(|(bytes, life)| Cache::new(bytes, life)).transpose();
    let cache = cache.map_err(|failure| Failure::new(format!("cache: {}", failure.cause())))?;
    let backends = settings.mechanisms.iter().map(|mechanism| backend(mechanism, settings, log));
    let backends = backends.collect::<Result<Vec<_>, _>>()?;
    warn_of_order(&backends, log);
    let names = backends.iter().map(Backend::name).collect::<Vec<_>>().join(",");
    let cached = match (&cache, settings.remember) {
        (None, _) => "off",
        (Some(_), Remember::OurOwn) => "sasldb",
        (Some(_), Remember::All) => "all",
    };
    log.write(Level::Debug, format_args!("mechanisms={names} threads={} cache={cached}", settings.threads));
    Ok(Checker::new(backends, cache, settings.remember, settings.combine))
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

fn backend(mechanism: &Mechanism, settings: &Settings, log: &Rc<Log>) -> Result<Backend, Failure> {
    match mechanism {
        Mechanism::Sasldb(location) => sasldb(location, settings, log).map(Backend::Sasldb),
        Mechanism::Host(Kind::Pam) => Ok(Backend::Host(Host::new(Kind::Pam, settings.pam_helpers))),
        Mechanism::Host(kind) => Ok(Backend::Host(Host::new(*kind, settings.threads))),
        Mechanism::Rimap(servers) => {
            Rimap::new(servers).map(Server::Rimap).map(remote).map_err(|error| broken("rimap", error))
        }
        Mechanism::Ldap(file) => ldap(file, settings, log).map(Box::new).map(Server::Ldap).map(remote),
        Mechanism::Httpform(file) => httpform(file, log).map(Server::Httpform).map(remote),
    }
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

fn ldap(file: &Path, settings: &Settings, log: &Rc<Log>) -> Result<Ldap, Failure> {
    let ldap = Conf::read(file).and_then(|conf| Ldap::new(&conf, crypt(settings)));
    let ldap = ldap.map_err(|error| broken("ldap", error))?;
    ldap.warnings().iter().for_each(|warning| log.write(Level::Warning, warning));
    Ok(ldap)
}

/// Hashes of crypt(3) are for a process of their own.
fn crypt(settings: &Settings) -> Crypt {
    let helpers = Rc::new(HelperPool::new(Kind::Crypt, settings.threads));
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
