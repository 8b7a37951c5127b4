//! The main process once it has started: it keeps what takes privileges, and sees nothing of what clients send. It has the run
//! directory and the sockets, starts the serving process and helpers, hands on signals, and talks to systemd.

mod helper;

use crate::{
    detach::Launcher,
    endpoint,
    errands::{Ends, Errand, Favour, LENGTH, Present},
    exchange_socket,
    exit::{FAILED, Failure},
    helper::backend::Kind,
    helper_pool::most_processes,
    log::{Class, Level, Log},
    run_directory::{CONTROL, MUX, RunDirectory},
    settings::Settings,
    signals::Signals,
    systemd::{Manager, OURS, State},
};
use helper::Helper;
use nix::{
    sys::signal::{Signal, kill},
    unistd::{AccessFlags, Pid, access},
};
use sasl_system::descriptors;
use std::{
    cell::Cell,
    ffi::OsString,
    io,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::net::{self, UnixListener},
    },
    path::PathBuf,
    process::{ExitStatus, Stdio},
    rc::Rc,
    time::Duration,
};
use tokio::{
    net::UnixStream,
    process::{Child, Command},
    select,
    task::spawn_local,
    time::{Instant, sleep, sleep_until, timeout},
};

/// How much longer the serving process may take to end, when it is told to, than it gives its clients.
const ENDING: Duration = Duration::from_secs(5);

/// How long it may take to end once it has closed its end of the line.
const LAST_STEPS: Duration = Duration::from_secs(1);

/// It is not started more often than this.
const PAUSE: Duration = Duration::from_secs(1);

/// What the daemon was started with.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "a command line")]
pub struct Words<'a> {
    /// The command line, with the program's name.
    pub typed: &'a [OsString],
    /// From where files are found that it names, where that can be told.
    pub here: Option<PathBuf>,
}

/// So many errands a second are more than it ever has: who has more waits.
const MOST_ERRANDS: u32 = 500;

/// What the main process has.
#[derive(Debug)]
pub struct Keeper<'a> {
    settings: &'a Settings,
    words: Words<'a>,
    directory: &'a RunDirectory,
    log: &'a Log,
    manager: Manager,
    signals: Signals,
    socket: Socket,
    /// The control socket, and those of exchanges and of scrapers below: made with the first one.
    control: Option<UnixListener>,
    exchange: Vec<Option<exchange_socket::Listening>>,
    metrics: Vec<endpoint::Listening>,
    /// How many there are of each kind.
    helpers: [Rc<Cell<usize>>; Kind::COUNT],
}

/// The socket that clients connect to.
#[derive(Debug)]
enum Socket {
    /// It is made when there is somebody to serve.
    Wanted,
    /// It is ours.
    Ours(UnixListener),
    /// It is somebody else's, who keeps it when we end.
    Theirs(UnixListener),
}

/// The serving process.
#[derive(Debug)]
struct Server {
    child: Child,
    line: UnixStream,
    started: Instant,
    /// Before it has read its configuration, a signal would be its end.
    takes_signals: bool,
    /// It is to read its configuration anew as soon as it can.
    is_behind: bool,
    /// How many errands it may still have in this second, and when the next begins.
    errands: (u32, Instant),
}

/// What happens.
enum Event {
    Said(Errand),
    /// The serving process has ended.
    Ended(io::Result<ExitStatus>),
    /// We are to end.
    Terminate,
    Reload,
}

impl<'a> Keeper<'a> {
    /// For the service that `words` and their `settings` ask for. The socket is one that listens already, if there is one.
    #[must_use]
    pub fn new(
        settings: &'a Settings,
        words: Words<'a>,
        (directory, log): (&'a RunDirectory, &'a Log),
        (signals, socket): (Signals, Option<UnixListener>),
    ) -> Self {
        let socket = socket.map_or(Socket::Wanted, Socket::Theirs);
        let (manager, helpers) = (Manager::from_environment(), Default::default());
        let (control, exchange, metrics) = Default::default();
        Self { settings, words, directory, log, manager, signals, socket, control, exchange, metrics, helpers }
    }

    /// Has clients served until it is told to end, and tells who has launched it when they are.
    ///
    /// # Errors
    /// Where the service cannot start. Why, the serving process has said itself.
    pub async fn keep(mut self, mut launcher: Option<Launcher>) -> Result<(), Failure> {
        let mut server = self.start()?;
        let mut serves = false;
        loop {
            match self.next(&mut server).await {
                Event::Said(Errand::Configured) => {
                    self.give_socket(&server)?;
                    server.may_be_signalled();
                }
                Event::Said(Errand::Serving) if !serves => {
                    serves = true;
                    self.report_ready(launcher.take())?;
                }
                // It may have ended while it was to read its configuration.
                Event::Said(Errand::Serving) => self.manager.tell(State::Ready),
                Event::Said(errand) => self.run(errand, &server),
                Event::Reload => {
                    self.manager.tell(State::Reloading);
                    server.reload();
                }
                Event::Terminate => {
                    return self.end(server).await.inspect_err(|failure| self.log.write(Level::Error, failure));
                }
                Event::Ended(status) if !serves => return Err(Failure::silent(code(status))),
                Event::Ended(status) => {
                    self.log.write(Level::Error, format_args!("serving process ended ({})", shown(&status)));
                    sleep_until(server.started + PAUSE).await;
                    server = self.start_again().await;
                }
            }
        }
    }

