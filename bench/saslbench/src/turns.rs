//! Who logs in next, and whether anybody does.

use fastrand::Rng;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// The order in which users log in, shared by all clients of a run.
pub(crate) struct Turns {
    users: u64,
    order: Order,
    taken: AtomicU64,
    over: AtomicBool,
}

#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum Order {
    /// At random, until the run is over.
    Endless,
    /// At random, so many times.
    Times(u64),
    /// Each user once, from the first to the last.
    Each,
}

impl Turns {
    pub(crate) fn new(users: u64, order: Order) -> Self {
        Self { users, order, taken: AtomicU64::new(0), over: AtomicBool::new(false) }
    }

    /// The user whose turn it is. `None` at the end of the run.
    pub(crate) fn take(&self, dice: &mut Rng) -> Option<u64> {
        if self.are_over() {
            return None;
        }
        match self.order {
            Order::Endless => Some(dice.u64(0..self.users)),
            Order::Times(most) => self.count(most).map(|_| dice.u64(0..self.users)),
            Order::Each => self.count(self.users),
        }
    }

    fn count(&self, most: u64) -> Option<u64> {
        let turn = self.taken.fetch_add(1, Relaxed);
        (turn < most).then_some(turn)
    }

    pub(crate) fn end(&self) {
        self.over.store(true, Relaxed);
    }

    pub(crate) fn are_over(&self) -> bool {
        self.over.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(turns: &Turns) -> Vec<u64> {
        let mut dice = Rng::with_seed(1);
        std::iter::from_fn(|| turns.take(&mut dice)).collect()
    }

    #[test]
    fn each_user_has_one_turn() {
        assert_eq!(all(&Turns::new(5, Order::Each)), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn a_number_of_turns_is_kept() {
        let users = all(&Turns::new(3, Order::Times(100)));
        assert_eq!(users.len(), 100);
        assert!((0..3).all(|user| users.contains(&user)) && users.iter().all(|&user| user < 3));
    }

    #[test]
    fn endless_turns_end_when_told() {
        let turns = Turns::new(3, Order::Endless);
        let mut dice = Rng::with_seed(1);
        assert!((0..1000).all(|_| turns.take(&mut dice).is_some()));
        turns.end();
        assert_eq!(turns.take(&mut dice), None);
    }
}
