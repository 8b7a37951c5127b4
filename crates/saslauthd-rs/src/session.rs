//! One connection: a request comes, is checked, is answered, and that is all. Whether the client then closes is
//! nothing to us.
//!
//! Where the whole request has come already and its answer is known, as with most, nothing is allocated, nothing
//! is registered anywhere, and no task is made: one read, one write, one close.

use crate::{
    check::Checker,
    gate::{Gate, Pass, Refused},
    inquiry::{Findings, inquire},
    log::{Class, Level, Log},
    metrics::{Family, Page},
    outcome::{Decision, Ending, Outcome, Shown},
    peer::{self, Client, Peer},
    room::{self, Awaited, Full, Room},
    tally::{Tally, TurnedAway},
    throttle::{Answer, Keys, Rules},
};
use nix::sys::socket::{MsgFlags, recv, send};
use sasl_core::secret::Secret;
use sasl_remote::attempt::Attempt;
use sasl_wire::{
    frame::Decoded,
    saslauthd::{Field, Malformed, Reply, Request, decode_request, encode_reply},
};
use std::{
    borrow::Cow,
    cell::{Cell, RefCell},
    fmt, io,
    os::{fd::AsRawFd, unix::net::UnixStream},
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
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
    gate: Rc<Gate>,
    room: RefCell<Room<AbortHandle>>,
    done: Notify,
    tally: Tally,
    /// Connections of servers that leave whole exchanges to us.
    of_exchanges: Cell<usize>,
}

const OPEN: Family = Family::gauge("saslauthd_connections_open", "Connections that wait for something.");
const INCOMPLETE: Family =
    Family::gauge("saslauthd_connections_incomplete", "Connections whose request has not come yet, among them.");
const OF_EXCHANGES: Family = Family::gauge(
    "saslauthd_exchange_connections_open",
    "Connections of servers that leave whole exchanges to the daemon.",
);

