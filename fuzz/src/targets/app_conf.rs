//! An application's `.conf` file.

use sasl_core::app_conf::AppConf;

pub(super) fn run(input: &[u8]) {
    let lines = input.split(|byte| *byte == b'\n').count();
    match AppConf::parse(input) {
        Ok(options) => assert!(options.words("mech_list").all(|word| !word.is_empty() && !word.contains(&b'\n'))),
        Err(line) => assert!((1..=lines).contains(&line.number())),
    }
}
