//! Packets in a stream of octets (RFC 2831 section 2.3): a length, and what it counts, which ends in a version and a
//! number.

use super::mac::TAG;
use crate::failure::Failure;

/// The octets of a length.
const PREFIX: usize = 4;

/// The octets of version and number.
const TRAILER: usize = 6;

/// What a packet adds to a message at most: eight octets are the longest padding.
pub(super) const MOST_ADDED: usize = PREFIX + 8 + TAG + TRAILER;

/// Puts packets together from whatever pieces they come in.
pub(super) struct Packets {
    /// The beginning of a packet whose end has not come; or a whole one, which was handed out.
    begun: Vec<u8>,
    longest: usize,
}

impl Packets {
    /// `longest` is what a length may say at most.
    pub(super) const fn new(longest: usize) -> Self {
        Self { begun: Vec::new(), longest }
    }

    /// Takes the next packet from the front of `wire`, without its length. `None` when more is needed: then all of `wire`
    /// was taken. Copies only what does not come in one piece, and keeps at most one packet.
    pub(super) fn next<'a, 'wire: 'a>(&'a mut self, wire: &mut &'wire [u8]) -> Result<Option<&'a [u8]>, Failure> {
        if self.whole(&self.begun)? == Some(self.begun.len()) {
            self.begun.clear();
        }
        if self.begun.is_empty()
            && let Some(whole) = self.whole(wire)?
            && let Some((packet, rest)) = wire.split_at_checked(whole)
        {
            *wire = rest;
            return Ok(Some(&packet[PREFIX..]));
        }
        self.collect(PREFIX, wire);
        let Some(whole) = self.whole(&self.begun)? else { return Ok(None) };
        self.collect(whole, wire);
        Ok((self.begun.len() == whole).then(|| &self.begun[PREFIX..]))
    }

    /// Whether no packet has begun whose end has not come.
    pub(super) fn are_whole(&self) -> bool {
        self.begun.is_empty() || self.whole(&self.begun).is_ok_and(|whole| whole == Some(self.begun.len()))
    }

    /// The octets that memory is held for.
    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.begun.capacity()
    }

    /// How many octets the packet takes that begins here, its length included; `None` while that is not known.
    fn whole(&self, begun: &[u8]) -> Result<Option<usize>, Failure> {
        let Some(length) = begun.first_chunk() else { return Ok(None) };
        let length = u32::from_be_bytes(*length) as usize;
        if !(TAG + TRAILER..=self.longest).contains(&length) {
            return Err(Failure::malformed("length of a packet out of range"));
        }
        Ok(Some(PREFIX + length))
    }

    /// Moves octets from `wire` until so many are there.
    fn collect(&mut self, wanted: usize, wire: &mut &[u8]) {
        let missing = wanted.saturating_sub(self.begun.len());
        let (taken, rest) = wire.split_at(missing.min(wire.len()));
        self.begun.reserve_exact(missing);
        self.begun.extend_from_slice(taken);
        *wire = rest;
    }
}

/// Makes room at the end of `wire` for the length of a packet. What is appended next is its content.
pub(super) fn begin(wire: &mut Vec<u8>) -> usize {
    wire.extend_from_slice(&[0; PREFIX]);
    wire.len()
}

/// Ends the packet whose content begins at `start`.
pub(super) fn end(wire: &mut Vec<u8>, start: usize, number: u32) {
    wire.extend_from_slice(&trailer(number));
    let length = u32::try_from(wire.len() - start).expect("no longer than a maxbuf");
    wire[start - PREFIX..start].copy_from_slice(&length.to_be_bytes());
}

/// What is before the trailer, where that is the one of packet `number`.
pub(super) fn content(packet: &[u8], number: u32) -> Option<&[u8]> {
    packet.strip_suffix(&trailer(number))
}

/// Version 1, and the number.
fn trailer(number: u32) -> [u8; TRAILER] {
    let [a, b, c, d] = number.to_be_bytes();
    [0, 1, a, b, c, d]
}
