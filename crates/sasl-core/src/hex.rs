//! Sixteen octets as hexadecimal, in lower case: how the MD5 mechanisms write a hash.

const DIGITS: &[u8; 16] = b"0123456789abcdef";

pub(crate) fn encode(octets: [u8; 16]) -> [u8; 32] {
    let mut hex = [0; 32];
    for (pair, octet) in hex.chunks_exact_mut(2).zip(octets) {
        pair[0] = DIGITS[usize::from(octet >> 4)];
        pair[1] = DIGITS[usize::from(octet & 15)];
    }
    hex
}

/// Exactly 32 digits, none of them in upper case.
pub(crate) fn decode(hex: &[u8]) -> Option<[u8; 16]> {
    let digit = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let digits: &[u8; 32] = hex.try_into().ok()?;
    let mut octets = [0; 16];
    for (octet, pair) in octets.iter_mut().zip(digits.chunks_exact(2)) {
        *octet = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(octets)
}

/// The same as text.
#[cfg(test)]
pub(crate) fn text(octets: [u8; 16]) -> String {
    encode(octets).map(char::from).iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let octets = [0x00, 0x01, 0x9a, 0xbc, 0xde, 0xf0, 0xff, 7, 8, 9, 10, 11, 12, 13, 14, 15];
        assert_eq!(text(octets), "00019abcdef0ff0708090a0b0c0d0e0f");
        assert_eq!(decode(&encode(octets)), Some(octets));
        for bad in [
            "",
            "00019ABCDEF0FF0708090A0B0C0D0E0F",
            "00019abcdef0ff0708090a0b0c0d0e0",
            "00019abcdef0ff0708090a0b0c0d0e0g",
        ] {
            assert_eq!(decode(bad.as_bytes()), None, "{bad}");
        }
    }
}
