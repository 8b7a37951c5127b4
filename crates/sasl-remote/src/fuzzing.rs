//! What a server may say, for the fuzz targets alone: they see a crate from outside, and the parsers are nobody else's.

use crate::{
    attempt::{Answer, Attempt},
    form::reply::read_status,
    imap::conversation::Conversation,
    ldap::{
        ber::message_length,
        filter::Filter,
        message::{Reply, parse},
        stored::Stored,
    },
};
use std::{
    io::Cursor,
    pin::pin,
    task::{Context, Poll, Waker},
};
use tokio::io::{join, sink};

/// How long the first message of a directory is, and whether it makes sense.
#[must_use]
pub fn ldap_message(said: &[u8]) -> Option<(usize, bool)> {
    let length = message_length(said).ok()??;
    let message = said.get(..length)?;
    Some((length, parse(message).is_ok_and(|(_, reply)| !matches!(reply, Reply::Other))))
}

/// A filter's octets, once a text is one.
#[must_use]
pub fn ldap_filter(text: &[u8]) -> Option<Vec<u8>> {
    Filter::parse(text).ok().map(|filter| filter.encoded().to_vec())
}

/// Whether a password is that of a value in a directory, where the value is a quick hash or none.
#[must_use]
pub fn ldap_stored(value: &[u8], password: &[u8]) -> bool {
    match Stored::parse(value) {
        Stored::Hash(hash) => hash.is_quick() && hash.check(password),
        Stored::Plain(plain) => plain.matches(password),
        _ => false,
    }
}

/// What comes of a login with an IMAP server that says this, and then is silent for ever.
///
/// # Errors
/// What is wrong with what it says.
pub fn imap_login(said: &[u8], attempt: &Attempt) -> Result<Answer, String> {
    let mut conversation = Conversation::new(Box::new(join(Cursor::new(said.to_vec()), sink())));
    at_once(async {
        conversation.greeting(attempt).await?;
        conversation.log_in(attempt).await
    })
}

/// The status that a web server replies with.
#[must_use]
pub fn http_status(said: &[u8]) -> Option<u16> {
    at_once(async { read_status(&mut Cursor::new(said)).await.ok().map(|status| status.code) })
}

/// Nothing here waits.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => unreachable!("what is in memory is there"),
    }
}