/// What connections may do.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "what the flags say")]
pub struct Limits {
    /// How long a client may take to send its request.
    pub deadline: Duration,
    /// How many connections are held.
    pub most_open: usize,
    /// How many of those whose requests are being answered may be of one user of this host.
    pub most_of_one_user: usize,
    /// How long a field may be, in bytes.
    pub longest_field: usize,
    /// How long requests in flight may take when the daemon is told to end.
    pub drain: Duration,
    /// How wrong passwords slow down their senders; `None` for not at all.
    pub throttle: Option<Rules>,
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
            gate: Gate::new(limits.throttle),
            room: RefCell::new(Room::new(limits.most_open, limits.most_of_one_user)),
            done: Notify::new(),
            tally: Tally::new(),
            of_exchanges: Cell::default(),
        })
    }

    /// How many connections are held.
    #[must_use]
    pub fn open(&self) -> usize {
        self.room.borrow().open()
    }

    /// What connections may do.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits.get()
    }

    /// Checks by `checker` from now on, within `limits`. What is in flight goes on as it began, and what is known of guessers stays.
    pub fn replace(&self, checker: Checker, limits: Limits) {
        self.limits.set(limits);
        self.gate.set_rules(limits.throttle);
        self.room.borrow_mut().set_size(limits.most_open, limits.most_of_one_user);
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

    /// Waits until every connection is done with, as long as the caller likes. Who would be held back is answered at once.
    pub async fn drained(&self) {
        self.gate.close();
        while self.open() > 0 {
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
        self.gate.tick();
        self.log.tick();
    }

    /// All that there is to count and to measure.
    pub fn measure(&self) -> Page {
        let (mut page, checker) = (Page::default(), self.checker());
        let room = self.room.borrow();
        page.add_number(&OPEN, &[], room.open());
        page.add_number(&INCOMPLETE, &[], room.silent());
        page.add_number(&OF_EXCHANGES, &[], self.of_exchanges.get());
        self.tally.measure(&mut page, &checker.names());
        checker.measure(&mut page);
        self.log.measure(&mut page);
        page
    }

    /// Checks a request for whoever runs the daemon, and says how it is decided. It is no login, is not held up, and is
    /// not counted as one.
    ///
    /// # Errors
    /// Why it is no request.
    pub async fn inquire(&self, request: &[u8], client: &Client) -> Result<String, String> {
        let malformed = |malformed: Malformed| malformed.to_string();
        let (checker, longest) = (self.checker(), self.limits.get().longest_field);
        let Decoded::Complete(request) = decode_request(request, longest).map_err(malformed)? else {
            return Err("no whole request".into());
        };
        let login = login(&checker, &request).map_err(malformed)?;
        let Findings { text, accepted } = inquire(&checker, &request, &login, client).await;
        let (user, service, realm) = (Shown(&login, 256), Shown(request.service, 64), Shown(request.realm, 256));
        let (answer, peer) = (if accepted { "OK" } else { "NO" }, Peer(&client.stream));
        self.log.write(
            Level::Info,
            format_args!("check: [user={user}] [service={service}] [realm={realm}] [answer={answer}] {peer}"),
        );
        Ok(text)
    }

    /// Closes all connections whose request has not come.
    pub fn shed_all(&self) {
        while self.shed() {}
    }

    /// Closes a connection that is silent, if there is one: there is no room.
    pub fn shed(&self) -> bool {
        let silent = self.room.borrow_mut().shed();
        silent.map(|task| self.close(&task)).is_some()
    }

    fn close(&self, silent: &AbortHandle) {
        self.tally.turn_away(TurnedAway::Shed);
        silent.abort();
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
        let login = match login(&checker, request) {
            Ok(login) => login,
            Err(malformed) => return self.refuse(&stream, malformed),
        };
        let request = &Request { login: &login, ..*request };
        match self.way(&checker, request, &stream) {
            Way::Known(outcome) => self.answer(&stream, request, &outcome),
            Way::Check(waiting) => self.begin_check(stream, request, waiting),
        }
    }

    /// How a request is decided: at once, if it can be.
    fn way(&self, checker: &Checker, request: &Request<'_>, stream: &UnixStream) -> Way {
        if self.gate.is_busy() {
            return self.way_at_the_gate(checker, request, stream);
        }
        checker.recall(request).map_or(Way::Check(None), Way::Known)
    }

    /// The same while somebody has sent wrong passwords lately: before that was asked, nobody learns what is remembered.
    #[cold]
    fn way_at_the_gate(&self, checker: &Checker, request: &Request<'_>, stream: &UnixStream) -> Way {
        let keys = self.gate.known(&checker.who(request), stream);
        match keys.map(|keys| (keys, self.gate.ask(&keys))) {
            Some((_, Answer::Never)) => Way::Known(Outcome::throttled()),
            Some((keys, Answer::Later(_) | Answer::InTurn(_) | Answer::Next)) => Way::Check(Some(keys)),
            Some((_, Answer::Now)) | None => match checker.recall(request) {
                Some(outcome) => {
                    keys.iter().for_each(|keys| self.gate.succeeded(keys));
                    Way::Known(outcome)
                }
                None => Way::Check(None),
            },
        }
    }

    /// Checks an attempt; first of all, `waiting` at the gate where it has to.
    fn begin_check(self: &Rc<Self>, stream: UnixStream, request: &Request<'_>, waiting: Option<Keys>) {
        let Ok(place) = self.enter(&stream, Awaited::Answer) else {
            return self.answer(&stream, request, &Outcome::overloaded("too many connections"));
        };
        let entry = self.entry(waiting, request, &stream);
        let attempt = Attempt {
            login: request.login.to_vec(),
            password: Secret::new(request.password),
            service: request.service.to_vec(),
            realm: request.realm.to_vec(),
        };
        let client = Client { stream: Arc::new(stream), address: request.client.map(<[u8]>::to_vec) };
        spawn_local(check(place, attempt, client, entry));
    }

    fn wait_for_request(self: &Rc<Self>, stream: UnixStream, buffer: Zeroizing<Vec<u8>>) {
        let Ok(place) = self.enter(&stream, Awaited::Request) else {
            reply(&stream, Reply::No(None));
            self.tally.turn_away(TurnedAway::NoRoom);
            return self.log.decision(Class::Refusal, Level::Error, || "no room for another connection");
        };
        let (taken, limits) = (place.taken, self.limits.get());
        let task = spawn_local(async move {
            let service = Rc::clone(&place.service);
            match timeout(limits.deadline, read_request(stream, buffer, limits)).await {
                Ok(Ok(Some((stream, buffer)))) => {
                    drop(place);
                    service.arrived(stream, &buffer);
                }
                Ok(Ok(None) | Err(_)) => {}
                Err(_) => service.gave_up(),
            }
        });
        self.room.borrow_mut().keep(taken, task.abort_handle());
    }

    /// A client has not sent its request.
    fn gave_up(&self) {
        self.tally.turn_away(TurnedAway::Late);
        self.log.decision(Class::Refusal, Level::Info, || "client closed: no request within the deadline");
    }

    fn refuse(&self, stream: &UnixStream, malformed: Malformed) {
        reply(stream, malformed.reply());
        self.turn_away(stream, &malformed);
    }

    fn entry(&self, waiting: Option<Keys>, request: &Request<'_>, stream: &UnixStream) -> Entry {
        match waiting {
            Some(keys) => Entry::Waiting(keys),
            None => Entry::Passed(self.gate.pass(&self.checker().who(request), stream)),
        }
    }

    fn answer(&self, stream: &UnixStream, request: &Request<'_>, outcome: &Outcome) {
        reply(stream, if outcome.accepted { Reply::Ok } else { Reply::No(None) });
        self.settle(stream, request, outcome);
    }

    /// Counts what a request came to, and logs it.
    pub fn settle(&self, stream: &UnixStream, request: &Request<'_>, outcome: &Outcome) {
        self.tally.answered(outcome);
        let class = match outcome.ending {
            Ending::Accepted => Class::Success,
            Ending::Throttled => Class::Throttled,
            Ending::Refused | Ending::Unknown | Ending::Unavailable | Ending::Overloaded => Class::Refusal,
        };
        self.log.decision(class, outcome.level, || Decision { request, outcome, peer: Peer(stream) });
    }

    /// Whether a password is the user's, for whoever speaks another protocol: by the same rules, and with the same line in the log.
    pub async fn check_password(&self, attempt: &Attempt, client: &Client) -> Outcome {
        let (begin, checker) = (Instant::now(), self.checker());
        let request = request(attempt, client, attempt.password.expose());
        let fields = [request.login, request.password, request.service, request.realm];
        let longest = self.limits.get().longest_field;
        let outcome = match login(&checker, &request) {
            Ok(login) if fields.iter().all(|field| field.len() <= longest) => {
                let request = &Request { login: &login, ..request };
                match self.way(&checker, request, &client.stream) {
                    Way::Known(outcome) => outcome,
                    Way::Check(waiting) => {
                        let entry = self.entry(waiting, request, &client.stream);
                        let attempt = &Attempt { login: login.to_vec(), ..attempt.clone() };
                        // Most passwords are remembered, and need not carry what this takes from place to place.
                        let outcome = Box::pin(self.look_at(attempt, client, entry)).await;
                        Outcome { took: begin.elapsed(), ..outcome }
                    }
                }
            }
            _ => Outcome::new("none", sasl_remote::attempt::Answer::refused("too long")),
        };
        self.settle(&client.stream, &request, &outcome);
        outcome
    }

    /// Waits until what somebody has proved may be looked at, without their password being known. Gives for how long they were held
    /// back, too.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn pass(&self, request: &Request<'_>, client: &Client) -> Result<(Pass, Duration), Refused> {
        let who = self.checker().who(request);
        match self.gate.known(&who, &client.stream).filter(|_| self.gate.is_busy()) {
            Some(keys) => self.gate.wait(keys, &client.stream).await,
            None => Ok((self.gate.pass(&who, &client.stream), Duration::ZERO)),
        }
    }

    /// So many servers are there that leave whole exchanges to us.
    pub fn note_of_exchanges(&self, connections: usize) {
        self.of_exchanges.set(connections);
    }

    /// Somebody was turned away elsewhere.
    pub fn count_turned_away(&self, why: TurnedAway) {
        self.tally.turn_away(why);
    }

    /// Somebody has sent what makes no sense.
    pub fn turn_away(&self, stream: &UnixStream, why: &dyn fmt::Display) {
        self.tally.turn_away(TurnedAway::Malformed);
        let peer = Peer(stream);
        self.log.decision(Class::Refusal, Level::Error, || format!("malformed request: {why} {peer}"));
    }

    /// Checks an attempt that has passed, or once it does.
    async fn look_at(&self, attempt: &Attempt, client: &Client, entry: Entry) -> Outcome {
        let (pass, throttled, recalled) = match entry {
            Entry::Passed(pass) => (pass, Duration::ZERO, None),
            Entry::Waiting(keys) => match self.gate.wait(keys, &client.stream).await {
                Ok((pass, held_back)) => {
                    (pass, held_back, self.checker().recall(&request(attempt, client, attempt.password.expose())))
                }
                Err(_) => return Outcome::throttled(),
            },
        };
        let outcome = match recalled {
            Some(outcome) => outcome,
            None => self.checker().check(attempt, client).await,
        };
        match outcome.ending {
            Ending::Accepted => pass.succeeded(),
            Ending::Refused | Ending::Unknown => pass.failed(),
            // What is remembered is answered at once: who does not wait for the rest has learnt that it was wrong.
            Ending::Unavailable if peer::has_gone(&client.stream) => pass.failed(),
            Ending::Unavailable | Ending::Overloaded | Ending::Throttled => drop(pass),
        }
        if !throttled.is_zero() {
            self.tally.held_back();
        }
        Outcome { throttled, ..outcome }
    }

    /// Takes a place, if need be that of one that is silent.
    fn enter(self: &Rc<Self>, stream: &UnixStream, awaited: Awaited) -> Result<Place, Full> {
        let (place, silent) = self.room.borrow_mut().enter(peer::uid(stream), awaited)?;
        if let Some(task) = silent {
            self.close(&task);
        }
        Ok(Place { taken: place, service: Rc::clone(self) })
    }
}

