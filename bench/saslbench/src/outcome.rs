//! How a login ended.

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    Granted,
    Refused,
    /// No whole reply came: the connection failed, or the daemon closed it.
    Broken,
}
