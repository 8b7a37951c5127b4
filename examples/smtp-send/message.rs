//! A message as it goes out behind DATA (RFC 5321 section 4.1.1.4).

/// A message with line ends as SMTP wants them, dots doubled where a line begins with one, and the dot that ends it.
pub(crate) fn prepare(text: &[u8]) -> Vec<u8> {
    let mut wire = Vec::with_capacity(text.len() + text.len() / 32 + 5);
    for line in text.split_inclusive(|octet| *octet == b'\n') {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.starts_with(b".") {
            wire.push(b'.');
        }
        wire.extend(line.iter().map(|octet| if *octet == b'\r' { b' ' } else { *octet }));
        wire.extend_from_slice(b"\r\n");
    }
    wire.extend_from_slice(b".\r\n");
    wire
}

/// Whether it needs 8BITMIME.
pub(crate) fn is_eight_bit(text: &[u8]) -> bool {
    !text.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_with_crlf_and_dots_are_doubled() {
        assert_eq!(prepare(b"a\n.b\r\n..\nc"), b"a\r\n..b\r\n...\r\nc\r\n.\r\n");
        assert_eq!(prepare(b""), b".\r\n");
        assert_eq!(prepare(b"a\rb\n"), b"a b\r\n.\r\n");
    }

    #[test]
    fn eight_bits() {
        assert!(is_eight_bit("j\u{fc}rgen".as_bytes()) && !is_eight_bit(b"tim"));
    }
}
