//! The hash in passwd, as with `-a getpwent`.

use crate::{
    crypt::Match,
    decoy::{EqualWork, of_wrong},
    finding::Finding,
    library::Missing,
    name_service::{SOMEBODY, nobody, passwd_hash},
};
use std::{ffi::CStr, path::Path};

/// Checks against passwd.
pub struct Getpwent(EqualWork);

impl Getpwent {
    /// Loads what there is to load. `passwd` is only looked at for what a check costs most users.
    ///
    /// # Errors
    /// Where libcrypt is missing.
    pub fn load(passwd: &Path) -> Result<Self, Missing> {
        EqualWork::like_most_in(passwd).map(Self)
    }

    /// Whether it is the user's password. Unknown, wrong, and a user without a hash take as long.
    pub fn check(&mut self, login: &CStr, password: &CStr) -> Finding {
        let hash = passwd_hash(login);
        let stored = hash.as_ref().ok().and_then(Option::as_ref);
        let found = self.0.compare(password, stored.map(|hash| hash.as_c_str()));
        match hash {
            Err(_) => Finding::Unavailable,
            Ok(None) => {
                let _ = passwd_hash(SOMEBODY);
                Finding::Unknown
            }
            Ok(Some(_)) if found == Match::Right => Finding::Accepted,
            Ok(Some(_)) => {
                let _ = passwd_hash(&nobody());
                of_wrong(found)
            }
        }
    }
}
