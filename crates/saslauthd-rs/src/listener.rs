//! Accepting connections.

use crate::session::Service;
use std::{future::poll_fn, io, os::unix::net::UnixListener, rc::Rc, time::Duration};
use tokio::{
    io::{Interest, unix::AsyncFd},
    task::yield_now,
    time::sleep,
};
use zeroize::Zeroizing;

/// So many connections are taken before those that wait for something else have their turn.
const BATCH: usize = 64;

/// How long to leave the system alone when it has no room for another connection.
const PAUSE: Duration = Duration::from_millis(10);

/// The socket that clients connect to.
#[derive(Debug)]
pub struct Listener {
    socket: AsyncFd<UnixListener>,
    scratch: Zeroizing<Vec<u8>>,
}

impl Listener {
    /// Takes a socket that listens.
    ///
    /// # Errors
    /// Where the system refuses.
    pub fn new(socket: UnixListener) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        #[expect(
            deprecated,
            reason = "sound for a socket, whose descriptor stays the same; what replaces it is unsafe"
        )]
        let socket = AsyncFd::with_interest(socket, Interest::READABLE)?;
        Ok(Self { socket, scratch: Zeroizing::default() })
    }

    /// Serves whoever connects, for ever.
    ///
    /// # Errors
    /// Where the socket itself fails.
    pub async fn serve(&mut self, service: &Rc<Service>) -> io::Result<()> {
        loop {
            let mut ready = poll_fn(|context| self.socket.poll_read_ready(context)).await?;
            match accept(self.socket.get_ref(), service, &mut self.scratch, BATCH) {
                Accepted::All => ready.clear_ready(),
                Accepted::Some => yield_now().await,
                Accepted::NoRoom => {
                    if !service.shed() {
                        sleep(PAUSE).await;
                    }
                    yield_now().await;
                }
            }
        }
    }

    /// Serves whoever has connected already, and nobody after them.
    pub fn serve_the_rest(mut self, service: &Rc<Service>) {
        accept(self.socket.get_ref(), service, &mut self.scratch, usize::MAX);
    }
}

enum Accepted {
    /// Nobody waits any more.
    All,
    /// Somebody may.
    Some,
    /// The system has no descriptor or no memory for another.
    NoRoom,
}

fn accept(socket: &UnixListener, service: &Rc<Service>, scratch: &mut Vec<u8>, most: usize) -> Accepted {
    scratch.resize(service.longest_request(), 0);
    for _ in 0..most {
        match socket.accept() {
            Ok((stream, _)) => service.begin(stream, scratch),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Accepted::All,
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return Accepted::NoRoom,
        }
    }
    Accepted::Some
}
