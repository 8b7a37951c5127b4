//! libFuzzer on the target that `FUZZ_TARGET` names.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sasl_fuzz::targets::{self, Body};
use std::{env, sync::LazyLock};

static BODY: LazyLock<Body> = LazyLock::new(|| {
    let name = env::var("FUZZ_TARGET").expect("FUZZ_TARGET names a target");
    targets::find(&name).expect("FUZZ_TARGET names a target that there is")
});

fuzz_target!(|input: &[u8]| BODY(input));
