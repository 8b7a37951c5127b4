//! What a check of a password ends in.

/// What was found. Each is a different thing to tell an administrator, and but for [`Accepted`](Self::Accepted) the same to
/// tell a client.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "who carries it to another process must know all")]
pub enum Finding {
    /// It is the user's password, and the account is in order.
    Accepted,
    /// It is not the user's password, or the user has none that could be right.
    Wrong,
    /// There is no such user here.
    Unknown,
    /// The account or its password has expired, or may not be used for this.
    Account,
    /// Nobody could tell: the system, and not the user, is at fault.
    Unavailable,
}
