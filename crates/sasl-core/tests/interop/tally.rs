//! What was compared, and what was not and why. Nothing is passed over in silence.

use crate::{case::Party, peer::GONE};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::{Write as _, stderr},
};

/// The counts of one library.
#[derive(Default)]
pub(crate) struct Tally {
    rows: BTreeMap<String, BTreeMap<(Party, Party), usize>>,
    known: BTreeMap<&'static str, usize>,
    absent: BTreeMap<String, usize>,
    wrong: Vec<String>,
}

impl Tally {
    /// It went as `expected`, or not. `why` is of an expectation that is a known oddity.
    pub(crate) fn compare(
        &mut self,
        (what, row, pairing): (&str, &str, (Party, Party)),
        (expected, why): (Option<&str>, Option<&'static str>),
        got: &Result<String, String>,
    ) {
        *self.rows.entry(row.to_owned()).or_default().entry(pairing).or_default() += 1;
        *self.known.entry(why.unwrap_or_default()).or_default() += 1;
        if got.as_deref().ok() != expected || got.as_ref().is_err_and(|reason| reason.contains(GONE)) {
            let (client, server) = pairing;
            let expected = expected.map_or("a refusal".to_owned(), |name| format!("{name:?}"));
            self.wrong.push(format!("{row}, {what}, {client:?} to {server:?}: {got:?} in place of {expected}"));
        }
    }

    /// It cannot be compared.
    pub(crate) fn leave_out(&mut self, why: String) {
        *self.absent.entry(why).or_default() += 1;
    }

    /// Says what was done, past the test's capture, and fails where something went wrong.
    pub(crate) fn finish(mut self, title: &str, least: usize) {
        self.known.remove("");
        let compared: usize = self.rows.values().flat_map(BTreeMap::values).sum();
        let mut text = format!("{title}: {compared} compared\n");
        for (row, counts) in &self.rows {
            let counts = counts.iter().map(|((client, server), count)| format!("{client:?} to {server:?} {count}"));
            writeln!(text, "  {row:19} {}", counts.collect::<Vec<_>>().join(", ")).unwrap();
        }
        self.known.iter().for_each(|(why, count)| writeln!(text, "  of them {count} otherwise: {why}").unwrap());
        self.absent.iter().for_each(|(why, count)| writeln!(text, "  not compared {count}: {why}").unwrap());
        stderr().write_all(text.as_bytes()).unwrap();
        assert!(self.wrong.is_empty(), "{} of {compared}:\n{}", self.wrong.len(), self.wrong.join("\n"));
        assert!(compared >= least, "{compared} of {least}");
    }
}
