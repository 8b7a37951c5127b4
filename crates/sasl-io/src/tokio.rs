//! Exchanges over a stream of tokio.
//!
//! The loops read a line at a time, and nothing behind the last: what the other side sent already is still in the stream's
//! buffer, be it a command or, where a layer was agreed, its first packets. So use the same stream on.
//!
//! A loop waits as long as the other side does. Give it a deadline by `tokio::time::timeout`; a stream whose exchange was
//! dropped halfway is to be closed.

mod layered;

pub use layered::Layered;

use crate::{client, profile::Profile, server};
use sasl_core::{
    client_step::Established,
    failure::Failure,
    line::{Incoming, Outgoing},
    step::{Ask, Reply, Step, Success},
};
use std::io;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite, AsyncWriteExt};

/// Serves one exchange, from the command on to the reply that ends it, which has been sent in any case. `answer` answers a
/// question, by the method that it has.
///
/// ```
/// # use sasl_core::step::{Ask, Step};
/// /// The questions that argon2id makes costly leave tokio's own threads alone.
/// async fn answer(ask: Ask) -> Step {
/// #     mod database { pub(crate) async fn verifiers(_: &sasl_core::identity::Login) -> Option<sasl_core::verifier::Verifiers> { None } }
/// #     mod pool { pub(crate) async fn run<T>(work: impl FnOnce() -> T) -> T { work() } }
///     match ask {
///         Ask::Password(ask) => {
///             let kept = database::verifiers(ask.login()).await;
///             pool::run(move || ask.against(kept.as_ref())).await // tokio::task::spawn_blocking
///         }
///         Ask::Verifier(ask) => {
///             let kept = database::verifiers(ask.login()).await;
///             let verifier = kept.and_then(|kept| kept.of(ask.scheme()).cloned());
///             ask.answer(verifier)
///         }
///         ask => ask.defer(),
///     }
/// }
/// ```
///
/// # Errors
/// Those of the stream, [`io::ErrorKind::UnexpectedEof`] where the client went away, and
/// [`io::ErrorKind::InvalidData`] where it sent a line without an end: close the connection. After a [`Failure`] it may
/// try again.
pub async fn serve<P, T, A, F>(
    exchange: &server::Exchange<'_, P>,
    command: server::Command<'_>,
    stream: &mut T,
    mut answer: A,
) -> io::Result<Result<Success, Failure>>
where
    P: Profile,
    T: AsyncBufRead + AsyncWrite + Unpin + ?Sized,
    A: FnMut(Ask) -> F,
    F: Future<Output = Step>,
{
    let mut incoming = exchange.incoming();
    let mut step = exchange.begin(command);
    loop {
        match exchange.tell(answered(step, &mut answer).await) {
            server::Turn::Continue { line, challenge } => {
                send(&line, stream).await?;
                step = exchange.hear(challenge, receive(stream, &mut incoming).await?);
            }
            server::Turn::End { line, outcome } => {
                send(&line, stream).await?;
                return if incoming.is_endless() { Err(io::ErrorKind::InvalidData.into()) } else { Ok(outcome) };
            }
        }
    }
}

/// Authenticates to a server, from the command on to the reply that ends the exchange.
///
/// # Errors
/// [`client::Error`].
pub async fn authenticate<P, T>(exchange: client::Exchange<'_, P>, stream: &mut T) -> Result<Established, client::Error>
where
    P: Profile,
    T: AsyncBufRead + AsyncWrite + Unpin + ?Sized,
{
    let mut incoming = exchange.incoming();
    let mut turn = exchange.begin();
    loop {
        turn = match turn {
            client::Turn::End(outcome) => return outcome,
            client::Turn::Await(awaiting) => match converse(awaiting.line(), stream, &mut incoming).await {
                Ok(line) => awaiting.heard(line),
                Err(error) => return Err(awaiting.lost(error)),
            },
        }
    }
}

async fn answered<F: Future<Output = Step>>(mut step: Step, answer: &mut impl FnMut(Ask) -> F) -> Reply {
    loop {
        match step {
            Step::Reply(reply) => return reply,
            Step::Ask(ask) => step = answer(ask).await,
        }
    }
}

async fn converse<'i, T>(
    line: Option<&Outgoing>,
    stream: &mut T,
    incoming: &'i mut Incoming,
) -> io::Result<Result<&'i [u8], Failure>>
where
    T: AsyncBufRead + AsyncWrite + Unpin + ?Sized,
{
    if let Some(line) = line {
        send(line, stream).await?;
    }
    receive(stream, incoming).await
}

async fn send<W: AsyncWrite + Unpin + ?Sized>(line: &Outgoing, stream: &mut W) -> io::Result<()> {
    stream.write_all(line.as_bytes()).await?;
    stream.flush().await
}

async fn receive<'i, R>(stream: &mut R, incoming: &'i mut Incoming) -> io::Result<Result<&'i [u8], Failure>>
where
    R: AsyncBufRead + Unpin + ?Sized,
{
    incoming.clear();
    while !incoming.has_ended() {
        let taken = match stream.fill_buf().await? {
            b"" => return Err(io::ErrorKind::UnexpectedEof.into()),
            input => incoming.take(input),
        };
        stream.consume(taken);
    }
    Ok(incoming.line())
}
