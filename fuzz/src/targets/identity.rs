//! Users, realms and logins, as a peer sends them.

use sasl_core::identity::{Login, MAX_NAME, Realm, UserName};

pub(super) fn run(input: &[u8]) {
    let legal = input.len() <= MAX_NAME && !input.contains(&0);
    assert_eq!((UserName::parse(input).is_ok(), Realm::parse(input).is_ok()), (legal && !input.is_empty(), legal));
    let Ok(login) = Login::parse(input) else { return };
    assert_eq!((&*login.to_bytes(), Login::parse(login.to_bytes()).as_ref().ok()), (input, Some(&login)));
    assert!(!login.user().as_bytes().contains(&b'@') && !login.to_string().contains(char::is_control));
    let realm = Realm::of_host("Example.com").expect("a realm");
    let canonical = login.clone().or_in(Some(&realm));
    assert!(canonical.realm() == Some(login.realm().unwrap_or(&realm)) && canonical.user() == login.user());
}
