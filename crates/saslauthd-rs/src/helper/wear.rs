//! When a helper has had enough: modules leak, and nobody cleans up after them but a process that ends.

use nix::sys::resource::{UsageWho, getrusage};
use std::{
    fs,
    os::fd::{AsFd, AsRawFd},
};

/// How many answers, and how much more than after the first one.
const MOST_ANSWERS: u32 = 1000;
const MOST_DESCRIPTORS: i32 = 64;
const MOST_MEMORY: i64 = 16 * 1024;

/// How worn a helper is. Finding out takes a few system calls.
#[derive(Debug, Default)]
pub(super) struct Wear {
    answers: u32,
    first: Option<Measure>,
}

#[derive(Clone, Copy, Debug)]
struct Measure {
    /// The lowest that is free, close to how many are open.
    descriptor: i32,
    /// In KiB.
    memory: i64,
    /// The peak at which memory was looked at last.
    peak: i64,
}

impl Wear {
    /// Counts an answer, and says whether it should be the last. `file` is any that is open.
    pub(super) fn is_too_much(&mut self, file: impl AsFd) -> bool {
        self.answers += 1;
        // One that cannot be had is a sign of wear itself.
        let Ok(lowest) = file.as_fd().try_clone_to_owned() else { return true };
        self.has_grown_to(lowest.as_raw_fd(), peak_memory(), memory) || self.answers >= MOST_ANSWERS
    }

    /// The larger hashes of crypt(3) take 16 MiB and give them back: where the peak has grown, what counts is how much there
    /// is now.
    fn has_grown_to(&mut self, descriptor: i32, peak: i64, memory: impl FnOnce() -> i64) -> bool {
        let first = self.first.get_or_insert(Measure { descriptor, memory: peak, peak });
        if descriptor - first.descriptor >= MOST_DESCRIPTORS {
            return true;
        }
        let look = peak - first.peak >= MOST_MEMORY;
        if look {
            first.peak = peak;
        }
        look && memory() - first.memory >= MOST_MEMORY
    }
}

fn peak_memory() -> i64 {
    getrusage(UsageWho::RUSAGE_SELF).map_or(0, |usage| usage.max_rss())
}

/// In KiB; as much as can be where the system does not tell.
fn memory() -> i64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs::File, hint::black_box};

    const FIRST: i64 = 4000;

    fn begun() -> Wear {
        let mut wear = Wear::default();
        assert!(!wear.has_grown_to(5, FIRST, || unreachable!("nothing has grown")));
        wear
    }

    #[test]
    fn descriptors_that_are_not_closed_are_wear() {
        assert!(!begun().has_grown_to(5 + 63, FIRST, || FIRST));
        assert!(begun().has_grown_to(5 + 64, FIRST, || FIRST));
        assert!(!begun().has_grown_to(3, FIRST, || FIRST));
    }

    #[test]
    fn memory_that_is_kept_is_wear_and_memory_that_was_given_back_is_not() {
        let mut wear = begun();
        let peak = FIRST + MOST_MEMORY;
        assert!(!wear.has_grown_to(5, peak - 1, || unreachable!("not enough")));
        assert!(!wear.has_grown_to(5, peak, || FIRST));
        assert!(!wear.has_grown_to(5, peak, || unreachable!("the peak is known")));
        assert!(wear.has_grown_to(5, peak + MOST_MEMORY, || peak));
        assert!(begun().has_grown_to(5, peak, || peak));
    }

    #[test]
    fn a_thousand_answers_are_enough() {
        let (mut wear, file) = (Wear::default(), File::open("/dev/null").unwrap());
        let last = (1..2000).find(|_| wear.is_too_much(&file)).unwrap();
        assert_eq!(last, 1000);
    }

    #[test]
    fn what_is_measured_is_there() {
        let before = memory();
        let more = black_box(vec![1_u8; 32 << 20]);
        assert!(memory() - before > 16 * 1024);
        assert!(peak_memory() >= memory() / 2 && memory() > 1000);
        drop(more);
    }
}
