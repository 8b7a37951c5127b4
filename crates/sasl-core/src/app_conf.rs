//! The options of an application: a file `APP.conf` as libsasl2 reads it, a `key: value` a line.
//!
//! White space before a key, behind its colon and at the end of a line does not count; empty lines and those that begin
//! with `#` say nothing. There are no quotes, no continued lines and no comments behind a value.

use std::fmt;

/// The longest line, in bytes without its end. libsasl2 would take the rest for a line of its own.
pub const MAX_LINE: usize = 4095;

/// The options of one file, in its order.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct AppConf(Vec<(String, Vec<u8>)>);

/// A line that is no option. One such line spoils its file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BadLine {
    number: usize,
    cause: &'static str,
}

impl AppConf {
    /// Reads a whole file.
    ///
    /// # Errors
    /// The first [`BadLine`].
    pub fn parse(text: &[u8]) -> Result<Self, BadLine> {
        let lines = text.split(|byte| *byte == b'\n').enumerate();
        let options = lines
            .filter_map(|(index, text)| line(text).map_err(|cause| BadLine { number: index + 1, cause }).transpose());
        options.collect::<Result<_, _>>().map(Self)
    }

    /// The value of `key`, which is in lower case. Of a key given twice, the first counts.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<&[u8]> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| &**value)
    }

    /// The words in the value of `key`; none where it is not set.
    pub fn words(&self, key: &str) -> impl Iterator<Item = &[u8]> {
        self.value(key).unwrap_or_default().split(is_space).filter(|word| !word.is_empty())
    }
}

impl BadLine {
    /// Which line it is, counted from 1.
    #[must_use]
    pub fn number(&self) -> usize {
        self.number
    }

    /// What is wrong with it.
    #[must_use]
    pub fn cause(&self) -> &'static str {
        self.cause
    }
}

/// The keys alone: some values are passwords (`sql_passwd`, `ldapdb_pw`).
impl fmt::Debug for AppConf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(key, _)| key)).finish()
    }
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.number, self.cause)
    }
}

impl std::error::Error for BadLine {}

fn line(line: &[u8]) -> Result<Option<(String, Vec<u8>)>, &'static str> {
    match trim(line) {
        _ if line.len() > MAX_LINE => Err("longer than 4095 bytes"),
        [] | [b'#', ..] => Ok(None),
        text if text.contains(&0) => Err("has a NUL"),
        text => option(text).map(Some),
    }
}

fn option(text: &[u8]) -> Result<(String, Vec<u8>), &'static str> {
    let end = text.iter().position(|byte| !is_of_key(*byte)).unwrap_or(text.len());
    let (key, Some((b':', value))) = (&text[..end], text[end..].split_first()) else {
        return Err("no colon right behind the key");
    };
    match trim(value) {
        [] => Err("no value"),
        value => Ok((key.iter().map(|byte| char::from(byte.to_ascii_lowercase())).collect(), value.to_vec())),
    }
}

fn is_of_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// White space of C: unlike Rust's, with the vertical tabulator.
fn is_space(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

fn trim(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|byte| !is_space(byte)).unwrap_or(text.len());
    let end = text.iter().rposition(|byte| !is_space(byte)).map_or(start, |last| last + 1);
    &text[start..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_as_libsasl2_reads_them() {
        let is = |text: &str, value: &str| {
            assert_eq!(AppConf::parse(text.as_bytes()).unwrap().value("key"), Some(value.as_bytes()), "{text:?}");
        };
        is("key: value\n", "value");
        is("key:value", "value");
        is("key:\t \x0bvalue \t\r\n", "value");
        is("  \tkey: value", "value");
        is("KeY: Value", "Value");
        is("# key: comment\n\n   # another\n\t\nkey: value\n", "value");
        is("key: first\nKEY: second\n", "first");
        is("key: a  b # c \\ \"d\"\n", "a  b # c \\ \"d\"");
        is("key: #\n", "#");
        is("key:: value\n", ": value");
        is("a-b_9: x\n: without a key\nkey: value", "value");
    }

    #[test]
    fn what_spoils_a_file() {
        for (text, number, cause) in [
            ("key : value", 1, "no colon right behind the key"),
            ("ok: 1\nkey = value", 2, "no colon right behind the key"),
            ("a.b: c", 1, "no colon right behind the key"),
            ("\u{feff}key: value", 1, "no colon right behind the key"),
            ("; key: value", 1, "no colon right behind the key"),
            ("key", 1, "no colon right behind the key"),
            ("\n\nkey:", 3, "no value"),
            ("key: \t \r", 1, "no value"),
            ("mech_list: PLAIN \\\n LOGIN\n", 2, "no colon right behind the key"),
            ("key: val\0ue", 1, "has a NUL"),
        ] {
            assert_eq!(AppConf::parse(text.as_bytes()), Err(BadLine { number, cause }), "{text:?}");
        }
        assert_eq!(AppConf::parse(b"x").unwrap_err().to_string(), "line 1: no colon right behind the key");
    }

    #[test]
    fn a_line_has_4095_bytes_at_most() {
        let text = |len: usize| format!("key: {}\nother: x\n", "v".repeat(len - "key: ".len()));
        assert!(AppConf::parse(text(4095).as_bytes()).unwrap().value("other").is_some());
        let cause = "longer than 4095 bytes";
        assert_eq!(AppConf::parse(text(4096).as_bytes()), Err(BadLine { number: 1, cause }));
        assert!(AppConf::parse(format!("#{}\n", "x".repeat(4095)).as_bytes()).is_err(), "a comment too");
    }

    #[test]
    fn words_are_between_white_space() {
        let conf = AppConf::parse(b"mech_list:  PLAIN\t LOGIN,  x \n").unwrap();
        assert_eq!(conf.words("mech_list").collect::<Vec<_>>(), [&b"PLAIN"[..], b"LOGIN,", b"x"]);
        assert_eq!(conf.words("missing").count(), 0);
        assert_eq!(AppConf::parse(b"").unwrap(), AppConf::default());
    }

    #[test]
    fn debug_shows_no_value() {
        let conf = AppConf::parse(b"mech_list: PLAIN\nsql_passwd: pencil\n").unwrap();
        assert_eq!(format!("{conf:?}"), r#"["mech_list", "sql_passwd"]"#);
    }
}
