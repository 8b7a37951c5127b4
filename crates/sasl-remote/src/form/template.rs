//! What is sent to a form, with tokens in the places of login, password and realm.

use crate::attempt::Attempt;
use serde_json::Value;
use zeroize::Zeroizing;

/// How the data is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Format {
    /// `name=value&name=value`, percent-encoded.
    Form,
    /// A JSON text; the tokens are inside of its strings.
    Json,
}

/// The data before the tokens are replaced. It may hold a password of the site's own.
pub(super) struct Template {
    text: Zeroizing<Vec<u8>>,
    format: Format,
}

impl Template {
    /// Takes the data as it is in the configuration.
    pub(super) fn new(text: &[u8], format: Format) -> Result<Self, &'static str> {
        // In a JSON text, a percent sign is inside of a string or the text is none.
        if format == Format::Json && serde_json::from_slice::<Value>(text).is_err() {
            return Err("is no JSON text");
        }
        Ok(Self { text: text.to_vec().into(), format })
    }

    /// Whether the password is sent at all.
    pub(super) fn has_password(&self) -> bool {
        let mut octets = self.text.iter();
        while octets.any(|octet| *octet == b'%') {
            match octets.clone().next() {
                Some(b'p') => return true,
                Some(b'%') => drop(octets.next()),
                _ => {}
            }
        }
        false
    }

    pub(super) fn content_type(&self) -> &'static str {
        match self.format {
            Format::Form => "application/x-www-form-urlencoded",
            Format::Json => "application/json",
        }
    }

    /// Whether all parts of an attempt can be written: JSON has no strings of any octets.
    pub(super) fn can_hold(&self, attempt: &Attempt) -> bool {
        let parts = [&*attempt.login, attempt.password.expose(), &*attempt.realm, &*attempt.service];
        self.format == Format::Form || parts.iter().all(|part| str::from_utf8(part).is_ok())
    }

    /// Replaces the tokens. `%%` is a percent sign; behind any other letter it stands for itself.
    pub(super) fn fill(&self, attempt: &Attempt) -> Zeroizing<Vec<u8>> {
        let mut filled = Zeroizing::new(Vec::with_capacity(self.room(attempt)));
        let mut rest = self.text.as_slice();
        while let Some(index) = rest.iter().position(|octet| *octet == b'%') {
            filled.extend(&rest[..index]);
            let token = rest.get(index + 1).copied();
            let known = self.replace(token, attempt, &mut filled);
            rest = &rest[index + 1 + usize::from(known)..];
        }
        filled.extend(rest);
        filled
    }

    /// Writes what the token stands for. Where it is none, that is the percent sign alone, and `false`.
    fn replace(&self, token: Option<u8>, attempt: &Attempt, filled: &mut Vec<u8>) -> bool {
        match (token, self.format) {
            (Some(b'u'), _) => self.encode(&attempt.login, filled),
            (Some(b'p'), _) => self.encode(attempt.password.expose(), filled),
            (Some(b'r'), _) => self.encode(&attempt.realm, filled),
            // A form of the original may have a %s that stands for itself.
            (Some(b's'), Format::Json) => self.encode(&attempt.service, filled),
            (Some(b'%'), _) => filled.push(b'%'),
            _ => {
                filled.push(b'%');
                return false;
            }
        }
        true
    }

    fn encode(&self, value: &[u8], filled: &mut Vec<u8>) {
        match self.format {
            Format::Form => value.iter().for_each(|octet| percent_encode(*octet, filled)),
            Format::Json => value.iter().for_each(|octet| json_escape(*octet, filled)),
        }
    }

    /// Room for the most that it can become, so that no copy of a password stays behind in a smaller buffer.
    fn room(&self, attempt: &Attempt) -> usize {
        let values = [&*attempt.login, attempt.password.expose(), &*attempt.realm, &*attempt.service];
        let longest = values.iter().map(|value| value.len()).max().unwrap_or_default();
        let tokens = self.text.iter().filter(|octet| **octet == b'%').count();
        self.text.len() + tokens * longest * "\\u0000".len()
    }
}

/// As the original: all but ASCII letters and digits.
fn percent_encode(octet: u8, filled: &mut Vec<u8>) {
    if octet.is_ascii_alphanumeric() {
        filled.push(octet);
    } else {
        filled.extend([b'%', hex(octet >> 4), hex(octet & 15)]);
    }
}

