//! An application's `.conf` file.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sasl_core::app_conf::AppConf;

fuzz_target!(|input: &[u8]| {
    let lines = input.split(|byte| *byte == b'\n').count();
    match AppConf::parse(input) {
        Ok(options) => assert!(options.words("mech_list").all(|word| !word.is_empty() && !word.contains(&b'\n'))),
        Err(line) => assert!((1..=lines).contains(&line.number())),
    }
});
