//! sendmail's `AuthInfo`: what an SMTP client proves itself with, and to which server. In the access map it is
//! `AuthInfo:host "U:user" "I:user" "P=cGVuY2ls" "R:realm" "M:SCRAM-SHA-256 PLAIN"`.

use crate::{credentials::Credentials, line, secret::Secret};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use std::{error, fmt, str};
use zeroize::Zeroizing;

/// The value behind such a key.
#[derive(Clone)]
pub struct AuthInfo {
    login: Box<[u8]>,
    acts_as: Box<[u8]>,
    password: Secret,
    realm: Option<Box<[u8]>>,
    mechanisms: Option<Box<str>>,
}

/// A value that is of no use. sendmail goes on without authentication then, and says nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BadAuthInfo {
    token: Option<usize>,
    cause: &'static str,
}

/// The keys to look up, in this order: the server's name, its address, and what is for every other one.
#[must_use]
pub fn keys(host: &str, address: &str) -> [String; 3] {
    [format!("AuthInfo:{host}"), format!("AuthInfo:{address}"), "AuthInfo:".into()]
}

impl AuthInfo {
    /// A user and its password.
    #[must_use]
    pub fn new(login: impl AsRef<[u8]>, password: Secret) -> Self {
        let login: Box<[u8]> = login.as_ref().into();
        Self { acts_as: login.clone(), login, password, realm: None, mechanisms: None }
    }

    /// Asks to act as another.
    #[must_use]
    pub fn acting_as(self, other: impl AsRef<[u8]>) -> Self {
        Self { acts_as: other.as_ref().into(), ..self }
    }

    /// Names the realm.
    #[must_use]
    pub fn in_realm(self, realm: impl AsRef<[u8]>) -> Self {
        Self { realm: Some(realm.as_ref().into()), ..self }
    }

    /// Allows these mechanisms alone: their names, separated by blanks.
    #[must_use]
    pub fn by(self, mechanisms: &str) -> Self {
        Self { mechanisms: Some(mechanisms.into()), ..self }
    }

    /// Reads a value: tokens in double quotes, with blanks between them. A token is a letter, `U` (authorization
    /// identity), `I` (authentication identity), `P` (password), `R` (realm) or `M` (mechanisms), then `:` and the text, or `=` and
    /// the text in base64. There is no escape for a quote. Of `U` and `I`, one that is not there is as the other. Of a letter
    /// that comes twice, the last counts.
    ///
    /// # Errors
    /// What is wrong, and with which token; never what is in it.
    pub fn parse(value: &str) -> Result<Self, BadAuthInfo> {
        let (mut parts, mut rest, mut number) = (Parts::default(), value.trim_matches(BLANK), 0);
        while !rest.is_empty() {
            number += 1;
            let bad = |cause| BadAuthInfo { token: Some(number), cause };
            let (token, behind) = quoted(rest).map_err(bad)?;
            parts.take(token).map_err(bad)?;
            rest = behind.trim_start_matches(BLANK);
        }
        parts.assemble()
    }

    /// Reads sendmail's older `DefaultAuthInfo` file: authorization identity, authentication identity and password, a line
    /// each, and where wanted the realm and the mechanisms. See to it that nobody else can read it.
    ///
    /// # Errors
    /// Where one of the first three lines is missing or empty.
    pub fn parse_default_file(text: &str) -> Result<Self, BadAuthInfo> {
        let mut lines = text.lines();
        let mut line = || lines.next().filter(|line| !line.is_empty());
        let missing = BadAuthInfo { token: None, cause: "authorization identity, user or password missing" };
        let (Some(acts_as), Some(login), Some(password)) = (line(), line(), line()) else { return Err(missing) };
        let (realm, mechanisms) = (line(), line());
        let info = Self::new(login, Secret::new(password)).acting_as(acts_as);
        Ok(Self { realm: realm.map(|realm| realm.as_bytes().into()), mechanisms: mechanisms.map(Into::into), ..info })
    }

    /// The value as [`AuthInfo::parse`] reads it. What would not stand in quotes is in base64.
    #[must_use]
    pub fn to_value(&self) -> Secret {
        let mut value = Zeroizing::new(Vec::with_capacity(self.room()));
        let mechanisms = self.mechanisms.as_deref().map(str::as_bytes);
        let login = Some(&*self.login).filter(|login| **login != *self.acts_as);
        put('U', Some(&self.acts_as), &mut value);
        put('I', login, &mut value);
        put('P', Some(self.password.expose()), &mut value);
        put('R', self.realm.as_deref(), &mut value);
        put('M', mechanisms, &mut value);
        Secret::new(std::mem::take(&mut *value))
    }

