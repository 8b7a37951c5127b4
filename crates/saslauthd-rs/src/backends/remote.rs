//! Passwords that another server checks.

use crate::{helper_pool::HelperPool, metrics::Page, peer::Client, turns::Turns};
use sasl_remote::{
    attempt::{Answer, Attempt},
    form::Form,
    imap::Rimap,
    ldap::Ldap,
};
use std::rc::Rc;

/// For each check at once: its connection, and what looks for the server's address.
const DESCRIPTORS: usize = 3;

/// A server, and how many may ask it at once.
#[derive(Debug)]
pub struct Remote {
    server: Server,
    most: usize,
    turns: Rc<Turns>,
    /// Those that compute for it what is not for this process.
    helpers: Option<Rc<HelperPool>>,
}

/// What kind of server.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "complete by nature")]
pub enum Server {
    /// A directory.
    Ldap(Box<Ldap>),
    /// An IMAP server.
    Rimap(Rimap),
    /// A form on a web server.
    Httpform(Form),
}

impl Remote {
    /// Asks that server, `most` times at once. Each has a connection.
    #[must_use]
    pub fn new(server: Server, most: usize) -> Self {
        Self { server, most, turns: Turns::new(most), helpers: None }
    }

    /// The same, with the helpers that were given to the server.
    #[must_use]
    pub fn with_helpers(self, helpers: Rc<HelperPool>) -> Self {
        Self { helpers: Some(helpers), ..self }
    }

    /// As a command line has it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.server {
            Server::Ldap(_) => "ldap",
            Server::Rimap(_) => "rimap",
            Server::Httpform(_) => "httpform",
        }
    }

    /// Sentences for the log on names that cannot be found now. They may be later.
    pub async fn unresolved(&self) -> Vec<String> {
        match &self.server {
            Server::Ldap(_) => Vec::new(),
            Server::Rimap(rimap) => rimap.unresolved().await,
            Server::Httpform(form) => form.unresolved().await.into_iter().collect(),
        }
    }

    /// Whether only what is before the `@` of a login tells users apart.
    #[must_use]
    pub fn finds_by_user_part(&self) -> bool {
        matches!(&self.server, Server::Ldap(ldap) if ldap.finds_by_user_part())
    }

    /// How many descriptors it may take.
    #[must_use]
    pub fn descriptors(&self) -> usize {
        DESCRIPTORS * self.most
    }

    /// Puts on a page who waits, and what its helpers do.
    pub fn measure(&self, page: &mut Page) {
        self.turns.measure(page, self.name());
        if let Some(helpers) = &self.helpers {
            helpers.measure(page, "crypt");
        }
    }

    /// Checks a password.
    pub async fn check(&self, attempt: &Attempt, client: &Client) -> Answer {
        let _turn = match self.turns.take(Some(&client.stream)).await {
            Ok(turn) => turn,
            Err(none) => return Answer::unavailable(none.text()),
        };
        match &self.server {
            Server::Ldap(ldap) => ldap.check(attempt).await,
            Server::Rimap(rimap) => rimap.check(attempt).await,
            Server::Httpform(form) => form.check(attempt).await,
        }
    }
}
