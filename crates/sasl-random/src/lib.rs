//! Random octets from the operating system's generator, the only source there is.
//!
//! Since Linux 6.11 the kernel maps a function for them into every process, which takes an eighth of the time that getrandom(2)
//! does. It is the kernel's generator all the same: it is seeded anew when the kernel's is, begins anew in a process that was
//! forked, and where a machine was restored from a snapshot and its host says so. Elsewhere it is the system call. See
//! `docs/decisions/random-octets.md`.

#[cfg(target_os = "linux")]
mod mapped;

use rand::{TryRng, rngs::SysRng};
use std::io;

/// Fills `octets` with unpredictable ones.
///
/// # Errors
/// Where the system gives none.
pub fn fill(octets: &mut [u8]) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    if mapped::fill(octets) {
        return Ok(());
    }
    SysRng.try_fill_bytes(octets).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::HashSet, thread};

    #[test]
    fn all_of_it_is_filled_and_no_two_are_alike() {
        for length in [0, 1, 16, 255, 256, 257, 70_000] {
            let mut octets = vec![0; length];
            let unchanged = (0..64).filter(|_| {
                fill(&mut octets).unwrap();
                octets.last().is_none_or(|last| *last == 0)
            });
            assert!(unchanged.count() < 8 || length == 0, "{length}");
        }
        let of_a_thread = || (0..100).map(|_| some()).collect::<Vec<_>>();
        let threads: Vec<_> = (0..4).map(|_| thread::spawn(of_a_thread)).collect();
        let all: HashSet<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        assert_eq!(all.len(), 400);
    }

    pub(crate) fn some() -> [u8; 16] {
        let mut octets = [0; 16];
        fill(&mut octets).unwrap();
        octets
    }
}
