//! Whether a file or a directory is nobody else's to change.

use nix::unistd::{Uid, User};
use std::{fs::Metadata, os::unix::fs::MetadataExt};

/// What makes it somebody else's to change.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by nature")]
pub enum Doubt {
    /// Its owner, by name, is neither root nor who we are.
    BelongsTo(String),
    /// Its group, or anybody, can write it.
    OthersWrite,
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

fn name(uid: Uid) -> String {
    User::from_uid(uid).ok().flatten().map_or_else(|| uid.to_string(), |user| user.name)
}
