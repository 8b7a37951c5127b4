//! The places that there are for connections, who has them, and who gives one up when there is none left.
//!
//! A connection whose request has not come can be closed again: of the user of this host who has most of those, the one that has
//! been silent for longest. So whoever opens thousands closes their own.

use std::collections::{BTreeMap, HashMap, hash_map::Entry};

/// The places. What is silent is known by an `H`, by which it is closed.
#[derive(Debug)]
pub struct Room<H> {
    most: usize,
    /// So many that are being answered may be of one user of this host.
    share: usize,
    open: usize,
    /// Those that are being answered, by user of this host.
    busy: HashMap<u32, usize>,
    /// Those whose request has not come, by user of this host and in the order in which they came.
    silent: HashMap<u32, BTreeMap<u64, H>>,
    next: u64,
}

/// A place that is taken. It is given back to [`Room::leave`].
#[derive(Clone, Copy, Debug)]
#[must_use = "it has to be given back"]
pub struct Place {
    uid: u32,
    /// Of one that is silent.
    number: Option<u64>,
}

/// There is no place.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Full;

/// What a connection waits for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by nature")]
pub enum Awaited {
    /// Its request.
    Request,
    /// Our answer.
    Answer,
}

/// Places that root alone gets.
const KEPT_FOR_ROOT: usize = 1;

const ROOT: u32 = 0;

impl<H> Room<H> {
    /// So many places, of which one user of this host may have so many for requests that are being answered.
    #[must_use]
    pub fn new(most: usize, share: usize) -> Self {
        Self { most, share, open: 0, busy: HashMap::new(), silent: HashMap::new(), next: 0 }
    }

    /// So many from now on. Who has one keeps it.
    pub fn set_size(&mut self, most: usize, share: usize) {
        (self.most, self.share) = (most, share);
    }

    /// How many are taken.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open
    }

    /// How many of them are silent.
    #[must_use]
    pub fn silent(&self) -> usize {
        self.silent.values().map(BTreeMap::len).sum()
    }

    /// Takes a place for the user `uid`. Where somebody has to give theirs up for it, that one is to be closed.
    ///
    /// # Errors
    /// [`Full`].
    pub fn enter(&mut self, uid: u32, awaited: Awaited) -> Result<(Place, Option<H>), Full> {
        let kept = if uid == ROOT { 0 } else { KEPT_FOR_ROOT.min(self.most / 2) };
        let busy = self.busy.get(&uid).copied().unwrap_or_default();
        if awaited == Awaited::Answer && uid != ROOT && busy >= self.share {
            return Err(Full);
        }
        let closed = if self.open + kept < self.most { None } else { Some(self.shed().ok_or(Full)?) };
        self.open += 1;
        let number = match awaited {
            Awaited::Request => {
                self.next += 1;
                Some(self.next)
            }
            Awaited::Answer => {
                *self.busy.entry(uid).or_default() += 1;
                None
            }
        };
        Ok((Place { uid, number }, closed))
    }

    /// Says by what the silent one in that place is closed.
    pub fn keep(&mut self, place: Place, handle: H) {
        if let Some(number) = place.number {
            self.silent.entry(place.uid).or_default().insert(number, handle);
        }
    }

    /// Gives up the place of a silent one, which is to be closed.
    pub fn shed(&mut self) -> Option<H> {
        let (uid, _) = self.silent.iter().max_by_key(|(_, silent)| silent.len())?;
        let place = Place { uid: *uid, number: self.silent[uid].first_key_value().map(|(number, _)| *number) };
        self.leave(place)
    }

    /// Gives a place back, unless it was taken away already.
    pub fn leave(&mut self, place: Place) -> Option<H> {
        let Some(number) = place.number else {
            self.open -= 1;
            release(&mut self.busy, place.uid);
            return None;
        };
        let silent = self.silent.get_mut(&place.uid)?;
        let handle = silent.remove(&number)?;
        if silent.is_empty() {
            self.silent.remove(&place.uid);
        }
        self.open -= 1;
        Some(handle)
    }
}

fn release(counts: &mut HashMap<u32, usize>, uid: u32) {
    if let Entry::Occupied(mut entry) = counts.entry(uid) {
        *entry.get_mut() -= 1;
        if *entry.get() == 0 {
            entry.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of such a user, one more that is silent and known by its number; gives the place, and whose is closed for it.
    fn silent(room: &mut Room<u32>, uid: u32, number: u32) -> Option<u32> {
        let (place, closed) = room.enter(uid, Awaited::Request).unwrap();
        room.keep(place, number);
        closed
    }

    #[test]
    fn whoever_has_most_that_are_silent_closes_the_oldest_of_their_own() {
        let mut room = Room::new(10, 5);
        assert_eq!([1, 2].map(|number| silent(&mut room, 8, number)), [None, None]);
        assert!((3..10).all(|number| silent(&mut room, 9, number).is_none()));
        assert_eq!(silent(&mut room, 9, 10), Some(3));
        assert_eq!([11, 12, 13].map(|number| silent(&mut room, 8, number)), [Some(4), Some(5), Some(6)]);
        assert_eq!(room.open(), 9);
        assert!((14..100).all(|number| silent(&mut room, 9, number).is_some()));
        let left: Vec<_> = room.silent.values().map(BTreeMap::len).collect();
        assert!(left == [5, 4] || left == [4, 5], "{left:?}");
    }

    #[test]
    fn a_place_is_kept_for_root() {
        let mut room: Room<()> = Room::new(4, 2);
        let _busy = [1, 1, 2].map(|uid| room.enter(uid, Awaited::Answer).unwrap());
        assert!(room.enter(2, Awaited::Answer).is_err() && room.enter(3, Awaited::Request).is_err());
        assert!(room.enter(0, Awaited::Answer).is_ok() && room.enter(0, Awaited::Answer).is_err());
    }

    #[test]
    fn nobody_has_more_than_half_of_those_that_cannot_be_closed() {
        let mut room: Room<()> = Room::new(10, 5);
        let mut busy: Vec<_> = (0..5).map(|_| room.enter(1, Awaited::Answer).unwrap().0).collect();
        assert!(room.enter(1, Awaited::Answer).is_err());
        assert!(room.enter(2, Awaited::Answer).is_ok());
        room.leave(busy.pop().unwrap());
        assert!(room.enter(1, Awaited::Answer).is_ok());
    }

    #[test]
    fn a_place_is_given_back_once() {
        let mut room = Room::new(2, 1);
        let (place, closed) = room.enter(0, Awaited::Request).unwrap();
        room.keep(place, "first");
        assert_eq!((closed, room.shed(), room.shed(), room.open()), (None, Some("first"), None, 0));
        assert_eq!(room.leave(place), None);
        let (place, _) = room.enter(0, Awaited::Request).unwrap();
        room.keep(place, "second");
        assert_eq!((room.leave(place), room.open()), (Some("second"), 0));
        assert!(room.silent.is_empty());
    }
}
