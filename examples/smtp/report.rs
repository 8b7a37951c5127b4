//! What the programs tell: a line each, on standard output.

use std::{
    fmt,
    io::{Write, stdout},
};

/// Writes a line. Where nobody reads it, it is lost: that is no reason to end.
pub fn line(text: impl fmt::Display) {
    let _ = writeln!(stdout().lock(), "{text}");
}
