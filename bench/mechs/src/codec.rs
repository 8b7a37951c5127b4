//! Base64, which is not ours: sasl-core takes and gives octets, and uses this crate for what mechanisms have in base64.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use std::hint::black_box;

/// So many calls are timed together: one alone takes less than reading the clock does.
const CALLS: usize = 100;

/// What is done, to which octets.
pub(crate) struct Task {
    verb: Verb,
    octets: Vec<u8>,
    text: String,
    room: Vec<u8>,
}

enum Verb {
    Encode,
    Decode,
}

impl Task {
    /// Reads `encode-24`.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let (verb, size) = name.split_once('-')?;
        let size = size.parse().ok()?;
        let verb = match verb {
            "encode" => Verb::Encode,
            "decode" => Verb::Decode,
            _ => return None,
        };
        let octets: Vec<u8> = (0..=u8::MAX).cycle().take(size).collect();
        let text = BASE64.encode(&octets);
        let room = vec![0; text.len() + 3];
        Some(Self { verb, octets, text, room })
    }

    /// Does it [`CALLS`] times.
    ///
    /// # Errors
    /// A phrase where the crate did not.
    pub(crate) fn run(&mut self) -> Result<(), &'static str> {
        (0..CALLS).try_for_each(|_| self.once())
    }

    fn once(&mut self) -> Result<(), &'static str> {
        let (length, expected) = match self.verb {
            Verb::Encode => (BASE64.encode_slice(black_box(&self.octets), &mut self.room).ok(), self.text.len()),
            Verb::Decode => (BASE64.decode_slice(black_box(&self.text), &mut self.room).ok(), self.octets.len()),
        };
        black_box(&self.room);
        if length == Some(expected) { Ok(()) } else { Err("not all of it was coded") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_are_read_and_done() {
        for (name, first) in [("encode-24", b'A'), ("decode-24", 0), ("encode-4096", b'A'), ("decode-4096", 0)] {
            let mut task = Task::parse(name).unwrap();
            task.room.fill(b'-');
            task.run().unwrap();
            assert_eq!(task.room[0], first, "{name}");
        }
    }

    #[test]
    fn mechanisms_are_none() {
        for other in ["PLAIN", "CRAM-MD5", "encode-", "encode-x", "code-24"] {
            assert!(Task::parse(other).is_none(), "{other}");
        }
    }
}
