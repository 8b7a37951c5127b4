//! The operating system's generator, the only source of nonces, salts and keys.

use crate::failure::{Failure, Reason};

/// `N` unpredictable bytes. Under `--cfg fuzzing` they are the same ones each time, so that what a fuzzer finds can be found
/// again: nothing that is built so is fit for use.
///
/// # Errors
/// [`Reason::Unavailable`] where the system gives no randomness.
pub fn bytes<const N: usize>() -> Result<[u8; N], Failure> {
    if cfg!(fuzzing) {
        return Ok([0x5a; N]);
    }
    let mut bytes = [0; N];
    sasl_random::fill(&mut bytes).map_err(|_| Failure::new(Reason::Unavailable, "no randomness"))?;
    Ok(bytes)
}
