//! The security layer of DIGEST-MD5 (RFC 2831 sections 2.3 and 2.4): what both sides send after they agreed on
//! `auth-int` or `auth-conf`.

mod block;
mod mac;
mod packet;
mod rc4;
mod stream;

#[cfg(test)]
mod tests;

use crate::failure::Failure;
use mac::Mac;
use packet::Packets;
use rc4::Rc4;
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The longest packet there is (section 2.1.1).
const MAX_MAXBUF: usize = 16_777_215;

/// What an exchange agreed to put between a protocol and its connection, from the octet after the outcome on. Everything
/// that is sent goes through [`encode`](Self::encode), everything that comes through [`decode`](Self::decode). Made by
/// nothing but a successful exchange.
#[must_use = "the peer speaks through it from now on"]
pub struct Layer {
    ssf: u32,
    encoder: Encoder,
    decoder: Decoder,
}

/// The half of a [`Layer`] that sends. Its keys are wiped when dropped.
pub struct Encoder {
    max_plaintext: usize,
    number: u32,
    mac: Mac,
    sealing: Sealing,
}

/// The half of a [`Layer`] that receives. Its keys are wiped when dropped, and with the first packet that is refused.
pub struct Decoder {
    packets: Packets,
    opener: Option<Opener>,
}

/// What opens packets that are whole.
struct Opener {
    number: u32,
    mac: Mac,
    opening: Opening,
}

/// How packets are encrypted, if they are.
enum Sealing {
    None,
    Rc4(Rc4),
    Block(block::Encryptor),
}

/// How packets are decrypted, if they are.
enum Opening {
    None,
    Rc4(Rc4),
    Block(block::Decryptor),
}

/// What both sides agreed on.
pub(crate) struct Agreed {
    pub(crate) protection: Protection,
    /// 1 for integrity alone, else that of the cipher.
    pub(crate) ssf: u32,
    /// The longest packet that we said we take, without its length.
    pub(crate) own_maxbuf: usize,
    /// The longest that the peer said it takes.
    pub(crate) peer_maxbuf: usize,
}

/// What is done to a packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Protection {
    /// A MAC.
    Integrity,
    /// A MAC, and RC4 over it, with any length of key.
    Rc4,
    /// A MAC, and DES over it.
    Des,
    /// A MAC, and DES three times over it.
    TripleDes,
}

/// The keys of one direction: Kic and Kcc, or Kis and Kcs. The second is not looked at where nothing is encrypted.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct Keys {
    pub(crate) signing: [u8; 16],
    pub(crate) sealing: [u8; 16],
}

impl Agreed {
    /// What a packet adds to a message at most (section 2.4), and four octets for peers that count its length too.
    fn max_plaintext(&self) -> usize {
        let added = if self.protection == Protection::Integrity { 16 } else { 25 } + 4;
        self.peer_maxbuf.min(MAX_MAXBUF).saturating_sub(added).max(1)
    }
}

impl Layer {
    pub(crate) fn new(agreed: &Agreed, send: &Keys, receive: &Keys) -> Self {
        Self { ssf: agreed.ssf, encoder: Encoder::new(agreed, send), decoder: Decoder::new(agreed, receive) }
    }

    /// The security strength factor: 1 for integrity alone, else about the bits of the key.
    #[must_use]
    pub const fn ssf(&self) -> u32 {
        self.ssf
    }

    /// The most that one packet takes, as [`Encoder::max_plaintext`].
    #[must_use]
    pub const fn max_plaintext(&self) -> usize {
        self.encoder.max_plaintext
    }

    /// Protects, as [`Encoder::encode`].
    pub fn encode(&mut self, plain: &[u8], wire: &mut Vec<u8>) {
        self.encoder.encode(plain, wire);
    }

    /// Reads what the peer protected, as [`Decoder::decode`].
    ///
    /// # Errors
    /// As [`Decoder::decode`].
    pub fn decode(&mut self, wire: &[u8], plain: &mut Vec<u8>) -> Result<(), Failure> {
        self.decoder.decode(wire, plain)
    }

    /// Whether the peer may end the connection now, as [`Decoder::is_between_packets`].
    #[must_use]
    pub fn is_between_packets(&self) -> bool {
        self.decoder.is_between_packets()
    }

    /// One half for each direction, which know nothing of each other: for two tasks.
    #[must_use]
    pub fn split(self) -> (Encoder, Decoder) {
        (self.encoder, self.decoder)
    }
}

impl Encoder {
    fn new(agreed: &Agreed, keys: &Keys) -> Self {
        let sealing = match agreed.protection {
            Protection::Integrity => Sealing::None,
            Protection::Rc4 => Sealing::Rc4(Rc4::new(&keys.sealing)),
            Protection::Des => Sealing::Block(block::Encryptor::des(&keys.sealing)),
            Protection::TripleDes => Sealing::Block(block::Encryptor::triple_des(&keys.sealing)),
        };
        Self { max_plaintext: agreed.max_plaintext(), number: 0, mac: Mac::new(&keys.signing), sealing }
    }

