//! Connections that are kept, and another server where one fails.

use crate::{
    ldap::{
        connection::{Connection, Fault, FaultKind},
        servers::Servers,
    },
    tls::Tls,
};
use std::{cell::RefCell, rc::Rc, time::Duration};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout},
};

/// So many connections are in use at once.
const MOST: usize = 16;

/// How long an idle connection is kept: less than most firewalls keep it.
const KEPT: Duration = Duration::from_secs(60);

/// How often a question is put to a server that then fails.
const TRIES: usize = 2;

/// Connections for one purpose.
pub(crate) struct Pool {
    servers: Rc<Servers>,
    tls: Option<Tls>,
    limit: Duration,
    permits: Semaphore,
    idle: RefCell<Vec<Idle>>,
}

struct Idle {
    connection: Connection,
    server: usize,
    since: Instant,
}

impl Pool {
    /// `limit` is how long each step may take.
    pub(crate) fn new(servers: Rc<Servers>, tls: Option<Tls>, limit: Duration) -> Self {
        Self { servers, tls, limit, permits: Semaphore::new(MOST), idle: RefCell::default() }
    }

    /// Does `work` over a connection that `prepare` has made ready when it was new. Where the server fails, once more with another
    /// one, or with the same over a new connection.
    pub(crate) async fn with<T>(
        &self,
        prepare: impl AsyncFn(&mut Connection) -> Result<(), Fault>,
        work: impl AsyncFn(&mut Connection) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let permit = timeout(self.limit, self.permits.acquire()).await;
        let _permit = permit.map_err(|_| Fault::down("too many logins at once"))?;
        let mut tries = 0;
        if let Some(Idle { mut connection, server, .. }) = self.take_idle() {
            match work(&mut connection).await {
                // That is how idle connections end: nobody's fault, and no try.
                Err(fault) if fault.kind == FaultKind::Closed => self.idle.borrow_mut().clear(),
                Err(fault) if self.may_go_on(server, &fault) => tries += 1,
                done => return self.done(connection, server, done),
            }
        }
        loop {
            tries += 1;
            let (mut connection, server) = self.open(&prepare).await?;
            match work(&mut connection).await {
                Err(fault) if tries < TRIES && self.may_go_on(server, &fault) => {}
                done => return self.done(connection, server, done),
            }
        }
    }

    /// A new connection, to the first server that gives one.
    async fn open(
        &self,
        prepare: &impl AsyncFn(&mut Connection) -> Result<(), Fault>,
    ) -> Result<(Connection, usize), Fault> {
        let mut failure = Fault::down("no server");
        for number in self.servers.order() {
            match self.open_to(number, prepare).await {
                Ok(connection) => return Ok((connection, number)),
                Err(fault) if matches!(fault.kind, FaultKind::Denied | FaultKind::Unfit) => return Err(fault),
                Err(fault) => {
                    self.servers.blame(number);
                    failure = fault;
                }
            }
        }
        Err(failure)
    }

    async fn open_to(
        &self,
        number: usize,
        prepare: &impl AsyncFn(&mut Connection) -> Result<(), Fault>,
    ) -> Result<Connection, Fault> {
        let mut connection = Connection::open(self.servers.get(number), self.tls.as_ref(), self.limit).await?;
        prepare(&mut connection).await.map_err(|fault| self.named(number, fault))?;
        Ok(connection)
    }

    /// The connection that was used last, unless a better server has come back since.
    fn take_idle(&self) -> Option<Idle> {
        let best = self.servers.order()[0];
        let mut idle = self.idle.borrow_mut();
        idle.retain(|idle| idle.since.elapsed() < KEPT && idle.server == best);
        idle.pop()
    }

    /// Whether there is sense in another try: over a new connection, or with another server than one that is down.
    fn may_go_on(&self, server: usize, fault: &Fault) -> bool {
        match fault.kind {
            FaultKind::Closed => true,
            FaultKind::Denied | FaultKind::Unfit => false,
            FaultKind::Down => {
                self.blame(server);
                self.servers.order()[0] != server
            }
        }
    }

    /// Keeps the connection, unless something is wrong with it.
    fn done<T>(&self, connection: Connection, server: usize, done: Result<T, Fault>) -> Result<T, Fault> {
        match &done {
            Ok(_) => {
                self.servers.absolve(server);
                self.idle.borrow_mut().push(Idle { connection, server, since: Instant::now() });
            }
            Err(Fault { kind: FaultKind::Closed | FaultKind::Down, .. }) => self.blame(server),
            Err(_) => {}
        }
        done.map_err(|fault| self.named(server, fault))
    }

    fn blame(&self, server: usize) {
        self.servers.blame(server);
        self.idle.borrow_mut().retain(|idle| idle.server != server);
    }

    fn named(&self, server: usize, fault: Fault) -> Fault {
        fault.at(&self.servers.get(server).uri)
    }
}
