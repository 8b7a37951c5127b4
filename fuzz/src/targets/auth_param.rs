//! The `AUTH=` parameter of MAIL FROM.

use sasl_core::auth_param::AuthParam;

pub(super) fn run(input: &[u8]) {
    let Some(parameter) = AuthParam::parse(input) else { return };
    let text = parameter.to_string();
    assert!(text.is_ascii() && !text.contains(|c: char| c.is_ascii_control() || c == ' '));
    assert_eq!(AuthParam::parse(text.as_bytes()), Some(parameter.clone()));
    assert_eq!(parameter.as_trusted(None), AuthParam::Unknown);
}
