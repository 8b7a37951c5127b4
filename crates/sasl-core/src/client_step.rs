//! What a client does next.

use crate::{
    channel::Channel,
    failure::{Failure, Reason},
    layer::Layer,
};
use std::fmt;
use zeroize::Zeroizing;

/// The longest challenge taken from a server, in bytes before base64.
pub const MAX_CHALLENGE: usize = 64 * 1024;

/// Bytes for the server, and the exchange that waits for its answer: a challenge, or success.
#[must_use = "the server waits for it"]
pub struct Response {
    message: Option<Zeroizing<Vec<u8>>>,
    rest: Rest,
    end: End,
    refusal: Option<Box<[u8]>>,
    established: Established,
}

/// The server has let us in, and has proved itself where the mechanism has it do so.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Established {
    layer: Option<Box<Layer>>,
    resumption: Option<Resumption>,
}

/// What it takes to authenticate again to the same server with one message, by DIGEST-MD5 (RFC 2831 section 2.2). Many servers
/// do not know how, and some fail: it is for those that are known to. Holds the credentials.
pub struct Resumption(Begin);

type Begin = Box<dyn FnOnce(&Channel) -> Result<Response, Failure> + Send>;

type Rest = Box<dyn FnOnce(&[u8]) -> Result<Response, Failure> + Send>;

/// Whether the exchange may end here, or the server still owes a proof or a question.
#[derive(Clone, Copy, Eq, PartialEq)]
enum End {
    Allowed,
    TooEarly,
}

impl Established {
    /// What protects the connection from now on, where that was agreed. It begins behind the server's success, in both
    /// directions, and both sides forget what they knew of each other.
    #[must_use]
    pub fn into_layer(self) -> Option<Layer> {
        self.layer.map(|layer| *layer)
    }

    /// Takes out what makes the next exchange quicker, where the mechanism has something.
    pub fn take_resumption(&mut self) -> Option<Resumption> {
        self.resumption.take()
    }
}

impl Resumption {
    pub(crate) fn new(begin: impl FnOnce(&Channel) -> Result<Response, Failure> + Send + 'static) -> Self {
        Self(Box::new(begin))
    }

    /// Begins the next exchange, over another `channel`. A server that does not remember us sends a challenge, and all goes on
    /// as in any other.
    ///
    /// # Errors
    /// The policy's reasons, where the channel is weaker than the last.
    pub fn begin(self, channel: &Channel) -> Result<Response, Failure> {
        (self.0)(channel)
    }
}

impl fmt::Debug for Resumption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resumption(..)")
    }
}

impl Response {
    /// What to send, before base64. `None`, on the first move only, is no initial response, which is not an
    /// empty one.
    #[must_use]
    pub fn message(&self) -> Option<&[u8]> {
        self.message.as_ref().map(|message| message.as_slice())
    }

    /// Why the server does not like our token: a JSON document (RFC 7628 section 3.2.2), as the server wrote it. Send the
    /// message all the same; a failure follows.
    #[must_use]
    pub fn refusal(&self) -> Option<&[u8]> {
        self.refusal.as_deref()
    }

    /// Carries on with a challenge, after base64. In SCRAM it takes the time that the server asks for: some milliseconds as a rule, and
    /// as much as a second or two for the most rounds that a client [agrees to](crate::client::Client::with_iterations). A program
    /// that must not block gives it to a thread that may.
    ///
    /// # Errors
    /// [`Reason::Malformed`], or [`Reason::ServerNotAuthenticated`]: cancel the exchange, and drop the connection.
    pub fn challenge(self, challenge: &[u8]) -> Result<Self, Failure> {
        if challenge.len() > MAX_CHALLENGE {
            return Err(Failure::malformed("challenge too long"));
        }
        (self.rest)(challenge)
    }

    /// Ends with the server's success, and the data that came along with it in protocols that can.
    ///
    /// # Errors
    /// [`Reason::ServerNotAuthenticated`] where the server has not proved itself: whoever it is, it is not the one
    /// that knows our password.
    pub fn succeeded(self, data: Option<&[u8]>) -> Result<Established, Failure> {
        match (data, self.end) {
            (Some(data), _) => self.challenge(data)?.succeeded(None),
            (None, End::Allowed) => Ok(self.established),
            (None, End::TooEarly) => {
                Err(Failure::new(Reason::ServerNotAuthenticated, "success before the server proved itself"))
            }
        }
    }

    /// A message before the last.
    pub(crate) fn then<F>(message: impl Into<Option<Vec<u8>>>, rest: F) -> Self
    where
        F: FnOnce(&[u8]) -> Result<Self, Failure> + Send + 'static,
    {
        Self {
            message: message.into().map(Zeroizing::new),
            rest: Box::new(rest),
            end: End::TooEarly,
            refusal: None,
            established: Established::default(),
        }
    }

    /// Adds what its success is worth.
    pub(crate) fn gaining(self, layer: Option<Layer>, resumption: Option<Resumption>) -> Self {
        Self { established: Established { layer: layer.map(Box::new), resumption }, ..self }
    }

    /// The last message where all goes well; where it does not, the server tells why in a challenge, and `acknowledgment` is
    /// awaited before it fails.
    pub(crate) fn last_but_refused(message: Vec<u8>, acknowledgment: &'static [u8]) -> Self {
        let rest = |refusal: &[u8]| {
            let mut response =
                Self::then(acknowledgment.to_vec(), |_| Err(Failure::malformed("challenge after a refusal")));
            response.refusal = Some(refusal.into());
            Ok(response)
        };
        Self { rest: Box::new(rest), ..Self::last(message) }
    }

    /// The last message: only success may follow.
    pub(crate) fn last(message: Vec<u8>) -> Self {
        let rest = |_: &[u8]| Err(Failure::malformed("challenge after the last message"));
        Self {
            message: Some(Zeroizing::new(message)),
            rest: Box::new(rest),
            end: End::Allowed,
            refusal: None,
            established: Established::default(),
        }
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response").finish_non_exhaustive()
    }
}
