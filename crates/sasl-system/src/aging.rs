//! The dates of an entry in shadow, see shadow(5).

use crate::finding::Finding;
use std::time::{SystemTime, UNIX_EPOCH};

/// Days since 1970-01-01; `None` where the field is empty.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Aging {
    /// When the password was changed last.
    pub(crate) changed: Option<i64>,
    /// How many days a password may be used.
    pub(crate) longest: Option<i64>,
    /// The last day of the account.
    pub(crate) ends: Option<i64>,
}

impl Aging {
    /// What becomes of a right password on this day. As in the original, the time of grace, the least age and a password
    /// that must be changed at the next login ("changed" is day 0, with no longest age) make no difference.
    pub(crate) fn on(self, today: i64) -> Finding {
        match self {
            Self { ends: Some(ends), .. } if today > ends => Finding::Account,
            _ if self.last_day_of_password().is_some_and(|last| last < today) => Finding::PasswordExpired,
            _ => Finding::Accepted,
        }
    }

    fn last_day_of_password(self) -> Option<i64> {
        Some(self.changed?.saturating_add(self.longest?))
    }
}

/// How shadow's functions say that a field is empty.
pub(crate) fn unless_empty(field: i64) -> Option<i64> {
    (field != -1).then_some(field)
}

/// The day it is, in UTC.
pub(crate) fn today() -> i64 {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    i64::try_from(seconds / (24 * 60 * 60)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: i64 = 20_000;

    fn on_that_day(changed: i64, longest: i64, ends: i64) -> Finding {
        let [changed, longest, ends] = [changed, longest, ends].map(unless_empty);
        Aging { changed, longest, ends }.on(TODAY)
    }

    #[test]
    fn an_account_is_good_on_its_last_day_and_not_on_the_next() {
        assert_eq!(on_that_day(-1, -1, TODAY), Finding::Accepted);
        assert_eq!(on_that_day(-1, -1, TODAY + 1), Finding::Accepted);
        assert_eq!(on_that_day(-1, -1, TODAY - 1), Finding::Account);
        assert_eq!(on_that_day(-1, -1, 0), Finding::Account);
        assert_eq!(on_that_day(-1, -1, -1), Finding::Accepted);
    }

    #[test]
    fn a_password_is_good_on_its_last_day_and_not_on_the_next() {
        assert_eq!(on_that_day(TODAY - 90, 90, -1), Finding::Accepted);
        assert_eq!(on_that_day(TODAY - 91, 90, -1), Finding::PasswordExpired);
        assert_eq!(on_that_day(TODAY - 91, -1, -1), Finding::Accepted);
        assert_eq!(on_that_day(-1, 90, -1), Finding::Accepted);
        assert_eq!(on_that_day(0, 90, -1), Finding::PasswordExpired);
        assert_eq!(on_that_day(0, 99_999, -1), Finding::Accepted);
    }

    #[test]
    fn a_password_that_must_be_changed_is_still_a_password() {
        assert_eq!(on_that_day(0, -1, -1), Finding::Accepted);
    }

    #[test]
    fn the_earlier_of_two_ends_counts() {
        assert_eq!(on_that_day(TODAY, 90, TODAY - 1), Finding::Account);
        assert_eq!(on_that_day(TODAY - 91, 90, TODAY + 1), Finding::PasswordExpired);
    }

    #[test]
    fn no_number_is_too_large() {
        assert_eq!(on_that_day(i64::MAX, i64::MAX, i64::MAX), Finding::Accepted);
        assert_eq!(on_that_day(i64::MIN, i64::MIN, -1), Finding::PasswordExpired);
    }

    #[test]
    fn today_is_after_this_was_written() {
        assert!(today() > 20_600);
    }
}
