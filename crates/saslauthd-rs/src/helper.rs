//! A process that checks passwords where others' code runs: a module of PAM that hangs, crashes or forks has no more than
//! this. The daemon starts it as itself with `--helper KIND`, and ends it when it takes too long.
//!
//! Its standard input is a stream socket. A request is a number and a request of saslauthd's, always of five fields; an answer is the
//! same number and an [`Answer`]. One waits for the other.

pub mod answer;
pub mod backend;
mod channel;
mod wear;

use crate::{
    privileges::{Account, be_named, gain_no_more, only_read},
    sandbox::{self, Network},
};
use answer::Answer;
use backend::{Backend, Kind};
use channel::Channel;
use nix::sys::{
    prctl::{set_child_subreaper, set_pdeathsig},
    signal::Signal,
};
use sasl_system::{
    finding::Finding,
    process::{Process, close_inherited, end_at_once, take_signals_as_they_come},
};
use sasldb::private::keep_memory_private;
use std::{io, process::ExitCode};
use wear::Wear;

/// The status of a helper that is worn. What it was sent after its last answer it has not read.
pub const RETIRED: u8 = 75;

/// Serves requests until the daemon closes its end, or the process is worn. It does not return
/// after that: a library's last words may take for ever.
#[must_use]
pub fn main(kind: &str, user: Option<&str>) -> ExitCode {
    close_inherited();
    be_named();
    keep_memory_private();
    take_signals_as_they_come();
    // It is not asked for where the system has none; the end of the channel tells as well.
    let _ = set_pdeathsig(Signal::SIGKILL);
    // What a module starts stays ours even where what started it ends: it goes with us.
    let _ = set_child_subreaper(true);
    let Some(kind) = Kind::named(kind) else {
        eprintln!("saslauthd: --helper is the daemon's own flag");
        return ExitCode::FAILURE;
    };
    if let Err(trouble) = give_up(kind, user) {
        eprintln!("saslauthd: helper for {}: {trouble}", kind.name());
        return ExitCode::FAILURE;
    }
    // An error needs no words: the daemon sees that there is no answer.
    end_at_once(serve(kind).unwrap_or(1))
}

/// Privileges that this kind has no use for. Modules of PAM may need any.
fn give_up(kind: Kind, user: Option<&str>) -> Result<(), String> {
    match kind {
        Kind::Pam => Ok(()),
        Kind::Shadow | Kind::Getpwent => only_read(account(user)?.as_ref()),
        Kind::Crypt => {
            account(user)?.map_or(Ok(()), |account| account.assume()).map_err(|failure| failure.to_string())?;
            gain_no_more();
            Ok(())
        }
    }
}

fn account(user: Option<&str>) -> Result<Option<Account>, String> {
    user.map(Account::find).transpose().map(Option::flatten).map_err(|failure| failure.to_string())
}

/// Gives the status of the process.
fn serve(kind: Kind) -> io::Result<u8> {
    let mut channel = Channel::take_stdin()?;
    let (mut backend, mut wear) = (load(kind), Wear::default());
    if kind == Kind::Crypt {
        // What the kernel has none of, the serving process has said.
        let _ = sandbox::enter(&[], Network::Unused);
    }
    let process = Process::current();
    loop {
        let answer = match channel.receive()? {
            Some(Ok(request)) => {
                backend.as_mut().map_or(Answer::at_once(Finding::Unavailable), |backend| backend.check(&request))
            }
            Some(Err(_)) => Answer::at_once(Finding::Wrong),
            None => return Ok(0),
        };
        process.end_if_copied();
        channel.send(answer)?;
        if wear.is_too_much(&channel) {
            return Ok(RETIRED);
        }
    }
}

/// Says once what is missing.
fn load(kind: Kind) -> Option<Backend> {
    let missing = |missing| eprintln!("saslauthd: {}: nobody can log in: {missing}", kind.name());
    Backend::load(kind).map_err(missing).ok()
}
