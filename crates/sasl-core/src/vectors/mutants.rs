//! Messages with one octet too few, too many, or another.

/// What an octet is replaced with, besides itself with a bit changed: what ends or separates somewhere, and what is no text.
const OTHERS: [u8; 3] = [0, b',', 0xff];

/// What is put before an octet, besides the same octet.
const ADDED: [u8; 2] = [b' ', b','];

/// Every proper prefix of `message`, and `message` with each of its octets left out, doubled, replaced, or another put
/// before it. In a long run of one octet the ends stand for all.
pub(super) fn mutants(message: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let with = |at: usize, put: &[u8], rest: usize| [&message[..at], put, &message[rest..]].concat();
    let changed = move |at: usize| {
        let octet = message[at];
        let others = [octet ^ 1, octet ^ 0x20].into_iter().chain(OTHERS).filter(move |other| *other != octet);
        let replaced = others.map(move |other| with(at, &[other], at + 1));
        let added = ADDED.into_iter().chain([octet]).map(move |added| with(at, &[added], at));
        [message[..at].to_vec(), with(at, b"", at + 1)].into_iter().chain(replaced).chain(added)
    };
    let places = (0..message.len()).filter(|at| !amid_a_run(message, *at));
    places.flat_map(changed).chain(ADDED.map(|added| [message, &[added]].concat()))
}

fn amid_a_run(message: &[u8], at: usize) -> bool {
    let around = at.checked_sub(8).and_then(|start| message.get(start..at + 8));
    around.is_some_and(|around| around.iter().all(|octet| *octet == message[at]))
}

#[test]
fn mutants_are_all_there_and_none_is_the_message_itself() {
    let all: Vec<_> = mutants(b"ab").collect();
    for expected in
        [&b""[..], b"a", b"b", b"`b", b"Ab", b"\0b", b",b", b"a\xff", b" ab", b"a,b", b"aab", b"abb", b"ab "]
    {
        assert!(all.iter().any(|mutant| mutant == expected), "{expected:?}");
    }
    assert!(all.iter().all(|mutant| mutant != b"ab"));
    assert_eq!((mutants(b"").count(), mutants(&[b'a'; 100]).count()), (2, 15 * 10 + 2));
}
