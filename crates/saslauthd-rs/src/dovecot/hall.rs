//! What all connections share.

use super::logins::{Logins, Ticket};
use crate::exchange::Exchanges;
use sasl_wire::dovecot::line::MAX_LINE;
use std::{
    cell::{Cell, RefCell},
    time::Instant,
};
use tokio::sync::Notify;

/// One for all connections.
pub(super) struct Hall {
    pub(super) exchanges: Exchanges,
    /// What was just read. No password stays in it.
    pub(super) scratch: RefCell<Vec<u8>>,
    logins: RefCell<Logins>,
    /// What it takes to serve somebody who has come in.
    userdb: String,
    connections: Cell<u32>,
    hours: Cell<Hours>,
    news: Notify,
}

/// How it goes on.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Hours {
    /// Everything may begin.
    Open,
    /// A connection ends with the last of its exchanges.
    Closing,
    /// Clients who think are not waited for either.
    Closed,
}

impl Hall {
    pub(super) fn new(exchanges: Exchanges, userdb: String) -> Self {
        Self {
            exchanges,
            scratch: RefCell::new(vec![0; MAX_LINE]),
            logins: RefCell::default(),
            userdb,
            connections: Cell::default(),
            hours: Cell::new(Hours::Open),
            news: Notify::new(),
        }
    }

    pub(super) fn hours(&self) -> Hours {
        self.hours.get()
    }

    pub(super) fn set_hours(&self, hours: Hours) {
        self.hours.set(hours);
        self.news.notify_waiters();
    }

    /// Waits until they are not these any more.
    pub(super) async fn after(&self, hours: Hours) {
        while self.hours.get() == hours {
            self.news.notified().await;
        }
    }

    /// Another for each connection.
    pub(super) fn number(&self) -> u32 {
        self.connections.set(self.connections.get().wrapping_add(1));
        self.connections.get()
    }

    /// What it takes to serve whoever came in, a word each.
    pub(super) fn userdb(&self) -> Vec<&[u8]> {
        self.userdb.split_whitespace().map(str::as_bytes).collect()
    }

    /// Keeps who has come in for whoever is to serve them.
    pub(super) fn keep(&self, ticket: Ticket, user: &[u8]) {
        self.logins.borrow_mut().keep(ticket, user.to_vec(), Instant::now());
    }

    /// Who has come in, for whoever has the ticket; once.
    pub(super) fn claim(&self, ticket: &Ticket) -> Option<Vec<u8>> {
        self.logins.borrow_mut().take(ticket, Instant::now())
    }
}