    /// The most that one packet takes: what the peer can receive, less what a packet adds. [`Self::encode`] heeds it by
    /// itself; pieces of this size cost least.
    #[must_use]
    pub const fn max_plaintext(&self) -> usize {
        self.max_plaintext
    }

    /// Appends to `wire` the packets that carry `plain`: none if it is empty. They must be sent in the order in which they
    /// were made.
    pub fn encode(&mut self, plain: &[u8], wire: &mut Vec<u8>) {
        wire.reserve(plain.len() + plain.len().div_ceil(self.max_plaintext) * packet::MOST_ADDED);
        for message in plain.chunks(self.max_plaintext) {
            let start = packet::begin(wire);
            wire.extend_from_slice(message);
            self.seal(wire, start);
            packet::end(wire, start, self.number);
            self.number = self.number.wrapping_add(1);
        }
    }

    /// Appends the MAC to the message that begins at `start`, and encrypts both.
    fn seal(&mut self, wire: &mut Vec<u8>, start: usize) {
        let tag = match &mut self.sealing {
            Sealing::None => self.mac.of(self.number, &wire[start..]),
            Sealing::Rc4(rc4) => stream::seal(&self.mac, rc4, self.number, &mut wire[start..]),
            Sealing::Block(cipher) => return cipher.seal(&self.mac, self.number, wire, start),
        };
        wire.extend_from_slice(&tag);
    }
}

impl Decoder {
    fn new(agreed: &Agreed, keys: &Keys) -> Self {
        let opening = match agreed.protection {
            Protection::Integrity => Opening::None,
            Protection::Rc4 => Opening::Rc4(Rc4::new(&keys.sealing)),
            Protection::Des => Opening::Block(block::Decryptor::des(&keys.sealing)),
            Protection::TripleDes => Opening::Block(block::Decryptor::triple_des(&keys.sealing)),
        };
        let opener = Opener { number: 0, mac: Mac::new(&keys.signing), opening };
        Self { packets: Packets::new(agreed.own_maxbuf.min(MAX_MAXBUF)), opener: Some(opener) }
    }

    /// Takes what came from the peer, in whatever pieces, and appends to `plain` what the packets that are whole by now
    /// carried. Between calls it keeps the beginning of one packet, at most as much as our `maxbuf` and four octets.
    ///
    /// # Errors
    /// [`Reason::Malformed`](crate::failure::Reason::Malformed) for a packet that was changed, repeated, left out or
    /// is too long, and from then on for everything: drop the connection. What came before it was appended.
    pub fn decode(&mut self, wire: &[u8], plain: &mut Vec<u8>) -> Result<(), Failure> {
        let decoded = self.decode_packets(wire, plain);
        if decoded.is_err() {
            self.opener = None;
        }
        decoded
    }

    /// Whether no packet has begun whose end has not come. A connection that ends elsewhere was cut off.
    #[must_use]
    pub fn is_between_packets(&self) -> bool {
        self.packets.are_whole()
    }

    fn decode_packets(&mut self, mut wire: &[u8], plain: &mut Vec<u8>) -> Result<(), Failure> {
        let opener = self.opener.as_mut().ok_or(Failure::malformed("packet after one that was refused"))?;
        while let Some(packet) = self.packets.next(&mut wire)? {
            opener.open(packet, plain).ok_or(Failure::malformed("packet that does not fit"))?;
        }
        Ok(())
    }
}

impl Opener {
    /// Appends the message of a packet. `None`, and nothing appended, where anything about the packet is wrong.
    fn open(&mut self, packet: &[u8], plain: &mut Vec<u8>) -> Option<()> {
        let content = packet::content(packet, self.number)?;
        let start = plain.len();
        plain.extend_from_slice(content);
        let length = self.decrypt(&mut plain[start..]);
        if length.is_none() {
            plain[start..].zeroize();
        }
        plain.truncate(start + length.unwrap_or_default());
        self.number = self.number.wrapping_add(1);
        length.map(drop)
    }

    /// Decrypts in place, and gives the length of the message, if its MAC fits.
    fn decrypt(&mut self, content: &mut [u8]) -> Option<usize> {
        if let Opening::Block(cipher) = &mut self.opening {
            return cipher.open(&self.mac, self.number, content);
        }
        let (message, tag) = content.split_last_chunk_mut()?;
        let fits = match &mut self.opening {
            Opening::Rc4(rc4) => stream::open(&self.mac, rc4, self.number, message, tag),
            _ => self.mac.of(self.number, message).ct_eq(tag),
        };
        bool::from(fits).then_some(message.len())
    }
}

impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Layer(..)")
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Encoder(..)")
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decoder(..)")
    }
}
