//! One connection: a request comes, is checked, is answered, and that is all. Whether the client then closes is
//! nothing to us.
//!
//! Where the whole request has come already and its answer is known, as with most, nothing is allocated, nothing
//! is registered anywhere, and no task is made: one read, one write, one close.

use crate::{
    check::{Check, Checker, Outcome, Pending},
    log::{Class, Level, Log},
};
use nix::sys::socket::{MsgFlags, getsockopt, recv, send, sockopt::PeerCredentials};
use sasl_core::escape::Escaped;
use sasl_wire::{
    frame::Decoded,
    saslauthd::{MAX_FIELD, Malformed, Reply, Request, decode_request, encode_reply},
};
use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    fmt, io,
    os::{fd::AsRawFd, unix::net::UnixStream},
    rc::Rc,
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::Notify,
    task::{AbortHandle, spawn_local},
    time::timeout,
};
use zeroize::{Zeroize, Zeroizing};

/// The longest request: five fields.
pub const LONGEST_REQUEST: usize = 5 * (2 + MAX_FIELD);

/// What all connections share.
pub struct Service {
    checker: RefCell<Checker>,
    log: Rc<Log>,
    deadline: Duration,
    most_open: usize,
    open: Cell<usize>,
    /// Connections whose request has not come yet, in the order in which they came.
    incomplete: RefCell<BTreeMap<u64, AbortHandle>>,
    next: Cell<u64>,
    done: Notify,
}

/// The parts of a request that go into the log.
struct Subject {
    login: Vec<u8>,
    service: Vec<u8>,
    realm: Vec<u8>,
    client: Option<Vec<u8>>,
}

impl Service {
    /// A service that waits `deadline` for a request, and holds at most `most_open` connections.
    #[must_use]
    pub fn new(checker: Checker, log: Rc<Log>, deadline: Duration, most_open: usize) -> Rc<Self> {
        Rc::new(Self {
            checker: RefCell::new(checker),
            log,
            deadline,
            most_open,
            open: Cell::new(0),
            incomplete: RefCell::default(),
            next: Cell::new(0),
            done: Notify::new(),
        })
    }

    /// Takes a new connection. `scratch` is for its bytes, and is wiped.
    pub fn begin(self: &Rc<Self>, stream: UnixStream, scratch: &mut [u8; LONGEST_REQUEST]) {
        match recv(stream.as_raw_fd(), scratch, MsgFlags::MSG_DONTWAIT).map_err(io::Error::from) {
            Ok(0) => {}
            Ok(length) => {
                self.arrived(stream, &scratch[..length]);
                scratch[..length].zeroize();
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.wait_for_request(stream, Zeroizing::default())
            }
            Err(_) => {}
        }
    }

    /// Waits until every connection is done with, as long as the caller likes.
    pub async fn drained(&self) {
        while self.open.get() > 0 {
            self.done.notified().await;
        }
    }

    /// What is to be done once a second.
    pub fn tick(&self) {
        self.checker.borrow_mut().tick();
        self.log.tick();
    }

    /// Opens the log and the database anew, and from now on looks up `realm` where a request has none; the one of
    /// before, where it could not be read.
    pub fn reload(&self, realm: Result<Vec<u8>, impl fmt::Display>) {
        self.log.reopen();
        let mut checker = self.checker.borrow_mut();
        match realm {
            Ok(realm) => checker.realm = realm,
            Err(error) => self.log.write(Level::Warning, error),
        }
        match checker.database.reopen() {
            Ok(()) => self.log.write(Level::Info, "reopened log and database"),
            Err(error) => self.log.write(Level::Error, error),
        }
    }

    /// Closes all connections whose request has not come.
    pub fn shed_all(&self) {
        while self.shed() {}
    }

    /// Closes the connection that has been silent for longest, if there is one: there is no room.
    pub fn shed(&self) -> bool {
        let oldest = self.incomplete.borrow_mut().pop_first();
        oldest.map(|(_, task)| task.abort()).is_some()
    }

