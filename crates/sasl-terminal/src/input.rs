//! What comes in: a line or all of it, in memory that is wiped.

use nix::{errno::Errno, unistd::read};
use std::io::{self, stdin};
use zeroize::Zeroizing;

/// The most that is read, in bytes, without the end of the line: one more than a password of 4096, so that a longer one is seen.
pub const LONGEST: usize = 4096 + 1;

/// How much is read at once.
pub(crate) const PIECE: usize = 1024;

/// Where input ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by nature")]
pub enum Until {
    /// Where there is no more.
    End,
    /// There, or at the end of a line.
    EndOfLine,
}

/// Reads standard input. One newline at its end does not count.
///
/// # Errors
/// Where it cannot be read.
pub fn read_input(until: Until) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut input = Zeroizing::new(Vec::with_capacity(LONGEST + 1));
    while input.len() <= LONGEST && !(until == Until::EndOfLine && input.ends_with(b"\n")) {
        if read_some(&mut input)? == 0 {
            break;
        }
    }
    if input.ends_with(b"\n") {
        input.pop();
    }
    Ok(input)
}

/// Reads once, within the capacity, so that no copy of a password stays behind in memory that was let go.
pub(crate) fn read_some(password: &mut Zeroizing<Vec<u8>>) -> io::Result<usize> {
    let mut chunk = Zeroizing::new([0; PIECE]);
    let room = (LONGEST + 1 - password.len()).min(chunk.len());
    loop {
        match read(stdin(), &mut chunk[..room]) {
            Ok(length) => {
                password.extend(&chunk[..length]);
                return Ok(length);
            }
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
