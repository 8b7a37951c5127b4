//! sendmail's `AuthOptions` and cyrus' security properties.

use sasl_core::auth_options::{AuthOptions, SecurityProperties};

pub(super) fn run(input: &[u8]) {
    let Ok(input) = str::from_utf8(input) else { return };
    if let Ok(options) = input.parse::<AuthOptions>() {
        let _ = options.policy();
    }
    if let Ok(properties) = input.parse::<SecurityProperties>() {
        let _ = properties.policy();
    }
}
