//! xtext: any octets in an SMTP parameter.

use sasl_core::xtext;

pub(super) fn run(input: &[u8]) {
    assert_eq!(xtext::decode(xtext::encode(input).as_bytes()).as_deref(), Some(input));
    if let Some(octets) = xtext::decode(input) {
        assert_eq!(xtext::decode(xtext::encode(&octets).as_bytes()), Some(octets));
    }
}
