//! A bounded number of checks at once, for those that are awaited.

use crate::{
    metrics::Page,
    peer,
    queue::{Busy, Queue, TOO_MANY},
};
use std::{cell::RefCell, fmt, os::unix::net::UnixStream, rc::Rc, sync::Arc};
use tokio::sync::oneshot;

/// The turns that there are.
pub struct Turns {
    most: usize,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    queue: Queue<Waiting>,
    taken: usize,
}

struct Waiting {
    client: Option<Arc<UnixStream>>,
    go: oneshot::Sender<Turn>,
}

/// One of them. It is the next one's when it is dropped.
#[derive(Debug)]
#[must_use = "it is over when it is dropped"]
pub struct Turn(Rc<Turns>);

/// Why it is nobody's turn.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by nature")]
pub enum NoTurn {
    /// Too many wait.
    Busy,
    /// The client has gone, and would hear nothing.
    Gone,
}

impl NoTurn {
    /// As a log has it.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Busy => TOO_MANY,
            Self::Gone => "client gone",
        }
    }
}

impl Turns {
    /// At most `most` at once.
    #[must_use]
    pub fn new(most: usize) -> Rc<Self> {
        Rc::new(Self { most, state: RefCell::default() })
    }

    /// Waits in the line of `client`'s user; in one of its own where it is for none.
    ///
    /// # Errors
    /// [`NoTurn`].
    pub async fn take(self: &Rc<Self>, client: Option<&Arc<UnixStream>>) -> Result<Turn, NoTurn> {
        let (go, gone) = oneshot::channel();
        let uid = client.map_or(u32::MAX, |client| peer::uid(client));
        let waiting = Waiting { client: client.cloned(), go };
        self.state.borrow_mut().queue.push(uid, waiting).map_err(|Busy| NoTurn::Busy)?;
        self.give();
        gone.await.map_err(|_| match client {
            Some(client) if peer::has_gone(client) => NoTurn::Gone,
            _ => NoTurn::Busy,
        })
    }

    /// Takes one if there is one, before those who wait.
    #[must_use]
    pub fn try_take(self: &Rc<Self>) -> Option<Turn> {
        let mut state = self.state.borrow_mut();
        (state.taken < self.most).then(|| {
            state.taken += 1;
            Turn(Rc::clone(self))
        })
    }

    /// How many are taken.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.state.borrow().taken
    }

    /// Puts on a page who waits.
    pub fn measure(&self, page: &mut Page, backend: &str) {
        self.state.borrow().queue.measure(page, backend);
    }

    /// Gives turns to those who wait, as long as there are any. Who has gone is passed over.
    fn give(self: &Rc<Self>) {
        loop {
            let Some(waiting) = self.state.borrow_mut().next(self.most) else { break };
            if !waiting.client.as_deref().is_some_and(peer::has_gone) {
                self.state.borrow_mut().taken += 1;
                // Whoever does not wait any more gives it back at once.
                let _ = waiting.go.send(Turn(Rc::clone(self)));
            }
        }
    }
}

impl State {
    fn next(&mut self, most: usize) -> Option<Waiting> {
        (self.taken < most).then(|| self.queue.pop()).flatten()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.state.borrow_mut().taken -= 1;
        self.0.give();
    }
}

impl fmt::Debug for Turns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let State { queue, taken } = &*self.state.borrow();
        write!(f, "Turns({taken} of {}, {} waiting)", self.most, queue.waiting())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        pin::pin,
        task::{Context, Poll, Waker},
    };

    fn poll<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> Option<T> {
        match future.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(done) => Some(done),
            Poll::Pending => None,
        }
    }

    #[test]
    fn so_many_at_once_and_then_one_after_the_other() {
        let turns = Turns::new(2);
        let mut waiting = [(); 4].map(|()| Box::pin(turns.take(None)));
        let mut taken: Vec<_> = waiting.iter_mut().map(|waits| poll(waits.as_mut())).collect();
        assert_eq!(taken.iter().filter(|turn| turn.is_some()).count(), 2);
        taken[0] = None;
        assert!(
            poll(waiting[2].as_mut()).is_some_and(|turn| turn.is_ok()),
            "the turn is over as soon as it is given up"
        );
        assert!(poll(waiting[3].as_mut()).is_some(), "which it was just now");
    }

    #[test]
    fn who_has_gone_or_given_up_is_passed_over() {
        let turns = Turns::new(1);
        let (gone, peer) = UnixStream::pair().unwrap();
        let gone = Arc::new(gone);
        let first = poll(pin!(turns.take(None))).unwrap().unwrap();
        let mut waits_and_goes = pin!(turns.take(Some(&gone)));
        assert!(poll(waits_and_goes.as_mut()).is_none());
        {
            let mut gives_up = pin!(turns.take(None));
            assert!(poll(gives_up.as_mut()).is_none());
        }
        let mut last = pin!(turns.take(None));
        assert!(poll(last.as_mut()).is_none());
        drop(peer);
        drop(first);
        assert_eq!(poll(waits_and_goes).unwrap().unwrap_err(), NoTurn::Gone);
        assert!(poll(last).unwrap().is_ok());
        assert_eq!(format!("{turns:?}"), "Turns(0 of 1, 0 waiting)");
    }
}
