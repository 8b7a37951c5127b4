//! sendmail's `AuthOptions` and cyrus' security properties.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sasl_core::auth_options::{AuthOptions, SecurityProperties};

fuzz_target!(|input: &str| {
    if let Ok(options) = input.parse::<AuthOptions>() {
        let _ = options.policy();
    }
    if let Ok(properties) = input.parse::<SecurityProperties>() {
        let _ = properties.policy();
    }
});
