//! One connection: lines come, exchanges go on beside each other, and lines go, as soon as there is something to say.

use crate::{
    exchange::{Exchange, Exchanges, Start, Turn},
    peer::Client,
};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use nix::unistd::getpid;
use sasl_core::{channel::Channel, failure::Reason, guarantees::Guarantees, line, mechanism::SuccessData, random};
use sasl_wire::{
    dovecot::{
        line::{MAX_LINE, VERSION, split_line},
        reply::{Reply, Why},
        request::{Auth, Peer, Request},
    },
    frame::Decoded,
};
use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    io,
    os::unix,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    net::UnixStream,
    select,
    sync::Notify,
    task::{JoinSet, yield_now},
    time::sleep,
};
use zeroize::{Zeroize, Zeroizing};

/// So many exchanges of one connection are not at their end.
const MOST_UNFINISHED: usize = 128;

/// So many lines are taken before what they begin has its turn.
const BATCH: usize = MOST_UNFINISHED / 2;

/// How long a client may think of a response. Its server does not always say that it has gone.
const THINKING: Duration = Duration::from_secs(150);

/// So often is it looked who has thought for too long, and who does not take what they are sent.
const LOOK: Duration = Duration::from_secs(5);

/// While so much waits to be taken, nothing more is read, in bytes.
const MOST_UNSENT: usize = 64 * 1024;

/// What all connections share.
pub(super) struct Hall {
    exchanges: Exchanges,
    /// What was just read. No password stays in it.
    scratch: RefCell<Vec<u8>>,
    connections: Cell<u32>,
    is_closed: Cell<bool>,
    closed: Notify,
}

/// One of them.
pub(super) struct Connection {
    hall: Rc<Hall>,
    /// For whom the system says that it is.
    peer: Arc<unix::net::UnixStream>,
    unfinished: RefCell<HashMap<u32, Unfinished>>,
    unsent: RefCell<Vec<u8>>,
    /// There is something new to send, or nothing left to do.
    news: Notify,
}

/// An exchange that is not at its end.
enum Unfinished {
    /// We think.
    Ours,
    /// We did when it was given up: until that ends, its number is taken.
    GivenUp,
    /// The client does, since then.
    Theirs(Box<Exchange>, Instant),
}

/// What nobody who speaks the protocol says.
struct Nonsense(String);

impl Hall {
    pub(super) fn new(exchanges: Exchanges) -> Self {
        let (connections, is_closed) = Default::default();
        Self { exchanges, scratch: RefCell::new(vec![0; MAX_LINE]), connections, is_closed, closed: Notify::new() }
    }

    /// From now on, a connection ends with the last of its exchanges.
    pub(super) fn close(&self) {
        self.is_closed.set(true);
        self.closed.notify_waiters();
    }

    /// So many connections there are.
    pub(super) fn note(&self, connections: usize) {
        self.exchanges.note(connections);
    }

    /// Waits for that.
    pub(super) async fn closed(&self) {
        if !self.is_closed.get() {
            self.closed.notified().await;
        }
    }

    /// What is said before anything is asked.
    fn greeting(&self) -> io::Result<Vec<u8>> {
        let number = self.connections.get().wrapping_add(1);
        self.connections.set(number);
        let cookie = random::bytes::<16>().map_err(|_| io::ErrorKind::Other)?;
        let cookie = format!("{:032x}", u128::from_be_bytes(cookie));
        let mut lines = Vec::new();
        Reply::Version(VERSION).encode(&mut lines);
        for (name, promised) in self.exchanges.offer() {
            Reply::Mechanism { name: name.as_bytes(), flags: flags(promised) }.encode(&mut lines);
        }
        let pid = Reply::Pid(getpid().as_raw().unsigned_abs());
        let rest = [pid, Reply::Connection(number), Reply::Cookie(cookie.as_bytes()), Reply::Ready];
        rest.iter().for_each(|reply| reply.encode(&mut lines));
        Ok(lines)
    }
}

