//! The text forms of verifiers, as the store holds them.

use sasl_core::verifier::Verifier;

pub(super) fn run(input: &[u8]) {
    let Ok(verifier) = Verifier::from_text(input) else { return };
    let text = verifier.to_text();
    let again = Verifier::from_text(text.expose()).expect("what is written is read");
    assert!(again.scheme() == verifier.scheme() && again.to_text().matches(text.expose()));
}
