//! Exchanges over a stream that blocks.
//!
//! The loops read a line at a time, and nothing behind the last: what the other side sent already is still in the stream's
//! buffer, be it a command or, where a layer was agreed, its first packets. So use the same stream on.

mod layered;
mod stream;

pub use layered::Layered;
pub use stream::{BeforeRead, Joined};

use crate::{client, profile::Profile, server};
use sasl_core::{
    client_step::Established,
    failure::Failure,
    line::{Incoming, Outgoing},
    step::Success,
    store::Store,
};
use std::io::{self, BufRead, Write};

/// Serves one exchange, from the command on to the reply that ends it, which has been sent in any case.
///
/// # Errors
/// Those of the stream, [`io::ErrorKind::UnexpectedEof`] where the client went away, and
/// [`io::ErrorKind::InvalidData`] where it sent a line without an end: close the connection. After a [`Failure`] it may
/// try again.
pub fn serve<P, T, S>(
    exchange: &server::Exchange<'_, P>,
    command: server::Command<'_>,
    stream: &mut T,
    store: &S,
) -> io::Result<Result<Success, Failure>>
where
    P: Profile,
    T: BufRead + Write + ?Sized,
    S: Store + ?Sized,
{
    let mut incoming = exchange.incoming();
    let mut step = exchange.begin(command);
    loop {
        match exchange.tell(step.answered_by(store)) {
            server::Turn::Continue { line, challenge } => {
                send(&line, stream)?;
                step = exchange.hear(challenge, receive(stream, &mut incoming)?);
            }
            server::Turn::End { line, outcome } => {
                send(&line, stream)?;
                return if incoming.is_endless() { Err(io::ErrorKind::InvalidData.into()) } else { Ok(outcome) };
            }
        }
    }
}

/// Authenticates to a server, from the command on to the reply that ends the exchange.
///
/// # Errors
/// [`client::Error`].
pub fn authenticate<P, T>(exchange: client::Exchange<'_, P>, stream: &mut T) -> Result<Established, client::Error>
where
    P: Profile,
    T: BufRead + Write + ?Sized,
{
    let mut incoming = exchange.incoming();
    let mut turn = exchange.begin();
    loop {
        turn = match turn {
            client::Turn::End(outcome) => return outcome,
            client::Turn::Await(awaiting) => match converse(awaiting.line(), stream, &mut incoming) {
                Ok(line) => awaiting.heard(line),
                Err(error) => return Err(awaiting.lost(error)),
            },
        }
    }
}

fn converse<'i, T>(
    line: Option<&Outgoing>,
    stream: &mut T,
    incoming: &'i mut Incoming,
) -> io::Result<Result<&'i [u8], Failure>>
where
    T: BufRead + Write + ?Sized,
{
    if let Some(line) = line {
        send(line, stream)?;
    }
    receive(stream, incoming)
}

fn send<W: Write + ?Sized>(line: &Outgoing, stream: &mut W) -> io::Result<()> {
    stream.write_all(line.as_bytes())?;
    stream.flush()
}

fn receive<'i, R>(stream: &mut R, incoming: &'i mut Incoming) -> io::Result<Result<&'i [u8], Failure>>
where
    R: BufRead + ?Sized,
{
    incoming.clear();
    while !incoming.has_ended() {
        let taken = match stream.fill_buf() {
            Ok(b"") => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(input) => incoming.take(input),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        stream.consume(taken);
    }
    Ok(incoming.line())
}
