//! One connection: lines come, exchanges go on beside each other, and lines go, as soon as there is something to say.

use super::{
    hall::{Hall, Hours},
    logins::Ticket,
};
use crate::{
    exchange::{Exchange, Start, Turn},
    peer::Client,
};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use nix::unistd::getpid;
use sasl_core::{channel::Channel, failure::Reason, guarantees::Guarantees, line, random};
use sasl_wire::{
    dovecot::{
        line::{VERSION, split_line},
        reply::{Reply, Why},
        request::{Afterwards, Auth, Peer, Request},
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
    task::{spawn_local, yield_now},
    time::interval,
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

/// One of them.
pub(super) struct Connection {
    hall: Rc<Hall>,
    /// For whom the system says that it is.
    peer: Arc<unix::net::UnixStream>,
    /// By what it is known to whoever asks for its logins, beside the process that it says it is.
    cookie: u128,
    pid: Cell<u32>,
    unfinished: RefCell<HashMap<u32, Unfinished>>,
    unsent: RefCell<Vec<u8>>,
    /// There is something new to send, or nothing left to do.
    news: Notify,
}

/// An exchange that is not at its end.
struct Unfinished {
    stage: Stage,
    afterwards: Afterwards,
}

/// Who is to say something next.
enum Stage {
    /// We are.
    Ours,
    /// We were when it was given up: until that ends, its number is taken.
    GivenUp,
    /// The client is, since then.
    Theirs(Box<Exchange>, Instant),
}

/// What nobody who speaks the protocol says.
struct Nonsense(String);

impl Connection {
    /// Serves it to its end.
    pub(super) async fn talk(hall: &Rc<Hall>, stream: unix::net::UnixStream) -> io::Result<()> {
        let cookie = u128::from_be_bytes(random::bytes().map_err(|_| io::ErrorKind::Other)?);
        let this = Rc::new(Self {
            hall: Rc::clone(hall),
            peer: Arc::new(stream.try_clone()?),
            cookie,
            pid: Cell::default(),
            unfinished: RefCell::default(),
            unsent: RefCell::default(),
            news: Notify::new(),
        });
        this.greet();
        this.go_on(&UnixStream::from_std(stream)?).await
    }

    /// Says what can be begun, before anything is asked.
    fn greet(&self) {
        self.say(&Reply::Version(VERSION));
        for (name, promised) in self.hall.exchanges.offer() {
            self.say(&Reply::Mechanism { name: name.as_bytes(), flags: flags(promised) });
        }
        let (pid, cookie) = (getpid().as_raw().unsigned_abs(), format!("{:032x}", self.cookie));
        let rest =
            [Reply::Pid(pid), Reply::Connection(self.hall.number()), Reply::Cookie(cookie.as_bytes()), Reply::Ready];
        rest.iter().for_each(|reply| self.say(reply));
    }

    async fn go_on(self: &Rc<Self>, stream: &UnixStream) -> io::Result<()> {
        let (mut begun, mut taken, mut look) = (Zeroizing::new(Vec::new()), Instant::now(), interval(LOOK));
        loop {
            taken = if self.send(stream)? { Instant::now() } else { taken };
            let hours = self.hall.hours();
            if hours == Hours::Closed {
                self.give_up(Duration::ZERO, Why::Temporary);
            }
            if hours >= Hours::Closing && self.is_idle() {
                return Ok(());
            }
            let is_full = self.unsent.borrow().len() >= MOST_UNSENT;
            if !is_full && begun.contains(&b'\n') {
                if !self.understands(&[], &mut begun) {
                    return Ok(());
                }
                yield_now().await;
                continue;
            }
            select! {
                ready = stream.readable(), if !is_full => {
                    ready?;
                    if !self.read(stream, &mut begun)? {
                        return Ok(());
                    }
                    // What can be answered at once goes with the rest of its kind.
                    yield_now().await;
                }
                ready = stream.writable(), if !self.unsent.borrow().is_empty() => ready?,
                () = self.news.notified() => {}
                () = self.hall.after(hours), if hours != Hours::Closed => {}
                _ = look.tick(), if !self.is_idle() => {
                    self.give_up(THINKING, Why::Credentials);
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
    fn read(self: &Rc<Self>, stream: &UnixStream, begun: &mut Zeroizing<Vec<u8>>) -> io::Result<bool> {
        let scratch = &mut *self.hall.scratch.borrow_mut();
        let length = match stream.try_read(scratch) {
            Ok(0) => return Ok(false),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
            Err(error) => return Err(error),
        };
        let goes_on = self.understands(&scratch[..length], begun);
        scratch[..length].zeroize();
        Ok(goes_on)
    }

    /// Takes what was read behind what was `begun`. Whether it is of the protocol.
    fn understands(self: &Rc<Self>, read: &[u8], begun: &mut Zeroizing<Vec<u8>>) -> bool {
        let taken = self.take_lines(read, begun);
        if let Err(Nonsense(why)) = &taken {
            self.hall.exchanges.turn_away(&self.peer, why);
        }
        taken.is_ok()
    }

    /// So many at once as others need not wait for. What is left is kept, in a buffer that has its final capacity, so that no copy of a
    /// password stays behind.
    fn take_lines(self: &Rc<Self>, read: &[u8], begun: &mut Zeroizing<Vec<u8>>) -> Result<(), Nonsense> {
        let kept = if begun.is_empty() { None } else { Some(Zeroizing::new([begun, read].concat())) };
        let mut rest = kept.as_ref().map_or(read, |kept| kept);
        for _ in 0..BATCH {
            let Decoded::Complete([line, behind]) = split_line(rest).map_err(|_| Nonsense("line too long".into()))?
            else {
                break;
            };
            self.take(Request::decode(line).map_err(|malformed| Nonsense(malformed.to_string()))?)?;
            rest = behind;
        }
        *begun = Zeroizing::new(rest.to_vec());
        Ok(())
    }

    fn take(self: &Rc<Self>, request: Request<'_>) -> Result<(), Nonsense> {
        match request {
            Request::Version([major, _]) if major != VERSION[0] => Err(Nonsense(format!("version {major}"))),
            Request::Pid(pid) => {
                self.pid.set(pid);
                Ok(())
            }
            Request::Version(_) | Request::Other => Ok(()),
            Request::Auth(auth) => self.begin(&auth),
            Request::Continue { id, response } => self.respond(id, response),
            Request::Cancel(id) => {
                self.cancel(id);
                Ok(())
            }
        }
    }

    fn begin(self: &Rc<Self>, auth: &Auth<'_>) -> Result<(), Nonsense> {
        let id = auth.id;
        if self.unfinished.borrow().contains_key(&id) {
            return Err(Nonsense(format!("exchange {id} has begun already")));
        }
        if self.hall.hours() > Hours::Open || !self.has_room() {
            self.fail(id, Why::Temporary);
            return Ok(());
        }
        let Ok(start) = self.start(auth) else {
            self.fail(id, Why::Credentials);
            return Ok(());
        };
        self.put(id, Stage::Ours, auth.afterwards);
        let this = Rc::clone(self);
        // It goes on when the connection has gone: a guess counts, whether somebody waits for the answer or not.
        spawn_local(async move {
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
            takes_data: auth.takes_data,
            initial: auth.initial.map(line::decode).transpose()?,
        })
    }

    fn respond(self: &Rc<Self>, id: u32, response: &[u8]) -> Result<(), Nonsense> {
        let (exchange, afterwards) = match self.unfinished.borrow_mut().remove(&id) {
            Some(Unfinished { stage: Stage::Theirs(exchange, _), afterwards }) => (exchange, afterwards),
            Some(_) => return Err(Nonsense(format!("a response of exchange {id} to no challenge"))),
            // It was given up.
            None => {
                self.fail(id, Why::Credentials);
                return Ok(());
            }
        };
        let Ok(response) = line::decode(response) else {
            self.fail(id, Why::Credentials);
            return Ok(());
        };
        self.put(id, Stage::Ours, afterwards);
        let this = Rc::clone(self);
        spawn_local(async move {
            let turn = this.hall.exchanges.respond(*exchange, &response).await;
            this.end(id, turn);
        });
        Ok(())
    }

    /// An exchange has come so far.
    fn end(&self, id: u32, turn: Turn) {
        let Some(Unfinished { stage: Stage::Ours, afterwards }) = self.unfinished.borrow_mut().remove(&id) else {
            return self.news.notify_one();
        };
        match turn {
            Turn::Challenge(exchange) => {
                let challenge = BASE64.encode(exchange.challenge());
                self.say(&Reply::Continue { id, challenge: challenge.as_bytes() });
                self.put(id, Stage::Theirs(exchange, Instant::now()), afterwards);
            }
            Turn::Ok { user, data } => {
                if afterwards == Afterwards::AskedFor {
                    self.hall.keep(Ticket { pid: self.pid.get(), exchange: id, cookie: self.cookie }, &user);
                }
                let data = data.map(|data| BASE64.encode(data));
                self.say(&Reply::Ok { id, user: user.into(), data: data.as_deref().map(str::as_bytes) });
            }
            Turn::Fail { user, reason } => self.say(&Reply::Fail { id, user: user.map(Into::into), why: why(reason) }),
        }
    }

    fn put(&self, id: u32, stage: Stage, afterwards: Afterwards) {
        self.unfinished.borrow_mut().insert(id, Unfinished { stage, afterwards });
    }

    fn fail(&self, id: u32, why: Why) {
        self.say(&Reply::Fail { id, user: None, why });
    }

    fn cancel(&self, id: u32) {
        let unfinished = &mut *self.unfinished.borrow_mut();
        match unfinished.get_mut(&id).map(|exchange| &mut exchange.stage) {
            Some(Stage::Theirs(..)) => drop(unfinished.remove(&id)),
            Some(stage) => *stage = Stage::GivenUp,
            None => {}
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
        let oldest = self.thinking().into_iter().min_by_key(|(_, since)| *since);
        oldest.iter().for_each(|(id, _)| self.give_up_on(*id, Why::Credentials));
        oldest.is_some()
    }

    /// Gives up exchanges whose clients have thought for longer than that.
    fn give_up(&self, time: Duration, why: Why) {
        for (id, since) in self.thinking() {
            if since.elapsed() >= time {
                self.give_up_on(id, why);
            }
        }
    }

    fn give_up_on(&self, id: u32, why: Why) {
        self.unfinished.borrow_mut().remove(&id);
        self.fail(id, why);
    }

    /// The exchanges that wait for their clients, and since when.
    fn thinking(&self) -> Vec<(u32, Instant)> {
        let unfinished = self.unfinished.borrow();
        let since = |exchange: &Unfinished| match exchange.stage {
            Stage::Theirs(_, since) => Some(since),
            Stage::Ours | Stage::GivenUp => None,
        };
        unfinished.iter().filter_map(|(id, exchange)| Some((*id, since(exchange)?))).collect()
    }
}

/// The bits of a channel of which nothing is known but that it is protected.
const PROTECTED: u32 = 256;

/// More than any address has, in bytes.
const LONGEST_ADDRESS: usize = 64;

/// As the log and PAM have it.
fn address(peer: &Peer<'_>) -> Option<Vec<u8>> {
    let address = peer.address.as_deref().filter(|address| address.len() <= LONGEST_ADDRESS)?;
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
