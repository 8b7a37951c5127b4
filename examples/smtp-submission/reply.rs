//! What the server says (RFC 5321 section 4.2), with enhanced codes (RFC 2034).

use std::fmt;

/// A reply. `Display` writes it as it goes on the wire.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Reply {
    code: u16,
    enhanced: &'static str,
    lines: Vec<String>,
}

impl Reply {
    /// A reply of one line, in our own words: nothing that a client sent belongs into it.
    pub(crate) fn new(code: u16, enhanced: &'static str, text: &str) -> Self {
        Self { code, enhanced, lines: vec![text.into()] }
    }

    /// A reply without an enhanced code: to EHLO, and the greeting.
    pub(crate) fn plain(code: u16, lines: Vec<String>) -> Self {
        Self { code, enhanced: "", lines }
    }

    /// Whether the client has done something wrong.
    pub(crate) fn is_error(&self) -> bool {
        self.code >= 400
    }
}

impl From<sasl_io::smtp::Reply> for Reply {
    fn from(reply: sasl_io::smtp::Reply) -> Self {
        Self::new(reply.code(), reply.enhanced(), reply.text())
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.lines.len().saturating_sub(1);
        let blank = if self.enhanced.is_empty() { "" } else { " " };
        self.lines.iter().enumerate().try_for_each(|(number, line)| {
            let mark = if number == last { ' ' } else { '-' };
            write!(f, "{}{mark}{}{blank}{line}\r\n", self.code, self.enhanced)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_the_wire() {
        assert_eq!(Reply::new(250, "2.0.0", "ok").to_string(), "250 2.0.0 ok\r\n");
        let lines = vec!["mail.example.org".into(), "AUTH PLAIN".into()];
        assert_eq!(Reply::plain(250, lines).to_string(), "250-mail.example.org\r\n250 AUTH PLAIN\r\n");
        let refused: Reply = sasl_io::smtp::Reply::AUTHENTICATION_REQUIRED.into();
        assert!(refused.is_error() && refused.to_string().starts_with("530 5.7.0 "));
    }
}
