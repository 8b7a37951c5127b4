//! What was typed.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Closed-loop load on an authentication daemon.
#[derive(Parser)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) mode: Mode,
}

/// What to do to the daemon.
#[derive(Subcommand)]
pub(crate) enum Mode {
    /// Log in through the saslauthd protocol, one connection a login.
    Saslauthd(Load),
    /// Log in by PLAIN through Dovecot's authentication protocol, on one connection.
    Exchanges(Exchanges),
    /// Connect, say nothing, and report which connections the daemon closes.
    Idle(Idle),
    /// Log in once, waiting until the daemon is there.
    Probe(Probe),
}

#[derive(Args, Clone)]
pub(crate) struct Load {
    #[command(flatten)]
    pub(crate) target: Target,
    /// How many logins are under way at any time.
    #[arg(long, default_value_t = 8)]
    pub(crate) clients: usize,
    /// How a client waits.
    #[arg(long, value_enum, default_value_t = Waiting::Block)]
    pub(crate) io: Waiting,
    #[command(flatten)]
    pub(crate) length: Length,
    /// Seconds of load before measuring begins. Only with --seconds.
    #[arg(long, default_value_t = 0.3)]
    pub(crate) warmup: f64,
    /// Another number is another sequence of users.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

/// Where the daemon listens, and whom it knows.
#[derive(Args, Clone)]
pub(crate) struct Target {
    /// The daemon's socket.
    #[arg(long)]
    pub(crate) socket: PathBuf,
    /// Users are user0000000 and up, with passwords pass0000000 and up.
    #[arg(long, default_value_t = 1)]
    pub(crate) users: u64,
    /// What is before the number in a password: another word, and all are wrong.
    #[arg(long, default_value = "pass")]
    pub(crate) passwords: String,
    #[arg(long, default_value = "example.org")]
    pub(crate) realm: String,
    #[arg(long, default_value = "imap")]
    pub(crate) service: String,
}

/// When the load ends.
#[derive(Args, Clone)]
#[group(required = true, multiple = false)]
pub(crate) struct Length {
    /// Users at random, measured for so many seconds.
    #[arg(long)]
    pub(crate) seconds: Option<f64>,
    /// Users at random, so many logins.
    #[arg(long)]
    pub(crate) logins: Option<u64>,
    /// Every user once, in order.
    #[arg(long)]
    pub(crate) each: bool,
}

#[derive(Clone, Copy, Eq, PartialEq, ValueEnum)]
pub(crate) enum Waiting {
    /// A thread a client, in blocking calls, as libsasl2's clients do.
    Block,
    /// One thread for all clients: the cheapest load.
    Epoll,
}

#[derive(Args, Clone)]
pub(crate) struct Exchanges {
    #[command(flatten)]
    pub(crate) target: Target,
    /// How many exchanges are under way at any time.
    #[arg(long, default_value_t = 1)]
    pub(crate) window: usize,
    /// Users at random, measured for so many seconds, after each has logged in once.
    #[arg(long)]
    pub(crate) seconds: f64,
    /// Seconds of load before measuring begins.
    #[arg(long, default_value_t = 0.3)]
    pub(crate) warmup: f64,
    /// Another number is another sequence of users.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

#[derive(Args, Clone)]
pub(crate) struct Idle {
    /// The daemon's socket.
    #[arg(long)]
    pub(crate) socket: PathBuf,
    #[arg(long)]
    pub(crate) clients: usize,
    /// How long to hold the connections.
    #[arg(long)]
    pub(crate) seconds: f64,
}

#[derive(Args, Clone)]
pub(crate) struct Probe {
    #[command(flatten)]
    pub(crate) target: Target,
    /// How long to go on trying.
    #[arg(long, default_value_t = 5.0)]
    pub(crate) seconds: f64,
}
