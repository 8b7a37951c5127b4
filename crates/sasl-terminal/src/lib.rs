//! Passwords that are typed, or come from a pipe: unseen, whole, in memory that is wiped, and with the terminal put right
//! however it ends.

pub mod input;
pub mod prompt;
