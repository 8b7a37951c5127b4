//! Mail servers that speak Dovecot's authentication protocol: where they come in, and how many may.

mod connection;
mod hall;
mod logins;
mod master;

use crate::{
    exchange::Exchanges,
    exchange_socket::Protocol,
    peer,
    room::{self, Awaited, Room},
    tally::TurnedAway,
};
use connection::Connection;
use hall::{Hall, Hours};
use std::{cell::RefCell, fmt, io, os::unix, pin::pin, rc::Rc, time::Duration};
use tokio::{
    net::{UnixListener, UnixStream},
    select,
    sync::Notify,
    task::{AbortHandle, spawn_local},
    time::sleep,
};

/// How long to leave the system alone when it has no room for another connection.
const PAUSE: Duration = Duration::from_millis(100);

/// Where they come in.
pub struct Gateway {
    hall: Rc<Hall>,
    room: RefCell<Room<AbortHandle>>,
    done: Notify,
}

impl Gateway {
    /// Lets begin what `exchanges` has, on so many connections. Whoever asks for a login is told `userdb` with it.
    #[must_use]
    pub fn new(exchanges: Exchanges, userdb: String, connections: usize) -> Rc<Self> {
        let room = RefCell::new(Room::new(connections, connections));
        Rc::new(Self { hall: Rc::new(Hall::new(exchanges, userdb)), room, done: Notify::new() })
    }

    /// Serves whoever connects, until it is drained.
    ///
    /// # Errors
    /// Where the system refuses.
    pub fn open(self: &Rc<Self>, socket: unix::net::UnixListener, protocol: Protocol) -> io::Result<()> {
        socket.set_nonblocking(true)?;
        let (socket, gateway) = (UnixListener::from_std(socket)?, Rc::clone(self));
        spawn_local(async move {
            let mut closed = pin!(gateway.hall.after(Hours::Open));
            loop {
                select! {
                    biased;
                    () = &mut closed => return,
                    accepted = socket.accept() => match accepted {
                        Ok((stream, _)) => gateway.enter(stream, protocol),
                        Err(_) => sleep(PAUSE).await,
                    }
                }
            }
        });
        Ok(())
    }

    /// Takes nobody new, and waits until everything that has begun is at its end.
    pub async fn drained(&self) {
        self.hall.set_hours(self.hall.hours().max(Hours::Closing));
        while self.room.borrow().open() > 0 {
            self.done.notified().await;
        }
    }

    /// Does not wait any more for clients who think.
    pub fn shed_all(&self) {
        self.hall.set_hours(Hours::Closed);
    }

    /// Takes a connection, if need be in the place of the oldest of whoever has most. Where there is none to take it from, it is closed.
    fn enter(self: &Rc<Self>, stream: UnixStream, protocol: Protocol) {
        let Ok(stream) = stream.into_std() else { return };
        let entered = self.room.borrow_mut().enter(peer::uid(&stream), Awaited::Request);
        let Ok((taken, shed)) = entered else { return self.hall.exchanges.turned_away(TurnedAway::NoRoom) };
        if let Some(oldest) = shed {
            self.hall.exchanges.turned_away(TurnedAway::Shed);
            oldest.abort();
        }
        let place = Place { taken, gateway: Rc::clone(self) };
        let task = spawn_local(async move {
            // Who goes away hears nothing more.
            let hall = &place.gateway.hall;
            let _ = match protocol {
                Protocol::Exchanges => Connection::talk(hall, stream).await,
                Protocol::Userdb => master::attend(hall, stream).await,
            };
        });
        self.room.borrow_mut().keep(taken, task.abort_handle());
        self.note();
    }

    fn note(&self) {
        self.hall.exchanges.note(self.room.borrow().open());
    }
}

/// That of a connection, for as long as it lives.
struct Place {
    taken: room::Place,
    gateway: Rc<Gateway>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.gateway.room.borrow_mut().leave(self.taken);
        self.gateway.note();
        self.gateway.done.notify_waiters();
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gateway({} open)", self.room.borrow().open())
    }
}
