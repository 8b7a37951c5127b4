//! What a check of a password ends in.

/// What was found. Each is a different thing to tell an administrator, and but for [`Accepted`](Self::Accepted) the same to
/// tell a client.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "who carries it to another process must know all")]
pub enum Finding {
    /// It is the user's password, and the account is in order.
    Accepted,
    /// It is not the user's password.
    Wrong,
    /// The user has none that could be right: it is locked, or was never set.
    NoPassword,
    /// There is no such user here.
    Unknown,
    /// It is the password, and has to be changed first.
    PasswordExpired,
    /// The account has expired, or may not be used for this.
    Account,
    /// Nobody could tell: the system, and not the user, is at fault.
    Unavailable,
}
