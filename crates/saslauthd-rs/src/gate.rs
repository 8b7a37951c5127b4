//! The gate that every attempt passes before its password is looked at. Those of a guesser wait here.

use crate::{
    peer,
    queue::LONGEST_LINE,
    throttle::{Answer, Keys, Rules, TURN, Throttle, Who},
};
use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    fmt,
    os::unix::net::UnixStream,
    pin::pin,
    rc::Rc,
    time::{Duration, Instant},
};
use tokio::{
    sync::{Mutex, Notify},
    time::timeout,
};

/// So often is it seen whether a client that waits has gone.
const LOOK: Duration = Duration::from_secs(1);

/// One for all attempts.
pub struct Gate {
    /// `None` where everybody passes.
    throttle: RefCell<Option<Throttle>>,
    /// Whether there is anything in it. Where there is not, that is all that is looked at.
    is_busy: Cell<bool>,
    /// Whether nobody waits any more.
    is_closed: Cell<bool>,
    closed: Notify,
    lines: RefCell<HashMap<Keys, Rc<Line>>>,
}

/// Attempts of the same keys that wait for each other.
#[derive(Default)]
struct Line {
    /// For those that wait until another has ended: each that is told tells the next, unless it has to go on waiting.
    moves: Notify,
    /// Whose turn it is has this, and writes down when it was. All others get it in the order in which they came.
    turn: Mutex<Option<Instant>>,
}

/// One that has passed, until it has ended.
#[must_use = "it has ended when it is dropped"]
pub struct Pass {
    gate: Rc<Gate>,
    keys: Option<Keys>,
}

/// It does not pass: too many wait, the client has gone, or the daemon ends.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Refused;

impl Gate {
    /// A gate with those rules; with none, everybody passes.
    #[must_use]
    pub fn new(rules: Option<Rules>) -> Rc<Self> {
        let throttle = rules.map(|rules| Throttle::new(rules, Instant::now()));
        Rc::new(Self {
            throttle: RefCell::new(throttle),
            is_busy: Cell::default(),
            is_closed: Cell::default(),
            closed: Notify::new(),
            lines: RefCell::default(),
        })
    }

    /// Goes by other rules from now on. What is known of guessers stays, unless there are to be none.
    pub fn set_rules(&self, rules: Option<Rules>) {
        let throttle = &mut *self.throttle.borrow_mut();
        match (&mut *throttle, rules) {
            (Some(throttle), Some(rules)) => throttle.set_rules(rules),
            (_, rules) => *throttle = rules.map(|rules| Throttle::new(rules, Instant::now())),
        }
    }

