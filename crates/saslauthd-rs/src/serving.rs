//! The serving process, from its start to its end: it reads its configuration, gives up its privileges, takes the socket
//! from the main process, and serves. One thread serves all: what takes long is elsewhere.

use crate::{
    assembly::{Assembly, prepare},
    control::Door,
    detach::{leave_session, let_go},
    dovecot::Gateway,
    endpoint::Bound,
    errands::{Errand, Errands, Favour},
    exchange::Exchanges,
    exchange_socket,
    exit::Failure,
    listener::Listener,
    log::{Level, Log},
    mechanisms::Mechanism,
    privileges::{self, Account, be_named, end_with_parent, gain_no_more, lock_memory},
    sandbox::{self, Network},
    session::Service,
    settings::{Place, Settings},
    signals::Signals,
};
use nix::{
    errno::Errno,
    sys::resource::{Resource, getrlimit, setrlimit},
    unistd::{AccessFlags, Uid, access, getppid},
};
use sasl_system::process::close_inherited;
use sasldb::private::keep_memory_private;
use std::{
    io,
    os::{fd::OwnedFd, unix::net::UnixListener},
    path::{Path, PathBuf},
    rc::Rc,
    time::Duration,
};
use tokio::{
    runtime,
    sync::oneshot,
    task::{LocalSet, spawn_local},
    time::{MissedTickBehavior, interval, timeout},
};

/// How long clients are served that found the socket before it was removed, and come in after that.
const LATECOMERS: Duration = Duration::from_millis(100);

/// How long a client that has connected may still take to send its request then.
const LAST_CALL: Duration = Duration::from_secs(1);

/// What the system cannot do, and how much that matters.
type Gaps = Vec<(Level, String)>;

/// Sets everything up, serves, and ends.
///
/// # Errors
/// What keeps it from serving.
pub fn serve(settings: &Settings) -> Result<(), Failure> {
    let parent = getppid().as_raw().unsigned_abs();
    close_inherited();
    // A terminal is none of its business: whoever has one can type into it.
    leave_session();
    be_named();
    keep_memory_private();
    let failed = |error| Failure::new(format!("serving: {error}"));
    let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let served = LocalSet::new().block_on(&runtime, async {
        let signals = Signals::take().map_err(failed)?;
        let errands = Rc::new(Errands::take_stdin().map_err(failed)?);
        let log = Rc::new(Log::new(settings.log, settings.verbose));
        let (assembly, gaps) = assemble(settings, &log, &errands).inspect_err(|failure| leave_word(&log, failure))?;
        end_with_parent(parent)?;
        errands.say(Errand::Configured);
        let (favour, sockets) = errands.sockets().await.map_err(failed)?;
        let (exchange, userdb) = (settings.exchange.clone(), settings.exchange.userdb.clone());
        let connections = exchange_socket::connections(assembly.files());
        let gateway = Gateway::new(Exchanges::new(assembly.service(), exchange), userdb, connections);
        let listener = listen((favour, sockets), (&assembly.service(), &gateway), settings).map_err(failed)?;
        log.started();
        gaps.iter().for_each(|(level, gap)| log.write(*level, gap));
        errands.say(Errand::Serving);
        if settings.place == Place::Background {
            let_go().map_err(failed)?;
        }
        run((listener, gateway), (signals, favour), assembly, errands).await.map_err(failed)
    });
    // A thread may still look for a server's address, which takes as long as it takes.
    runtime.shutdown_background();
    served
}

/// What takes privileges comes first, what makes threads last: they have none, and are in the sandbox from the start.
/// Gives what the system could not do as well.
fn assemble(settings: &Settings, log: &Rc<Log>, errands: &Rc<Errands>) -> Result<(Assembly, Gaps), Failure> {
    let prepared = prepare(settings, log, errands)?;
    let files = raise_open_files();
    let gaps = give_up(settings, log)?;
    Ok((Assembly::new(prepared, settings, files, (log, errands))?, gaps))
}

/// Privileges, and all that serving does not take. What the system cannot do is no reason not to serve: that comes back.
fn give_up(settings: &Settings, log: &Log) -> Result<Gaps, Failure> {
    let mut gaps = Vec::new();
    if !lock_memory() {
        log.write(Level::Debug, "memory is not locked: its limit (RLIMIT_MEMLOCK) is too low");
    }
    match account(settings)? {
        Some(account) => {
            account.assume()?;
            log.write(Level::Debug, format_args!("serving as user {}", account.name()));
            warn_of_stores(settings, (&account, log));
        }
        None => warn_of_root(log),
    }
    // A change of user may have undone it.
    keep_memory_private();
    gain_no_more();
    if settings.sandbox {
        gaps.extend(sandbox::enter(&stores(settings), network(settings)));
    }
    Ok(gaps)
}

/// Where there is nobody to become.
pub fn warn_of_root(log: &Log) {
    if Uid::effective().is_root() {
        let user = privileges::DEFAULT;
        let mend = format!("useradd --system --no-create-home --shell /usr/sbin/nologin {user}");
        log.write(Level::Warning, format_args!("serving as root: there is no user {user} ({mend} ends that)"));
    }
}

