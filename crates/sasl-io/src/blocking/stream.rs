//! Streams for the loops.

use std::{
    fmt,
    io::{self, BufRead, Read, Write},
};

/// A reader and a writer as one stream: a `BufReader` over a socket, and the socket again.
#[derive(Debug)]
pub struct Joined<R, W> {
    reader: R,
    writer: W,
}

/// A stream before each read of which something is done that may break the exchange off by an error. It is what a deadline
/// needs: a socket's own timeout starts anew with every octet that a slow peer sends, so set it to the time that is left.
///
/// ```
/// use sasl_io::blocking::{BeforeRead, Joined};
/// use std::{io::{self, BufReader}, net::TcpStream, time::{Duration, Instant}};
///
/// fn with_deadline(socket: &TcpStream, end: Instant) -> BeforeRead<Joined<BufReader<&TcpStream>, &TcpStream>> {
///     BeforeRead::new(Joined::new(BufReader::new(socket), socket), move |stream| {
///         let left = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero());
///         stream.writer().set_read_timeout(Some(left.ok_or(io::ErrorKind::TimedOut)?))
///     })
/// }
/// ```
pub struct BeforeRead<S> {
    stream: S,
    hook: Hook<S>,
}

type Hook<S> = Box<dyn FnMut(&mut S) -> io::Result<()> + Send>;

impl<R, W> Joined<R, W> {
    /// Reads from `reader`, writes to `writer`.
    pub fn new(reader: R, writer: W) -> Self {
        Self { reader, writer }
    }

    /// Where it writes to.
    pub fn writer(&self) -> &W {
        &self.writer
    }

    /// Both again. What has been read and not used is in the reader.
    pub fn into_parts(self) -> (R, W) {
        (self.reader, self.writer)
    }
}

impl<S> BeforeRead<S> {
    /// Calls `hook` before each read of `stream`, also before those that are served from its buffer.
    pub fn new(stream: S, hook: impl FnMut(&mut S) -> io::Result<()> + Send + 'static) -> Self {
        Self { stream, hook: Box::new(hook) }
    }

    /// The stream again.
    pub fn into_inner(self) -> S {
        self.stream
    }
}

impl<R: Read, W> Read for Joined<R, W> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer)
    }
}

impl<R: BufRead, W> BufRead for Joined<R, W> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.reader.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.reader.consume(amount);
    }
}

impl<R, W: Write> Write for Joined<R, W> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.writer.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl<S: Read> Read for BeforeRead<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (self.hook)(&mut self.stream)?;
        self.stream.read(buffer)
    }
}

impl<S: BufRead> BufRead for BeforeRead<S> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        (self.hook)(&mut self.stream)?;
        self.stream.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.stream.consume(amount);
    }
}

impl<S: Write> Write for BeforeRead<S> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.stream.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl<S> fmt::Debug for BeforeRead<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BeforeRead").finish_non_exhaustive()
    }
}
