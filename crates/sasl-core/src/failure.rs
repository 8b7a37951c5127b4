//! Why an exchange ends badly, told once to the peer and once to the log.

use std::{error, fmt};

/// The end of an exchange without an identity.
///
/// `Display` is safe to send: it names the [`Reason`] alone. [`Failure::cause`] is for the log.
#[derive(Clone, Copy, Debug)]
pub struct Failure {
    reason: Reason,
    cause: &'static str,
}

/// What the peer may know.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Reason {
    /// Wrong password or no such user: on purpose one reason.
    BadCredentials,
    /// Not in the grammar of the mechanism, or too long.
    Malformed,
    /// May not act as the identity it asked for. Tell the peer no more than of [`Self::BadCredentials`].
    NotAuthorized,
    /// The exchange is not tied to the channel as it must be. Tell the peer no more than of [`Self::BadCredentials`].
    ChannelBinding,
    /// A line of the protocol was longer than this side takes.
    LineTooLong,
    /// The client broke off.
    Cancelled,
    /// No such mechanism here, or not on this channel.
    NoMechanism,
    /// The mechanism gives no layer as strong as the policy asks.
    TooWeak,
    /// The policy allows the mechanism only on a protected channel.
    EncryptionRequired,
    /// On a client: the server did not prove itself. Drop the connection.
    ServerNotAuthenticated,
    /// We cannot tell now; the same attempt may succeed later.
    Unavailable,
}

impl Failure {
    /// A failure for `reason`; `cause` is a fixed phrase without secrets or peer input.
    #[must_use]
    pub const fn new(reason: Reason, cause: &'static str) -> Self {
        Self { reason, cause }
    }

    /// Not in the grammar; `cause` says where.
    #[must_use]
    pub const fn malformed(cause: &'static str) -> Self {
        Self::new(Reason::Malformed, cause)
    }

    /// What the peer may know.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        self.reason
    }

    /// What the log should know besides.
    #[must_use]
    pub const fn cause(&self) -> &'static str {
        self.cause
    }
}

impl Reason {
    /// A text that is safe to send, the same for all that a peer must not tell apart.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::BadCredentials | Self::NotAuthorized | Self::ChannelBinding => "authentication failed",
            Self::Malformed => "malformed message",
            Self::LineTooLong => "line too long",
            Self::Cancelled => "cancelled",
            Self::NoMechanism => "mechanism not available",
            Self::TooWeak => "mechanism too weak",
            Self::EncryptionRequired => "encryption required for this mechanism",
            Self::ServerNotAuthenticated => "the server did not prove itself",
            Self::Unavailable => "temporary failure",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason.text())
    }
}

impl error::Error for Failure {}