    async fn next(&mut self, server: &mut Server) -> Event {
        let Signals { terminate, interrupt, hang_up } = &mut self.signals;
        select! {
            biased;
            _ = terminate.recv() => Event::Terminate,
            _ = interrupt.recv() => Event::Terminate,
            _ = hang_up.recv() => Event::Reload,
            event = server.next() => event,
        }
    }

    /// Ends the service: nobody new comes, and whoever has asked is answered.
    async fn end(&self, mut server: Server) -> Result<(), Failure> {
        self.manager.tell(State::Stopping);
        self.directory.remove_sockets();
        self.remove_doors();
        if !server.takes_signals {
            return Ok(());
        }
        server.signal(Signal::SIGTERM);
        let late = sleep_until(Instant::now() + self.settings.limits.drain + ENDING);
        tokio::pin!(late);
        loop {
            select! {
                event = server.next() => match event {
                    Event::Said(errand) => self.run(errand, &server),
                    Event::Ended(Ok(status)) if status.success() => {
                        self.log.write(Level::Info, "ended");
                        return Ok(());
                    }
                    Event::Ended(status) => return Err(Failure::new(format!("serving process: {}", shown(&status)))),
                    Event::Terminate | Event::Reload => {}
                },
                () = &mut late => return Err(Failure::new("serving process did not end, and was killed")),
            }
        }
    }

    /// The serving process is this program, which is told what this one was told.
    fn start(&self) -> Result<Server, Failure> {
        let failed = |error: io::Error| Failure::new(format!("could not start the serving process: {error}"));
        let (ours, theirs) = net::UnixStream::pair().map_err(failed)?;
        ours.set_nonblocking(true).map_err(failed)?;
        let mut command = Command::new("/proc/self/exe");
        command.arg0("saslauthd").arg("--serve").args(&self.words.typed[1..]);
        command.stdin(OwnedFd::from(theirs)).stdout(Stdio::null()).kill_on_drop(true);
        OURS.iter().for_each(|name| {
            command.env_remove(name);
        });
        // That may be gone, or closed to us: then files must not be named from there.
        if let Some(here) = self.words.here.as_ref().filter(|here| access(*here, AccessFlags::X_OK).is_ok()) {
            command.current_dir(here);
        }
        let child = command.spawn().map_err(failed)?;
        Ok(Server {
            child,
            line: UnixStream::from_std(ours).map_err(failed)?,
            started: Instant::now(),
            takes_signals: false,
            is_behind: false,
            errands: (MOST_ERRANDS, Instant::now()),
        })
    }

    /// Until it can be started.
    async fn start_again(&self) -> Server {
        loop {
            match self.start() {
                Ok(server) => {
                    self.log.write(Level::Info, "serving process started again");
                    return server;
                }
                Err(failure) => self.log.write(Level::Error, failure),
            }
            sleep(PAUSE).await;
        }
    }

    fn give_socket(&mut self, server: &Server) -> Result<(), Failure> {
        if self.control.is_none() {
            self.open_doors()?;
        }
        if matches!(self.socket, Socket::Wanted) {
            let socket = self.directory.listen(MUX, self.settings.socket_mode, self.settings.socket_gid()?)?;
            self.log.write(Level::Info, format_args!("listening on socket: {}/mux", self.settings.directory.display()));
            self.socket = Socket::Ours(socket);
        }
        match &self.socket {
            Socket::Wanted => {}
            Socket::Ours(socket) => self.grant(server, Favour::Listen(self.present()), socket),
            Socket::Theirs(socket) => self.grant(server, Favour::ListenForOthers(self.present()), socket),
        }
        Ok(())
    }

    /// Which sockets for exchanges there are.
    fn present(&self) -> Present {
        self.exchange.iter().rev().fold(0, |present, socket| present << 1 | Present::from(socket.is_some()))
    }

    /// Anybody on this host can take an address of scrapers, and a mail server what is in its own directory, which must not keep
    /// others from logging in.
    fn open_doors(&mut self) -> Result<(), Failure> {
        self.control = Some(self.directory.listen(CONTROL, 0o600, None)?);
        for socket in &self.settings.exchange.listen {
            let listening = socket.listen(self.settings.socket_mode, self.settings.socket_gid()?);
            match &listening {
                Ok(_) => self.log.write(Level::Info, format_args!("listening on socket: {socket}")),
                Err(failure) => self.log.write(Level::Warning, format_args!("{socket}: {failure}; served without")),
            }
            self.exchange.push(listening.ok());
        }
        let (metrics, failures) = endpoint::Listening::at(&self.settings.metrics);
        failures.iter().for_each(|failure| self.log.write(Level::Warning, format_args!("{failure}; served without")));
        self.metrics = metrics;
        Ok(())
    }

