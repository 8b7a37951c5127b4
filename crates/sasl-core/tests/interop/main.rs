//! Our halves against libsasl2 and GNU SASL: each as the client and as the server of the other.
//!
//! A [`case`] is a value; [`play`] has every party play it; [`tally`] counts. The libraries sit in small C programs,
//! `tests/peers/`, built here against what is installed.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod case;
mod cases;
mod kept;
mod layers;
mod listing;
mod ours;
mod peer;
mod play;
mod returning;
mod sides;
mod tally;

use case::Party;
use tally::Tally;

#[test]
fn libsasl2() {
    exchanges(Party::Libsasl2, 2095);
}

#[test]
fn gsasl() {
    exchanges(Party::Gsasl, 1589);
}

/// Which shows that the cases are ours too.
#[test]
fn ourselves() {
    exchanges(Party::Ours, 884);
}

fn exchanges(party: Party, least: usize) {
    let mut tally = Tally::default();
    play::play(party, &cases::all(), &mut tally);
    tally.finish(&format!("{party:?}, exchanges"), least);
}

#[test]
fn libsasl2_layers() {
    layers(Party::Libsasl2, 852);
}

#[test]
fn gsasl_layers() {
    layers(Party::Gsasl, 322);
}

fn layers(library: Party, least: usize) {
    let mut tally = Tally::default();
    layers::agreements(library, &mut tally);
    layers::no_room(library, &mut tally);
    layers::packets(library, &mut tally);
    layers::damages(library, &mut tally);
    tally.finish(&format!("{library:?}, layers"), least);
}

/// libsasl2's client does not say `-PLUS` where it binds.
#[test]
fn libsasl2_returning_and_choosing() {
    let (plus, plain) = ("SCRAM-SHA-512-PLUS", "SCRAM-SHA-512");
    returning_and_choosing(Party::Libsasl2, [[plain; 3], [plus, plain, plain]]);
}

#[test]
fn gsasl_returning_and_choosing() {
    returning_and_choosing(Party::Gsasl, [["SCRAM-SHA-256"; 3], ["SCRAM-SHA-256-PLUS"; 3]]);
}

fn returning_and_choosing(library: Party, expected: [[&str; 3]; 2]) {
    let mut tally = Tally::default();
    returning::returning(library, &mut tally);
    returning::choosing(library, expected, &mut tally);
    tally.finish(&format!("{library:?}, returning and choosing"), 15);
}
