//! The hash in shadow and the dates with it, as with `-a shadow`.

use crate::{
    aging::today,
    crypt::Match,
    decoy::{EqualWork, of_wrong},
    finding::Finding,
    library::Missing,
    name_service::{SOMEBODY, ShadowEntry, nobody, passwd_hash, shadow_entry},
};
use std::{ffi::CStr, path::Path};

/// Checks against shadow.
pub struct Shadow(EqualWork);

/// What NIS gives in place of a hash to those who may not see it.
const NO_PERMISSION: &CStr = c"*NP*";

/// What passwd has in place of a hash that is in shadow.
const IN_SHADOW: &CStr = c"x";

impl Shadow {
    /// Loads what there is to load. `shadow` is only looked at for what a check costs most users.
    ///
    /// # Errors
    /// Where libcrypt is missing.
    pub fn load(shadow: &Path) -> Result<Self, Missing> {
        EqualWork::like_most_in(shadow).map(Self)
    }

    /// Whether it is the user's password, and may still be used. Unknown, locked, expired and wrong take as long.
    pub fn check(&mut self, login: &CStr, password: &CStr) -> Finding {
        let entry = find(login);
        let found = self.0.compare(password, entry.as_ref().ok().map(|entry| entry.hash.as_c_str()));
        match entry {
            Err(finding) => {
                let _ = find(SOMEBODY);
                finding
            }
            Ok(entry) if entry.hash.as_c_str() == NO_PERMISSION => Finding::Unavailable,
            Ok(_) if found != Match::Right => {
                let _ = find(&nobody());
                of_wrong(found)
            }
            Ok(entry) => entry.aging.on(today()),
        }
    }
}

/// A user is in both. Both are asked whatever the first says, so that nobody sees from the time which it was.
fn find(login: &CStr) -> Result<ShadowEntry, Finding> {
    match (passwd_hash(login), shadow_entry(login)) {
        // Who can be read in passwd, where it says that the hash is in shadow, is there: we were not shown it.
        (Ok(Some(hash)), Ok(None)) if hash.as_c_str() == IN_SHADOW => Err(Finding::Unavailable),
        (Ok(None), _) | (Ok(Some(_)), Ok(None)) => Err(Finding::Unknown),
        (Ok(Some(_)), Ok(Some(entry))) => Ok(entry),
        (Err(_), _) | (_, Err(_)) => Err(Finding::Unavailable),
    }
}
