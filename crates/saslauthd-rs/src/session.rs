//! One connection: a request comes, is checked, is answered, and that is all. Whether the client then closes is
//! nothing to us.
//!
//! Where the whole request has come already and its answer is known, as with most, nothing is allocated, nothing
//! is registered anywhere, and no task is made: one read, one write, one close.

use crate::{
    check::{Checker, Outcome},
    log::{Class, Level, Log},
    peer::{Client, Peer},
};
use nix::sys::socket::{MsgFlags, recv, send};
use sasl_core::{escape::Escaped, secret::Secret};
use sasl_remote::attempt::{Answer, Attempt};
use sasl_wire::{
    frame::Decoded,
    saslauthd::{Field, Malformed, Reply, Request, decode_request, encode_reply},
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

/// How much is read at once, in bytes.
const CHUNK: usize = 2048;

/// The longest login that there can be, with its realm: what two bytes count.
const LONGEST_LOGIN: usize = u16::MAX as usize;

/// What all connections share.
pub struct Service {
    checker: RefCell<Rc<Checker>>,
    log: Rc<Log>,
    limits: Cell<Limits>,
    open: Cell<usize>,
    /// Connections whose request has not come yet, in the order in which they came.
    incomplete: RefCell<BTreeMap<u64, AbortHandle>>,
    next: Cell<u64>,
    done: Notify,
}

/// What connections may do.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "what the flags say")]
pub struct Limits {
    /// How long a client may take to send its request.
    pub deadline: Duration,
    /// How many connections are held.
    pub most_open: usize,
    /// How long a field may be, in bytes.
    pub longest_field: usize,
    /// How long requests in flight may take when the daemon is told to end.
    pub drain: Duration,
}

impl Limits {
    /// Of five fields.
    fn longest_request(self) -> usize {
        5 * (2 + self.longest_field)
    }
}

impl Service {
    /// A service within those limits.
    #[must_use]
    pub fn new(checker: Checker, log: Rc<Log>, limits: Limits) -> Rc<Self> {
        Rc::new(Self {
            checker: RefCell::new(Rc::new(checker)),
            log,
            limits: Cell::new(limits),
            open: Cell::new(0),
            incomplete: RefCell::default(),
            next: Cell::new(0),
            done: Notify::new(),
        })
    }

    /// What connections may do.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits.get()
    }

    /// Checks by `checker` from now on, within `limits`. What is in flight goes on as it began.
    pub fn replace(&self, checker: Checker, limits: Limits) {
        self.limits.set(limits);
        self.checker.replace(Rc::new(checker));
    }

    /// What checks passwords now.
    #[must_use]
    pub fn checker(&self) -> Rc<Checker> {
        Rc::clone(&self.checker.borrow())
    }

    /// The longest request.
    #[must_use]
    pub fn longest_request(&self) -> usize {
        self.limits.get().longest_request()
    }

    /// Takes a new connection. `scratch` has room for the longest request, and is wiped.
    pub fn begin(self: &Rc<Self>, stream: UnixStream, scratch: &mut [u8]) {
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

    /// Logs which names of servers cannot be found. Nobody needs to wait for it.
    pub async fn look_for_servers(self: Rc<Self>) {
        self.checker().unresolved().await.iter().for_each(|line| self.log.write(Level::Warning, line));
    }

    /// What is to be done once a second.
    pub fn tick(&self) {
        self.checker.borrow().tick();
        self.log.tick();
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
        match decode_request(bytes, self.limits.get().longest_field) {
            Ok(Decoded::Complete(request)) => self.decide(stream, &request),
            Ok(Decoded::Short(_)) => {
                let mut buffer = Zeroizing::new(Vec::with_capacity(self.longest_request()));
                buffer.extend(bytes);
                self.wait_for_request(stream, buffer);
            }
            Err(malformed) => self.refuse(&stream, malformed),
        }
    }

    fn decide(self: &Rc<Self>, stream: UnixStream, request: &Request<'_>) {
        let checker = self.checker.borrow();
        let login = checker.login(request);
        if login.len() > LONGEST_LOGIN {
            return self.refuse(&stream, Malformed::TooLong(Field::Login));
        }
        let request = &Request { login: &login, ..*request };
        if let Some(outcome) = checker.recall(request) {
            return self.answer(&stream, request, &outcome);
        }
        if !self.has_room() {
            let outcome = Outcome::new("none", Answer::unavailable("too many connections"));
            return self.answer(&stream, request, &outcome);
        }
        let attempt = Attempt {
            login: login.to_vec(),
            password: Secret::new(request.password),
            service: request.service.to_vec(),
            realm: request.realm.to_vec(),
        };
        let client = Client { stream: Arc::new(stream), address: request.client.map(<[u8]>::to_vec) };
        spawn_local(check(self.enter(), attempt, client));
    }

    fn wait_for_request(self: &Rc<Self>, stream: UnixStream, buffer: Zeroizing<Vec<u8>>) {
        if !self.has_room() {
            self.log.decision(Class::Refusal, Level::Error, || "no room for another connection");
            return;
        }
        let (place, limits) = (self.enter(), self.limits.get());
        let number = place.number;
        let task = spawn_local(async move {
            let service = Rc::clone(&place.service);
            match timeout(limits.deadline, read_request(stream, buffer, limits)).await {
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
        self.open.get() < self.limits.get().most_open || self.shed()
    }

    fn refuse(&self, stream: &UnixStream, malformed: Malformed) {
        reply(stream, malformed.reply());
        let peer = Peer(stream);
        self.log.decision(Class::Refusal, Level::Error, || format!("malformed request: {malformed} {peer}"));
    }

    fn answer(&self, stream: &UnixStream, request: &Request<'_>, outcome: &Outcome) {
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

/// Checks an attempt, and answers it.
async fn check(place: Place, attempt: Attempt, client: Client) {
    let service = &place.service;
    let outcome = service.checker().check(&attempt, &client).await;
    let Attempt { login, service: name, realm, .. } = &attempt;
    let request = Request { login, password: b"", service: name, realm, client: client.address.as_deref() };
    service.answer(&client.stream, &request, &outcome);
}

/// Reads until a decoder has enough. `None` where the client stops before. What waits here is kept small: thousands of silent
/// clients may. The buffer was made for these limits, whatever they are by now.
async fn read_request(
    stream: UnixStream,
    mut buffer: Zeroizing<Vec<u8>>,
    limits: Limits,
) -> io::Result<Option<(UnixStream, Zeroizing<Vec<u8>>)>> {
    stream.set_nonblocking(true)?;
    let stream = tokio::net::UnixStream::from_std(stream)?;
    while matches!(decode_request(&buffer, limits.longest_field), Ok(Decoded::Short(_))) {
        stream.readable().await?;
        match read_some(&stream, &mut buffer, limits.longest_request()) {
            Ok(0) => return Ok(None),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Some((stream.into_std()?, buffer)))
}

/// Reads once. The buffer has its final capacity from the first octet on, so that no copy of a password stays behind; and
/// nothing is wanted before there is something to read.
fn read_some(stream: &tokio::net::UnixStream, buffer: &mut Zeroizing<Vec<u8>>, longest: usize) -> io::Result<usize> {
    let mut chunk = Zeroizing::new([0; CHUNK]);
    let room = longest - buffer.len();
    let length = stream.try_read(&mut chunk[..room.min(CHUNK)])?;
    buffer.reserve_exact(room);
    buffer.extend(&chunk[..length]);
    Ok(length)
}

/// In one write. A client that is gone, or does not read, gets nothing.
fn reply(stream: &UnixStream, reply: Reply<'_>) {
    let _ = send(stream.as_raw_fd(), &encode_reply(reply), MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL);
}

/// A field as it is shown: escaped, and where that is longer than so many bytes cut, which is shown too. All fields of
/// a line together leave it shorter than the 1,024 bytes that every syslog takes.
struct Shown<'a>(&'a [u8], usize);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        cut(&Escaped(self.0).to_string(), self.1, f)
    }
}

fn cut(text: &str, longest: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if text.len() <= longest {
        return f.write_str(text);
    }
    let end = (0..=longest).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    write!(f, "{}...", &text[..end])
}

/// A reason, which others had a part in: it leaves room for who asked, behind it.
struct Reason<'a>(&'a str);

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        cut(self.0, 220, f)
    }
}

/// A line of the log. Its first words and fields are those of the original, for the filters that know them.
struct Decision<'a> {
    request: &'a Request<'a>,
    outcome: &'a Outcome,
    peer: Peer<'a>,
}

