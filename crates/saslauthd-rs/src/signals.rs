//! The signals that a process of the daemon takes, and those that are to be no harm.

use std::io;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Those that mean something.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "complete by nature")]
pub struct Signals {
    /// To answer what is in flight, and end.
    pub terminate: Signal,
    /// A terminal sends it to all processes of the daemon.
    pub interrupt: Signal,
    /// To read all configuration anew.
    pub hang_up: Signal,
}

impl Signals {
    /// Takes them, from now on.
    ///
    /// # Errors
    /// Where the system refuses.
    pub fn take() -> io::Result<Self> {
        // Each would end us. Once they are taken they stay so, whether anybody listens or not.
        for harmless in [SignalKind::alarm(), SignalKind::user_defined1(), SignalKind::user_defined2()] {
            let _ = signal(harmless)?;
        }
        let [terminate, interrupt, hang_up] =
            [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?, signal(SignalKind::hangup())?];
        Ok(Self { terminate, interrupt, hang_up })
    }
}
