//! A stream behind a security layer.

use sasl_core::layer::Layer;
use std::{
    fmt,
    io::{self, BufRead, Read, Write},
};

/// A stream whose every octet goes through a [`Layer`], from the one behind the server's success on. Each write makes packets
/// of its own: write whole lines, or through a `BufWriter`.
pub struct Layered<S> {
    stream: S,
    layer: Layer,
    plain: Vec<u8>,
    used: usize,
}

/// How much is taken from the stream at once, in octets.
const READ: usize = 16 * 1024;

impl<S> Layered<S> {
    /// Puts `layer` above `stream`, which is the one that the exchange went over: some of the peer's packets may be in its
    /// buffer.
    pub fn new(stream: S, layer: Layer) -> Self {
        Self { stream, layer, plain: Vec::new(), used: 0 }
    }

    /// The stream below. What is written to it directly is not protected.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    /// The stream below, without what was read and not used.
    pub fn into_inner(self) -> S {
        self.stream
    }
}

impl<S: Read> Layered<S> {
    /// Reads until a packet is whole; nothing where the stream has ended between two.
    fn read_packet(&mut self) -> io::Result<()> {
        self.plain.clear();
        self.used = 0;
        let (mut wire, mut length) = ([0; READ], 0);
        loop {
            // Without octets at first: a layer that has refused a packet says so again.
            match self.layer.decode(&wire[..length], &mut self.plain) {
                _ if !self.plain.is_empty() => return Ok(()),
                Ok(()) => {}
                Err(failure) => return Err(io::Error::new(io::ErrorKind::InvalidData, failure)),
            }
            length = match self.stream.read(&mut wire) {
                Ok(0) if self.layer.is_between_packets() => return Ok(()),
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
                Err(error) => return Err(error),
            };
        }
    }
}

impl<S: Read> Read for Layered<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.fill_buf()?.read(buffer)?;
        self.consume(length);
        Ok(length)
    }
}

impl<S: Read> BufRead for Layered<S> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.used == self.plain.len() {
            self.read_packet()?;
        }
        Ok(&self.plain[self.used..])
    }

    fn consume(&mut self, amount: usize) {
        self.used = (self.used + amount).min(self.plain.len());
    }
}

impl<S: Write> Write for Layered<S> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let taken = octets.len().min(self.layer.max_plaintext());
        let mut wire = Vec::with_capacity(taken + 64);
        self.layer.encode(&octets[..taken], &mut wire);
        self.stream.write_all(&wire)?;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl<S> fmt::Debug for Layered<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layered").finish_non_exhaustive()
    }
}