    fn arrived(self: &Rc<Self>, stream: UnixStream, bytes: &[u8]) {
        match decode_request(bytes, MAX_FIELD) {
            Ok(Decoded::Complete(request)) => self.decide(stream, &request),
            Ok(Decoded::Short(_)) => {
                let mut buffer = Zeroizing::new(Vec::with_capacity(LONGEST_REQUEST));
                buffer.extend(bytes);
                self.wait_for_request(stream, buffer);
            }
            Err(malformed) => self.refuse(&stream, malformed),
        }
    }

    fn decide(self: &Rc<Self>, stream: UnixStream, request: &Request<'_>) {
        if let Some(outcome) = self.checker.borrow_mut().recall(request) {
            return self.answer(&stream, request, outcome);
        }
        if !self.has_room() {
            return self.answer(&stream, request, Outcome::deferred("too many connections"));
        }
        let client = Arc::new(stream);
        let check = self.checker.borrow_mut().check(request, &client);
        match check {
            Check::Done(outcome) => self.answer(&client, request, outcome),
            Check::Pending(pending) => self.wait_for_check(client, pending, Subject::of(request)),
        }
    }

    fn wait_for_check(self: &Rc<Self>, client: Arc<UnixStream>, mut pending: Pending, subject: Subject) {
        let place = self.enter();
        spawn_local(async move {
            let outcome = loop {
                let fits = pending.answer().await;
                pending = match place.service.checker.borrow_mut().finish(&pending, fits, &client) {
                    Check::Done(outcome) => break outcome,
                    Check::Pending(again) => again,
                };
            };
            place.service.answer(&client, &subject.request(), outcome);
        });
    }

    fn wait_for_request(self: &Rc<Self>, stream: UnixStream, buffer: Zeroizing<Vec<u8>>) {
        if !self.has_room() {
            self.log.decision(Class::Refusal, Level::Error, || "no room for another connection");
            return;
        }
        let place = self.enter();
        let number = place.number;
        let task = spawn_local(async move {
            let service = Rc::clone(&place.service);
            match timeout(service.deadline, read_request(stream, buffer)).await {
                Ok(Ok(Some((stream, buffer)))) => {
                    drop(place);
                    service.arrived(stream, &buffer);
                }
                Ok(Ok(None) | Err(_)) => {}
                Err(_) => service.log.decision(
                    Class::Refusal,
                    Level::Info,
                    || "client closed: no request within the deadline",
                ),
            }
        });
        self.incomplete.borrow_mut().insert(number, task.abort_handle());
    }

    /// Whether another connection can be held, if need be in the place of one that is silent.
    fn has_room(&self) -> bool {
        self.open.get() < self.most_open || self.shed()
    }

    fn refuse(&self, stream: &UnixStream, malformed: Malformed) {
        reply(stream, malformed.reply());
        let peer = Peer(stream);
        self.log.decision(Class::Refusal, Level::Error, || format!("malformed request: {malformed} {peer}"));
    }

    fn answer(&self, stream: &UnixStream, request: &Request<'_>, outcome: Outcome) {
        reply(stream, if outcome.accepted { Reply::Ok } else { Reply::No(None) });
        let class = if outcome.accepted { Class::Success } else { Class::Refusal };
        self.log.decision(class, outcome.level, || Decision { request, outcome, peer: Peer(stream) });
    }

    fn enter(self: &Rc<Self>) -> Place {
        self.open.set(self.open.get() + 1);
        self.next.set(self.next.get() + 1);
        Place { number: self.next.get(), service: Rc::clone(self) }
    }
}

/// Counts a connection for as long as it lives, however it ends.
struct Place {
    number: u64,
    service: Rc<Service>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.service.incomplete.borrow_mut().remove(&self.number);
        self.service.open.set(self.service.open.get() - 1);
        self.service.done.notify_waiters();
    }
}

