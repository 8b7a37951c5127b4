//! What a client does next.

use crate::failure::{Failure, Reason};
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
}

/// The server has let us in, and has proved itself where the mechanism has it do so.
#[derive(Debug)]
#[non_exhaustive]
pub struct Established {}

type Rest = Box<dyn FnOnce(&[u8]) -> Result<Response, Failure> + Send>;

/// Whether the exchange may end here, or the server still owes a proof or a question.
#[derive(Clone, Copy, Eq, PartialEq)]
enum End {
    Allowed,
    TooEarly,
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

    /// Carries on with a challenge, after base64.
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
            (None, End::Allowed) => Ok(Established {}),
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
        Self { message: message.into().map(Zeroizing::new), rest: Box::new(rest), end: End::TooEarly, refusal: None }
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
        Self { message: Some(Zeroizing::new(message)), rest: Box::new(rest), end: End::Allowed, refusal: None }
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response").finish_non_exhaustive()
    }
}
