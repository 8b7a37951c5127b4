//! The store's answers to the questions of exchanges.

use sasl_core::{
    failure::{Failure, Reason},
    step::{Ask, Step},
};
use sasldb::users::Users;
use std::{sync::Arc, thread};
use tokio::{sync::Semaphore, task::spawn_blocking};

/// Who is asked. To check a password is slow on purpose, and takes some MiB: it is done on threads that may block, no more of
/// them than there are cores. The others wait, and so do their clients.
pub(crate) struct Answers {
    users: Arc<Users>,
    turns: Arc<Semaphore>,
}

impl Answers {
    pub(crate) fn new(users: Users) -> Self {
        let turns = thread::available_parallelism().map_or(2, usize::from);
        Self { users: Arc::new(users), turns: Arc::new(Semaphore::new(turns)) }
    }

    /// Answers a question, and all that follow before there is something to tell the client. A client that goes away
    /// meanwhile keeps its turn until the thread is done.
    pub(crate) async fn answer(&self, ask: Ask) -> Step {
        let Ok(turn) = Arc::clone(&self.turns).acquire_owned().await else { return ask.defer() };
        let users = Arc::clone(&self.users);
        let answered = spawn_blocking(move || {
            let reply = Step::Ask(ask).answered_by(&*users);
            drop(turn);
            Step::Reply(reply)
        });
        answered.await.unwrap_or_else(|_| Failure::new(Reason::Unavailable, "nobody was there to answer").into())
    }
}
