//! Result codes (RFC 4511 section 4.1.9 and appendix A): what they are called, and what they mean for a login.

pub(crate) const SUCCESS: u32 = 0;
pub(crate) const SIZE_LIMIT_EXCEEDED: u32 = 4;
pub(crate) const COMPARE_FALSE: u32 = 5;
pub(crate) const COMPARE_TRUE: u32 = 6;
pub(crate) const SASL_BIND_IN_PROGRESS: u32 = 14;
pub(crate) const NO_SUCH_ATTRIBUTE: u32 = 16;
pub(crate) const NO_SUCH_OBJECT: u32 = 32;
pub(crate) const INVALID_DN_SYNTAX: u32 = 34;
pub(crate) const INVALID_CREDENTIALS: u32 = 49;
pub(crate) const BUSY: u32 = 51;
pub(crate) const UNAVAILABLE: u32 = 52;

const CONSTRAINT_VIOLATION: u32 = 19;
const INAPPROPRIATE_AUTHENTICATION: u32 = 48;
const INSUFFICIENT_ACCESS: u32 = 50;
const UNWILLING_TO_PERFORM: u32 = 53;
const OTHER: u32 = 80;

/// Whether a code refuses whoever asked, rather than telling that something is wrong with the server or with us. Those that
/// stand for a locked account with some servers are among them.
pub(crate) fn denies(code: u32) -> bool {
    matches!(
        code,
        NO_SUCH_OBJECT
            | INVALID_DN_SYNTAX
            | INVALID_CREDENTIALS
            | CONSTRAINT_VIOLATION
            | INAPPROPRIATE_AUTHENTICATION
            | INSUFFICIENT_ACCESS
            | UNWILLING_TO_PERFORM
            | OTHER
    )
}

/// Whether another server may do better.
pub(crate) fn is_down(code: u32) -> bool {
    matches!(code, BUSY | UNAVAILABLE)
}

/// What libldap calls it.
pub(crate) fn name(code: u32) -> &'static str {
    match code {
        SUCCESS => "Success",
        1 => "Operations error",
        2 => "Protocol error",
        3 => "Time limit exceeded",
        SIZE_LIMIT_EXCEEDED => "Size limit exceeded",
        COMPARE_FALSE => "Compare False",
        COMPARE_TRUE => "Compare True",
        7 => "Authentication method not supported",
        8 => "Strong(er) authentication required",
        10 => "Referral",
        11 => "Administrative limit exceeded",
        13 => "Confidentiality required",
        SASL_BIND_IN_PROGRESS => "SASL bind in progress",
        NO_SUCH_ATTRIBUTE => "No such attribute",
        17 => "Undefined attribute type",
        18 => "Inappropriate matching",
        CONSTRAINT_VIOLATION => "Constraint violation",
        NO_SUCH_OBJECT => "No such object",
        INVALID_DN_SYNTAX => "Invalid DN syntax",
        INAPPROPRIATE_AUTHENTICATION => "Inappropriate authentication",
        INVALID_CREDENTIALS => "Invalid credentials",
        INSUFFICIENT_ACCESS => "Insufficient access",
        BUSY => "Server is busy",
        UNAVAILABLE => "Server is unavailable",
        UNWILLING_TO_PERFORM => "Server is unwilling to perform",
        OTHER => "Other (e.g., implementation specific) error",
        _ => "Unknown error",
    }
}
