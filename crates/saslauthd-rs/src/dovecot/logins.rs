//! Who has come in, for as long as somebody may ask: a mail server's own process that is to serve them.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// So many are kept. The oldest makes room.
const MOST: usize = 1024;

/// For so long.
const LIFE: Duration = Duration::from_secs(60);

/// By what one is asked for: the process that the exchange was begun by, which one it was, and the cookie of its connection.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Ticket {
    pub(super) pid: u32,
    pub(super) exchange: u32,
    pub(super) cookie: u128,
}

/// All of them, the oldest first.
#[derive(Default)]
pub(super) struct Logins(VecDeque<(Ticket, Vec<u8>, Instant)>);

impl Logins {
    pub(super) fn keep(&mut self, ticket: Ticket, user: Vec<u8>, now: Instant) {
        self.forget(now);
        if self.0.len() >= MOST {
            self.0.pop_front();
        }
        self.0.push_back((ticket, user, now));
    }

    /// Who it was. Nobody is asked for twice.
    pub(super) fn take(&mut self, ticket: &Ticket, now: Instant) -> Option<Vec<u8>> {
        self.forget(now);
        let place = self.0.iter().position(|(kept, ..)| kept == ticket)?;
        self.0.remove(place).map(|(_, user, _)| user)
    }

    fn forget(&mut self, now: Instant) {
        while self.0.front().is_some_and(|(.., since)| now.duration_since(*since) > LIFE) {
            self.0.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(exchange: u32) -> Ticket {
        Ticket { pid: 7, exchange, cookie: 1 << 100 }
    }

    #[test]
    fn a_login_is_told_once_to_whoever_has_its_cookie_and_not_for_ever() {
        let (mut logins, now) = (Logins::default(), Instant::now());
        (0..2).for_each(|exchange| logins.keep(ticket(exchange), b"tim".to_vec(), now));
        for wrong in [Ticket { pid: 8, ..ticket(0) }, Ticket { cookie: 1, ..ticket(0) }, ticket(2)] {
            assert_eq!(logins.take(&wrong, now), None);
        }
        assert_eq!([(); 2].map(|()| logins.take(&ticket(0), now)), [Some(b"tim".to_vec()), None]);
        assert_eq!(logins.take(&ticket(1), now + LIFE + Duration::from_millis(1)), None);
    }

    #[test]
    fn the_oldest_makes_room() {
        let (mut logins, now) = (Logins::default(), Instant::now());
        (0..2000).for_each(|exchange| logins.keep(ticket(exchange), b"tim".to_vec(), now));
        assert_eq!(logins.0.len(), MOST);
        assert_eq!((logins.take(&ticket(975), now), logins.take(&ticket(976), now)), (None, Some(b"tim".to_vec())));
    }
}
