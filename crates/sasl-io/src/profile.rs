//! What a protocol has of its own around an exchange (RFC 4422 section 4): how its lines look, on either side.

use sasl_core::{
    failure::{Failure, Reason},
    line::{self, Outgoing},
    mechanism::SuccessData,
    name::MechanismName,
};
use zeroize::Zeroizing;

/// The lines of one protocol. [`Smtp`](crate::smtp::Smtp), [`Imap`](crate::imap::Imap) and [`Pop3`](crate::pop3::Pop3) are
/// there; implement it for another whose messages are a line each.
pub trait Profile {
    /// Whether the protocol can carry data with its success. The server must have been built with the same
    /// ([`ServerBuilder::success_data`](sasl_core::server::ServerBuilder::success_data)).
    const SUCCESS_DATA: SuccessData = SuccessData::AsChallenge;

    /// On a server: a challenge.
    fn challenge(&self, message: &[u8]) -> Outgoing;

    /// On a server: the client is in. There is no `data` where the protocol can carry none.
    fn success(&self, data: Option<&[u8]>) -> Outgoing;

    /// On a server: it is not. What a peer must not tell apart has one line.
    fn failure(&self, reason: Reason) -> Outgoing;

    /// On a server: reads a response.
    ///
    /// # Errors
    /// [`Reason::Cancelled`] and [`Reason::Malformed`].
    fn read_response(&self, line: &[u8]) -> Result<Zeroizing<Vec<u8>>, Failure> {
        line::decode_response(line)
    }

    /// On a client: how long the command may be, in octets with its end. An initial response that makes it longer is
    /// kept until the server asks. 0 where the server takes none along with the command.
    fn longest_command(&self) -> usize;

    /// On a client: the command that begins an exchange.
    fn command(&self, mechanism: MechanismName, initial: Option<&[u8]>) -> Outgoing;

    /// On a client: a response.
    fn response(&self, message: &[u8]) -> Outgoing {
        Outgoing::new("").base64(message)
    }

    /// On a client: the line that breaks off.
    fn cancel(&self) -> Outgoing {
        Outgoing::new("*")
    }

    /// On a client: what a line of the server, without its end, says. `None` where it is not in the grammar.
    fn hear<'l>(&self, line: &'l [u8]) -> Option<Heard<'l>>;

    /// On a client: another command will follow on the same connection.
    fn again(&mut self) {}
}

/// What a line of a server says to a client.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Heard<'a> {
    /// A challenge, still in base64.
    Challenge(&'a [u8]),
    /// The client is in; with data, still in base64, in protocols that carry it.
    Success(Option<&'a [u8]>),
    /// It is not.
    Refused(Refusal),
    /// A reply that goes on in the next line.
    More,
    /// Nothing that has to do with the exchange.
    Aside,
}

/// How a server refuses a client, as far as its protocol tells.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Refusal {
    /// It did not believe what the client proved itself with, or did not say why.
    Credentials,
    /// It does not have the mechanism, or not here.
    Mechanism,
    /// It cannot tell now.
    Temporary,
    /// Another mechanism would be refused as well.
    Other,
}

/// What comes before the first blank, and what behind it.
pub(crate) fn word(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|octet| *octet == b' ');
    end.map_or((text, b""), |end| (&text[..end], &text[end + 1..]))
}
