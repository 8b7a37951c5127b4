//! How helpers of one kind come and go.

use crate::{
    helper::backend::Kind,
    metrics::{Count, Family, Page},
};

/// The counts.
#[derive(Debug, Default)]
pub(super) struct Counts {
    starts: Count,
    failures: Count,
    ends: [Count; ENDS.len()],
}

/// Why a helper is no more.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    /// It had enough.
    Retired,
    /// There were enough others.
    LetGo,
    /// It crashed, or closed its socket.
    Ended,
    /// It took too long, and was killed.
    Late,
    /// It answered what is no answer.
    Nonsense,
}

/// In the order of [`End`].
const ENDS: [&str; 5] = ["retired", "let_go", "ended", "late", "nonsense"];

const STARTS: Family = Family::counter("saslauthd_helper_starts_total", "Helper processes started, by kind.");
const FAILURES: Family =
    Family::counter("saslauthd_helper_start_failures_total", "Helper processes that could not be started, by kind.");
const ENDED: Family = Family::counter("saslauthd_helper_ends_total", "Helper processes that are no more, by reason.");
const HELPERS: Family = Family::gauge("saslauthd_helpers", "Helper processes, by what they do.");

impl Counts {
    pub(super) fn started(&self) {
        self.starts.add();
    }

    pub(super) fn ended(&self, how: End) {
        self.ends[how as usize].add();
    }

    pub(super) fn not_started(&self) {
        self.failures.add();
    }

    pub(super) fn measure(&self, page: &mut Page, kind: Kind, [idle, busy]: [usize; 2]) {
        let kind = ("kind", kind.name());
        page.add_count(&STARTS, &[kind], &self.starts);
        page.add_count(&FAILURES, &[kind], &self.failures);
        for (reason, count) in ENDS.iter().zip(&self.ends) {
            page.add_count(&ENDED, &[kind, ("reason", reason)], count);
        }
        page.add_number(&HELPERS, &[kind, ("state", "idle")], idle);
        page.add_number(&HELPERS, &[kind, ("state", "busy")], busy);
    }
}
