//! What a directory says, a filter that an administrator wrote, and a value that is a password's hash.

use sasl_remote::fuzzing::{ldap_filter, ldap_message, ldap_stored};

pub(super) fn run(input: &[u8]) {
    if let Some((length, _)) = ldap_message(input) {
        assert!((2..=input.len()).contains(&length));
        assert_eq!(
            ldap_message(&input[..length]),
            ldap_message(input),
            "what comes behind a message says nothing of it"
        );
        assert_eq!(ldap_message(&input[..length - 1]), None);
    }
    if let Some(filter) = ldap_filter(input) {
        let (head, content) = filter.split_first_chunk::<6>().expect("a filter is an element");
        assert_eq!(head[2..], u32::try_from(content.len()).expect("it is short").to_be_bytes(), "and one alone");
    }
    let scheme = input.strip_prefix(b"{").and_then(|rest| rest.split(|octet| *octet == b'}').next());
    let is_hash = input.contains(&b'}') && scheme.is_some_and(|name| name.iter().all(u8::is_ascii_alphanumeric));
    assert!(!is_hash || scheme == Some(b"") || !ldap_stored(input, input), "a hash is no password");
}