/// A store that root alone can read is there, and of no use.
fn warn_of_stores(settings: &Settings, (account, log): (&Account, &Log)) {
    for path in settings.mechanisms.iter().filter_map(store) {
        if access(path, AccessFlags::R_OK) == Err(Errno::EACCES) {
            let (name, group, path) = (account.name(), account.group(), path.display());
            let mend = format!("chgrp {group} {path} {path}-lock; chmod g+r {path}; chmod g+rw {path}-lock");
            log.write(
                Level::Warning,
                format_args!("{path}: user {name}, who serves, cannot read it ({mend} ends that)"),
            );
        }
    }
}

/// With the groups of the stores, so that one that its group may read can be read.
fn account(settings: &Settings) -> Result<Option<Account>, Failure> {
    let mut account = settings.account()?;
    if let Some(account) = &mut account {
        settings.mechanisms.iter().filter_map(store).for_each(|path| account.join_group_of(path));
    }
    Ok(account)
}

/// The directories in which stores have their files, and their locks.
fn stores(settings: &Settings) -> Vec<PathBuf> {
    settings.mechanisms.iter().filter_map(store).filter_map(Path::parent).map(PathBuf::from).collect()
}

fn store(mechanism: &Mechanism) -> Option<&Path> {
    match mechanism {
        Mechanism::Sasldb(location) => Some(location.path()),
        _ => None,
    }
}

fn network(settings: &Settings) -> Network {
    if settings.mechanisms.iter().any(Mechanism::is_remote) { Network::Used } else { Network::Unused }
}

/// Why it does not start is said on standard error in any case; at boot, and where one that ended is started again, nobody looks there.
pub fn leave_word(log: &Log, failure: &Failure) {
    log.started();
    if !log.is_on_stderr() {
        log.write(Level::Error, failure);
    }
}

/// The first is that of clients, the second the control socket; those of exchanges and of scrapers are behind them.
fn listen(
    (favour, sockets): (Favour, Vec<OwnedFd>),
    (service, gateway): (&Rc<Service>, &Rc<Gateway>),
    settings: &Settings,
) -> io::Result<Listener> {
    let mut sockets = sockets.into_iter();
    let mut next = || sockets.next().ok_or(io::ErrorKind::InvalidData);
    let listener = Listener::new(UnixListener::from(next()?))?;
    spawn_local(Door::control(next()?.into())?.serve(Rc::clone(service)));
    let (Favour::Listen(present) | Favour::ListenForOthers(present)) = favour else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let is_there = |(at, _): &(usize, _)| present >> at & 1 == 1;
    for (_, socket) in settings.exchange.listen.iter().enumerate().filter(is_there) {
        gateway.open(next()?.into(), socket.protocol())?;
    }
    for socket in sockets {
        spawn_local(Door::metrics(Bound::of(socket)?)?.serve(Rc::clone(service)));
    }
    Ok(listener)
}

/// Raises the number of files that may be open to what is allowed, and gives it.
fn raise_open_files() -> u64 {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return 1024 };
    match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
        Ok(()) => hard,
        Err(_) => soft,
    }
}

/// Serves until it is told to end, and answers whoever is there then.
async fn run(
    (mut listener, gateway): (Listener, Rc<Gateway>),
    (signals, favour): (Signals, Favour),
    assembly: Assembly,
    errands: Rc<Errands>,
) -> io::Result<()> {
    let service = &assembly.service();
    let (end, ended) = oneshot::channel();
    // A task of its own, so that a login does not turn it over. The line to the main process stays open as long as anybody is
    // served: who hangs up on it is made to end.
    spawn_local(attend(signals, (assembly, Rc::clone(&errands)), end));
    spawn_local(Rc::clone(service).look_for_servers());
    let served = tokio::select! {
        biased;
        served = listener.serve(service) => served,
        _ = ended => Ok(()),
    };
    // Whoever waits at a socket that stays is somebody else's.
    if matches!(favour, Favour::Listen(_)) {
        let _ = timeout(LATECOMERS, listener.serve(service)).await;
        listener.serve_the_rest(service);
    }
    drain(service, &gateway).await;
    served
}

/// Answers what is in flight. Who has not asked by now is not waited for as long as it takes to answer who has.
async fn drain(service: &Service, gateway: &Gateway) {
    let drained = async || tokio::join!(service.drained(), gateway.drained());
    if timeout(LAST_CALL, drained()).await.is_err() {
        service.shed_all();
        gateway.shed_all();
        let _ = timeout(service.limits().drain, drained()).await;
    }
}

/// Does what is not a login, until it is time to end.
async fn attend(mut signals: Signals, (assembly, errands): (Assembly, Rc<Errands>), end: oneshot::Sender<()>) {
    let mut second = interval(Duration::from_secs(1));
    second.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = signals.terminate.recv() => break,
            _ = signals.interrupt.recv() => {}
            _ = signals.hang_up.recv() => {
                assembly.reload();
                errands.say(Errand::Reloaded);
            }
            _ = second.tick() => {
                assembly.service().tick();
                errands.say(Errand::Alive);
            }
        }
    }
    // Whoever waits for it is told even if it is dropped.
    let _ = end.send(());
}