    /// Those that are not in the run directory.
    fn remove_doors(&self) {
        self.exchange.iter().flatten().for_each(exchange_socket::Listening::remove);
        self.metrics.iter().for_each(endpoint::Listening::remove);
    }

    /// The socket of clients, and behind it the others.
    fn grant(&self, server: &Server, favour: Favour, socket: &UnixListener) {
        let all: Vec<_> = [socket.as_fd()]
            .into_iter()
            .chain(self.control.iter().map(AsFd::as_fd))
            .chain(self.exchange.iter().flatten().map(AsFd::as_fd))
            .chain(self.metrics.iter().map(AsFd::as_fd))
            .collect();
        server.grant(favour, &all);
    }

    fn report_ready(&self, launcher: Option<Launcher>) -> Result<(), Failure> {
        self.log.started();
        let reported = launcher.map_or(Ok(()), Launcher::report_ready);
        reported.map_err(|error| Failure::new(format!("serving: {error}")))?;
        self.manager.tell(State::Ready);
        Ok(())
    }

    fn run(&self, errand: Errand, server: &Server) {
        match errand {
            Errand::Alive => self.manager.tell(State::Alive),
            Errand::Reloaded => self.manager.tell(State::Ready),
            Errand::Helper(kind, number) => match self.helper(kind) {
                Some(Ends { channel, leash }) => {
                    server.grant(Favour::Helper(number), &[channel.as_fd(), leash.as_fd()])
                }
                None => server.grant(Favour::Helper(number), &[]),
            },
            Errand::Configured | Errand::Serving => {}
        }
    }

    /// One of a kind that the settings have, as long as there are not more than a pool has use for.
    fn helper(&self, kind: Kind) -> Option<Ends> {
        let helpers = Rc::clone(&self.helpers[kind as usize]);
        if helpers.get() >= most_helpers(kind, self.settings) {
            let refused = || format!("helper for {} refused to the serving process", kind.name());
            self.log.decision(Class::Refusal, Level::Error, refused);
            return None;
        }
        let started = Helper::start(kind, &self.settings.user).inspect_err(|error| {
            self.log.write(Level::Error, format_args!("could not start a helper for {}: {error}", kind.name()));
        });
        let (ends, minded) = started.ok()?;
        helpers.set(helpers.get() + 1);
        spawn_local(async move {
            minded.await;
            helpers.set(helpers.get() - 1);
        });
        Some(ends)
    }
}

impl Server {
    /// What it says, or that it has ended. Who hangs up, or talks nonsense, is made to end.
    async fn next(&mut self) -> Event {
        let mut bytes = [0; LENGTH];
        if self.errands.0 == 0 {
            sleep_until(self.errands.1 + Duration::from_secs(1)).await;
            self.errands = (MOST_ERRANDS, Instant::now());
        }
        loop {
            select! {
                biased;
                ready = self.line.readable() => match ready.and_then(|()| self.line.try_read(&mut bytes)) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    said => match said.ok().filter(|length| *length == LENGTH).and(Errand::decode(bytes)) {
                        Some(errand) => {
                            self.count();
                            return Event::Said(errand);
                        }
                        None => return Event::Ended(self.last_of_it().await),
                    },
                },
                status = self.child.wait() => return Event::Ended(status),
            }
        }
    }

    fn count(&mut self) {
        if self.errands.1.elapsed() >= Duration::from_secs(1) {
            self.errands = (MOST_ERRANDS, Instant::now());
        }
        self.errands.0 -= 1;
    }

    async fn last_of_it(&mut self) -> io::Result<ExitStatus> {
        if timeout(LAST_STEPS, self.child.wait()).await.is_err() {
            let _ = self.child.start_kill();
        }
        self.child.wait().await
    }

    /// Where it is on its way out, it does not matter any more.
    fn grant(&self, favour: Favour, descriptors: &[BorrowedFd<'_>]) {
        let _ = descriptors::send(&self.line, &favour.encode(), descriptors);
    }

    fn may_be_signalled(&mut self) {
        self.takes_signals = true;
        if self.is_behind {
            self.reload();
        }
    }

    fn reload(&mut self) {
        self.is_behind = !self.takes_signals;
        if self.takes_signals {
            self.signal(Signal::SIGHUP);
        }
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = self.child.id().and_then(|pid| i32::try_from(pid).ok()) {
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }
}

/// As many as the pools have use for, that of the configuration before a HUP besides; none of a kind that there is no pool for.
fn most_helpers(kind: Kind, settings: &Settings) -> usize {
    let is_used = settings.mechanisms.iter().any(|mechanism| mechanism.takes(kind));
    if is_used { 2 * most_processes(settings.helpers_at_once(kind)) } else { 0 }
}

fn code(status: io::Result<ExitStatus>) -> u8 {
    let code = status.ok().and_then(|status| status.code()).and_then(|code| u8::try_from(code).ok());
    code.filter(|code| *code != 0).unwrap_or(FAILED)
}

fn shown(status: &io::Result<ExitStatus>) -> String {
    status.as_ref().map_or_else(ToString::to_string, ToString::to_string)
}