/// Counts a connection for as long as it lives, however it ends.
struct Place {
    taken: room::Place,
    service: Rc<Service>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.service.room.borrow_mut().leave(self.taken);
        self.service.done.notify_waiters();
    }
}

/// How a request is decided.
enum Way {
    /// That is known.
    Known(Outcome),
    /// By a check, before which it may have to wait at the gate.
    Check(Option<Keys>),
}

/// How an attempt comes to its check.
enum Entry {
    /// It has passed the gate.
    Passed(Pass),
    /// It waits there.
    Waiting(Keys),
}

/// Checks an attempt, and answers it.
async fn check(place: Place, attempt: Attempt, client: Client, entry: Entry) {
    let (service, begin) = (&place.service, Instant::now());
    let outcome = service.look_at(&attempt, &client, entry).await;
    let outcome = Outcome { took: begin.elapsed(), ..outcome };
    service.answer(&client.stream, &request(&attempt, &client, b""), &outcome);
}

fn request<'a>(attempt: &'a Attempt, client: &'a Client, password: &'a [u8]) -> Request<'a> {
    let Attempt { login, service, realm, .. } = attempt;
    Request { login, password, service, realm, client: client.address.as_deref() }
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

/// What is looked up, with its realm where `-r` says so.
fn login<'a>(checker: &Checker, request: &Request<'a>) -> Result<Cow<'a, [u8]>, Malformed> {
    let login = checker.login(request);
    if login.len() > LONGEST_LOGIN { Err(Malformed::TooLong(Field::Login)) } else { Ok(login) }
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

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Service({} open)", self.open())
    }
}
