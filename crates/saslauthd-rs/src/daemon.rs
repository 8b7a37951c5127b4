//! The daemon from its first line to its last.

use crate::{
    assembly::{checker, realm},
    cli::detached,
    detach::{launch, leave_session, report_ready},
    exit::{FAILED, Failure, RUNNING, print},
    helper,
    listener::Listener,
    log::{Destination, Level, Log},
    run_directory::RunDirectory,
    session::{Limits, Service},
    settings::{Place, Settings, Task, decide},
};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use sasldb::private::keep_memory_private;
use std::{env, ffi::OsString, io, process::ExitCode, rc::Rc, time::Duration};
use tokio::{
    runtime,
    signal::unix::{Signal, SignalKind, signal},
    sync::oneshot,
    task::{LocalSet, spawn_local},
    time::{MissedTickBehavior, interval, timeout},
};

/// How long requests in flight may take when the daemon is told to end.
const DRAIN: Duration = Duration::from_secs(10);

/// How long clients are served that found the socket before it was removed, and come in after that.
const LATECOMERS: Duration = Duration::from_millis(100);

/// How long a client that has connected may still take to send its request then.
const LAST_CALL: Duration = Duration::from_secs(1);

/// Connections at once, however many files may be open: a silent one takes some 8 KiB, here and in the kernel.
const MOST_OPEN: usize = 16 * 1024;

/// Descriptors for everything but connections and back ends.
const OTHER_FILES: usize = 24;

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let words: Vec<OsString> = env::args_os().collect();
    match act(&words) {
        Ok(code) => code,
        Err(failure) => failure.report("saslauthd"),
    }
}

fn act(words: &[OsString]) -> Result<ExitCode, Failure> {
    if let [_, flag, kind] = words
        && flag == "--helper"
    {
        return Ok(helper::main(&kind.to_string_lossy()));
    }
    match decide(words.iter().cloned())? {
        Task::Say(text) => eprintln!("{text}"),
        Task::Print(text) => print(&text)?,
        Task::CheckConfiguration(settings) => check_configuration(&settings)?,
        Task::Serve(settings) if settings.place == Place::Background => {
            return launch(detached(words.iter().cloned()).into_iter());
        }
        Task::Serve(settings) => serve(&settings)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Says on standard error what is odd, and fails where a start would fail for the configuration.
fn check_configuration(settings: &Settings) -> Result<(), Failure> {
    let log = Rc::new(Log::new(Destination::Stderr, true));
    let checker = checker(settings, &log)?;
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(format!("looking names up: {error}")))?;
    runtime.block_on(checker.unresolved()).iter().for_each(|line| log.write(Level::Warning, line));
    match log.started() {
        0 => print("saslauthd: the configuration is good\n"),
        warnings => print(&format!("saslauthd: it would start, with {warnings} warnings\n")),
    }
}

/// Sets everything up, serves, and cleans up.
fn serve(settings: &Settings) -> Result<(), Failure> {
    keep_memory_private();
    if settings.place == Place::Detached {
        leave_session();
    }
    let failed = |error| Failure::new(format!("serving: {error}"));
    let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    // Before anybody can know whom to send one.
    let signals = runtime.block_on(async { Signals::new() }).map_err(failed)?;
    let directory =
        RunDirectory::claim(&settings.directory).map_err(|failure| as_the_original_ends(settings, failure))?;
    let log = Rc::new(Log::new(settings.log, settings.verbose));
    let checker = checker(settings, &log).inspect_err(|failure| leave_word(&log, failure))?;
    let most_open = most_open(raise_open_files(), checker.descriptors());
    let limits = Limits { deadline: settings.deadline, most_open, longest_field: settings.longest_field };
    let service = Service::new(checker, Rc::clone(&log), limits);
    let socket = directory.listen(settings.socket_mode, settings.socket_group)?;
    log.write(Level::Info, format_args!("listening on socket: {}/mux", settings.directory.display()));
    let served = LocalSet::new().block_on(&runtime, async {
        let listener = Listener::new(socket, service.longest_request())?;
        log.started();
        if settings.place == Place::Detached {
            report_ready()?;
        }
        run(listener, signals, &directory, &service).await
    });
    log.write(Level::Info, "ended");
    // A thread may still look for a server's address, which takes as long as it takes.
    runtime.shutdown_background();
    served.map_err(failed)
}

/// Why it does not start is said on standard error in any case; at boot nobody looks there.
fn leave_word(log: &Log, failure: &Failure) {
    log.started();
    if !log.is_on_stderr() {
        log.write(Level::Error, failure);
    }
}

/// With `-d`, a second instance is a failure like any other.
fn as_the_original_ends(settings: &Settings, failure: Failure) -> Failure {
    match settings.place {
        Place::Foreground if failure.status() == RUNNING => failure.with_status(FAILED),
        _ => failure,
    }
}

/// Raises the number of files that may be open to what is allowed, and gives it.
fn raise_open_files() -> u64 {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return 1024 };
    match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
        Ok(()) => hard,
        Err(_) => soft,
    }
}

/// How many connections there can be. Clients that only wait must not keep back ends from what they need, which in turn take no
/// more than half.
fn most_open(files: u64, of_backends: usize) -> usize {
    let files = usize::try_from(files).unwrap_or(usize::MAX);
    files.saturating_sub(OTHER_FILES).saturating_sub(of_backends.min(files / 2)).clamp(1, MOST_OPEN)
}

/// One thread serves all: what takes long is elsewhere.
async fn run(
    mut listener: Listener,
    signals: Signals,
    directory: &RunDirectory,
    service: &Rc<Service>,
) -> io::Result<()> {
    let (end, ended) = oneshot::channel();
    // A task of its own, so that a login does not turn it over.
    spawn_local(attend(signals, Rc::clone(service), end));
    spawn_local(Rc::clone(service).look_for_servers());
    let served = tokio::select! {
        biased;
        served = listener.serve(service) => served,
        _ = ended => Ok(()),
    };
    directory.remove_socket();
    let _ = timeout(LATECOMERS, listener.serve(service)).await;
    listener.serve_the_rest(service);
    drain(service).await;
    served
}

/// Answers what is in flight. Who has not asked by now is not waited for as long as it takes to answer who has.
async fn drain(service: &Service) {
    if timeout(LAST_CALL, service.drained()).await.is_err() {
        service.shed_all();
        let _ = timeout(DRAIN, service.drained()).await;
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        let [terminate, interrupt, hang_up] =
            [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?, signal(SignalKind::hangup())?];
        Ok(Self { terminate, interrupt, hang_up })
    }
}

/// Does what is not a login, until it is time to end.
async fn attend(mut signals: Signals, service: Rc<Service>, end: oneshot::Sender<()>) {
    let mut second = interval(Duration::from_secs(1));
    second.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = signals.terminate.recv() => break,
            _ = signals.interrupt.recv() => break,
            _ = signals.hang_up.recv() => service.reload(realm()),
            _ = second.tick() => service.tick(),
        }
    }
    // Whoever waits for it is told even if it is dropped.
    let _ = end.send(());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_leave_back_ends_what_they_need_and_these_leave_them_half() {
        assert_eq!([most_open(1024, 0), most_open(1024, 100), most_open(1024, 5000)], [1000, 900, 488]);
        assert_eq!([most_open(60, 0), most_open(60, 192), most_open(20, 192)], [36, 6, 1]);
        assert_eq!(most_open(u64::MAX, 192), MOST_OPEN);
    }
}