    /// What a client is handed. The user acts as itself unless another was named.
    #[must_use]
    pub fn credentials(&self) -> Credentials {
        let mut credentials = Credentials::new(&self.login, self.password.clone());
        if self.acts_as != self.login {
            credentials = credentials.acting_as(&self.acts_as);
        }
        match &self.realm {
            Some(realm) if !realm.is_empty() => credentials.in_realm(realm),
            _ => credentials,
        }
    }

    /// The mechanisms that are allowed; `None` where all of them are.
    #[must_use]
    pub fn mechanisms(&self) -> Option<impl Iterator<Item = &str>> {
        self.mechanisms.as_deref().map(|list| list.split(BLANK).filter(|name| !name.is_empty()))
    }

    /// Enough for the value in base64, so that no copy of the password stays behind in a smaller buffer.
    fn room(&self) -> usize {
        let optional = [self.realm.as_deref(), self.mechanisms.as_deref().map(str::as_bytes)].into_iter().flatten();
        let all = optional.chain([&*self.acts_as, &self.login, self.password.expose()]);
        all.map(|text| 2 * text.len() + 10).sum()
    }
}

const BLANK: [char; 2] = [' ', '\t'];

/// What is between the quotes, and what is behind them.
fn quoted(text: &str) -> Result<(&str, &str), &'static str> {
    let text = text.strip_prefix('"').ok_or("is not in quotes")?;
    let (token, behind) = text.split_once('"').ok_or("has no second quote")?;
    match behind.is_empty() || behind.starts_with(BLANK) {
        true => Ok((token, behind)),
        false => Err("has no blank behind it"),
    }
}

/// What the tokens so far have given.
#[derive(Default)]
struct Parts {
    login: Option<Zeroizing<Vec<u8>>>,
    acts_as: Option<Zeroizing<Vec<u8>>>,
    password: Option<Zeroizing<Vec<u8>>>,
    realm: Option<Zeroizing<Vec<u8>>>,
    mechanisms: Option<Zeroizing<Vec<u8>>>,
}

impl Parts {
    fn take(&mut self, token: &str) -> Result<(), &'static str> {
        let [tag, form, ..] = token.as_bytes() else { return Err("is too short") };
        let part = match tag.to_ascii_uppercase() {
            b'U' => &mut self.acts_as,
            b'I' => &mut self.login,
            b'P' => &mut self.password,
            b'R' => &mut self.realm,
            b'M' => &mut self.mechanisms,
            _ => return Err("begins with none of U, I, P, R and M"),
        };
        let text = &token.as_bytes()[2..];
        let value = match form {
            b':' => Zeroizing::new(text.to_vec()),
            b'=' => line::decode(text).map_err(|_| "is not base64")?,
            _ => return Err("has neither : nor = behind its letter"),
        };
        if value.contains(&0) || (value.is_empty() && !tag.eq_ignore_ascii_case(&b'R')) {
            return Err("is empty or has a NUL");
        }
        *part = Some(value);
        Ok(())
    }

    fn assemble(self) -> Result<AuthInfo, BadAuthInfo> {
        let bad = |cause| BadAuthInfo { token: None, cause };
        let mut password = self.password.ok_or(bad("no P: the password is missing"))?;
        let login = self.login.as_ref().or(self.acts_as.as_ref()).ok_or(bad("neither U nor I: the user is missing"))?;
        let info = AuthInfo::new(&**login, Secret::new(std::mem::take(&mut *password)));
        let info = info.acting_as(&**self.acts_as.as_ref().unwrap_or(login));
        let mechanisms = self.mechanisms.as_ref().map(|list| str::from_utf8(list).map(Into::into)).transpose();
        let mechanisms = mechanisms.map_err(|_| bad("M is no list of mechanisms"))?;
        Ok(AuthInfo { realm: self.realm.map(|realm| (**realm).into()), mechanisms, ..info })
    }
}

