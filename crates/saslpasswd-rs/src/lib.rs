//! `saslpasswd2` and `sasldblistusers2`.

pub mod application;
pub mod cli;
pub mod exit;
pub mod import;
pub mod kept;
pub mod password;
pub mod progress;
pub mod sasldblistusers2;
pub mod saslpasswd2;
