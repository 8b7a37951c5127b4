//! Whom the serving process becomes, so that whoever takes it over has next to nothing.

use crate::exit::Failure;
use caps::{CapSet, Capability, CapsHashSet, errors::CapsError};
use nix::{
    errno::Errno,
    libc::MCL_ONFAULT,
    sys::{
        mman::{MlockAllFlags, mlockall},
        prctl::{set_keepcaps, set_name, set_no_new_privs, set_pdeathsig},
        resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit},
        signal::Signal,
    },
    unistd::{Gid, Group, Uid, User, getgrouplist, getppid, getresuid, setgroups, setresgid, setresuid},
};
use std::{ffi::CString, fs, os::unix::fs::MetadataExt, path::Path};

/// Whoever it is unless the command line or the configuration says otherwise.
pub const DEFAULT: &str = "saslauth";

/// An unprivileged user, with all groups.
#[derive(Clone, Debug)]
pub struct Account {
    name: String,
    uid: Uid,
    gid: Gid,
    group: String,
    groups: Vec<Gid>,
}

impl Account {
    /// The user to become: none where we are not root, and cannot, or where there is no user of the default's name.
    ///
    /// # Errors
    /// Where there is no user of another name.
    pub fn find(name: &str) -> Result<Option<Self>, Failure> {
        if !Uid::effective().is_root() {
            return Ok(None);
        }
        let failed = |what: &dyn std::fmt::Display| Failure::new(format!("user {name}: {what}"));
        match User::from_name(name).map_err(|error| failed(&error))? {
            Some(user) => Self::of(user).map(Some).map_err(|error| failed(&error)),
            None if name == DEFAULT => Ok(None),
            None => Err(failed(&"there is no such user")),
        }
    }

    fn of(user: User) -> Result<Self, Errno> {
        let name = CString::new(user.name.as_str()).map_err(|_| Errno::EINVAL)?;
        let groups = getgrouplist(&name, user.gid)?;
        let group = Group::from_gid(user.gid)?.map_or_else(|| user.gid.to_string(), |group| group.name);
        Ok(Self { name: user.name, uid: user.uid, gid: user.gid, group, groups })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its group's, or that one's number.
    #[must_use]
    pub fn group(&self) -> &str {
        &self.group
    }

    /// Adds the group that a file is for, unless that is root's.
    pub fn join_group_of(&mut self, file: &Path) {
        let Ok(metadata) = fs::metadata(file) else { return };
        let group = Gid::from_raw(metadata.gid());
        if metadata.mode() & 0o040 != 0 && group.as_raw() != 0 && !self.groups.contains(&group) {
            self.groups.push(group);
        }
    }

    /// Becomes this user, for good.
    ///
    /// # Errors
    /// Where that is not what came of it.
    pub fn assume(&self) -> Result<(), Failure> {
        let failed = |error: Errno| Failure::new(format!("could not become user {}: {error}", self.name));
        setgroups(&self.groups).map_err(failed)?;
        setresgid(self.gid, self.gid, self.gid).map_err(failed)?;
        setresuid(self.uid, self.uid, self.uid).map_err(failed)?;
        let now = getresuid().map_err(failed)?;
        let is_back = self.uid.is_root() || setresuid(Uid::from_raw(0), Uid::from_raw(0), Uid::from_raw(0)).is_ok();
        if is_back || [now.real, now.effective, now.saved].iter().any(|uid| *uid != self.uid) {
            return Err(Failure::new(format!("user {} is root, or has a way back to it", self.name)));
        }
        Ok(())
    }
}

/// Takes the name that a process list has for the daemon, which one that starts another by a link would not have.
pub fn be_named() {
    // A name is all that can be missing.
    let _ = set_name(c"saslauthd");
}

/// Nobody gains privileges by running a program from now on.
pub fn gain_no_more() {
    // A system that is too old for it has no sandbox either, and that is said.
    let _ = set_no_new_privs();
}

/// Ends when the process ends that started us, however that came about: what it has, nobody else could take over as long as we are
/// there.
///
/// # Errors
/// Where it has ended already.
pub fn end_with_parent(parent: u32) -> Result<(), Failure> {
    // Changing user undoes it, so that this comes after that.
    let _ = set_pdeathsig(Signal::SIGKILL);
    let is_there = u32::try_from(getppid().as_raw()).is_ok_and(|pid| pid == parent);
    if is_there { Ok(()) } else { Err(Failure::new("the main process has gone")) }
}

/// Keeps memory, as far as it comes to be used, from being written to a swap file. Whether that is so.
#[must_use]
pub fn lock_memory() -> bool {
    // Where there is a limit, it would count what is mapped and never used, and nothing could be mapped beyond it.
    let _ = setrlimit(Resource::RLIMIT_MEMLOCK, RLIM_INFINITY, RLIM_INFINITY);
    let is_unlimited = getrlimit(Resource::RLIMIT_MEMLOCK).is_ok_and(|(soft, _)| soft == RLIM_INFINITY);
    let flags = MlockAllFlags::MCL_CURRENT | MlockAllFlags::MCL_FUTURE | MlockAllFlags::from_bits_retain(MCL_ONFAULT);
    is_unlimited && mlockall(flags).is_ok()
}

/// Becomes `account`, if there is one, and gives up all but the right to read what root alone may read.
///
/// # Errors
/// Where the system refuses, in words.
pub fn only_read(account: Option<&Account>) -> Result<(), String> {
    if !Uid::effective().is_root() {
        return Ok(());
    }
    forget_what_could_be_gained().map_err(|error| error.to_string())?;
    if let Some(account) = account {
        set_keepcaps(true).map_err(|error| error.to_string())?;
        account.assume().map_err(|failure| failure.to_string())?;
    }
    keep(Capability::CAP_DAC_READ_SEARCH).map_err(|error| error.to_string())?;
    gain_no_more();
    Ok(())
}

/// Where that is not ours to do, there is no way to what could be gained all the same: nothing is gained any more.
fn forget_what_could_be_gained() -> Result<(), CapsError> {
    match caps::has_cap(None, CapSet::Effective, Capability::CAP_SETPCAP)? {
        true => caps::clear(None, CapSet::Bounding),
        false => Ok(()),
    }
}

/// Of all capabilities this one alone, if it is there.
fn keep(wanted: Capability) -> Result<(), CapsError> {
    let permitted = caps::read(None, CapSet::Permitted)?;
    let kept = permitted.into_iter().filter(|capability| *capability == wanted).collect();
    caps::clear(None, CapSet::Inheritable)?;
    caps::set(None, CapSet::Effective, &CapsHashSet::new())?;
    caps::set(None, CapSet::Permitted, &kept)?;
    caps::set(None, CapSet::Effective, &kept)
}
