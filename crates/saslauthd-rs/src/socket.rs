//! A socket that has its mode and its group before anybody can find it.

use crate::exit::Failure;
use nix::{
    errno::Errno,
    fcntl::{AtFlags, OFlag, open},
    sys::{
        socket::{AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, connect, listen, socket},
        stat::Mode,
    },
    unistd::{Gid, fchownat},
};
use std::{
    fs::{self, File, Permissions},
    io,
    os::{
        fd::AsRawFd,
        unix::{
            fs::{FileTypeExt, MetadataExt, PermissionsExt},
            net::UnixListener,
        },
    },
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

/// How often to look whether somebody still listens, ten milliseconds apart.
const PATIENCE: u32 = 100;

/// Connections that may wait to be accepted; the system may allow less.
const BACKLOG: i32 = 4096;

/// The file of a socket of ours.
#[derive(Debug)]
pub struct Place {
    path: PathBuf,
    /// Device and inode.
    identity: (u64, u64),
}

impl Place {
    fn of(path: &Path, file: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), identity: identity(file)? })
    }

    /// Removes the file. One that somebody has put in its place stays.
    pub fn remove(&self) {
        if identity(&self.path).is_ok_and(|there| there == self.identity) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
}

/// Listens at `path`, which errors call `shown`. The socket appears under its name only when it has its mode and its
/// group.
///
/// # Errors
/// Where something else has the name.
pub fn listen_at(path: &Path, shown: &Path, mode: u32, group: Option<Gid>) -> Result<(UnixListener, Place), Failure> {
    let failed = |what| move |error: io::Error| trouble(shown, what, &error);
    remove_stale(path, shown)?;
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    // One that somebody who was killed left behind. Whoever has the name beside it has this one too.
    let _ = fs::remove_file(&new);
    let bound = || -> io::Result<UnixListener> {
        let unbound = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
        bind(unbound.as_raw_fd(), &UnixAddr::new(&*new)?)?;
        Ok(unbound.into())
    };
    let listener = bound().map_err(failed("could not bind"))?;
    // Until it listens, nobody gets through, whatever its mode.
    let named = || -> io::Result<Place> {
        change_mode_and_group(new.as_ref(), mode, group)?;
        listen(&listener, Backlog::new(BACKLOG)?)?;
        let place = Place::of(path, new.as_ref())?;
        fs::rename(&new, path)?;
        Ok(place)
    };
    let place = named().inspect_err(|_| {
        let _ = fs::remove_file(&new);
    });
    Ok((listener, place.map_err(failed("could not set up socket"))?))
}

/// Gives a socket its mode and its group. It is opened first, and looked at: in a directory of somebody else's, a link may have taken its
/// place.
fn change_mode_and_group(path: &Path, mode: u32, group: Option<Gid>) -> io::Result<()> {
    let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let file = File::from(open(path, flags, Mode::empty())?);
    if !file.metadata()?.file_type().is_socket() {
        return Err(io::Error::other("something else has taken its place"));
    }
    // Not asked for, it is not tried: what keeps a service in may not allow the call.
    if group.is_some() {
        fchownat(&file, "", None, group, AtFlags::AT_EMPTY_PATH)?;
    }
    fs::set_permissions(format!("/proc/self/fd/{}", file.as_raw_fd()), Permissions::from_mode(mode))
}

/// Removes a socket that nobody listens on. Anything else of that name is not ours to remove.
fn remove_stale(path: &Path, shown: &Path) -> Result<(), Failure> {
    let refuse = |what: &str| Err(Failure::new(format!("{}: {what}", shown.display())));
    match fs::symlink_metadata(path) {
        Err(_) => Ok(()),
        Ok(metadata) if !metadata.file_type().is_socket() => refuse("is no socket, and in the way of one"),
        Ok(_) if somebody_goes_on_listening(path) => refuse("somebody listens on it already"),
        Ok(_) => fs::remove_file(path).map_err(|error| trouble(shown, "could not remove", &error)),
    }
}

/// Whoever had the name before us may have been killed, and what they started is on its way out.
fn somebody_goes_on_listening(path: &Path) -> bool {
    (0..PATIENCE).all(|_| {
        let listens = somebody_listens(path);
        if listens {
            thread::sleep(Duration::from_millis(10));
        }
        listens
    })
}

/// Without waiting for somebody who takes nobody.
fn somebody_listens(path: &Path) -> bool {
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let connected = socket(AddressFamily::Unix, SockType::Stream, flags, None)
        .and_then(|client| connect(client.as_raw_fd(), &UnixAddr::new(path)?));
    !matches!(connected, Err(Errno::ECONNREFUSED | Errno::ENOENT))
}

fn trouble(path: &Path, what: &str, error: &io::Error) -> Failure {
    Failure::new(format!("{what}: {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_that_has_taken_the_place_of_a_socket_is_not_followed() {
        let scratch = tempfile::tempdir().unwrap();
        let [file, link] = ["file", "link"].map(|name| scratch.path().join(name));
        fs::write(&file, "").unwrap();
        let mode = || fs::metadata(&file).unwrap().permissions().mode() & 0o777;
        let before = mode();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        for path in [&link, &file] {
            let said = change_mode_and_group(path, 0o777, None).unwrap_err().to_string();
            assert_eq!((said.as_str(), mode()), ("something else has taken its place", before));
        }
    }

    #[test]
    fn a_socket_that_somebody_put_in_its_place_stays() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("mux");
        let (_socket, place) = listen_at(&path, &path, 0o600, None).unwrap();
        let moved = scratch.path().join("moved");
        fs::rename(&path, &moved).unwrap();
        let _theirs = UnixListener::bind(&path).unwrap();
        place.remove();
        assert!(path.exists());
        fs::rename(&moved, &path).unwrap();
        place.remove();
        assert!(!path.exists());
    }
}