/// Appends a token, where there is one.
fn put(tag: char, text: Option<&[u8]>, value: &mut Vec<u8>) {
    let Some(text) = text else { return };
    let plain = text.iter().all(|octet| matches!(octet, b' '..=b'~') && *octet != b'"');
    let encoded = Zeroizing::new(if plain { String::new() } else { BASE64.encode(text) });
    let (form, text) = if plain { (b':', text) } else { (b'=', encoded.as_bytes()) };
    let blank: &[u8] = if value.is_empty() { b"" } else { b" " };
    [blank, b"\"", tag.encode_utf8(&mut [0; 4]).as_bytes(), &[form], text, b"\""]
        .iter()
        .for_each(|part| value.extend(*part));
}

impl fmt::Debug for AuthInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthInfo").finish_non_exhaustive()
    }
}

impl fmt::Display for BadAuthInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.token.iter().try_for_each(|number| write!(f, "token {number} "))?;
        f.write_str(self.cause)
    }
}

impl error::Error for BadAuthInfo {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn error(value: &str) -> String {
        AuthInfo::parse(value).unwrap_err().to_string()
    }

    #[test]
    fn what_is_wrong_is_said_and_where_but_not_what_is_in_it() {
        for (value, said) in [
            (r#"U:tim "P:secret""#, "token 1 is not in quotes"),
            (r#""U:tim" "P:secret"#, "token 2 has no second quote"),
            (r#""U:tim""P:secret""#, "token 1 has no blank behind it"),
            (r#""U:tim" "P=secret!""#, "token 2 is not base64"),
            (r#""U:tim" "X:secret""#, "token 2 begins with none of U, I, P, R and M"),
            (r#""U:tim" "P;secret""#, "token 2 has neither : nor = behind its letter"),
            (r#""U:tim" "P""#, "token 2 is too short"),
            (r#""U:tim" "P:""#, "token 2 is empty or has a NUL"),
            (r#""U:tim" "P=AHg=""#, "token 2 is empty or has a NUL"),
            (r#""U:tim""#, "no P: the password is missing"),
            (r#""P:secret""#, "neither U nor I: the user is missing"),
            ("", "no P: the password is missing"),
        ] {
            assert_eq!(error(value), said, "{value}");
        }
    }

    #[test]
    fn the_mechanisms_are_words() {
        let info = AuthInfo::parse("\t\"U:tim\"\t\"P:x\"  \"M:SCRAM-SHA-256\t PLAIN\" ").unwrap();
        assert_eq!(info.mechanisms().unwrap().collect::<Vec<_>>(), ["SCRAM-SHA-256", "PLAIN"]);
        assert!(AuthInfo::parse("\"U:tim\" \"P:x\"").unwrap().mechanisms().is_none());
    }

    #[test]
    fn the_older_file_has_a_line_for_each() {
        let info = AuthInfo::parse_default_file("admin\ntim\npw with space\nexample.com\nPLAIN LOGIN\n").unwrap();
        let value = r#""U:admin" "I:tim" "P:pw with space" "R:example.com" "M:PLAIN LOGIN""#;
        assert_eq!(info.to_value().expose(), value.as_bytes());
        assert!(AuthInfo::parse_default_file("tim\ntim\n\n").is_err());
        assert!(AuthInfo::parse_default_file("tim\ntim\npw").unwrap().mechanisms().is_none());
    }

    #[test]
    fn keys_from_the_particular_to_the_general() {
        assert_eq!(
            keys("mail.example.com", "192.0.2.1"),
            ["AuthInfo:mail.example.com", "AuthInfo:192.0.2.1", "AuthInfo:"]
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(user in "[^\0]{1,20}", other in "[^\0]{1,20}", password in "[^\0]{1,20}", realm in "[^\0]{0,9}") {
            let info = AuthInfo::new(&user, Secret::new(password.as_str())).acting_as(&other).in_realm(&realm).by("PLAIN");
            let value = info.to_value();
            let again = AuthInfo::parse(str::from_utf8(value.expose()).unwrap()).unwrap();
            let rewritten = again.to_value();
            prop_assert_eq!(rewritten.expose(), value.expose());
            prop_assert_eq!((&*again.login, &*again.acts_as), (user.as_bytes(), other.as_bytes()));
            prop_assert_eq!((again.password.expose(), again.realm.as_deref()), (password.as_bytes(), Some(realm.as_bytes())));
        }
    }
}
