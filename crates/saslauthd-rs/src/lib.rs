//! The daemon `saslauthd`, and its client `testsaslauthd`.

pub mod cache;
pub mod check;
pub mod cli;
pub mod daemon;
pub mod database;
pub mod detach;
pub mod exit;
pub mod listener;
pub mod log;
pub mod pool;
pub mod run_directory;
pub mod session;
pub mod settings;
pub mod testsaslauthd;
