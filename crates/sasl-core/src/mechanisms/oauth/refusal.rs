//! What a client is told of a token that does not do (RFC 7628 section 3.2.2): a JSON document.

use crate::{
    failure::{Failure, Reason},
    mechanism::OauthHints,
    step::Step,
};

/// The document as a challenge: `why`, and what the server adds. Whatever acknowledges it, the exchange fails.
pub(super) fn challenge(why: &[(&str, &str)], hints: &OauthHints) -> Step {
    let mut document = String::from("{");
    why.iter().for_each(|(name, value)| put(name, value, &mut document));
    hints.scope.iter().for_each(|scope| put("scope", scope, &mut document));
    hints.openid_configuration.iter().for_each(|url| put("openid-configuration", url, &mut document));
    document.push('}');
    Step::challenge(document.into_bytes(), |_| Err(Failure::new(Reason::BadCredentials, "token rejected")))
}

/// Appends a member of an object (RFC 8259).
fn put(name: &str, value: &str, document: &mut String) {
    if !document.ends_with('{') {
        document.push(',');
    }
    document.push_str(&format!("\"{name}\":\""));
    for character in value.chars() {
        match character {
            '"' | '\\' => document.extend(['\\', character]),
            '\0'..='\x1f' => document.push_str(&format!("\\u{:04x}", u32::from(character))),
            _ => document.push(character),
        }
    }
    document.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_json_whatever_they_hold() {
        let mut document = String::from("{");
        put("status", "invalid_token", &mut document);
        put("scope", "a \"b\" \\ \n é", &mut document);
        document.push('}');
        let read: serde_json::Value = serde_json::from_str(&document).unwrap();
        assert_eq!((&read["status"], &read["scope"]), (&"invalid_token".into(), &"a \"b\" \\ \n é".into()));
    }
}
