//! Going to the background without a fork: the launcher starts the program again, and ends when that says that it
//! serves, or with its failure.

use crate::exit::Failure;
use nix::unistd::{dup2_stderr, dup2_stdin, dup2_stdout, setsid};
use std::{
    env,
    ffi::OsString,
    fs::OpenOptions,
    io::{self, Read, Write},
    process::{Command, ExitCode, Stdio},
};

const READY: &[u8] = b"ready\n";

/// Starts the program with `words` in a process of its own, and waits until it serves.
///
/// # Errors
/// Where it cannot be started. What stops it later, it says itself.
pub fn launch(words: impl Iterator<Item = OsString>) -> Result<ExitCode, Failure> {
    let failed = |error: io::Error| Failure::new(format!("could not start the daemon: {error}"));
    let program = env::current_exe().map_err(failed)?;
    let mut child = Command::new(program)
        .args(words.skip(1))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let mut said = Vec::new();
    if let Some(mut pipe) = child.stdout.take() {
        pipe.read_to_end(&mut said).map_err(failed)?;
    }
    if said == READY {
        return Ok(ExitCode::SUCCESS);
    }
    let status = child.wait().map_err(failed)?;
    let status = status.code().and_then(|code| u8::try_from(code).ok()).filter(|code| *code != 0);
    Ok(ExitCode::from(status.unwrap_or(crate::exit::FAILED)))
}

/// In the new process: leaves the terminal's session.
pub fn leave_session() {
    // It fails where this is a session of its own already, which is what we want.
    let _ = setsid();
}

/// In the new process: tells the launcher that all is well, and lets go of what it inherited.
///
/// # Errors
/// Where the launcher is gone, or there is no `/dev/null`.
pub fn report_ready() -> io::Result<()> {
    io::stdout().write_all(READY)?;
    io::stdout().flush()?;
    let_go()
}

/// Lets go of what was inherited: input, output and errors of whoever started us.
///
/// # Errors
/// Where there is no `/dev/null`.
pub fn let_go() -> io::Result<()> {
    let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    dup2_stdin(&null)?;
    dup2_stderr(&null)?;
    dup2_stdout(&null)?;
    Ok(())
}
