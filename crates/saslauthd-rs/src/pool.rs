//! The threads that hash passwords: a fixed number, and a queue with an end.
//!
//! Each user of this host who asks has a line of their own, and the lines take turns: whoever floods us waits behind
//! themself. A client that has gone is passed over.

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use sasl_core::{
    secret::Secret,
    verifier::{Verifiers, argon2id::Memory},
};
use std::{
    collections::VecDeque,
    io,
    os::{fd::AsFd, unix::net::UnixStream},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};
use tokio::sync::oneshot;

/// So many checks may wait. More would wait longer than any client does.
pub const LONGEST_QUEUE: usize = 1024;

/// And so many of one user of this host.
pub const LONGEST_LINE: usize = LONGEST_QUEUE / 2;

/// How long an idle thread keeps the memory that it hashes in.
const KEEP_MEMORY: Duration = Duration::from_secs(1);

/// Checks passwords away from the thread that serves.
pub struct Pool {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    more: Condvar,
}

/// The lines that are not empty, in the order of their turns.
#[derive(Default)]
struct Queue {
    lines: VecDeque<(u32, VecDeque<Job>)>,
    waiting: usize,
}

struct Job {
    verifiers: Verifiers,
    password: Secret,
    client: Arc<UnixStream>,
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

    /// Puts a check for `client`, a process of the user `uid`, into the queue. The answer is whether the password is
    /// the one.
    ///
    /// # Errors
    /// [`Busy`].
    pub fn check(
        &self,
        verifiers: Verifiers,
        password: Secret,
        client: Arc<UnixStream>,
        uid: u32,
    ) -> Result<oneshot::Receiver<bool>, Busy> {
        let (answer, receiver) = oneshot::channel();
        self.shared.lock().push(uid, Job { verifiers, password, client, answer })?;
        self.shared.more.notify_one();
        Ok(receiver)
    }
}

impl Queue {
    fn push(&mut self, uid: u32, job: Job) -> Result<(), Busy> {
        if self.waiting >= LONGEST_QUEUE {
            return Err(Busy);
        }
        match self.lines.iter_mut().find(|(owner, _)| *owner == uid) {
            Some((_, line)) if line.len() >= LONGEST_LINE => return Err(Busy),
            Some((_, line)) => line.push_back(job),
            None => self.lines.push_back((uid, VecDeque::from([job]))),
        }
        self.waiting += 1;
        Ok(())
    }

    /// The first of the line whose turn it is; that line then goes behind the others.
    fn pop(&mut self) -> Option<Job> {
        let (uid, mut line) = self.lines.pop_front()?;
        let job = line.pop_front();
        if !line.is_empty() {
            self.lines.push_back((uid, line));
        }
        self.waiting -= usize::from(job.is_some());
        job
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
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
            if waited.timed_out() && queue.waiting == 0 {
                drop(queue);
                *memory = Memory::default();
                queue = self.lock();
                if queue.waiting == 0 {
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
        if !has_gone(&client) {
            // Whoever asked may have stopped waiting: then nobody needs the answer.
            let _ = answer.send(verifiers.check(password.expose(), &mut memory));
        }
    }
}

/// Whether the client has closed its connection, and not just its own half of it.
fn has_gone(client: &UnixStream) -> bool {
    let mut polled = [PollFd::new(client.as_fd(), PollFlags::empty())];
    let hung_up = |flags: PollFlags| flags.intersects(PollFlags::POLLHUP | PollFlags::POLLERR);
    poll(&mut polled, PollTimeout::ZERO).is_ok() && polled[0].revents().is_some_and(hung_up)
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pool({} waiting)", self.shared.lock().waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sasl_core::verifier::Verifier;

    fn plaintext() -> Verifiers {
        [Verifier::Plaintext(Secret::new("pencil"))].into_iter().collect()
    }

    fn check(pool: &Pool, password: &str, uid: u32, client: &Arc<UnixStream>) -> Result<oneshot::Receiver<bool>, Busy> {
        pool.check(plaintext(), Secret::new(password), Arc::clone(client), uid)
    }

    #[test]
    fn answers_come_back_to_whoever_asked() {
        let (client, _peer) = UnixStream::pair().unwrap();
        let (pool, client) = (Pool::new(2).unwrap(), Arc::new(client));
        let answers = ["pencil", "pen"].map(|password| check(&pool, password, 0, &client).unwrap());
        assert_eq!(answers.map(|answer| answer.blocking_recv().unwrap()), [true, false]);
    }

    #[test]
    fn a_full_line_is_full_for_its_own_user_alone_and_lines_take_turns() {
        let (client, _peer) = UnixStream::pair().unwrap();
        let (pool, client) = (Pool::new(0).unwrap(), Arc::new(client));
        let flood: Vec<_> = (0..LONGEST_LINE).map(|_| check(&pool, "flood", 1, &client).unwrap()).collect();
        assert!(check(&pool, "flood", 1, &client).is_err());
        let victim = check(&pool, "victim", 2, &client).unwrap();
        let mut queue = pool.shared.lock();
        let order: Vec<_> = (0..3).map(|_| queue.pop().unwrap().password).collect();
        assert!(order[1].matches(b"victim") && order[0].matches(b"flood") && order[2].matches(b"flood"));
        assert_eq!(queue.waiting, LONGEST_LINE - 2);
        drop((flood, victim));
    }

    #[test]
    fn the_whole_queue_has_an_end() {
        let (client, _peer) = UnixStream::pair().unwrap();
        let (pool, client) = (Pool::new(0).unwrap(), Arc::new(client));
        for uid in 0..2 {
            (0..LONGEST_LINE).for_each(|_| drop(check(&pool, "pencil", uid, &client).unwrap()));
        }
        assert!(check(&pool, "pencil", 3, &client).is_err());
    }

    #[test]
    fn a_client_that_has_gone_is_not_checked_and_one_that_only_stopped_sending_is() {
        let (gone, peer) = UnixStream::pair().unwrap();
        drop(peer);
        let (half, half_peer) = UnixStream::pair().unwrap();
        half_peer.shutdown(std::net::Shutdown::Write).unwrap();
        assert!(has_gone(&gone) && !has_gone(&half));
        let pool = Pool::new(1).unwrap();
        assert!(check(&pool, "pencil", 0, &Arc::new(gone)).unwrap().blocking_recv().is_err());
    }
}
