//! Asking the daemon that runs about itself, over its control socket.

use crate::{exit::Failure, run_directory::CONTROL};
use sasl_wire::control::{decode_response, encode_request_head};
use std::{
    env,
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

/// The longest answer that is read, in bytes.
const LONGEST_ANSWER: u64 = 1 << 20;

/// A daemon that can be asked.
#[derive(Debug)]
pub struct Daemon {
    shown: PathBuf,
}

impl Daemon {
    /// Finds the one in that run directory, and goes there: the socket's path may be longer than one can be.
    ///
    /// # Errors
    /// With the socket, where there is none or it is not for us.
    pub fn find(directory: &Path) -> Result<Self, Failure> {
        let shown = directory.join(CONTROL);
        let found = env::set_current_dir(directory).and_then(|()| UnixStream::connect(CONTROL));
        match found {
            Ok(_) => Ok(Self { shown }),
            Err(error) => Err(failed(&shown, &reason(&error))),
        }
    }

    /// Asks, and gives what came back for an answer.
    ///
    /// # Errors
    /// With the socket, where no answer came in time, or the daemon refused to give one.
    pub fn ask(&self, (method, target): (&str, &str), body: &[u8], patience: Duration) -> Result<String, Failure> {
        let mut bytes = Vec::new();
        let mut asked = || {
            let mut stream = UnixStream::connect(CONTROL)?;
            stream.set_read_timeout(Some(patience))?;
            stream.set_write_timeout(Some(patience))?;
            stream.write_all(encode_request_head(method, target, body.len()).as_bytes())?;
            stream.write_all(body)?;
            stream.take(LONGEST_ANSWER).read_to_end(&mut bytes)
        };
        let read = asked();
        match (decode_response(&bytes), read) {
            (Some((200, text)), _) => Ok(text.into()),
            (Some((_, text)), _) => Err(failed(&self.shown, text.trim_end())),
            (None, Err(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                Err(failed(&self.shown, "the daemon does not answer"))
            }
            (None, _) => Err(failed(
                &self.shown,
                "the daemon closed the connection; it answers root, and whom it was started as, alone",
            )),
        }
    }
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            "no daemon runs there; -m names its run directory".into()
        }
        io::ErrorKind::PermissionDenied => "only root, and whom the daemon was started as, may ask it".into(),
        _ => error.to_string(),
    }
}

fn failed(socket: &Path, why: &str) -> Failure {
    Failure::new(format!("{}: {why}", socket.display()))
}
