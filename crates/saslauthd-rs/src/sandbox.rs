//! What the serving process cannot do any more, whatever it is made to run: start programs, change files, listen, look into
//! other processes.

mod calls;

use crate::log::Level;
pub use calls::Network;
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreated,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};
use std::{
    collections::BTreeMap,
    env::consts::ARCH,
    error::Error,
    path::{Path, PathBuf},
};

/// What landlock is asked for. A kernel that knows less does what it can.
const KNOWN: ABI = ABI::V6;

/// Confines this process and all threads that it starts from now on; those that are there already would keep their freedom. Files
/// can be changed in the directories `writable` alone, by whoever may. Gives a sentence for each thing that the kernel cannot do, and
/// how much that matters.
#[must_use]
pub fn enter(writable: &[PathBuf], network: Network) -> Vec<(Level, String)> {
    let landlock = match confine(writable, network) {
        Ok(RulesetStatus::FullyEnforced) => None,
        Ok(RulesetStatus::PartiallyEnforced) => {
            Some((Level::Info, "this kernel's landlock does not know all that is asked of it".into()))
        }
        Ok(RulesetStatus::NotEnforced) => {
            Some((Level::Warning, "no landlock in this kernel: files are protected by their modes alone".into()))
        }
        Err(error) => Some((Level::Warning, format!("no landlock: {error}"))),
    };
    let seccomp = filter(network).err().map(|error| (Level::Warning, format!("no seccomp: {error}")));
    landlock.into_iter().chain(seccomp).collect()
}

/// Reading is not restricted: what nobody but root may read is out of reach by its mode.
fn confine(writable: &[PathBuf], network: Network) -> Result<RulesetStatus, RulesetError> {
    let ports: BitFlags<AccessNet> = match network {
        Network::Used => AccessNet::BindTcp.into(),
        Network::Unused => AccessNet::from_all(KNOWN),
    };
    let mut rules = Ruleset::default()
        .handle_access(AccessFs::from_write(KNOWN) | AccessFs::Execute)?
        .handle_access(ports)?
        .scope(Scope::from_all(KNOWN))?
        .create()?;
    for place in writable {
        rules = allow(rules, place, AccessFs::from_write(KNOWN))?;
    }
    rules = allow(rules, Path::new("/dev/null"), AccessFs::WriteFile.into())?;
    Ok(rules.restrict_self()?.ruleset)
}

/// What is not there cannot be written.
fn allow(rules: RulesetCreated, place: &Path, access: BitFlags<AccessFs>) -> Result<RulesetCreated, RulesetError> {
    match PathFd::new(place) {
        Ok(place) => rules.add_rule(PathBeneath::new(place, access)),
        Err(_) => Ok(rules),
    }
}

/// Two filters, of which the stricter answer counts: one knows which calls there may be, and one says of `clone3(2)`, whose flags
/// a filter cannot see, that there is no such call, so that the C library takes `clone(2)`.
fn filter(network: Network) -> Result<(), Box<dyn Error>> {
    let unknown = filter_of(calls::unseen(), SeccompAction::Allow, SeccompAction::Errno(ENOSYS))?;
    let allowed = filter_of(calls::allowed(network)?, SeccompAction::Errno(EPERM), SeccompAction::Allow)?;
    apply_filter(&unknown)?;
    Ok(apply_filter(&allowed)?)
}

const EPERM: u32 = nix::libc::EPERM.unsigned_abs();
const ENOSYS: u32 = nix::libc::ENOSYS.unsigned_abs();

fn filter_of(calls: calls::Rules, others: SeccompAction, these: SeccompAction) -> Result<BpfProgram, Box<dyn Error>> {
    Ok(SeccompFilter::new(BTreeMap::from_iter(calls), others, these, ARCH.try_into()?)?.try_into()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::{sys::signal::kill, unistd::getppid};
    use std::{
        env, fs,
        net::{TcpListener, TcpStream},
        process::Command,
        thread,
    };

    const INSIDE: &str = "SASLAUTHD_TEST_INSIDE";

    /// Runs itself once more, to be confined.
    #[test]
    fn what_is_confined_reads_and_starts_threads_and_changes_nothing() {
        let Ok(scratch) = env::var(INSIDE) else {
            let scratch = tempfile::tempdir().unwrap();
            fs::create_dir(scratch.path().join("store")).unwrap();
            let name = "sandbox::tests::what_is_confined_reads_and_starts_threads_and_changes_nothing";
            let mut inside = Command::new(env::current_exe().unwrap());
            let run = inside.args(["--exact", name, "--nocapture"]).env(INSIDE, scratch.path()).output().unwrap();
            assert!(run.status.success(), "{run:?}");
            return;
        };
        let scratch = Path::new(&scratch);
        let listens = TcpListener::bind("127.0.0.1:0").unwrap();
        let gaps = enter(&[scratch.join("store")], Network::Unused);
        assert!(gaps.iter().all(|(_, gap)| gap.contains("landlock")), "{gaps:?}");
        assert_eq!(thread::spawn(|| 7).join().unwrap(), 7);
        assert!(fs::read("/etc/passwd").is_ok());
        assert!(Command::new("/bin/true").status().is_err(), "it started a program");
        assert!(nix::unistd::chroot("/").is_err(), "it changed its root");
        if gaps.is_empty() {
            assert!(fs::write(scratch.join("file"), "x").is_err(), "it wrote a file");
            assert!(fs::write(scratch.join("store/file"), "x").is_ok());
            assert!(
                TcpListener::bind("127.0.0.1:0").is_err() && TcpStream::connect(listens.local_addr().unwrap()).is_err()
            );
        }
        assert!(kill(getppid(), None).is_err(), "it can send signals to others");
    }
}
