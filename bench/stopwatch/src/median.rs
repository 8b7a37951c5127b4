//! The middle of many durations.

use std::time::Duration;

/// The median. Zero of none.
pub(crate) fn median(mut durations: Vec<Duration>) -> Duration {
    durations.sort_unstable();
    durations.get(durations.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_one() {
        let of = |values: &[u64]| median(values.iter().copied().map(Duration::from_nanos).collect()).as_nanos();
        assert_eq!((of(&[3, 1, 2]), of(&[9]), of(&[])), (2, 9, 0));
    }
}
