//! `saslauthd.conf`.

use sasl_remote::{conf::Conf, form::Form};
use std::path::Path;

pub(super) fn run(input: &[u8]) {
    match Conf::parse(Path::new("f"), input) {
        Ok(conf) => {
            assert!(conf.text("httpform_host").ok().flatten().is_none_or(|text| !text.contains('\n')));
            if let Err(error) = Form::new(&conf) {
                assert!(error.to_string().starts_with("f: "));
            }
        }
        Err(error) => assert!(error.to_string().starts_with("f: line ")),
    }
}