    /// Whether anybody has failed lately, or is being looked at. Where not, there is nothing to ask.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.is_busy.get()
    }

    /// What `who` is kept under, where there is anything about them.
    #[must_use]
    pub fn known(&self, who: &Who<'_>, stream: &UnixStream) -> Option<Keys> {
        let throttle = self.throttle.borrow();
        let throttle = throttle.as_ref().filter(|throttle| throttle.knows(who, Instant::now()))?;
        Some(throttle.keys(who, peer::uid(stream)))
    }

    /// Whether an attempt may be looked at.
    #[must_use]
    pub fn ask(&self, keys: &Keys) -> Answer {
        let answer = self.throttle.borrow().as_ref().map_or(Answer::Now, |throttle| throttle.ask(keys, Instant::now()));
        match answer {
            Answer::Later(_) | Answer::InTurn(_) if self.is_closed.get() => Answer::Never,
            answer => answer,
        }
    }

    /// Passes, whatever [`Self::ask`] says.
    pub fn pass(self: &Rc<Self>, who: &Who<'_>, stream: &UnixStream) -> Pass {
        let keys = self.throttle.borrow().as_ref().map(|throttle| throttle.keys(who, peer::uid(stream)));
        self.begin(keys)
    }

    /// Waits until an attempt may be looked at, and passes. Gives for how long it was held back, too.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn wait(self: &Rc<Self>, keys: Keys, stream: &UnixStream) -> Result<(Pass, Duration), Refused> {
        let mut line = None;
        loop {
            match self.ask(&keys) {
                Answer::Never => return Err(Refused),
                Answer::Now => return Ok((self.begin(Some(keys)), Duration::ZERO)),
                Answer::Later(wait) => {
                    let (_waits, pass) = (self.waits(keys), self.begin(Some(keys)));
                    drop(line);
                    self.hold_back(wait, stream).await?;
                    return Ok((pass, wait));
                }
                Answer::InTurn(wait) => {
                    let (_waits, pass, place) = (self.waits(keys), self.begin(Some(keys)), self.place(keys));
                    drop(line);
                    let held_back = self.take_turn(&place.line, wait, stream).await?;
                    return Ok((pass, held_back));
                }
                Answer::Next => {
                    let place = line.get_or_insert_with(|| self.place(keys));
                    if place.is_beyond(LONGEST_LINE) {
                        return Err(Refused);
                    }
                    let _ = timeout(LOOK, place.line.moves.notified()).await;
                    still_there(stream)?;
                }
            }
        }
    }

    /// The password was right.
    pub fn succeeded(&self, keys: &Keys) {
        if let Some(throttle) = &mut *self.throttle.borrow_mut() {
            throttle.succeeded(keys);
        }
    }

    /// From now on nobody is held back: whoever would be is refused at once.
    pub fn close(&self) {
        self.is_closed.set(true);
        self.closed.notify_waiters();
    }

    /// What is to be done once a second.
    pub fn tick(&self) {
        let throttle = self.throttle.borrow();
        self.is_busy.set(throttle.as_ref().is_some_and(|throttle| !throttle.is_empty(Instant::now())));
    }

    /// Waits for so long and for all that came before, and gives for how long that was. Who has gone holds up nobody.
    async fn take_turn(&self, line: &Line, wait: Duration, stream: &UnixStream) -> Result<Duration, Refused> {
        let begun = Instant::now();
        let mut turn = pin!(line.turn.lock());
        let mut last = loop {
            match timeout(LOOK, &mut turn).await {
                Ok(last) => break last,
                Err(_) => still_there(stream)?,
            }
        };
        let after_the_last = last.map_or(Duration::ZERO, |last| TURN.saturating_sub(last.elapsed()));
        self.hold_back(wait.saturating_sub(begun.elapsed()).max(after_the_last), stream).await?;
        *last = Some(Instant::now());
        Ok(begun.elapsed())
    }

    async fn hold_back(&self, wait: Duration, stream: &UnixStream) -> Result<(), Refused> {
        let end = Instant::now() + wait;
        while !self.is_closed.get() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            let _ = timeout(left.min(LOOK), self.closed.notified()).await;
            still_there(stream)?;
        }
        Err(Refused)
    }

    fn begin(self: &Rc<Self>, keys: Option<Keys>) -> Pass {
        if let (Some(throttle), Some(keys)) = (&mut *self.throttle.borrow_mut(), &keys) {
            throttle.begin(keys);
            self.is_busy.set(true);
        }
        Pass { gate: Rc::clone(self), keys }
    }

    fn waits(self: &Rc<Self>, keys: Keys) -> Waits {
        if let Some(throttle) = &mut *self.throttle.borrow_mut() {
            throttle.wait(&keys);
        }
        Waits { gate: Rc::clone(self), keys }
    }

    fn place(self: &Rc<Self>, keys: Keys) -> Place {
        let line = Rc::clone(self.lines.borrow_mut().entry(keys).or_default());
        Place { gate: Rc::clone(self), keys, line }
    }
}

impl Pass {
    /// The password was right.
    pub fn succeeded(self) {
        if let Some(keys) = &self.keys {
            self.gate.succeeded(keys);
        }
    }

