//! What passwords can be checked against.

pub mod host;
pub mod remote;
pub mod sasldb;

use crate::{cache::Cache, metrics::Page, peer::Client};
use host::Host;
use remote::Remote;
use sasl_remote::attempt::{Answer, Attempt};
use sasldb::Sasldb;
use std::{cell::RefCell, rc::Rc};

/// One of them.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "complete by nature")]
pub enum Backend {
    /// A store of ours, which is only opened once.
    Sasldb(Rc<Sasldb>),
    /// PAM, or what this host has in files.
    Host(Host),
    /// Another server.
    Remote(Remote),
}

impl Backend {
    /// As a command line has it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sasldb(_) => "sasldb",
            Self::Host(host) => host.name(),
            Self::Remote(remote) => remote.name(),
        }
    }

    /// Whether only what is before the `@` of a login tells users apart.
    #[must_use]
    pub fn finds_by_user_part(&self) -> bool {
        matches!(self, Self::Remote(remote) if remote.finds_by_user_part())
    }

    /// How many descriptors it may take besides those that are always open.
    #[must_use]
    pub fn descriptors(&self) -> usize {
        match self {
            Self::Sasldb(_) => 0,
            Self::Host(host) => host.descriptors(),
            Self::Remote(remote) => remote.descriptors(),
        }
    }

    /// Checks a password, for `client`. A store of ours remembers by itself, in `cache`, what it can take back at once.
    pub async fn check(&self, attempt: &Attempt, client: &Client, cache: Option<&RefCell<Cache>>) -> Answer {
        match self {
            Self::Sasldb(sasldb) => sasldb.check(attempt, client, cache).await,
            Self::Host(host) => host.check(attempt, client).await,
            Self::Remote(remote) => remote.check(attempt, client).await,
        }
    }

    /// Puts on a page what it has to count.
    pub fn measure(&self, page: &mut Page) {
        match self {
            Self::Sasldb(sasldb) => sasldb.measure(page),
            Self::Host(host) => host.measure(page),
            Self::Remote(remote) => remote.measure(page),
        }
    }

    /// What is to be done once a second.
    pub fn tick(&self) {
        match self {
            Self::Sasldb(sasldb) => sasldb.tick(),
            Self::Host(host) => host.tick(),
            Self::Remote(_) => {}
        }
    }
}
