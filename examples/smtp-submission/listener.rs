//! Accepting clients, until it is time to end.

use crate::connection::{Connection, Service, Start};
use std::{sync::Arc, time::Duration};
use tokio::{
    net::TcpListener,
    sync::Semaphore,
    task::JoinSet,
    time::{sleep, timeout},
};

/// Clients at once. The others wait in the system's queue.
const MAX_CLIENTS: usize = 100;

/// How long a message on its way may take when it is time to end.
const DRAIN: Duration = Duration::from_secs(10);

/// How long to wait when the system has no room for another connection.
const PAUSE: Duration = Duration::from_millis(50);

/// Both ports.
#[derive(Debug)]
pub(crate) struct Listeners {
    pub(crate) plain: TcpListener,
    pub(crate) tls: TcpListener,
}

impl Listeners {
    /// Serves whoever connects, until told to end; then waits for those who are at it.
    pub(crate) async fn serve(self, service: Arc<Service>) {
        let (places, mut clients) = (Arc::new(Semaphore::new(MAX_CLIENTS)), JoinSet::new());
        let mut ending = service.ending.clone();
        while let Ok(place) = Arc::clone(&places).acquire_owned().await {
            let (accepted, start) = tokio::select! {
                _ = ending.wait_for(|ending| *ending) => break,
                Some(_) = clients.join_next() => continue,
                accepted = self.plain.accept() => (accepted, Start::Plain),
                accepted = self.tls.accept() => (accepted, Start::Tls),
            };
            match accepted {
                Ok((socket, peer)) => {
                    let connection = Connection::new(Arc::clone(&service), peer);
                    clients.spawn(async move {
                        connection.serve(socket, start).await;
                        drop(place);
                    });
                }
                Err(_) => sleep(PAUSE).await,
            }
        }
        drop(self);
        let _ = timeout(DRAIN, clients.join_all()).await;
    }
}
