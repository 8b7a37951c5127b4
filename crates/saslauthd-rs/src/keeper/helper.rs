//! A helper, as the process has it that started it.

use crate::{
    errands::{Ends, Order},
    helper::{RETIRED, backend::Kind},
};
use nix::{
    sys::signal::{Signal, kill, killpg},
    unistd::Pid,
};
use sasl_system::priority;
use std::{
    fs, io,
    os::{
        fd::OwnedFd,
        unix::{net, process::ExitStatusExt},
    },
    process::{ExitStatus, Stdio},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    process::{Child, Command},
    select,
};

/// So many of what a helper started are looked at, to see what they started.
const MOST_DESCENDANTS: usize = 1024;

/// A process, killed when it is dropped, with all that it started.
#[derive(Debug)]
pub(super) struct Helper {
    child: Child,
    group: Option<Pid>,
}

impl Helper {
    /// Starts one, which may become `user`, and gives the ends that whoever asked for it is to have; and what to do with ours.
    pub(super) fn start(kind: Kind, user: &str) -> io::Result<(Ends, impl Future<Output = ()> + use<>)> {
        let (channel, theirs) = net::UnixStream::pair()?;
        let (leash, ours) = net::UnixStream::pair()?;
        for end in [&channel, &leash, &ours] {
            end.set_nonblocking(true)?;
        }
        let (helper, ours) = (Self::try_start([kind.name(), user], theirs.into())?, UnixStream::from_std(ours)?);
        Ok((Ends { channel: channel.into(), leash: leash.into() }, helper.mind(ours)))
    }

    /// The program is the one that runs, even where another was installed meanwhile. Of the environment it gets nothing.
    fn try_start(words: [&str; 2], channel: OwnedFd) -> io::Result<Self> {
        let child = Command::new("/proc/self/exe")
            .arg0("saslauthd")
            .arg("--helper")
            .args(words)
            .env_clear()
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .stdin(channel)
            .stdout(Stdio::null())
            // No session: the kernel would give each as much of the processor as all the others have together, whatever its
            // priority.
            .process_group(0)
            .spawn()?;
        let group = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
        Ok(Self { child, group })
    }

    /// Does as it is told over the leash, until the helper or the leash ends; with the leash, the helper does.
    async fn mind(mut self, mut leash: UnixStream) {
        loop {
            select! {
                status = self.child.wait() => {
                    // Nobody may be there any more to hear it.
                    let _ = leash.write_u8(status.map_or(u8::MAX, code)).await;
                    return;
                }
                octet = leash.read_u8() => match octet.ok().map(Order::decode) {
                    Some(Some(Order::Lower)) => self.group.into_iter().for_each(priority::lower),
                    Some(Some(Order::Restore)) if self.is_restored() => {}
                    Some(Some(Order::Kill)) => self.kill(),
                    // One that cannot stand where others do is of no more use, as if it had retired.
                    Some(Some(Order::Restore)) => {
                        let _ = leash.write_u8(RETIRED).await;
                        return;
                    }
                    Some(None) | None => return,
                }
            }
        }
    }

    fn is_restored(&self) -> bool {
        self.group.is_some_and(|group| priority::restore(group).is_ok())
    }

    /// Once. One that is ending keeps its status.
    fn kill(&mut self) {
        if let Some(group) = self.group.take() {
            // Some modules put what they start into a group of its own. Once it has been waited for, its number may be another's.
            for pid in self.child.id().map(|_| descendants(group)).unwrap_or_default() {
                let _ = kill(pid, Signal::SIGKILL);
            }
            // It may have ended, and left nobody behind.
            let _ = killpg(group, Signal::SIGKILL);
        }
    }
}

/// As a shell has it.
fn code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}

/// What a process has started, and what that has. None where the system does not tell.
fn descendants(of: Pid) -> Vec<Pid> {
    let mut all = vec![of];
    for at in 0..MOST_DESCENDANTS {
        let Some(parent) = all.get(at) else { break };
        let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
        all.extend(children.split_whitespace().filter_map(|pid| pid.parse().ok()).map(Pid::from_raw));
    }
    all.split_off(1)
}

impl Drop for Helper {
    fn drop(&mut self) {
        self.kill();
    }
}