    /// It was wrong, or there is no such user.
    pub fn failed(self) {
        if let (Some(throttle), Some(keys)) = (&mut *self.gate.throttle.borrow_mut(), &self.keys) {
            throttle.failed(keys, Instant::now());
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if let (Some(throttle), Some(keys)) = (&mut *self.gate.throttle.borrow_mut(), &self.keys) {
            throttle.end(keys);
            self.gate.is_busy.set(!throttle.is_empty(Instant::now()));
            self.gate.lines.borrow().get(keys).inspect(|line| line.moves.notify_one());
        }
    }
}

/// Counts one that waits.
struct Waits {
    gate: Rc<Gate>,
    keys: Keys,
}

impl Drop for Waits {
    fn drop(&mut self) {
        if let Some(throttle) = &mut *self.gate.throttle.borrow_mut() {
            throttle.stop_waiting(&self.keys);
        }
    }
}

/// That of one that stands in line.
struct Place {
    gate: Rc<Gate>,
    keys: Keys,
    line: Rc<Line>,
}

impl Place {
    /// Whether there are more in the line than so many.
    fn is_beyond(&self, most: usize) -> bool {
        // The gate knows the line, too.
        Rc::strong_count(&self.line) > most + 1
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.line.moves.notify_one();
        let is_last = Rc::strong_count(&self.line) == 2;
        if is_last {
            self.gate.lines.borrow_mut().remove(&self.keys);
        }
    }
}

fn still_there(stream: &UnixStream) -> Result<(), Refused> {
    if peer::has_gone(stream) { Err(Refused) } else { Ok(()) }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gate({:?})", self.throttle.borrow())
    }
}

