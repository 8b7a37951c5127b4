//! All clients in one thread, on epoll: the load that costs least beside a daemon on the same processors.

use crate::arguments::Target;
use crate::load::Run;
use crate::outcome::Outcome;
use crate::request::{self, Reply};
use crate::tally::Tally;
use fastrand::Rng;
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};
use std::io::{ErrorKind, Result, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

/// Milliseconds until a full backlog is tried again.
const RETRY: u16 = 1;
/// Milliseconds until the end of the run is noticed when no reply comes.
const LOOK_UP: u16 = 100;

pub(crate) fn run(run: &Run, seed: u64) -> Tally {
    let mut crowd = Crowd::new(run, seed);
    if let Err(error) = crowd.serve() {
        eprintln!("saslbench: {error}");
        crowd.tally.count(Outcome::Broken);
    }
    crowd.tally
}

struct Crowd<'a> {
    run: &'a Run,
    dice: Rng,
    tally: Tally,
    clients: Vec<Client>,
    /// Clients without a connection, by number.
    free: Vec<usize>,
}

/// One client between its socket's making and its reply.
struct Client {
    request: Vec<u8>,
    reply: Reply,
    began: Instant,
    stream: Option<UnixStream>,
}

impl<'a> Crowd<'a> {
    fn new(run: &'a Run, seed: u64) -> Self {
        let clients = (0..run.load.clients).map(|_| Client::new()).collect();
        let free = (0..run.load.clients).collect();
        Self { run, dice: Rng::with_seed(seed), tally: Tally::new(), clients, free }
    }

    fn serve(&mut self) -> Result<()> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let address = UnixAddr::new(&self.run.load.target.socket)?;
        let mut events = vec![EpollEvent::empty(); 256];
        loop {
            let backlog = self.begin_logins(&epoll, &address)?;
            if self.run.turns.are_over() || self.free.len() == self.clients.len() && backlog == Backlog::Open {
                return Ok(());
            }
            let wait = if backlog == Backlog::Full { RETRY } else { LOOK_UP };
            let ready = epoll.wait(&mut events, EpollTimeout::from(wait)).or_else(interrupted)?;
            for event in &events[..ready] {
                self.read(usize::try_from(event.data()).expect("it was a client's number"));
            }
        }
    }

    /// Sets every free client going while there are turns and the backlog has room.
    fn begin_logins(&mut self, epoll: &Epoll, address: &UnixAddr) -> Result<Backlog> {
        while let Some(&number) = self.free.last() {
            let client = &mut self.clients[number];
            if client.request.is_empty() {
                let Some(user) = self.run.turns.take(&mut self.dice) else { break };
                client.prepare(&self.run.load.target, user);
            }
            match client.connect(address) {
                Err(Errno::EAGAIN) => {
                    self.tally.backlog_full += 1;
                    return Ok(Backlog::Full);
                }
                outcome => outcome?,
            }
            client.send(epoll, number as u64)?;
            self.free.pop();
        }
        Ok(Backlog::Open)
    }

    fn read(&mut self, number: usize) {
        let client = &mut self.clients[number];
        let Some(stream) = &mut client.stream else { return };
        let outcome = match client.reply.read(stream) {
            Ok(None) => return,
            Ok(Some(outcome)) => outcome,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Err(_) => Outcome::Broken,
        };
        self.tally.count(outcome);
        if outcome != Outcome::Broken && self.run.measuring.load(Relaxed) {
            self.tally.time(client.began.elapsed());
        }
        client.finish();
        self.free.push(number);
    }
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Backlog {
    Open,
    Full,
}

impl Client {
    fn new() -> Self {
        Self { request: Vec::new(), reply: Reply::new(), began: Instant::now(), stream: None }
    }

    /// The clock runs from here, so that waiting for room in the backlog counts.
    fn prepare(&mut self, target: &Target, user: u64) {
        request::write(target, user, &mut self.request);
        self.reply.clear();
        self.began = Instant::now();
    }

    fn connect(&mut self, address: &UnixAddr) -> nix::Result<()> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let fd = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
        connect(fd.as_raw_fd(), address)?;
        self.stream = Some(UnixStream::from(fd));
        Ok(())
    }

    fn send(&mut self, epoll: &Epoll, number: u64) -> Result<()> {
        let stream = self.stream.as_mut().expect("it is connected");
        stream.write_all(&self.request)?;
        epoll.add(&*stream, EpollEvent::new(EpollFlags::EPOLLIN, number))?;
        Ok(())
    }

    /// Closes the connection, which also takes it out of the epoll set.
    fn finish(&mut self) {
        self.stream = None;
        self.request.clear();
    }
}

fn interrupted(error: Errno) -> nix::Result<usize> {
    if error == Errno::EINTR { Ok(0) } else { Err(error) }
}
