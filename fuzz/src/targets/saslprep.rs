//! SASLprep, of what is kept and of what is compared with it, and the trace of ANONYMOUS.

use sasl_core::prepare::{self, Prepared};

pub(super) fn run(input: &[u8]) {
    let (stored, query) = (prepare::stored(input), prepare::query(input));
    for once in [&stored, &query].into_iter().flatten() {
        assert!(!once.expose().is_empty() && once.expose().len() <= 11 * input.len());
        assert!(matches!(prepare::query(once.expose()), Some(Prepared::Same(_))), "prepared twice");
    }
    if let Some(stored) = &stored {
        assert!(query.is_some_and(|query| query.expose() == stored.expose()));
        assert!(prepare::password(input).expose() == stored.expose());
    } else {
        assert!(matches!(prepare::password(input), Prepared::Same(same) if same == input));
    }
    let _ = str::from_utf8(input).map(prepare::is_trace);
}
