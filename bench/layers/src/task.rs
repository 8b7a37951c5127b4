//! What is timed.

use crate::ends::Ends;
use sasl_core::failure::Failure;
use std::time::{Duration, Instant};

/// The bytes of a round, about.
const ROUND: usize = 256 * 1024;

#[derive(Clone, Copy)]
pub(crate) enum Task {
    Encode,
    Decode,
}

/// What a round carried, and how long it took.
pub(crate) struct Round {
    pub(crate) bytes: usize,
    pub(crate) time: Duration,
}

impl Task {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "encode" => Some(Self::Encode),
            "decode" => Some(Self::Decode),
            _ => None,
        }
    }

    /// So many rounds of packets that carry `block` bytes each. Gives the median.
    ///
    /// # Errors
    /// Where a packet is refused.
    pub(crate) fn run(self, ends: &mut Ends, block: usize, rounds: usize) -> Result<Round, Failure> {
        let message = vec![b'x'; block];
        let mut packets = vec![Vec::new(); (ROUND / block).max(1)];
        let mut room = Vec::new();
        let mut round = || match self {
            Self::Encode => Ok(encode(ends, &message, packets.len(), &mut room)),
            Self::Decode => decode(ends, &message, &mut packets, &mut room),
        };
        let mut times = (0..rounds).map(|_| round()).collect::<Result<Vec<_>, Failure>>()?;
        times.sort_unstable();
        Ok(Round { bytes: packets.len() * block, time: times.get(rounds / 2).copied().unwrap_or_default() })
    }
}

fn encode(ends: &mut Ends, message: &[u8], packets: usize, wire: &mut Vec<u8>) -> Duration {
    let began = Instant::now();
    for _ in 0..packets {
        wire.clear();
        ends.client.encode(message, wire);
    }
    began.elapsed()
}

/// The packets are made outside the time.
fn decode(ends: &mut Ends, message: &[u8], packets: &mut [Vec<u8>], plain: &mut Vec<u8>) -> Result<Duration, Failure> {
    for packet in &mut *packets {
        packet.clear();
        ends.client.encode(message, packet);
    }
    let began = Instant::now();
    for packet in packets {
        plain.clear();
        ends.server.decode(packet, plain)?;
    }
    Ok(began.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_tasks_carry_what_they_say() {
        for (ssf, task) in [(1, Task::Encode), (1, Task::Decode), (128, Task::Encode), (128, Task::Decode)] {
            let mut ends = Ends::agree(ssf).unwrap();
            assert_eq!(ends.client.ssf(), ssf);
            let round = task.run(&mut ends, 60_000, 3).unwrap();
            assert!(round.bytes == 4 * 60_000 && round.time > Duration::ZERO);
        }
    }
}
