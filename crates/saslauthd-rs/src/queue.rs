//! Who waits for a check: a queue with an end.
//!
//! Each user of this host who asks has a line of their own, and the lines take turns: whoever floods us waits behind
//! themself.

use crate::metrics::{Family, Page};
use std::collections::VecDeque;

/// So many checks may wait. More would wait longer than any client does.
const LONGEST_QUEUE: usize = 1024;

/// And so many of one user of this host.
pub const LONGEST_LINE: usize = LONGEST_QUEUE / 2;

/// Why those are answered for whom there is no room, as a log has it.
pub const TOO_MANY: &str = "too many checks";
const WAITING: Family = Family::gauge("saslauthd_queue_waiting", "Checks that wait for their turn, by back end.");
const REFUSED: Family =
    Family::counter("saslauthd_queue_refused_total", "Checks that found the queue full, by back end.");

/// The lines that are not empty, in the order of their turns.
#[derive(Debug)]
pub struct Queue<J> {
    lines: VecDeque<(u32, VecDeque<J>)>,
    waiting: usize,
    refused: u64,
}

/// The queue is at its end: answer the client at once.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Busy;

impl<J> Queue<J> {
    /// Puts a job for a process of the user `uid` at the end of that one's line. Where all of them are full, the last of the longest
    /// line is dropped for one in a shorter line.
    ///
    /// # Errors
    /// [`Busy`].
    pub fn push(&mut self, uid: u32, job: J) -> Result<(), Busy> {
        let line = self.lines.iter().find(|(owner, _)| *owner == uid).map_or(0, |(_, line)| line.len());
        if line >= LONGEST_LINE {
            self.refused += 1;
            return Err(Busy);
        }
        if self.waiting >= LONGEST_QUEUE {
            self.refused += 1;
            self.make_room(line)?;
        }
        match self.lines.iter_mut().find(|(owner, _)| *owner == uid) {
            Some((_, line)) => line.push_back(job),
            None => self.lines.push_back((uid, VecDeque::from([job]))),
        }
        self.waiting += 1;
        Ok(())
    }

    /// The first of the line whose turn it is; that line then goes behind the others.
    pub fn pop(&mut self) -> Option<J> {
        let (uid, mut line) = self.lines.pop_front()?;
        let job = line.pop_front();
        if !line.is_empty() {
            self.lines.push_back((uid, line));
        }
        self.waiting -= usize::from(job.is_some());
        job
    }

    fn make_room(&mut self, own: usize) -> Result<(), Busy> {
        let longest = self.lines.iter_mut().map(|(_, line)| line).max_by_key(|line| line.len());
        longest.filter(|line| line.len() > own + 1).and_then(VecDeque::pop_back).ok_or(Busy)?;
        self.waiting -= 1;
        Ok(())
    }

    /// How many wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// Puts on a page how many wait, and how many found no room.
    pub fn measure(&self, page: &mut Page, backend: &str) {
        page.add_number(&WAITING, &[("backend", backend)], self.waiting);
        page.add(&REFUSED, &[("backend", backend)], self.refused);
    }
}

impl<J> Default for Queue<J> {
    fn default() -> Self {
        Self { lines: VecDeque::new(), waiting: 0, refused: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_line_is_full_for_its_own_user_alone_and_lines_take_turns() {
        let mut queue = Queue::default();
        (0..LONGEST_LINE).for_each(|_| queue.push(1, "flood").unwrap());
        assert!(queue.push(1, "flood").is_err());
        queue.push(2, "victim").unwrap();
        assert_eq!([(); 3].map(|()| queue.pop().unwrap()), ["flood", "victim", "flood"]);
        assert_eq!((queue.waiting(), queue.refused), (LONGEST_LINE - 2, 1));
    }

    #[test]
    fn the_whole_queue_has_an_end_and_whoever_waits_for_less_gets_room() {
        let mut queue = Queue::default();
        for uid in 0..2 {
            (0..LONGEST_LINE).for_each(|_| queue.push(uid, uid).unwrap());
        }
        (0..LONGEST_QUEUE / 3).for_each(|_| queue.push(2, 2).unwrap());
        while queue.push(3, 3).is_ok() {}
        assert_eq!(queue.waiting(), LONGEST_QUEUE);
        let jobs: Vec<u32> = (0..LONGEST_QUEUE).map(|_| queue.pop().unwrap()).collect();
        let of = |uid| jobs.iter().filter(|job| **job == uid).count();
        assert!((0..4).all(|uid| of(uid).abs_diff(LONGEST_QUEUE / 4) <= 1), "{:?}", [0, 1, 2, 3].map(of));
        assert!(queue.pop().is_none() && queue.waiting() == 0);
    }
}
