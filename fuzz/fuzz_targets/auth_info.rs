//! sendmail's `AuthInfo`, in its map and in its older file.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sasl_core::auth_info::AuthInfo;

fuzz_target!(|input: &str| {
    if let Ok(info) = AuthInfo::parse(input) {
        let value = info.to_value();
        let again = std::str::from_utf8(value.expose()).ok().and_then(|value| AuthInfo::parse(value).ok());
        assert!(again.is_some_and(|info| info.to_value().matches(value.expose())));
    }
    let _ = AuthInfo::parse_default_file(input);
});