impl fmt::Display for Decision<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Request { login, service, realm, client, .. } = self.request;
        let result = if self.outcome.accepted { "success" } else { "failure" };
        let (login, service, realm) = (Shown(login, 256), Shown(service, 64), Shown(realm, 256));
        write!(
            f,
            "auth {result}: [user={login}] [service={service}] [realm={realm}] [mech={}]",
            self.outcome.mechanism
        )?;
        write!(f, " [reason={}] {}", Reason(&self.outcome.reason), self.peer)?;
        client.map_or(Ok(()), |client| write!(f, " [client={}]", Shown(client, 64)))
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
    fn a_line_leaves_room_for_who_asked_whatever_was_sent_and_said() {
        let (name, other) = (&[0xff; 256][..], &[1; 256][..]);
        let request =
            Request { login: name, password: b"", service: other, realm: name, client: Some(b"2001:db8::1;65535") };
        let outcome = Outcome::new("httpform", Answer::unavailable(Escaped(&[1; 4096]).to_string()));
        let (stream, _peer) = UnixStream::pair().unwrap();
        let line = Decision { request: &request, outcome: &outcome, peer: Peer(&stream) }.to_string();
        assert!(line.len() < 1024 - "<38>saslauthd[4194304]: ".len(), "{}", line.len());
        assert!(line.ends_with("[client=2001:db8::1;65535]") && line.contains("...] [pid="), "{line}");
    }

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
