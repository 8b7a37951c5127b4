//! The threads that hash passwords: a fixed number. A client that has gone is passed over.

use crate::{
    metrics::Page,
    peer,
    queue::{Busy, Queue},
};
use sasl_core::{
    secret::Secret,
    verifier::{Verifiers, argon2id::Memory},
};
use std::{
    io,
    os::unix::net::UnixStream,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};
use tokio::sync::oneshot;

/// How long an idle thread keeps the memory that it hashes in.
const KEEP_MEMORY: Duration = Duration::from_secs(1);

/// Checks passwords away from the thread that serves.
pub struct Pool {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue<Job>>,
    more: Condvar,
}

struct Job {
    verifiers: Verifiers,
    password: Secret,
    client: Arc<UnixStream>,
    answer: oneshot::Sender<bool>,
}

impl Pool {
    /// Starts `threads` threads.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn new(threads: usize) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        for number in 0..threads {
            let shared = Arc::clone(&shared);
            thread::Builder::new().name(format!("check-{number}")).spawn(move || work(&shared))?;
        }
        Ok(Self { shared })
    }

    /// Puts a check for `client` into the queue. The answer is whether the password is the one.
    ///
    /// # Errors
    /// [`Busy`].
    pub fn check(
        &self,
        verifiers: Verifiers,
        password: Secret,
        client: Arc<UnixStream>,
    ) -> Result<oneshot::Receiver<bool>, Busy> {
        let (answer, receiver) = oneshot::channel();
        let uid = peer::uid(&client);
        self.shared.lock().push(uid, Job { verifiers, password, client, answer })?;
        self.shared.more.notify_one();
        Ok(receiver)
    }

    /// Puts on a page who waits.
    pub fn measure(&self, page: &mut Page, backend: &str) {
        self.shared.lock().measure(page, backend);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue<Job>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next job. While there is none for long, `memory` goes back to the system, with the queue unlocked.
    fn next(&self, memory: &mut Memory) -> Job {
        let mut queue = self.lock();
        loop {
            if let Some(job) = queue.pop() {
                return job;
            }
            let (woken, waited) = self.more.wait_timeout(queue, KEEP_MEMORY).unwrap_or_else(PoisonError::into_inner);
            queue = woken;
            if waited.timed_out() && queue.waiting() == 0 {
                drop(queue);
                *memory = Memory::default();
                queue = self.lock();
                if queue.waiting() == 0 {
                    queue = self.more.wait(queue).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }
}

fn work(shared: &Shared) {
    let mut memory = Memory::default();
    loop {
        let Job { verifiers, password, client, answer } = shared.next(&mut memory);
        if !peer::has_gone(&client) {
            // Whoever asked may have stopped waiting: then nobody needs the answer.
            let _ = answer.send(verifiers.check(password.expose(), &mut memory));
        }
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pool({} waiting)", self.shared.lock().waiting())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sasl_core::verifier::Verifier;

    fn plaintext() -> Verifiers {
        [Verifier::Plaintext(Secret::new("pencil"))].into_iter().collect()
    }

    fn check(pool: &Pool, password: &str, client: &Arc<UnixStream>) -> oneshot::Receiver<bool> {
        pool.check(plaintext(), Secret::new(password), Arc::clone(client)).unwrap()
    }

    #[test]
    fn answers_come_back_to_whoever_asked() {
        let (client, _peer) = UnixStream::pair().unwrap();
        let (pool, client) = (Pool::new(2).unwrap(), Arc::new(client));
        let answers = ["pencil", "pen"].map(|password| check(&pool, password, &client));
        assert_eq!(answers.map(|answer| answer.blocking_recv().unwrap()), [true, false]);
    }

    #[test]
    fn a_client_that_has_gone_is_not_checked() {
        let (gone, peer) = UnixStream::pair().unwrap();
        drop(peer);
        let pool = Pool::new(1).unwrap();
        assert!(check(&pool, "pencil", &Arc::new(gone)).blocking_recv().is_err());
    }
}