/// Reads until a decoder has enough. `None` where the client stops before. What waits here is kept small: thousands
/// of silent clients may.
async fn read_request(
    stream: UnixStream,
    mut buffer: Zeroizing<Vec<u8>>,
) -> io::Result<Option<(UnixStream, Zeroizing<Vec<u8>>)>> {
    stream.set_nonblocking(true)?;
    let stream = tokio::net::UnixStream::from_std(stream)?;
    while matches!(decode_request(&buffer, MAX_FIELD), Ok(Decoded::Short(_))) {
        stream.readable().await?;
        match read_some(&stream, &mut buffer) {
            Ok(0) => return Ok(None),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Some((stream.into_std()?, buffer)))
}

/// Reads once. The buffer has its final capacity from the first octet on, so that no copy of a password stays behind.
fn read_some(stream: &tokio::net::UnixStream, buffer: &mut Zeroizing<Vec<u8>>) -> io::Result<usize> {
    let mut chunk = Zeroizing::new([0; LONGEST_REQUEST]);
    let room = LONGEST_REQUEST - buffer.len();
    let length = stream.try_read(&mut chunk[..room])?;
    buffer.reserve_exact(room);
    buffer.extend(&chunk[..length]);
    Ok(length)
}

/// In one write. A client that is gone, or does not read, gets nothing.
fn reply(stream: &UnixStream, reply: Reply<'_>) {
    let _ = send(stream.as_raw_fd(), &encode_reply(reply), MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL);
}

impl Subject {
    fn of(request: &Request<'_>) -> Self {
        let Request { login, service, realm, client, .. } = request;
        let [login, service, realm] = [login, service, realm].map(|field| field.to_vec());
        Self { login, service, realm, client: client.map(<[u8]>::to_vec) }
    }

    fn request(&self) -> Request<'_> {
        let Self { login, service, realm, client } = self;
        Request { login, password: b"", service, realm, client: client.as_deref() }
    }
}

/// A field as it is shown: escaped, and where that is longer than so many bytes cut, which is shown too. All fields of
/// a line together leave it shorter than the 1,024 bytes that every syslog takes.
struct Shown<'a>(&'a [u8], usize);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = Escaped(self.0).to_string();
        if text.len() <= self.1 {
            return f.write_str(&text);
        }
        let end = (0..=self.1).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        write!(f, "{}...", &text[..end])
    }
}

/// A line of the log. Its first words and fields are those of the original, for the filters that know them.
struct Decision<'a> {
    request: &'a Request<'a>,
    outcome: Outcome,
    peer: Peer<'a>,
}

impl fmt::Display for Decision<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Request { login, service, realm, client, .. } = self.request;
        let result = if self.outcome.accepted { "success" } else { "failure" };
        let (login, service, realm) = (Shown(login, 256), Shown(service, 64), Shown(realm, 256));
        write!(f, "auth {result}: [user={login}] [service={service}] [realm={realm}] [mech=sasldb]")?;
        write!(f, " [reason={}] {}", self.outcome.reason, self.peer)?;
        client.map_or(Ok(()), |client| write!(f, " [client={}]", Shown(client, 64)))
    }
}

/// The process at the other end, asked for only where it is shown.
struct Peer<'a>(&'a UnixStream);

impl fmt::Display for Peer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match getsockopt(self.0, PeerCredentials) {
            Ok(peer) => write!(f, "[pid={}] [uid={}]", peer.pid(), peer.uid()),
            Err(_) => f.write_str("[pid=] [uid=]"),
        }
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Service({} open)", self.open.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_shown_whole_or_marked_as_cut() {
        let shown = |field: &[u8], longest| Shown(field, longest).to_string();
        assert_eq!([shown(b"tim", 3), shown(b"timo", 3), shown(b"", 3)], ["tim", "tim...", ""]);
        assert_eq!(shown("t\u{e9}".repeat(100).as_bytes(), 4), "t\u{e9}t...");
        assert_eq!(shown("\u{e9}\u{e9}".as_bytes(), 3), "\u{e9}...");
        assert_eq!(shown(&[0xff; 256], 256).len(), 256 + 3);
        assert_eq!(shown(&[b'x'; 256], 256).len(), 256);
    }
}