impl fmt::Debug for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pass")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::{
        runtime::Builder,
        task::{JoinHandle, LocalSet, spawn_local, yield_now},
    };

    fn run(test: impl Future<Output = ()>) {
        LocalSet::new().block_on(&Builder::new_current_thread().enable_time().build().unwrap(), test);
    }

    fn tim() -> Who<'static> {
        Who { name: [b"tim".into(), b"r".into()], client: Some(b"192.0.2.1") }
    }

    fn somebody() -> Who<'static> {
        Who { client: None, ..tim() }
    }

    fn wait(gate: &Rc<Gate>, keys: Keys, stream: &UnixStream) -> JoinHandle<Result<Duration, Refused>> {
        let (gate, stream) = (Rc::clone(gate), stream.try_clone().unwrap());
        spawn_local(async move { gate.wait(keys, &stream).await.map(|(_, held_back)| held_back) })
    }

    /// Fails so often, and gives what it is kept under from then on.
    fn fail(gate: &Rc<Gate>, times: u32, stream: &UnixStream) -> Keys {
        (0..times).for_each(|_| gate.pass(&tim(), stream).failed());
        gate.known(&tim(), stream).unwrap()
    }

    #[test]
    fn without_rules_everybody_passes_and_nothing_is_kept() {
        let (stream, _peer) = UnixStream::pair().unwrap();
        let gate = Gate::new(None);
        (0..100).for_each(|_| gate.pass(&tim(), &stream).failed());
        assert!(!gate.is_busy() && gate.known(&tim(), &stream).is_none());
        gate.set_rules(Some(Rules::default()));
        let keys = fail(&gate, 20, &stream);
        assert!(matches!(gate.ask(&keys), Answer::Later(_)) && gate.is_busy());
        gate.set_rules(Some(Rules { free: 21, ..Rules::default() }));
        assert_eq!(gate.ask(&keys), Answer::Now);
        gate.set_rules(None);
        gate.tick();
        assert!(!gate.is_busy());
    }

    #[test]
    fn it_is_busy_only_for_as_long_as_there_is_somebody() {
        let (stream, _peer) = UnixStream::pair().unwrap();
        let gate = Gate::new(Some(Rules::default()));
        let pass = gate.pass(&tim(), &stream);
        assert!(gate.is_busy());
        pass.succeeded();
        assert!(!gate.is_busy());
        fail(&gate, 1, &stream);
        gate.tick();
        assert!(gate.is_busy());
    }

    #[test]
    fn who_waits_for_others_passes_as_soon_as_one_was_right() {
        run(async {
            let (stream, _peer) = UnixStream::pair().unwrap();
            let gate = Gate::new(Some(Rules { free: 2, ..Rules::default() }));
            let mut passes: Vec<_> = (0..2).map(|_| gate.pass(&tim(), &stream)).collect();
            let keys = gate.known(&tim(), &stream).unwrap();
            let waits = wait(&gate, keys, &stream);
            yield_now().await;
            assert!(!waits.is_finished());
            passes.pop().unwrap().succeeded();
            assert_eq!(waits.await.unwrap().unwrap(), Duration::ZERO);
        });
    }

    /// Their passwords may all be right: that is known as soon as the first have been looked at.
    #[test]
    fn of_a_crowd_without_a_failure_nobody_is_refused_up_to_as_many_as_a_queue_takes() {
        run(async {
            let (stream, _peer) = UnixStream::pair().unwrap();
            let gate = Gate::new(Some(Rules::default()));
            let passes: Vec<_> = (0..20).map(|_| gate.pass(&somebody(), &stream)).collect();
            let keys = gate.known(&somebody(), &stream).unwrap();
            let waits: Vec<_> = (0..LONGEST_LINE).map(|_| wait(&gate, keys, &stream)).collect();
            let one_too_many = wait(&gate, keys, &stream);
            assert!(one_too_many.await.unwrap().is_err());
            passes.into_iter().for_each(Pass::succeeded);
            for waits in waits {
                assert_eq!(waits.await.unwrap().unwrap(), Duration::ZERO);
            }
            assert!(gate.lines.borrow().is_empty());
        });
    }

    #[test]
    fn when_all_have_failed_nobody_waits_for_them_any_more() {
        run(async {
            let (stream, _peer) = UnixStream::pair().unwrap();
            let gate = Gate::new(Some(Rules { free: 2, ..Rules::default() }));
            let passes: Vec<_> = (0..2).map(|_| gate.pass(&tim(), &stream)).collect();
            let keys = gate.known(&tim(), &stream).unwrap();
            let waits: Vec<_> = (0..40).map(|_| wait(&gate, keys, &stream)).collect();
            yield_now().await;
            passes.into_iter().for_each(Pass::failed);
            for _ in 0..300 {
                yield_now().await;
            }
            assert_eq!(waits.iter().filter(|wait| !wait.is_finished()).count(), 4);
            assert!(gate.lines.borrow().is_empty());
        });
    }

    #[test]
    fn who_has_gone_makes_room_and_at_the_end_nobody_waits() {
        run(async {
            let (stream, _peer) = UnixStream::pair().unwrap();
            let (gone, peer) = UnixStream::pair().unwrap();
            drop(peer);
            let gate = Gate::new(Some(Rules::default()));
            let keys = fail(&gate, 30, &stream);
            assert!(timeout(Duration::from_secs(5), gate.wait(keys, &gone)).await.unwrap().is_err());
            let waits = wait(&gate, keys, &stream);
            yield_now().await;
            gate.close();
            assert!(timeout(Duration::from_secs(5), waits).await.unwrap().unwrap().is_err());
            assert_eq!(gate.ask(&keys), Answer::Never);
        });
    }

    #[test]
    fn who_cannot_be_told_from_a_guesser_has_a_turn_and_those_who_have_gone_have_none() {
        run(async {
            let (stream, _peer) = UnixStream::pair().unwrap();
            let (gone, peer) = UnixStream::pair().unwrap();
            drop(peer);
            let gate = Gate::new(Some(Rules::default()));
            (0..20).for_each(|_| gate.pass(&somebody(), &stream).failed());
            let keys = gate.known(&somebody(), &stream).unwrap();
            let first = wait(&gate, keys, &stream);
            let others: Vec<_> = (0..30).map(|_| wait(&gate, keys, &gone)).collect();
            let owner = wait(&gate, keys, &stream);
            assert!(first.await.unwrap().unwrap() >= Duration::from_secs(1));
            let (held_back, longest) = (owner.await.unwrap().unwrap(), Duration::from_secs(5));
            assert!((longest..longest + 4 * TURN).contains(&held_back), "{held_back:?}");
            for other in others {
                assert!(other.await.unwrap().is_err());
            }
            assert!(gate.lines.borrow().is_empty());
        });
    }

    #[test]
    fn nobody_has_their_turn_before_the_last_one_is_long_enough_ago() {
        run(async {
            let (stream, _peer) = UnixStream::pair().unwrap();
            let gate = Gate::new(Some(Rules { longest: TURN / 10, ..Rules::default() }));
            (0..20).for_each(|_| gate.pass(&somebody(), &stream).failed());
            let keys = gate.known(&somebody(), &stream).unwrap();
            let (begun, mut waits) = (Instant::now(), Vec::new());
            (0..4).for_each(|_| waits.push(wait(&gate, keys, &stream)));
            for (wait, turn) in waits.into_iter().zip(0..) {
                assert!(wait.await.is_ok_and(|wait| wait.is_ok()) && begun.elapsed() >= turn * TURN);
            }
        });
    }
}
