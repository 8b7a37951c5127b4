//! The run directory: one instance at a time, its pid file and its socket.

use crate::exit::{Failure, RUNNING};
use nix::{
    errno::Errno,
    fcntl::{AT_FDCWD, AtFlags, FcntlArg, fcntl},
    libc,
    sys::{
        socket::{AddressFamily, Backlog, SockFlag, SockType, UnixAddr, connect, listen, socket},
        stat::{Mode, umask},
    },
    unistd::{Gid, Uid, chdir, fchownat, getpid},
};
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::{
        fd::{AsFd, AsRawFd},
        unix::{
            fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt},
            net::UnixListener,
        },
    },
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

/// A run directory that is ours. The process works in it, so that its files are found whatever happens to its path.
#[derive(Debug)]
pub struct RunDirectory {
    path: PathBuf,
    /// Holds the lock for as long as we live.
    pid_file: File,
}

const PID_FILE: &str = "saslauthd.pid";
const SOCKET: &str = "mux";
/// The socket's name until it has its mode and its group.
const NEW_SOCKET: &str = "mux.new";

/// What nobody else gets of the files that are made here.
const PRIVATE: Mode = Mode::from_bits_truncate(0o077);

/// How long a socket's path may be: what `sockaddr_un` holds, with its NUL.
const LONGEST_PATH: usize = 107;

/// How often to look whether somebody still listens, ten milliseconds apart.
const PATIENCE: u32 = 100;

/// Connections that may wait to be accepted; the system may allow less.
const BACKLOG: i32 = 4096;

impl RunDirectory {
    /// Makes the directory if there is none, goes there, and claims it.
    ///
    /// # Errors
    /// With [`RUNNING`] where another instance runs; that one is left alone.
    pub fn claim(path: &Path) -> Result<Self, Failure> {
        if path.join(SOCKET).as_os_str().len() > LONGEST_PATH {
            return Err(Failure::new(format!(
                "{}: path of the socket is too long: {LONGEST_PATH} bytes at most",
                path.display()
            )));
        }
        make(path)?;
        chdir(path).map_err(|error| trouble(path, "could not chdir to", error.into()))?;
        trust(path)?;
        umask(PRIVATE);
        let claimed = Self { path: path.into(), pid_file: lock(path)? };
        claimed.write_pid()?;
        Ok(claimed)
    }

    /// Listens on the socket. It appears under its name only when it has its mode and its group.
    ///
    /// # Errors
    /// Where something else has the name.
    pub fn listen(&self, mode: u32, group: Option<Gid>) -> Result<UnixListener, Failure> {
        let failed = |what| move |error: io::Error| trouble(&self.path.join(SOCKET), what, error);
        self.remove_stale_socket()?;
        // One that somebody who was killed left behind. The lock says that it is nobody's.
        let _ = fs::remove_file(NEW_SOCKET);
        umask(Mode::from_bits_truncate(!mode & 0o777));
        let bound = UnixListener::bind(NEW_SOCKET);
        umask(PRIVATE);
        let listener = bound.map_err(failed("could not bind"))?;
        let named = || -> io::Result<()> {
            fchownat(AT_FDCWD, NEW_SOCKET, None, group, AtFlags::AT_SYMLINK_NOFOLLOW)?;
            listen(&listener, Backlog::new(BACKLOG)?)?;
            fs::rename(NEW_SOCKET, SOCKET)
        };
        if let Err(error) = named() {
            let _ = fs::remove_file(NEW_SOCKET);
            return Err(failed("could not set up socket")(error));
        }
        Ok(listener)
    }

    /// Removes the socket: nobody new comes.
    pub fn remove_socket(&self) {
        let _ = fs::remove_file(SOCKET);
    }

    fn write_pid(&self) -> Result<(), Failure> {
        let written = self.pid_file.set_len(0).and_then(|()| writeln!(&self.pid_file, "{}", getpid()));
        written.map_err(|error| trouble(&self.path.join(PID_FILE), "could not write pid file", error))
    }

    /// Removes a socket that nobody listens on. Anything else of that name is not ours to remove.
    fn remove_stale_socket(&self) -> Result<(), Failure> {
        let refuse = |what: &str| Err(Failure::new(format!("{}: {what}", self.path.join(SOCKET).display())));
        match fs::symlink_metadata(SOCKET) {
            Err(_) => Ok(()),
            Ok(metadata) if !metadata.file_type().is_socket() => refuse("is no socket, and in the way of one"),
            Ok(_) if somebody_goes_on_listening() => refuse("somebody listens on it already"),
            Ok(_) => {
                fs::remove_file(SOCKET).map_err(|error| trouble(&self.path.join(SOCKET), "could not remove", error))
            }
        }
    }
}

/// The pid file goes with us, however we end, and while we still have its lock; one that somebody put in its place
/// does not.
impl Drop for RunDirectory {
    fn drop(&mut self) {
        if is_in_place(&self.pid_file) {
            let _ = fs::remove_file(PID_FILE);
        }
    }
}

/// Whoever had the lock before us may have been killed, and what they started is on its way out.
fn somebody_goes_on_listening() -> bool {
    (0..PATIENCE).all(|_| {
        let listens = somebody_listens();
        if listens {
            thread::sleep(Duration::from_millis(10));
        }
        listens
    })
}

/// Without waiting for somebody who takes nobody.
fn somebody_listens() -> bool {
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let connected = socket(AddressFamily::Unix, SockType::Stream, flags, None)
        .and_then(|client| connect(client.as_raw_fd(), &UnixAddr::new(SOCKET)?));
    !matches!(connected, Err(Errno::ECONNREFUSED | Errno::ENOENT))
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
    let ours = metadata.uid() == 0 || metadata.uid() == Uid::effective().as_raw();
    match ours && metadata.mode() & 0o022 == 0 {
        true => Ok(()),
        false => Err(Failure::new(format!(
            "{}: others can write this directory (chmod go-w, chown root ends that)",
            path.display()
        ))),
    }
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