/// Octets of UTF-8, inside of a string (RFC 8259 section 7).
fn json_escape(octet: u8, filled: &mut Vec<u8>) {
    match octet {
        b'"' | b'\\' => filled.extend([b'\\', octet]),
        0..=0x1f => filled.extend([b'\\', b'u', b'0', b'0', hex(octet >> 4), hex(octet & 15)]),
        _ => filled.push(octet),
    }
}

fn hex(digit: u8) -> u8 {
    b"0123456789ABCDEF"[usize::from(digit)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sasl_core::secret::Secret;

    fn attempt(login: &[u8], password: &[u8], realm: &[u8]) -> Attempt {
        Attempt {
            login: login.to_vec(),
            password: Secret::new(password),
            service: b"imap".to_vec(),
            realm: realm.to_vec(),
        }
    }

    fn filled(text: &str, format: Format, attempt: &Attempt) -> String {
        let template = Template::new(text.as_bytes(), format).unwrap();
        assert!(template.can_hold(attempt));
        String::from_utf8(template.fill(attempt).to_vec()).unwrap()
    }

    #[test]
    fn a_form_is_filled_as_the_original_does() {
        let form = |text, attempt: &Attempt| filled(text, Format::Form, attempt);
        let tim = attempt(b"web", b"webpw", b"domain.dom");
        assert_eq!(form("user=%u&pw=%p&realm=%r&service=%s", &tim), "user=web&pw=webpw&realm=domain%2Edom&service=%s");
        assert_eq!(form("100%% %x %", &tim), "100% %x %");
        assert_eq!(form("%%u%%%u", &tim), "%u%web");
        let odd = attempt(b"a&b=c", "p w+%&\u{fc}".as_bytes(), b"");
        assert_eq!(form("user=%u&pw=%p&realm=%r", &odd), "user=a%26b%3Dc&pw=p%20w%2B%25%26%C3%BC&realm=");
        assert_eq!(form("%p", &attempt(b"", b"\0\r\n\xff-_.~", b"")), "%00%0D%0A%FF%2D%5F%2E%7E");
    }

    #[test]
    fn a_json_text_stays_one() {
        let tim = attempt(b"t\"im", "p\\w\n\u{fc}".as_bytes(), b"");
        let text = filled(r#"{"user": "%u@%r", "pw": ["%p"], "on": "%s", "%%": "%x"}"#, Format::Json, &tim);
        assert_eq!(
            text,
            "{\"user\": \"t\\\"im@\", \"pw\": [\"p\\\\w\\u000A\u{fc}\"], \"on\": \"imap\", \"%\": \"%x\"}"
        );
        for text in ["%u", "{user: %u}", "{\"a\": 1", "", "user=%u", r#""\%u""#] {
            assert!(Template::new(text.as_bytes(), Format::Json).is_err(), "{text}");
        }
        let template = Template::new(b"\"%u\"", Format::Json).unwrap();
        assert!(!template.can_hold(&attempt(b"\xff", b"", b"")) && !template.can_hold(&attempt(b"", b"\xff", b"")));
    }

    proptest! {
        #[test]
        fn nobody_gets_out_of_their_string(login in "\\PC*|.*", password in any::<String>(), realm in any::<String>()) {
            let attempt = attempt(login.as_bytes(), password.as_bytes(), realm.as_bytes());
            let template = Template::new(br#"{"u": "%u", "p": "%p%%", "r": "\\%r"}"#, Format::Json).unwrap();
            let filled = template.fill(&attempt);
            let value: Value = serde_json::from_slice(&filled).unwrap();
            prop_assert_eq!(value["u"].as_str(), Some(&*login));
            prop_assert_eq!(value["p"].as_str(), Some(&*(password + "%")));
            prop_assert_eq!(value["r"].as_str(), Some(&*format!("\\{realm}")));
            prop_assert_eq!(value.as_object().unwrap().len(), 3);
        }

        #[test]
        fn a_form_has_as_many_fields_as_before(password in any::<Vec<u8>>()) {
            let template = Template::new(b"a=%p&b=%p", Format::Form).unwrap();
            let attempt = attempt(b"", &password, b"");
            let filled = template.fill(&attempt);
            prop_assert_eq!(filled.iter().filter(|octet| **octet == b'&').count(), 1);
            prop_assert!(filled.is_ascii() && !filled.contains(&b'\n'));
            prop_assert!(filled.len() <= template.room(&attempt));
        }
    }
}
