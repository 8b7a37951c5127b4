//! Reading a password: from a terminal, twice and unseen, or from a pipe, to its end.

use crate::exit::{Failure, status};
use sasl_core::secret::Secret;
use sasl_terminal::{
    input::{Until, read_input},
    prompt::prompt,
};
use std::io::{IsTerminal, stdin, stdout};
use zeroize::Zeroizing;

/// The longest password, in bytes. One that is longer is refused, never cut.
pub const LONGEST: usize = 4096;

/// A terminal hands over lines of less than so many bytes, without the newline, and silently drops the rest of a longer
/// one: one of this length may have been cut.
const LONGEST_LINE: usize = 4095;

/// How the password comes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by nature")]
pub enum Source {
    /// From the terminal, after a prompt; from a pipe, where standard input is none.
    Prompt,
    /// From standard input, without a prompt: `-p`.
    Pipe,
}

/// Reads the password of one user.
///
/// # Errors
/// With [`status::BAD_PARAMETER`] where it is empty, too long, has a NUL, or was typed differently the second time.
pub fn read_password(source: Source) -> Result<Secret, Failure> {
    let password = match source {
        Source::Prompt if stdin().is_terminal() => prompt_twice()?,
        Source::Prompt | Source::Pipe => read_pipe()?,
    };
    check(&password)?;
    Ok(Secret::new(password.to_vec()))
}

/// What no password may be.
///
/// # Errors
/// With [`status::BAD_PARAMETER`].
pub fn check(password: &[u8]) -> Result<(), Failure> {
    let bad = |what: &str| Err(Failure::new(status::BAD_PARAMETER, format!("invalid parameter supplied: {what}")));
    match password {
        [] => bad("the password is empty"),
        password if password.contains(&0) => bad("the password has a NUL"),
        password if password.len() > LONGEST => bad("the password is longer than 4096 bytes"),
        _ => Ok(()),
    }
}

fn prompt_twice() -> Result<Zeroizing<Vec<u8>>, Failure> {
    let [first, again] = prompt_for(["Password: ", "Again (for verification): "])?;
    let bad = |what| Err(Failure::new(status::BAD_PARAMETER, what));
    match *first == *again {
        false => bad("passwords don't match; aborting"),
        true if first.len() >= LONGEST_LINE => {
            bad("invalid parameter supplied: the password is longer than a terminal takes, 4094 bytes; use -p")
        }
        true => Ok(first),
    }
}

fn prompt_for(texts: [&str; 2]) -> Result<[Zeroizing<Vec<u8>>; 2], Failure> {
    prompt(texts, &mut stdout()).map_err(|error| Failure::new(status::FAILED, format!("terminal: {error}")))
}

/// All of it, from a pipe or a file; a line, from a terminal.
fn read_pipe() -> Result<Zeroizing<Vec<u8>>, Failure> {
    let until = if stdin().is_terminal() { Until::EndOfLine } else { Until::End };
    read_input(until).map_err(|error| Failure::new(status::FAILED, format!("standard input: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_password_may_be() {
        assert!(check(b"pencil").is_ok() && check(b" ").is_ok() && check(&[b'x'; LONGEST]).is_ok());
        for bad in [&b""[..], b"a\0b", &[b'x'; LONGEST + 1]] {
            assert!(check(bad).is_err(), "{} bytes", bad.len());
        }
    }
}
