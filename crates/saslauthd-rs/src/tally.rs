//! What became of requests and connections, counted.

use crate::{
    mechanisms::NAMES,
    metrics::{Count, Family, Page},
    outcome::{Ending, Outcome},
};
use std::time::{SystemTime, UNIX_EPOCH};

/// The counts, from the start of the daemon on.
#[derive(Debug)]
pub struct Tally {
    started: SystemTime,
    requests: [[Count; RESULTS.len()]; ROWS],
    turned_away: [Count; REASONS.len()],
    held_back: Count,
}

/// Why somebody is turned away before a back end is asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by nature")]
pub enum TurnedAway {
    /// The request made no sense.
    Malformed,
    /// A request had come, and there was no room for it.
    Overloaded,
    /// Too many wrong passwords before.
    Throttled,
    /// No request came within the deadline.
    Late,
    /// Silent for longest, when room was needed.
    Shed,
    /// There was no room to wait for a request.
    NoRoom,
}

/// In the order of [`TurnedAway`].
const REASONS: [&str; 6] = ["malformed", "overloaded", "throttled", "late", "shed", "no_room"];

const RESULTS: [&str; 3] = ["accepted", "refused", "unavailable"];

/// A row for each mechanism; for what was remembered without a word by which; and for what none decided.
const ROWS: usize = NAMES.len() + 2;

const REQUESTS: Family =
    Family::counter("saslauthd_requests_total", "Requests answered, by the back end that decided and the result.");
const TURNED_AWAY: Family =
    Family::counter("saslauthd_turned_away_total", "Clients turned away before a back end was asked, by reason.");
const HELD_BACK: Family =
    Family::counter("saslauthd_held_back_total", "Checks that had to wait after wrong passwords.");
const START: Family =
    Family::gauge("saslauthd_start_time_seconds", "When the serving process was started, in seconds since 1970.");
const INFO: Family = Family::gauge("saslauthd_info", "Always 1, labelled with the version and the mechanisms.");

impl Tally {
    /// Nobody has come yet.
    #[must_use]
    pub fn new() -> Self {
        let (requests, turned_away, held_back) = Default::default();
        Self { started: SystemTime::now(), requests, turned_away, held_back }
    }

    /// A request was answered.
    pub fn answered(&self, outcome: &Outcome) {
        let result = match outcome.ending {
            Ending::Accepted => 0,
            Ending::Refused | Ending::Unknown | Ending::Throttled => 1,
            Ending::Unavailable | Ending::Overloaded => 2,
        };
        match outcome.ending {
            Ending::Throttled => self.turn_away(TurnedAway::Throttled),
            Ending::Overloaded => self.turn_away(TurnedAway::Overloaded),
            _ => {}
        }
        self.requests[row(outcome.mechanism)][result].add();
    }

    /// An attempt had to wait after wrong passwords, and was looked at then.
    pub fn held_back(&self) {
        self.held_back.add();
    }

    /// Somebody was turned away.
    pub fn turn_away(&self, why: TurnedAway) {
        self.turned_away[why as usize].add();
    }

    /// Puts the counts on a page. Of the mechanisms, those are there that are in use or were.
    pub fn measure(&self, page: &mut Page, in_use: &[&str]) {
        let since = self.started.duration_since(UNIX_EPOCH).unwrap_or_default();
        page.add(&START, &[], since.as_secs());
        page.add(&INFO, &[("version", env!("CARGO_PKG_VERSION")), ("mechanisms", &in_use.join(","))], 1);
        for (name, counts) in rows().zip(&self.requests) {
            if in_use.contains(&name) || !NAMES.contains(&name) || counts.iter().any(|count| count.value() > 0) {
                RESULTS.iter().zip(counts).for_each(|(result, count)| {
                    page.add_count(&REQUESTS, &[("backend", name), ("result", result)], count);
                });
            }
        }
        page.add_count(&HELD_BACK, &[], &self.held_back);
        for (reason, count) in REASONS.iter().zip(&self.turned_away) {
            page.add_count(&TURNED_AWAY, &[("reason", reason)], count);
        }
    }
}

impl Default for Tally {
    fn default() -> Self {
        Self::new()
    }
}

fn row(backend: &str) -> usize {
    let mechanism = NAMES.iter().position(|name| *name == backend);
    mechanism.unwrap_or(NAMES.len() + usize::from(backend != "cache"))
}

fn rows() -> impl Iterator<Item = &'static str> {
    NAMES.into_iter().chain(["cache", "none"])
}

#[cfg(test)]
mod tests {
    use super::*;
    use sasl_remote::attempt::Answer;

    #[test]
    fn every_name_has_its_row_and_mechanisms_in_use_are_there_from_the_start() {
        assert!(rows().enumerate().all(|(at, name)| row(name) == at));
        let tally = Tally::new();
        tally.answered(&Outcome::new("ldap", Answer::unavailable("")));
        tally.answered(&Outcome::new("nobody knows", Answer::unknown("")));
        let mut page = Page::default();
        tally.measure(&mut page, &["pam"]);
        let text = page.text();
        for (labels, count) in [
            ("backend=\"pam\",result=\"accepted\"", 0),
            ("backend=\"ldap\",result=\"unavailable\"", 1),
            ("backend=\"cache\",result=\"accepted\"", 0),
            ("backend=\"none\",result=\"refused\"", 1),
        ] {
            assert!(text.contains(&format!("saslauthd_requests_total{{{labels}}} {count}\n")), "{labels}: {text}");
        }
        assert!(!text.contains("rimap"));
    }
}
