//! The daemon `saslauthd`, and its client `testsaslauthd`.

pub mod assembly;
pub mod backends;
pub mod cache;
pub mod check;
pub mod cli;
pub mod daemon;
pub mod database;
pub mod detach;
pub mod exit;
pub mod helper;
pub mod helper_pool;
pub mod listener;
pub mod log;
pub mod mechanisms;
pub mod peer;
pub mod pool;
pub mod queue;
pub mod run_directory;
pub mod session;
pub mod settings;
pub mod testsaslauthd;
pub mod turns;
