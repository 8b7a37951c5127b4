//! When everything has to be over.

use std::{io, time::Duration};
use tokio::time::{Instant, timeout_at};

/// A moment that nothing waits beyond.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// That far from now.
    #[must_use]
    pub fn after(time: Duration) -> Self {
        Self(Instant::now() + time)
    }

    /// The moment itself.
    #[must_use]
    pub fn instant(self) -> Instant {
        self.0
    }

    /// An earlier one, so that `parts` steps one after the other have equal parts of the time that is left.
    #[must_use]
    pub fn share(self, parts: usize) -> Self {
        let now = Instant::now();
        let left = self.0.saturating_duration_since(now);
        Self(now + left / u32::try_from(parts.max(1)).unwrap_or(u32::MAX))
    }

    /// Waits for `work`, and gives up at the deadline.
    ///
    /// # Errors
    /// Those of `work`; or that it timed out.
    pub async fn bound<T>(self, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
        timeout_at(self.0, work).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;

    #[tokio::test(start_paused = true)]
    async fn what_takes_too_long_is_given_up() {
        let begin = Instant::now();
        let deadline = Deadline::after(Duration::from_secs(30));
        let late = deadline.share(3).bound(pending::<io::Result<()>>()).await;
        assert_eq!(late.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(begin.elapsed().as_secs(), 10);
        assert_eq!(deadline.share(1).bound(async { Ok(5) }).await.unwrap(), 5);
    }
}
