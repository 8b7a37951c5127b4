//! The run directory: one instance at a time, its pid file and its socket.

use crate::{
    exit::{Failure, RUNNING},
    socket::{self, listen_at},
    trust::{self, Doubt},
};
use nix::{
    errno::Errno,
    fcntl::{FcntlArg, fcntl},
    libc,
    sys::stat::{Mode, umask},
    unistd::{Gid, chdir, getpid},
};
use std::{
    cell::RefCell,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::{
        fd::AsFd,
        unix::{
            fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
            net::UnixListener,
        },
    },
    path::{Path, PathBuf},
};

/// A run directory that is ours. The process works in it, so that its files are found whatever happens to its path.
#[derive(Debug)]
pub struct RunDirectory {
    path: PathBuf,
    /// Holds the lock for as long as we live.
    pid_file: File,
    /// What we listen on.
    sockets: RefCell<Vec<socket::Place>>,
}

const PID_FILE: &str = "saslauthd.pid";

/// The socket of clients.
pub const MUX: &str = "mux";

/// The socket of whoever runs the daemon.
pub const CONTROL: &str = "control";

/// What nobody else gets of the files that are made here.
const PRIVATE: Mode = Mode::from_bits_truncate(0o077);

/// How long a socket's path may be: what `sockaddr_un` holds, with its NUL.
const LONGEST_PATH: usize = 107;

impl RunDirectory {
    /// Makes the directory if there is none, goes there, and claims it.
    ///
    /// # Errors
    /// With [`RUNNING`] where another instance runs; that one is left alone.
    pub fn claim(path: &Path) -> Result<Self, Failure> {
        if path.join(MUX).as_os_str().len() > LONGEST_PATH {
            return Err(Failure::new(format!(
                "{}: path of the socket is too long: {LONGEST_PATH} bytes at most",
                path.display()
            )));
        }
        make(path)?;
        chdir(path).map_err(|error| trouble(path, "could not chdir to", error.into()))?;
        trust(path)?;
        umask(PRIVATE);
        let claimed = Self { path: path.into(), pid_file: lock(path)?, sockets: RefCell::default() };
        claimed.write_pid()?;
        Ok(claimed)
    }

    /// Listens on the socket of that name.
    ///
    /// # Errors
    /// Where something else has the name.
    pub fn listen(&self, name: &'static str, mode: u32, group: Option<Gid>) -> Result<UnixListener, Failure> {
        let (socket, place) = listen_at(Path::new(name), &self.path.join(name), mode, group)?;
        self.sockets.borrow_mut().push(place);
        Ok(socket)
    }

    /// Removes the sockets, as far as they are still ours: nobody new comes.
    pub fn remove_sockets(&self) {
        self.sockets.borrow_mut().drain(..).for_each(|place| place.remove());
    }

    fn write_pid(&self) -> Result<(), Failure> {
        let written = self.pid_file.set_len(0).and_then(|()| writeln!(&self.pid_file, "{}", getpid()));
        written.map_err(|error| trouble(&self.path.join(PID_FILE), "could not write pid file", error))
    }
}

/// Pid file and sockets go with us, however we end, and while we still have the lock; one that somebody put in its place
/// does not.
impl Drop for RunDirectory {
    fn drop(&mut self) {
        if is_in_place(&self.pid_file) {
            self.remove_sockets();
            let _ = fs::remove_file(PID_FILE);
        }
    }
}

fn make(path: &Path) -> Result<(), Failure> {
    match DirBuilder::new().mode(0o755).create(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(trouble(path, "can not mkdir", error)),
    }
}

/// Whoever can write the directory can put a socket of their own into it, and collect passwords. What is looked at
/// is where we are, which is not what `path` says if somebody moved it.
fn trust(path: &Path) -> Result<(), Failure> {
    let metadata = fs::metadata(".").map_err(|error| trouble(path, "could not look at", error))?;
    trust::trust(&metadata).map_err(|doubt| {
        let path = path.display();
        Failure::new(match doubt {
            Doubt::BelongsTo(user) => {
                format!("{path}: belongs to {user}: start it as that user, or name another directory with -m")
            }
            Doubt::OthersWrite => format!("{path}: others can write this directory (chmod go-w ends that)"),
        })
    })
}

/// The lock is the one that the original takes, so that neither starts beside the other. A file that whoever had the
/// lock has removed meanwhile is no claim to the directory.
fn lock(directory: &Path) -> Result<File, Failure> {
    let path = directory.join(PID_FILE);
    loop {
        let file = open_pid_file(&path)?;
        lock_whole(&file, &path)?;
        if is_in_place(&file) {
            return Ok(file);
        }
    }
}

fn is_in_place(file: &File) -> bool {
    let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    let (ours, there) = (file.metadata(), fs::symlink_metadata(PID_FILE));
    ours.is_ok_and(|ours| there.is_ok_and(|there| identity(ours) == identity(there)))
}

fn open_pid_file(path: &Path) -> Result<File, Failure> {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC);
    options.open(PID_FILE).map_err(|error| trouble(path, "could not open pid file", error))
}

fn lock_whole(file: &File, path: &Path) -> Result<(), Failure> {
    #[expect(clippy::cast_possible_truncation, reason = "small constants of the system")]
    let (l_type, l_whence) = (libc::F_WRLCK as _, libc::SEEK_SET as _);
    let whole = libc::flock { l_type, l_whence, l_start: 0, l_len: 0, l_pid: 0 };
    match fcntl(file.as_fd(), FcntlArg::F_SETLK(&whole)) {
        Ok(_) => Ok(()),
        Err(Errno::EAGAIN | Errno::EACCES) => {
            let text = format!("Another instance of saslauthd is currently running\n{}: locked", path.display());
            Err(Failure::new(text).with_status(RUNNING))
        }
        Err(error) => Err(trouble(path, "could not lock pid file", error.into())),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "made by map_err")]
fn trouble(path: &Path, what: &str, error: io::Error) -> Failure {
    Failure::new(format!("{what}: {}: {error}", path.display()))
}
