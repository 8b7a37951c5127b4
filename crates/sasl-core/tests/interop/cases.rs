//! The cases, by what they are about.

mod authzid;
mod binding;
mod passwords;
mod realms;
mod unproved;

use crate::case::Case;

/// All of them.
pub(crate) fn all() -> Vec<Case> {
    [passwords::CASES, authzid::CASES, realms::CASES, binding::CASES, unproved::CASES].concat()
}
