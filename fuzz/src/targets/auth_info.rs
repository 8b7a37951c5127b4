//! sendmail's `AuthInfo`, in its map and in its older file.

use sasl_core::auth_info::AuthInfo;

pub(super) fn run(input: &[u8]) {
    let Ok(input) = str::from_utf8(input) else { return };
    if let Ok(info) = AuthInfo::parse(input) {
        let value = info.to_value();
        let again = std::str::from_utf8(value.expose()).ok().and_then(|value| AuthInfo::parse(value).ok());
        assert!(again.is_some_and(|info| info.to_value().matches(value.expose())));
    }
    let _ = AuthInfo::parse_default_file(input);
}
