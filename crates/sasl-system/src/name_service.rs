//! What passwd and shadow say of a user, from wherever nsswitch.conf(5) has it.
#![expect(unsafe_code, reason = "it calls C")]

use crate::aging::{Aging, unless_empty};
use nix::{
    errno::Errno,
    libc::{c_char, c_int, getpwnam_r, getspnam_r, passwd, size_t, spwd},
};
use sasl_core::random;
use std::{
    ffi::{CStr, CString},
    mem::MaybeUninit,
    ptr::null_mut,
};
use zeroize::Zeroizing;

/// What is stored in place of a password.
pub(crate) type Hash = Zeroizing<CString>;

/// An entry of shadow.
pub(crate) struct ShadowEntry {
    pub(crate) hash: Hash,
    pub(crate) aging: Aging,
}

/// An entry that is longer than the first is looked up again with more, up to the second.
const FIRST_BUFFER: usize = 2 * 1024;
const LARGEST_BUFFER: usize = 1024 * 1024;

/// The hash in passwd, which mostly only tells that it is elsewhere; `None` for nobody.
pub(crate) fn passwd_hash(login: &CStr) -> Result<Option<Hash>, Errno> {
    let found = look_up(getpwnam_r, login, |entry: &passwd| copy_of(entry.pw_passwd));
    match found {
        // POSIX leaves it to the system whether these are errors.
        Err(Errno::ENOENT | Errno::ESRCH) => Ok(None),
        found => found,
    }
}

/// The entry in shadow. That there is no shadow, or none for us to read, is an error.
pub(crate) fn shadow_entry(login: &CStr) -> Result<Option<ShadowEntry>, Errno> {
    look_up(getspnam_r, login, |entry: &spwd| {
        let [changed, longest, ends] = [entry.sp_lstchg, entry.sp_max, entry.sp_expire].map(unless_empty);
        ShadowEntry { hash: copy_of(entry.sp_pwdp), aging: Aging { changed, longest, ends } }
    })
}

/// A name that everybody knows.
pub(crate) const SOMEBODY: &CStr = c"root";

/// A name that nobody has, and that nobody has been asked for before. Sources behind the files, such as those of systemd, are only
/// asked for whoever is not in a file, and that takes time. So whoever is refused costs both, this one and [`SOMEBODY`], one
/// of them by its own name.
pub(crate) fn nobody() -> CString {
    let number = random::bytes().map_or(0, u64::from_ne_bytes);
    CString::new(format!("nobody-{number:016x}")).expect("it has no NUL")
}

/// `getpwnam_r` and `getspnam_r`: name, entry, strings of the entry and their size, and where the entry is then.
type LookUp<E> = unsafe extern "C" fn(*const c_char, *mut E, *mut c_char, size_t, *mut *mut E) -> c_int;

fn look_up<E, T>(function: LookUp<E>, login: &CStr, read: impl FnOnce(&E) -> T) -> Result<Option<T>, Errno> {
    let mut size = FIRST_BUFFER;
    loop {
        let mut strings = Zeroizing::new(vec![0 as c_char; size]);
        let (mut entry, mut found) = (MaybeUninit::uninit(), null_mut());
        // A source that cannot be asked may leave errno as it was, and that is what the function gives.
        Errno::EIO.set();
        // SAFETY: the login ends in NUL, the entry may be written, and the strings are as large as is said.
        let error = unsafe {
            function(login.as_ptr(), entry.as_mut_ptr(), strings.as_mut_ptr(), strings.len(), &raw mut found)
        };
        match Errno::from_raw(error) {
            Errno::ERANGE if size < LARGEST_BUFFER => size *= 2,
            // SAFETY: unless it is null, it is `entry`, written, with strings that live as long as `strings`.
            _ if error == 0 => return Ok(unsafe { found.as_ref() }.map(read)),
            errno => return Err(errno),
        }
    }
}

/// A hash that is missing is an empty one.
fn copy_of(string: *const c_char) -> Hash {
    match string.is_null() {
        true => Hash::default(),
        // SAFETY: `read` of the look-ups above is called with an entry whose strings end in NUL.
        false => Zeroizing::new(unsafe { CStr::from_ptr(string) }.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_somebody_and_others_are_nobody() {
        assert!(passwd_hash(c"root").unwrap().is_some());
        for nobody in [c"no-such-user-here", c"", c"root:x", c"root\n"] {
            assert!(passwd_hash(nobody).unwrap().is_none(), "{nobody:?}");
        }
    }

    #[test]
    fn a_very_long_name_is_nobody() {
        let long = CString::new(vec![b'x'; 65_535]).unwrap();
        assert!(passwd_hash(&long).unwrap().is_none());
    }
}
