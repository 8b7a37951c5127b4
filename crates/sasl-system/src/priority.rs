//! Who goes first where several processes want to run.
#![expect(unsafe_code, reason = "it calls C")]

use nix::{
    errno::Errno,
    libc::{PRIO_PGRP, PRIO_PROCESS, getpriority, id_t, setpriority},
    unistd::Pid,
};

/// How far behind us; each step costs a fifth of what a process gets.
const BEHIND: i32 = 10;

/// Lets everybody else go first where a process of `group` wants to run.
pub fn lower(group: Pid) {
    // It can only fail where nobody of the group is left.
    let _ = set(group, ours() + BEHIND);
}

/// Puts `group` where we are again. That takes a privilege.
///
/// # Errors
/// Where it stays behind.
pub fn restore(group: Pid) -> Result<(), Errno> {
    set(group, ours())
}

fn set(group: Pid, nice: i32) -> Result<(), Errno> {
    let group = id_t::try_from(group.as_raw()).map_err(|_| Errno::EINVAL)?;
    // SAFETY: it takes numbers and gives one.
    Errno::result(unsafe { setpriority(PRIO_PGRP, group, nice) }).map(drop)
}

fn ours() -> i32 {
    // SAFETY: it takes numbers and gives one; of the process that calls it cannot fail.
    unsafe { getpriority(PRIO_PROCESS, 0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::process::CommandExt, process::Command};

    #[test]
    fn a_group_goes_behind_us_and_comes_back() {
        let mut child = Command::new("sleep").arg("60").process_group(0).spawn().unwrap();
        let group = Pid::from_raw(child.id().try_into().unwrap());
        let nice = || {
            let status = fs::read_to_string(format!("/proc/{group}/stat")).unwrap();
            status.rsplit(") ").next().unwrap().split(' ').nth(16).unwrap().parse::<i32>().unwrap()
        };
        lower(group);
        assert_eq!(nice(), (ours() + BEHIND).min(19));
        if restore(group).is_ok() {
            assert_eq!(nice(), ours());
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
