//! The name of a mechanism, as a peer sends it.

use crate::world::{CHANNEL, SERVER};
use sasl_core::{
    name::MechanismName,
    step::{Reply, Step},
    verifier::Scheme,
};

pub(super) fn run(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let begun = SERVER.start(&CHANNEL, text, None);
    match MechanismName::parse(text) {
        Some(name) => {
            assert!(name.as_str() == text.to_ascii_uppercase() && (1..=20).contains(&text.len()));
            assert_eq!(MechanismName::parse(name.as_str()), Some(name));
            let _ = Scheme::of_mechanism(name);
        }
        None => assert!(matches!(begun, Step::Reply(Reply::Fail(_)))),
    }
}
