//! The threads that hash passwords: a fixed number, and a queue with an end.

use sasl_core::{
    secret::Secret,
    verifier::{Verifiers, argon2id::Memory},
};
use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};
use tokio::sync::oneshot;

/// So many checks may wait. More would wait longer than any client does.
pub const LONGEST_QUEUE: usize = 1024;

/// How long an idle thread keeps the memory that it hashes in.
const KEEP_MEMORY: Duration = Duration::from_secs(1);

/// Checks passwords away from the thread that serves.
pub struct Pool {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<VecDeque<Job>>,
    more: Condvar,
}

struct Job {
    verifiers: Verifiers,
    password: Secret,
    answer: oneshot::Sender<bool>,
}

/// The queue is at its end: answer the client at once.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Busy;

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

    /// Puts a check into the queue. The answer is whether the password is the one.
    ///
    /// # Errors
    /// [`Busy`].
    pub fn check(&self, verifiers: Verifiers, password: Secret) -> Result<oneshot::Receiver<bool>, Busy> {
        let (answer, receiver) = oneshot::channel();
        let mut queue = self.shared.lock();
        if queue.len() >= LONGEST_QUEUE {
            return Err(Busy);
        }
        queue.push_back(Job { verifiers, password, answer });
        drop(queue);
        self.shared.more.notify_one();
        Ok(receiver)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Job>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next job. While there is none for long, `memory` goes back to the system, with the queue unlocked.
    fn next(&self, memory: &mut Memory) -> Job {
        let mut queue = self.lock();
        loop {
            if let Some(job) = queue.pop_front() {
                return job;
            }
            let (woken, waited) = self.more.wait_timeout(queue, KEEP_MEMORY).unwrap_or_else(PoisonError::into_inner);
            queue = woken;
            if waited.timed_out() && queue.is_empty() {
                drop(queue);
                *memory = Memory::default();
                queue = self.lock();
                if queue.is_empty() {
                    queue = self.more.wait(queue).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }
}

fn work(shared: &Shared) {
    let mut memory = Memory::default();
    loop {
        let job = shared.next(&mut memory);
        // Whoever asked may have gone: then nobody needs the answer.
        if !job.answer.is_closed() {
            let _ = job.answer.send(job.verifiers.check(job.password.expose(), &mut memory));
        }
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pool({} waiting)", self.shared.lock().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sasl_core::verifier::Verifier;

    fn plaintext() -> Verifiers {
        [Verifier::Plaintext(Secret::new("pencil"))].into_iter().collect()
    }

    #[test]
    fn answers_come_back_to_whoever_asked() {
        let pool = Pool::new(2).unwrap();
        let answers: Vec<_> =
            ["pencil", "pen"].map(|password| pool.check(plaintext(), Secret::new(password)).unwrap()).into();
        assert_eq!(
            answers.into_iter().map(|answer| answer.blocking_recv().unwrap()).collect::<Vec<_>>(),
            [true, false]
        );
    }

    #[test]
    fn a_full_queue_says_so() {
        let pool = Pool::new(0).unwrap();
        let waiting: Vec<_> =
            (0..LONGEST_QUEUE).map(|_| pool.check(plaintext(), Secret::new("pencil")).unwrap()).collect();
        assert!(pool.check(plaintext(), Secret::new("pencil")).is_err());
        drop(waiting);
    }
}
