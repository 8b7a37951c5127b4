//! A stream behind a security layer.

use sasl_core::layer::Layer;
use std::{
    fmt, io,
    mem::MaybeUninit,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};

/// A stream whose every octet goes through a [`Layer`], from the one behind the server's success on. Each write makes packets
/// of its own, and they are sent with the next write or flush at the latest: flush what the peer waits for.
pub struct Layered<S> {
    stream: S,
    layer: Layer,
    plain: Vec<u8>,
    used: usize,
    wire: Vec<u8>,
    sent: usize,
}

/// How much is taken from the stream, or put into packets, at once, in octets.
const PIECE: usize = 16 * 1024;

impl<S> Layered<S> {
    /// Puts `layer` above `stream`, which is the one that the exchange went over: some of the peer's packets may be in its
    /// buffer.
    pub fn new(stream: S, layer: Layer) -> Self {
        Self { stream, layer, plain: Vec::new(), used: 0, wire: Vec::new(), sent: 0 }
    }

    /// The stream below. What is written to it directly is not protected.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    /// The stream below, without what was read and not used, and without packets that were not flushed.
    pub fn into_inner(self) -> S {
        self.stream
    }
}

impl<S: AsyncRead + Unpin> Layered<S> {
    /// Reads until a packet is whole; nothing where the stream has ended between two.
    fn poll_packet(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.used < self.plain.len() {
            return Poll::Ready(Ok(()));
        }
        self.plain.clear();
        self.used = 0;
        let mut wire = [const { MaybeUninit::uninit() }; PIECE];
        let mut buffer = ReadBuf::uninit(&mut wire);
        loop {
            // Without octets at first: a layer that has refused a packet says so again.
            match self.layer.decode(buffer.filled(), &mut self.plain) {
                _ if !self.plain.is_empty() => return Poll::Ready(Ok(())),
                Ok(()) => buffer.clear(),
                Err(failure) => return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, failure))),
            }
            ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer))?;
            match buffer.filled() {
                b"" if self.layer.is_between_packets() => return Poll::Ready(Ok(())),
                b"" => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                _ => {}
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> Layered<S> {
    /// Sends the packets that are made.
    fn poll_packets_sent(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.wire.len() {
            match ready!(Pin::new(&mut self.stream).poll_write(context, &self.wire[self.sent..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                sent => self.sent += sent,
            }
        }
        self.wire.clear();
        self.sent = 0;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Layered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_packet(context))?;
        let plain = &self.plain[self.used..];
        let length = plain.len().min(buffer.remaining());
        buffer.put_slice(&plain[..length]);
        self.used += length;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncBufRead for Layered<S> {
    fn poll_fill_buf(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        ready!(this.poll_packet(context))?;
        Poll::Ready(Ok(&this.plain[this.used..]))
    }

    fn consume(mut self: Pin<&mut Self>, amount: usize) {
        self.used = (self.used + amount).min(self.plain.len());
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Layered<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_packets_sent(context))?;
        let this = self.get_mut();
        let taken = octets.len().min(PIECE);
        this.layer.encode(&octets[..taken], &mut this.wire);
        match this.poll_packets_sent(context) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(taken)),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_packets_sent(context))?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_packets_sent(context))?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl<S> fmt::Debug for Layered<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layered").finish_non_exhaustive()
    }
}