impl Connection {
    /// Serves it to its end.
    pub(super) async fn talk(hall: &Rc<Hall>, stream: unix::net::UnixStream) -> io::Result<()> {
        let this = Rc::new(Self {
            hall: Rc::clone(hall),
            peer: Arc::new(stream.try_clone()?),
            unfinished: RefCell::default(),
            unsent: RefCell::new(hall.greeting()?),
            news: Notify::new(),
        });
        this.go_on(&UnixStream::from_std(stream)?).await
    }

    async fn go_on(self: &Rc<Self>, stream: &UnixStream) -> io::Result<()> {
        // With them end those that are at work when the connection does.
        let (mut tasks, mut begun) = (JoinSet::new(), Zeroizing::new(Vec::new()));
        let mut taken = Instant::now();
        loop {
            taken = if self.send(stream)? { Instant::now() } else { taken };
            while tasks.try_join_next().is_some() {}
            if self.hall.is_closed.get() && self.unfinished.borrow().is_empty() {
                return Ok(());
            }
            let is_full = self.unsent.borrow().len() >= MOST_UNSENT;
            if !is_full && begun.contains(&b'\n') {
                if !self.understands(&[], &mut begun, &mut tasks) {
                    return Ok(());
                }
                yield_now().await;
                continue;
            }
            select! {
                ready = stream.readable(), if !is_full => {
                    ready?;
                    if !self.read(stream, &mut begun, &mut tasks)? {
                        return Ok(());
                    }
                    // What can be answered at once goes with the rest of its kind.
                    yield_now().await;
                }
                ready = stream.writable(), if !self.unsent.borrow().is_empty() => ready?,
                () = self.news.notified() => {}
                () = self.hall.closed(), if !self.hall.is_closed.get() => {}
                () = sleep(LOOK), if !self.is_idle() => {
                    self.give_up();
                    if taken.elapsed() > THINKING {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn is_idle(&self) -> bool {
        self.unfinished.borrow().is_empty() && self.unsent.borrow().is_empty()
    }

    /// Sends as much as is taken. Whether that was all.
    fn send(&self, stream: &UnixStream) -> io::Result<bool> {
        let mut unsent = self.unsent.borrow_mut();
        while !unsent.is_empty() {
            match stream.try_write(&unsent) {
                Ok(length) => drop(unsent.drain(..length)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Reads once, and takes all lines that are whole. Whether more may come.
    fn read(
        self: &Rc<Self>,
        stream: &UnixStream,
        begun: &mut Zeroizing<Vec<u8>>,
        tasks: &mut JoinSet<()>,
    ) -> io::Result<bool> {
        let scratch = &mut *self.hall.scratch.borrow_mut();
        let length = match stream.try_read(scratch) {
            Ok(0) => return Ok(false),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
            Err(error) => return Err(error),
        };
        let goes_on = self.understands(&scratch[..length], begun, tasks);
        scratch[..length].zeroize();
        Ok(goes_on)
    }

    /// Takes what was read behind what was `begun`. Whether it is of the protocol.
    fn understands(self: &Rc<Self>, read: &[u8], begun: &mut Zeroizing<Vec<u8>>, tasks: &mut JoinSet<()>) -> bool {
        let taken = self.take_lines(read, begun, tasks);
        if let Err(Nonsense(why)) = &taken {
            self.hall.exchanges.turn_away(&self.peer, why);
        }
        taken.is_ok()
    }

    /// So many at once as others need not wait for. What is left is kept, in a buffer that has its final capacity, so that no copy of a
    /// password stays behind.
    fn take_lines(
        self: &Rc<Self>,
        read: &[u8],
        begun: &mut Zeroizing<Vec<u8>>,
        tasks: &mut JoinSet<()>,
    ) -> Result<(), Nonsense> {
        let kept = if begun.is_empty() { None } else { Some(Zeroizing::new([begun, read].concat())) };
        let mut rest = kept.as_ref().map_or(read, |kept| kept);
        for _ in 0..BATCH {
            let Decoded::Complete([line, behind]) = split_line(rest).map_err(|_| Nonsense("line too long".into()))?
            else {
                break;
            };
            self.take(Request::decode(line).map_err(|malformed| Nonsense(malformed.to_string()))?, tasks)?;
            rest = behind;
        }
        *begun = Zeroizing::new(rest.to_vec());
        Ok(())
    }

    fn take(self: &Rc<Self>, request: Request<'_>, tasks: &mut JoinSet<()>) -> Result<(), Nonsense> {
        match request {
            Request::Version([major, _]) if major != VERSION[0] => Err(Nonsense(format!("version {major}"))),
            Request::Version(_) | Request::Pid(_) | Request::Other => Ok(()),
            Request::Auth(auth) => self.begin(&auth, tasks),
            Request::Continue { id, response } => self.respond(id, response, tasks),
            Request::Cancel(id) => {
                self.cancel(id);
                Ok(())
            }
        }
    }

    fn begin(self: &Rc<Self>, auth: &Auth<'_>, tasks: &mut JoinSet<()>) -> Result<(), Nonsense> {
        let id = auth.id;
        if self.unfinished.borrow().contains_key(&id) {
            return Err(Nonsense(format!("exchange {id} has begun already")));
        }
        if !self.has_room() {
            self.say(&Reply::Fail { id, user: None, why: Why::Temporary });
            return Ok(());
        }
        let Ok(start) = self.start(auth) else {
            self.say(&Reply::Fail { id, user: None, why: Why::Credentials });
            return Ok(());
        };
        self.unfinished.borrow_mut().insert(id, Unfinished::Ours);
        let this = Rc::clone(self);
        tasks.spawn_local(async move {
            let turn = this.hall.exchanges.begin(start).await;
            this.end(id, turn);
        });
        Ok(())
    }

    fn start(&self, auth: &Auth<'_>) -> Result<Start, sasl_core::failure::Failure> {
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        // Who says that failures are not the address' fault has many users behind one.
        let address = if auth.no_penalty { None } else { address(&auth.remote) };
        let channel = if auth.secured { Channel::tls(PROTECTED) } else { Channel::plain() };
        Ok(Start {
            client: Client { stream: Arc::clone(&self.peer), address },
            mechanism: text(auth.mechanism),
            service: text(&auth.service),
            channel: match &auth.certificate {
                Some(name) => channel.with_external(name),
                None => channel,
            },
            success_data: if auth.takes_data { SuccessData::Carried } else { SuccessData::AsChallenge },
            initial: auth.initial.map(line::decode).transpose()?,
        })
    }

    fn respond(self: &Rc<Self>, id: u32, response: &[u8], tasks: &mut JoinSet<()>) -> Result<(), Nonsense> {
        let exchange = match self.unfinished.borrow_mut().remove(&id) {
            Some(Unfinished::Theirs(exchange, _)) => exchange,
            Some(Unfinished::Ours | Unfinished::GivenUp) => {
                return Err(Nonsense(format!("a response of exchange {id} to no challenge")));
            }
            // It was given up.
            None => {
                self.say(&Reply::Fail { id, user: None, why: Why::Credentials });
                return Ok(());
            }
        };
        let Ok(response) = line::decode(response) else {
            self.say(&Reply::Fail { id, user: None, why: Why::Credentials });
            return Ok(());
        };
        self.unfinished.borrow_mut().insert(id, Unfinished::Ours);
        let this = Rc::clone(self);
        tasks.spawn_local(async move {
            let turn = this.hall.exchanges.respond(*exchange, &response).await;
            this.end(id, turn);
        });
        Ok(())
    }

    /// An exchange has come so far.
    fn end(&self, id: u32, turn: Turn) {
        if let Some(Unfinished::GivenUp) = self.unfinished.borrow_mut().remove(&id) {
            return self.news.notify_one();
        }
        match turn {
            Turn::Challenge(exchange) => {
                let challenge = BASE64.encode(exchange.challenge());
                self.say(&Reply::Continue { id, challenge: challenge.as_bytes() });
                self.unfinished.borrow_mut().insert(id, Unfinished::Theirs(exchange, Instant::now()));
            }
            Turn::Ok { user, data } => {
                let data = data.map(|data| BASE64.encode(data));
                self.say(&Reply::Ok { id, user: user.into(), data: data.as_deref().map(str::as_bytes) });
            }
            Turn::Fail { user, reason } => self.say(&Reply::Fail { id, user: user.map(Into::into), why: why(reason) }),
        }
    }

    fn cancel(&self, id: u32) {
        let unfinished = &mut *self.unfinished.borrow_mut();
        if let Some(Unfinished::Ours | Unfinished::GivenUp) = unfinished.remove(&id) {
            unfinished.insert(id, Unfinished::GivenUp);
        }
    }

    fn say(&self, reply: &Reply<'_>) {
        reply.encode(&mut self.unsent.borrow_mut());
        self.news.notify_one();
    }

    /// Whether another exchange may begin; if need be, in the place of the one whose client has thought for longest.
    fn has_room(&self) -> bool {
        if self.unfinished.borrow().len() < MOST_UNFINISHED {
            return true;
        }
        let oldest = self.thinking().min_by_key(|(_, since)| *since);
        oldest.is_some_and(|(id, _)| self.give_up_on(id))
    }

    /// Gives up exchanges whose clients have thought for too long.
    fn give_up(&self) {
        let late = self.thinking().filter(|(_, since)| since.elapsed() > THINKING);
        for (id, _) in late {
            self.give_up_on(id);
        }
    }

    fn give_up_on(&self, id: u32) -> bool {
        let was_there = self.unfinished.borrow_mut().remove(&id).is_some();
        self.say(&Reply::Fail { id, user: None, why: Why::Credentials });
        was_there
    }

    /// The exchanges that wait for their clients, and since when.
    fn thinking(&self) -> impl Iterator<Item = (u32, Instant)> + use<> {
        let unfinished = self.unfinished.borrow();
        let thinking = unfinished.iter().filter_map(|(id, unfinished)| match unfinished {
            Unfinished::Theirs(_, since) => Some((*id, *since)),
            Unfinished::Ours | Unfinished::GivenUp => None,
        });
        thinking.collect::<Vec<_>>().into_iter()
    }
}

/// The bits of a channel of which nothing is known but that it is protected.
const PROTECTED: u32 = 256;

/// As the log and PAM have it.
fn address(peer: &Peer<'_>) -> Option<Vec<u8>> {
    let address = peer.address.as_deref()?;
    let port = peer.port.map(|port| format!(";{port}")).unwrap_or_default();
    Some([address, port.as_bytes()].concat())
}

/// What the mail server may know. That a user is locked, or a password too old, would tell who is there.
fn why(reason: Reason) -> Why {
    match reason {
        Reason::Unavailable => Why::Temporary,
        Reason::NotAuthorized => Why::NotAuthorized,
        _ => Why::Credentials,
    }
}

/// In the words by which mail servers choose what to offer: as Dovecot has them, where a password that is shown is not said to be easy to
/// guess as well, nor one that is salted and hashed a thousand times.
fn flags(promised: Guarantees) -> Vec<&'static [u8]> {
    const WORDS: [(Guarantees, &[u8]); 2] =
        [(Guarantees::NO_DICTIONARY, b"dictionary"), (Guarantees::NO_ACTIVE, b"active")];
    let keeps = |guarantee: Guarantees| guarantee.missing_from(promised).is_none();
    if !keeps(Guarantees::NO_PLAINTEXT) {
        return vec![b"plaintext"];
    }
    let weak = WORDS.iter().filter(|(guarantee, _)| !keeps(Guarantees::NO_ACTIVE) && !keeps(*guarantee));
    let mutual = keeps(Guarantees::MUTUAL_AUTH).then_some(&b"mutual-auth"[..]);
    weak.map(|(_, word)| *word).chain(mutual).collect()
}
