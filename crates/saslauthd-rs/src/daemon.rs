//! The daemon from its first line to its last: who is started for what, and the main process.

use crate::{
    assembly::prepare,
    detach::{Launcher, Side, detach},
    exit::{FAILED, Failure, RUNNING, print},
    helper::{self, backend::Kind},
    keeper::{Keeper, Words},
    log::{Destination, Level, Log},
    login_check,
    run_directory::RunDirectory,
    serving,
    settings::{Place, Settings, Task, decide},
    signals::Signals,
    status,
    systemd::socket_handed_over,
};
use nix::unistd::Uid;
use sasl_system::process::hear_of_children_and_signals;
use sasldb::private::keep_memory_private;
use std::{env, ffi::OsString, process::ExitCode, rc::Rc};
use tokio::{runtime, task::LocalSet};

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let words: Vec<OsString> = env::args_os().collect();
    match act(&words) {
        Ok(code) => code,
        Err(failure) => failure.report("saslauthd"),
    }
}

/// The first word may be one that the daemon starts itself with, and nobody is to type.
fn act(words: &[OsString]) -> Result<ExitCode, Failure> {
    match words {
        [_, flag, kind, user @ ..] if flag == "--helper" => {
            let user = user.first().map(|user| user.to_string_lossy());
            return Ok(helper::main(&kind.to_string_lossy(), user.as_deref()));
        }
        [name, flag, words @ ..] if flag == "--serve" => {
            let word = |failure: &_| serving::leave_word(&Log::new(Destination::Syslog, false), failure);
            return match decide([name].into_iter().chain(words).cloned()).inspect_err(word)? {
                Task::Serve(settings) => serving::serve(&settings).map(|()| ExitCode::SUCCESS),
                _ => Err(Failure::new("--serve is the daemon's own flag")),
            };
        }
        _ => {}
    }
    hear_of_children_and_signals();
    match decide(words.iter().cloned())? {
        Task::Say(text) => eprintln!("{text}"),
        Task::Print(text) => print(&text)?,
        Task::Status(directory) => status::show(&directory)?,
        Task::CheckLogin(question) => return login_check::check(&question),
        Task::CheckConfiguration(settings) => check_configuration(&settings)?,
        Task::Serve(settings) if settings.place == Place::Background => match detach()? {
            Side::Launcher(code) => return Ok(code),
            Side::Daemon(launcher) => keep(&settings, words, Some(launcher))?,
        },
        Task::Serve(settings) => keep(&settings, words, None)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Says on standard error what is odd, and fails where a start would fail for the configuration.
fn check_configuration(settings: &Settings) -> Result<(), Failure> {
    let log = Rc::new(Log::new(Destination::Stderr, true));
    settings.socket_gid()?;
    let account = settings.account()?;
    let checker = prepare(settings, &log, &Rc::default())?.checker(settings, &log, None)?;
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(format!("looking names up: {error}")))?;
    runtime.block_on(checker.unresolved()).iter().for_each(|line| log.write(Level::Warning, line));
    let warnings = log.started();
    // That is no configuration, but who looks wants to know.
    if account.is_none() {
        serving::warn_of_root(&log);
    }
    match warnings {
        0 => print("saslauthd: the configuration is good\n"),
        1 => print("saslauthd: it would start, with a warning\n"),
        warnings => print(&format!("saslauthd: it would start, with {warnings} warnings\n")),
    }
}

/// The main process: claims the run directory, and has clients served.
fn keep(settings: &Settings, words: &[OsString], launcher: Option<Launcher>) -> Result<(), Failure> {
    keep_memory_private();
    // In the background it is for the one that was started, and there is a pipe among the descriptors by now.
    let socket = if launcher.is_none() { socket_handed_over() } else { None };
    let failed = |error| Failure::new(format!("serving: {error}"));
    let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let log = Log::new(settings.log, settings.verbose);
    let here = env::current_dir().ok();
    if settings.mechanisms.iter().any(|mechanism| mechanism.takes(Kind::Pam)) && !Uid::effective().is_root() {
        log.write(
            Level::Warning,
            "pam: modules like pam_unix know nobody's password but for root, and say that it is wrong",
        );
    }
    LocalSet::new().block_on(&runtime, async {
        // Whom to send a signal, nobody can know before the directory is claimed.
        let signals = Signals::take().map_err(failed)?;
        let directory =
            RunDirectory::claim(&settings.directory).map_err(|failure| as_the_original_ends(settings, failure))?;
        let words = Words { typed: words, here };
        Keeper::new(settings, words, (&directory, &log), (signals, socket)).keep(launcher).await
    })
}

/// With `-d`, a second instance is a failure like any other.
fn as_the_original_ends(settings: &Settings, failure: Failure) -> Failure {
    match settings.place {
        Place::Foreground if failure.status() == RUNNING => failure.with_status(FAILED),
        _ => failure,
    }
}
