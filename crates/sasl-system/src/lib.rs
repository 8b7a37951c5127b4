//! The system's own ways to check a password: PAM, shadow, passwd and crypt(3).
//!
//! The crate that may be unsafe: C libraries are behind it, found at run time. What it gives out is safe to call, but what checks
//! passwords is made for a process that does nothing else: a module of PAM runs inside, and may do to it whatever it likes.
//! [`descriptors`] is for any process.
//!
//! ```
//! use sasl_system::crypt::{Crypt, Match};
//!
//! let mut crypt = Crypt::load().expect("libcrypt is a part of every Debian");
//! assert_eq!(crypt.check(c"pencil", c"abJ32bJMdTsnY"), Match::Right);
//! assert_eq!(crypt.check(c"pencil", c"!abJ32bJMdTsnY"), Match::NoHash);
//! ```

pub mod aging;
pub mod crypt;
pub mod decoy;
pub mod descriptors;
pub mod finding;
pub mod getpwent;
pub mod library;
pub mod name_service;
pub mod pam;
pub mod priority;
pub mod process;
mod sha_crypt;
pub mod shadow;
