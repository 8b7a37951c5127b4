//! Addresses (RFC 5321 section 4.1.2).

use std::fmt;

/// The longest address that is taken, in octets: RFC 5321 section 4.5.3.1 allows 256 with the brackets.
const MAX_ADDRESS: usize = 254;

/// `local@domain`; `postmaster` alone has no domain.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Mailbox {
    local: String,
    domain: Option<String>,
}

/// What is between the brackets of MAIL FROM: a mailbox, or nobody, for what must not be answered.
pub(crate) type Sender = Option<Mailbox>;

impl Mailbox {
    /// Reads an address. A source route before it is passed over. `None` where it is no address.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let address = if text.starts_with('@') { text.split_once(':')?.1 } else { text };
        let (local, domain) = match address.rsplit_once('@') {
            Some((local, domain)) => (local, Some(domain)),
            None if address.eq_ignore_ascii_case("postmaster") => (address, None),
            None => return None,
        };
        let sound = address.len() <= MAX_ADDRESS && is_local(local) && domain.is_none_or(is_domain);
        sound.then(|| Self { local: local.into(), domain: domain.map(str::to_ascii_lowercase) })
    }

    /// The domain, in lower case.
    pub(crate) fn domain(&self) -> Option<&str> {
        self.domain.as_deref()
    }
}

/// Divides what follows `FROM:` or `TO:` into what is between the brackets and what is behind them.
pub(crate) fn split_path(text: &str) -> Option<(&str, &str)> {
    let inside = text.trim_start_matches(' ').strip_prefix('<')?;
    let (mut quoted, mut escaped) = (false, false);
    let end = inside.bytes().position(|octet| {
        let ends = octet == b'>' && !quoted && !escaped;
        quoted ^= octet == b'"' && !escaped;
        escaped = octet == b'\\' && !escaped;
        ends
    })?;
    Some((&inside[..end], &inside[end + 1..]))
}

/// A dot-string, loosely, or what is quoted.
fn is_local(text: &str) -> bool {
    let quoted = text.len() > 2 && text.starts_with('"') && text.ends_with('"');
    !text.is_empty()
        && (quoted || text.bytes().all(|octet| octet.is_ascii_graphic() && !b"\"(),:;<>@[\\]".contains(&octet)))
}

/// A host's name or an address in brackets.
fn is_domain(text: &str) -> bool {
    let literal = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let name = literal.unwrap_or(text);
    !name.is_empty() && name.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-._:".contains(&octet))
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.local)?;
        self.domain.iter().try_for_each(|domain| write!(f, "@{domain}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<String> {
        Mailbox::parse(text).map(|mailbox| mailbox.to_string())
    }

    #[test]
    fn addresses() {
        assert_eq!(read("Tim@Example.ORG").unwrap(), "Tim@example.org");
        assert_eq!(read("\"a b@c\"@example.org").unwrap(), "\"a b@c\"@example.org");
        assert_eq!(read("@relay.example,@b:tim@[127.0.0.1]").unwrap(), "tim@[127.0.0.1]");
        assert_eq!(read("Postmaster").unwrap(), "Postmaster");
    }

    #[test]
    fn what_is_no_address() {
        for bad in ["", "tim", "@example.org", "tim@", "a b@c", "tim@exa mple", "tim@a@b", "tim@a\"", &"x".repeat(300)]
        {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(read(&format!("{}@example.org", "x".repeat(300))), None);
    }

    #[test]
    fn a_path_ends_with_a_bracket_that_is_not_quoted() {
        assert_eq!(split_path("<a@b> SIZE=3"), Some(("a@b", " SIZE=3")));
        assert_eq!(split_path(" <\"a>\\\"\"@b>"), Some(("\"a>\\\"\"@b", "")));
        assert_eq!(split_path("<>"), Some(("", "")));
        assert_eq!(split_path("a@b"), None);
        assert_eq!(split_path("<a@b"), None);
    }
}
