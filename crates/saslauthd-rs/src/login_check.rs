//! `saslauthd check`: how the daemon that runs decides a login.

use crate::{
    control_client::Daemon,
    exit::{Failure, TROUBLE, print},
};
use sasl_terminal::{
    input::{LONGEST, Until, read_input},
    prompt::prompt,
};
use sasl_wire::{
    control::CHECK,
    saslauthd::{Request, encode_request},
};
use sasldb::private::keep_memory_private;
use std::{
    ffi::OsString,
    io::{self, IsTerminal, stderr, stdin},
    os::unix::ffi::OsStrExt,
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};
use zeroize::Zeroizing;

/// Several back ends one after the other may take as long.
const PATIENCE: Duration = Duration::from_secs(300);

/// Which login.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "what the flags say")]
pub struct Question {
    /// The run directory of the daemon.
    pub directory: PathBuf,
    /// Who logs in.
    pub user: OsString,
    /// Empty for none.
    pub realm: OsString,
    /// To what.
    pub service: OsString,
}

/// Reads the password, asks the daemon, and prints what it says: success for a login that is granted, 1 for one that is
/// not.
///
/// # Errors
/// With [`TROUBLE`], where there is no answer.
pub fn check(question: &Question) -> Result<ExitCode, Failure> {
    keep_memory_private();
    ask(question).map_err(|failure| failure.with_status(TROUBLE))
}

fn ask(question: &Question) -> Result<ExitCode, Failure> {
    let daemon = Daemon::find(&question.directory)?;
    let password = read_password().map_err(|error| Failure::new(format!("reading the password: {error}")))?;
    let Question { user, realm, service, .. } = question;
    let [login, realm, service] = [user, realm, service].map(|word| word.as_bytes());
    let mut request = Zeroizing::new(Vec::with_capacity(
        8 + [login, realm, service, &password].map(<[u8]>::len).iter().sum::<usize>(),
    ));
    encode_request(&Request { login, password: &password, service, realm, client: None }, &mut request);
    let text = daemon.ask(("POST", CHECK), &request, PATIENCE)?;
    print(&text)?;
    let answer = text.lines().last().and_then(|line| line.strip_prefix("answer")).unwrap_or_default();
    Ok(if answer.trim_start().starts_with("OK") { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Unseen from a terminal, or a line from whatever else standard input is.
fn read_password() -> io::Result<Zeroizing<Vec<u8>>> {
    let password = if stdin().is_terminal() {
        let [password] = prompt(["Password: "], &mut stderr())?;
        password
    } else {
        read_input(Until::EndOfLine)?
    };
    if password.len() >= LONGEST { Err(io::Error::other("too long")) } else { Ok(password) }
}
