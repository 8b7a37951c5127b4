//! Whether a file or a directory is nobody else's to change.

use nix::unistd::{Uid, User};
use std::{
    fmt,
    fs::{self, Metadata},
    io,
    os::unix::fs::MetadataExt,
    path::Path,
};

/// What makes it somebody else's to change.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by nature")]
pub enum Doubt {
    /// Its owner, by name, is neither root nor who we are.
    BelongsTo(String),
    /// Its group, or anybody, can write it.
    OthersWrite,
}

/// Whose the last directory on a way may be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by nature")]
pub enum Owner {
    /// Root's, or ours.
    Trusted,
    /// Of whoever is to find something there.
    Anybody,
}

/// Looks at owner and mode.
///
/// # Errors
/// With what is wrong with them.
pub fn trust(metadata: &Metadata) -> Result<(), Doubt> {
    let uid = Uid::from_raw(metadata.uid());
    match metadata.mode() & 0o022 {
        _ if !uid.is_root() && uid != Uid::effective() => Err(Doubt::BelongsTo(name(uid))),
        0 => Ok(()),
        _ => Err(Doubt::OthersWrite),
    }
}

const STICKY: u32 = 0o1000;

/// Whether nobody else can change a directory on the way to a file: they could have root remove, or make, one elsewhere. In a directory
/// that is sticky nobody can, but for what is their own. The last one may be of somebody else who is to find the file there, if
/// `owner` says so: nobody but them is fooled by what they do in it.
///
/// # Errors
/// Which directory, and what is wrong with it, with `mend` behind whose it is.
pub fn trust_way_to(path: &Path, owner: Owner, mend: &str) -> Result<(), String> {
    let parent = path.parent().unwrap_or(path);
    let failed = |at: &Path, why: &dyn fmt::Display| format!("{}: {why}", at.display());
    let real = parent.canonicalize().map_err(|error| failed(parent, &error))?;
    // Whoever owns it could put another in its place while we are at work in it.
    let is_foreign = matches!(fs::metadata(&real).map(|last| trust(&last)), Ok(Err(Doubt::BelongsTo(_))));
    for at in parent.ancestors().chain(real.ancestors()) {
        let look = |looked: io::Result<Metadata>| looked.map_err(|error| failed(at, &error));
        let (entry, directory) = (look(fs::symlink_metadata(at))?, look(fs::metadata(at))?);
        let is_last = at == parent || at == real;
        let is_sticky = !is_last && !is_foreign && directory.mode() & STICKY != 0;
        match (trust(&directory), trust(&entry)) {
            (Err(Doubt::BelongsTo(_)), _) if is_last && owner == Owner::Anybody && directory.mode() & 0o022 == 0 => {}
            (Err(Doubt::BelongsTo(user)), _) | (_, Err(Doubt::BelongsTo(user))) => {
                return Err(failed(at, &format!("belongs to {user}; {mend}")));
            }
            (Err(Doubt::OthersWrite), _) if directory.mode() & STICKY != 0 && is_foreign => {
                return Err(failed(at, &format!("everybody's, with a directory of somebody else in it; {mend}")));
            }
            (Err(Doubt::OthersWrite), _) if !is_sticky => {
                return Err(failed(at, &"others can write this directory (chmod go-w ends that)"));
            }
            _ => {}
        }
    }
    Ok(())
}

fn name(uid: Uid) -> String {
    User::from_uid(uid).ok().flatten().map_or_else(|| uid.to_string(), |user| user.name)
}
