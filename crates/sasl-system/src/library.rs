//! Libraries of the system that are loaded at run time, so that a program starts where they are missing.
#![expect(unsafe_code, reason = "nobody checks what a library does, nor what type its functions have")]

use libloading::os::unix::{Library as Loaded, RTLD_GLOBAL, RTLD_NOW};
use std::{
    error::{self, Error as _},
    fmt,
    mem::ManuallyDrop,
};

/// A library that is there for as long as the process: it is never unloaded.
pub(crate) struct Library(ManuallyDrop<Loaded>);

/// A library or a function that is not on this system, in the words of the loader.
#[derive(Debug)]
pub struct Missing(String);

impl Library {
    /// Loads the first that there is.
    pub(crate) fn load(names: &[&str]) -> Result<Self, Missing> {
        let mut reasons = names.iter().map(|name| open(name));
        let first = reasons.next().unwrap_or_else(|| Err(Missing("no name".to_owned())));
        first.or_else(|missing| reasons.find_map(Result::ok).ok_or(missing))
    }

    /// A function of the library, or another symbol that is a pointer.
    ///
    /// # Safety
    /// `F` is the type of a function pointer, and describes the function of that name.
    pub(crate) unsafe fn function<F: Copy>(&self, name: &str) -> Result<F, Missing> {
        // SAFETY: the caller vouches for the type. The copy is good for ever, since the library stays loaded.
        unsafe { self.0.get::<F>(name).map(|symbol| *symbol) }.map_err(Missing::because)
    }
}

/// Its functions are for everybody, as if the program were linked against it: there are modules that rely on that.
fn open(name: &str) -> Result<Library, Missing> {
    // SAFETY: the libraries that this crate loads are the system's own, found on its paths. Their initialisers expect
    // nothing of the process that a linked program would not have done too.
    let loaded = unsafe { Loaded::open(Some(name), RTLD_NOW | RTLD_GLOBAL) };
    loaded.map(|loaded| Library(ManuallyDrop::new(loaded))).map_err(Missing::because)
}

impl Missing {
    /// The loader's own words are behind those of the crate.
    #[expect(clippy::needless_pass_by_value, reason = "made by map_err")]
    fn because(error: libloading::Error) -> Self {
        Self(error.source().map_or_else(|| error.to_string(), ToString::to_string))
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl error::Error for Missing {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_is_there_is_taken_and_the_first_that_is_missing_is_named() {
        assert!(Library::load(&["libnone.so.1", "libcrypt.so.1"]).is_ok());
        let missing = Library::load(&["libnone.so.1", "libnone.so.2"]).err().unwrap();
        assert!(missing.to_string().contains("libnone.so.1"), "{missing}");
    }
}
