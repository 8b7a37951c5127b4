//! Going to the background: the process that was started makes another, which serves, and ends when that one says that it
//! does, or with its failure.

use crate::exit::{FAILED, Failure};
use nix::{
    fcntl::OFlag,
    sys::wait::{WaitStatus, waitpid},
    unistd::{ForkResult, Pid, dup2_stderr, dup2_stdin, dup2_stdout, pipe2, setsid},
};
use sasl_system::process::divide;
use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    process::ExitCode,
};

const READY: &[u8] = b"ready\n";

/// Which of the two processes this is.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "there are two")]
pub enum Side {
    /// The one that was started. The other one serves, or has failed: so does this one end.
    Launcher(ExitCode),
    /// The one that is to serve, in a session of its own.
    Daemon(Launcher),
}

/// Who waits for us to serve.
#[derive(Debug)]
pub struct Launcher {
    pipe: File,
    null: File,
}

/// Makes the process that is to serve. Call it where no other thread runs.
///
/// # Errors
/// Where there can be none. What stops it later, it says itself.
pub fn detach() -> Result<Side, Failure> {
    try_detach().map_err(|error| Failure::new(format!("could not start the daemon: {error}")))
}

fn try_detach() -> io::Result<Side> {
    let (said, says) = pipe2(OFlag::O_CLOEXEC)?;
    match divide()? {
        ForkResult::Parent { child } => {
            drop(says);
            wait_until_ready(said.into(), child).map(Side::Launcher)
        }
        ForkResult::Child => {
            leave_session();
            let null = null()?;
            dup2_stdin(&null)?;
            dup2_stdout(&null)?;
            Ok(Side::Daemon(Launcher { pipe: says.into(), null }))
        }
    }
}

fn wait_until_ready(mut pipe: File, daemon: Pid) -> io::Result<ExitCode> {
    let mut said = Vec::new();
    pipe.read_to_end(&mut said)?;
    if said == READY {
        return Ok(ExitCode::SUCCESS);
    }
    // Whoever started us may ignore the ends of children, and has us do so too: then nobody can say how it ended.
    let status = match waitpid(daemon, None) {
        Ok(WaitStatus::Exited(_, status)) => u8::try_from(status).ok().filter(|status| *status != 0),
        _ => None,
    };
    Ok(ExitCode::from(status.unwrap_or(FAILED)))
}

impl Launcher {
    /// Tells it that all is well, and lets go of what is left of what was inherited.
    ///
    /// # Errors
    /// Where it is gone.
    pub fn report_ready(mut self) -> io::Result<()> {
        self.pipe.write_all(READY)?;
        Ok(dup2_stderr(&self.null)?)
    }
}

/// Leaves the terminal's session.
pub fn leave_session() {
    // It fails where this is a session of its own already, which is what we want.
    let _ = setsid();
}

/// Lets go of what was inherited: input, output and errors of whoever started us.
///
/// # Errors
/// Where there is no `/dev/null`.
pub fn let_go() -> io::Result<()> {
    let null = null()?;
    dup2_stdin(&null)?;
    dup2_stderr(&null)?;
    dup2_stdout(&null)?;
    Ok(())
}

fn null() -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open("/dev/null")
}
