//! Whole exchanges, our client with our server, as a program outside the crate would have them.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod binding;
mod digest_md5;
mod external;
mod play;
mod scram;
mod tokens;
