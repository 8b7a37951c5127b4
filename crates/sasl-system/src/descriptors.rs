//! Descriptors on their way from one process to another.
#![expect(unsafe_code, reason = "a number becomes a descriptor of ours")]

use nix::{
    cmsg_space,
    sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg},
};
use std::{
    io::{self, IoSlice, IoSliceMut},
    os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
};

/// So many come with one message.
pub const MOST: usize = 12;

/// The first that systemd hands over, see `sd_listen_fds(3)`.
const FIRST_HANDED_OVER: RawFd = 3;
const MOST_HANDED_OVER: usize = 64;

/// Sends a message with descriptors, of which the other process gets copies. It does not wait for room.
///
/// # Errors
/// Those of `sendmsg(2)`.
pub fn send(socket: impl AsFd, message: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let numbers: Vec<RawFd> = descriptors.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&numbers)];
    let rights = if numbers.is_empty() { &rights[..0] } else { &rights[..] };
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
    let sent = sendmsg::<()>(socket.as_fd().as_raw_fd(), &[IoSlice::new(message)], rights, flags, None)?;
    if sent == message.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

/// Receives a message, and the descriptors that come with it, at most [`MOST`]. It does not wait for one.
///
/// # Errors
/// Those of `recvmsg(2)`.
pub fn receive(socket: impl AsFd, message: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut space = cmsg_space!([RawFd; MOST]);
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_CMSG_CLOEXEC;
    let mut into = [IoSliceMut::new(message)];
    let received = recvmsg::<()>(socket.as_fd().as_raw_fd(), &mut into, Some(&mut space), flags)?;
    let mut descriptors = Vec::new();
    for control in received.cmsgs()? {
        if let ControlMessageOwned::ScmRights(numbers) = control {
            // SAFETY: the system has just made them for us, and nobody else knows them.
            descriptors.extend(numbers.into_iter().map(|number| unsafe { OwnedFd::from_raw_fd(number) }));
        }
    }
    Ok((received.bytes, descriptors))
}

/// The descriptors that whoever started this program has put in order for it, so many from the third on. Call it once, before
/// anything else is opened.
#[must_use]
pub fn handed_over(count: usize) -> Vec<OwnedFd> {
    let open = (FIRST_HANDED_OVER..).take(count.min(MOST_HANDED_OVER)).filter(|number| is_open(*number));
    // SAFETY: nothing in this process owns one of them yet, and they are open.
    open.map(|number| unsafe { OwnedFd::from_raw_fd(number) }).collect()
}

fn is_open(number: RawFd) -> bool {
    std::fs::symlink_metadata(format!("/proc/self/fd/{number}")).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        fs::File,
        io::{Read, Write},
        os::unix::net::UnixStream,
    };

    #[test]
    fn what_is_sent_is_the_same_file() {
        let ([ours, theirs], mut file) = (<[_; 2]>::from(UnixStream::pair().unwrap()), tempfile::tempfile().unwrap());
        send(&ours, b"two", &[file.as_fd(), ours.as_fd()]).unwrap();
        send(&ours, b"none", &[]).unwrap();
        let mut message = [0; 3];
        let (length, mut descriptors) = receive(&theirs, &mut message).unwrap();
        assert_eq!((length, &message, descriptors.len()), (3, b"two", 2));
        File::from(descriptors.remove(0)).write_all(b"pencil").unwrap();
        let mut text = String::new();
        io::Seek::rewind(&mut file).unwrap();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "pencil");
        assert_eq!(receive(&theirs, &mut [0; 4]).unwrap().1.len(), 0);
        assert_eq!(receive(&theirs, &mut message).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        drop(ours);
        assert_eq!(descriptors.len(), 1, "which keeps their end open");
        drop(descriptors);
        assert_eq!(receive(&theirs, &mut message).unwrap().0, 0);
    }
}
