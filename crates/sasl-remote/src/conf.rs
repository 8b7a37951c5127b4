//! `saslauthd.conf`, the file of the back ends httpform and ldap: a `key: value` a line.
//!
//! White space before a key and behind its colon does not count; at the end of a value it does. Empty lines and those that begin
//! with `#` say nothing. Of a key given twice the last counts. Keys have no case.

use sasl_core::secret::Secret;
use std::{
    borrow::Cow,
    error, fmt,
    fs::File,
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// The file that is read where `-O` names no other.
pub const DEFAULT: &str = "/etc/saslauthd.conf";

/// How the keys of the original's back ends begin; one file may serve several.
const PREFIXES: [&str; 3] = ["ldap_", "httpform_", "krb5_"];

/// The longest line, in bytes without its end.
pub const MAX_LINE: usize = 16 * 1024;

/// The longest file, in bytes.
pub const MAX_FILE: u64 = 1024 * 1024;

/// The settings of one file.
#[derive(Clone)]
pub struct Conf {
    path: PathBuf,
    lines: Vec<Line>,
    /// Whether its group, or anybody, can write the file.
    is_open: bool,
}

#[derive(Clone)]
struct Line {
    number: usize,
    key: String,
    value: Secret,
}

/// What is wrong with a file: where it is, the line and the key as far as there are any, never a value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConfError {
    path: PathBuf,
    line: Option<usize>,
    key: Option<String>,
    what: Cow<'static, str>,
}

impl Conf {
    /// Reads a file.
    ///
    /// # Errors
    /// Where the file cannot be read, is longer than [`MAX_FILE`], or has a bad line.
    pub fn read(path: &Path) -> Result<Self, ConfError> {
        let mut text = Zeroizing::default();
        let read = read_whole(path, &mut text);
        let mode = read.map_err(|error| ConfError::of(path, format!("cannot read: {error}")))?;
        Ok(Self { is_open: mode & 0o022 != 0, ..Self::parse(path, &text)? })
    }

    /// Reads the text of the file at `path`.
    ///
    /// # Errors
    /// The first bad line: one that is no `key: value`, has a NUL, or is longer than [`MAX_LINE`].
    pub fn parse(path: &Path, text: &[u8]) -> Result<Self, ConfError> {
        let mut lines = Vec::new();
        for (number, text) in (1..).zip(text.split(|octet| *octet == b'\n')) {
            let bad = |what: &'static str| ConfError { line: Some(number), ..ConfError::of(path, what) };
            if let Some((key, value)) = setting(text).map_err(bad)? {
                if value.is_empty() {
                    return Err(ConfError { key: Some(key), ..bad("no value") });
                }
                lines.push(Line { number, key, value: Secret::new(value) });
            }
        }
        Ok(Self { path: path.to_owned(), lines, is_open: false })
    }

    /// The value of `key`, which is in lower case, as it is: never empty, white space at its end kept.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<&[u8]> {
        self.line(key).map(|line| line.value.expose())
    }

    /// Of several names for one key, the one that counts: that of the last line.
    #[must_use]
    pub fn last_of<'k, const N: usize>(&self, names: [&'k str; N]) -> Option<&'k str> {
        self.lines.iter().rev().find_map(|line| names.into_iter().find(|name| line.key == *name))
    }

    /// The value of `key` as text.
    ///
    /// # Errors
    /// Where it is not UTF-8.
    pub fn text(&self, key: &str) -> Result<Option<&str>, ConfError> {
        let text = self.value(key).map(str::from_utf8).transpose();
        text.map_err(|_| self.error(key, "must be UTF-8"))
    }

    /// The value of `key` as a path; white space at its end is part of it.
    ///
    /// # Errors
    /// Where it is not UTF-8.
    pub fn path(&self, key: &str) -> Result<Option<PathBuf>, ConfError> {
        Ok(self.text(key)?.map(PathBuf::from))
    }

    /// The value of `key` as a decimal number. The original takes what is no number for 0.
    ///
    /// # Errors
    /// Where it is none.
    pub fn number(&self, key: &str) -> Result<Option<u64>, ConfError> {
        let number = self.text(key)?.map(|text| text.trim_end()).map(|text| match text.as_bytes() {
            [b'0'..=b'9', ..] => text.parse().ok(),
            _ => None,
        });
        number.map(|number| number.ok_or_else(|| self.error(key, "must be a number"))).transpose()
    }

    /// The value of `key` as a switch, by its first letters as in the original: `1`, `y`, `t`, `on` or `0`, `n`, `f`, `of`.
    ///
    /// # Errors
    /// Where it begins otherwise; the original takes that for no.
    pub fn switch(&self, key: &str) -> Result<Option<bool>, ConfError> {
        match self.value(key) {
            None => Ok(None),
            Some([b'1' | b'y' | b't', ..] | [b'o', b'n', ..]) => Ok(Some(true)),
            Some([b'0' | b'n' | b'f', ..] | [b'o', b'f', ..]) => Ok(Some(false)),
            Some(_) => Err(self.error(key, "must be yes or no, in lower case")),
        }
    }

    /// An error about `key`: `FILE: line N: KEY: what`; without a line where the key is not in the file.
    #[must_use]
    pub fn error(&self, key: &str, what: impl Into<Cow<'static, str>>) -> ConfError {
        let line = self.line(key).map(|line| line.number);
        ConfError { line, key: Some(key.to_owned()), ..ConfError::of(&self.path, what) }
    }

    /// What the original takes no notice of, to be shown as warnings: that others can write the file, which says who gets in, and
    /// keys as in [`Self::strangers`].
    pub fn warnings(&self, prefix: &str, known: &[&str]) -> impl Iterator<Item = ConfError> {
        let what = "others can write it, and it says who gets in (chmod go-w ends that)";
        self.is_open.then(|| ConfError::of(&self.path, what)).into_iter().chain(self.strangers(prefix, known))
    }

    /// Keys that are not `known`, but for those of other back ends, which do not begin with `prefix`: each as an error to be
    /// shown as a warning, since the original takes no notice of them.
    pub fn strangers(&self, prefix: &str, known: &[&str]) -> impl Iterator<Item = ConfError> {
        let is_anothers =
            move |key: &str| !key.starts_with(prefix) && PREFIXES.iter().any(|each| key.starts_with(each));
        let is_strange = move |line: &&Line| !known.contains(&line.key.as_str()) && !is_anothers(&line.key);
        self.lines.iter().filter(is_strange).map(|line| ConfError {
            line: Some(line.number),
            key: Some(line.key.clone()),
            ..ConfError::of(&self.path, "no such key")
        })
    }

    fn line(&self, key: &str) -> Option<&Line> {
        self.lines.iter().rfind(|line| line.key == key)
    }
}

/// The keys alone: some values are passwords.
impl fmt::Debug for Conf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.lines.iter().map(|line| &line.key)).finish()
    }
}

impl ConfError {
    fn of(path: &Path, what: impl Into<Cow<'static, str>>) -> Self {
        Self { path: path.to_owned(), line: None, key: None, what: what.into() }
    }
}

impl fmt::Display for ConfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.path.display())?;
        self.line.map_or(Ok(()), |line| write!(f, "line {line}: "))?;
        self.key.as_ref().map_or(Ok(()), |key| write!(f, "{key}: "))?;
        f.write_str(&self.what)
    }
}

impl error::Error for ConfError {}

/// Room is made before the bytes come, so that no copy of them stays behind. Gives the file's mode.
fn read_whole(path: &Path, text: &mut Vec<u8>) -> io::Result<u32> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    let length = metadata.len().min(MAX_FILE);
    text.reserve(usize::try_from(length).unwrap_or(0) + 1);
    match file.take(MAX_FILE + 1).read_to_end(text)? {
        size if size as u64 > MAX_FILE => Err(io::Error::other("longer than 1 MiB")),
        _ => Ok(metadata.mode()),
    }
}

fn setting(line: &[u8]) -> Result<Option<(String, &[u8])>, &'static str> {
    match skip_space(line) {
        _ if line.len() > MAX_LINE => Err("longer than 16 KiB"),
        [] | [b'#', ..] => Ok(None),
        text if text.contains(&0) => Err("has a NUL"),
        text => key_and_value(text).map(Some),
    }
}

fn key_and_value(text: &[u8]) -> Result<(String, &[u8]), &'static str> {
    let end = text.iter().position(|octet| !is_of_key(*octet)).unwrap_or(text.len());
    let (key, Some((b':', value))) = (&text[..end], text[end..].split_first()) else {
        return Err("no colon right behind the key");
    };
    Ok((key.iter().map(|octet| char::from(octet.to_ascii_lowercase())).collect(), skip_space(value)))
}

fn is_of_key(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_')
}

fn skip_space(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|octet| !matches!(octet, b' ' | b'\t'..=b'\r')).unwrap_or(text.len());
    &text[start..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::fs::PermissionsExt;

    fn conf(text: &str) -> Conf {
        Conf::parse(Path::new("/x.conf"), text.as_bytes()).expect(text)
    }

    fn complaint<T: fmt::Debug>(result: Result<T, ConfError>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn values_are_read_as_the_original_reads_them() {
        let is = |text: &str, value: &str| assert_eq!(conf(text).text("key").unwrap(), Some(value), "{text:?}");
        is("key: value\n", "value");
        is("key:value", "value");
        is("  \tkey:\t \x0bvalue \t\n", "value \t");
        is("KeY: Value", "Value");
        is("# key: comment\n\n \t\r\nkey: a  b # c\n", "a  b # c");
        is("key: first\nKEY: last\nother: x\n", "last");
        is("key:: value", ": value");
        assert_eq!(conf("").value("key"), None);
        let both = conf("key: a\nalias: b\nother: c");
        assert_eq!((both.last_of(["alias", "key"]), both.last_of(["key"])), (Some("alias"), Some("key")));
        assert_eq!(both.last_of(["none"]), None);
    }

    #[test]
    fn a_bad_line_is_named() {
        let complaint = |text: &str| complaint(Conf::parse(Path::new("/x.conf"), text.as_bytes()));
        assert_eq!(complaint("a: b\nkey = secret"), "/x.conf: line 2: no colon right behind the key");
        assert_eq!(complaint("a.b: c"), "/x.conf: line 1: no colon right behind the key");
        assert_eq!(complaint("\n\nkey: \t"), "/x.conf: line 3: key: no value");
        assert_eq!(complaint("key: a\0b"), "/x.conf: line 1: has a NUL");
        assert_eq!(complaint(&format!("k:{}", "x".repeat(MAX_LINE))), "/x.conf: line 1: longer than 16 KiB");
    }

    #[test]
    fn numbers_and_switches_are_not_guessed() {
        let of = |value: &str| conf(&format!("a: x\nkey: {value}"));
        assert_eq!(of("25 ").number("key").unwrap(), Some(25));
        assert_eq!(of("25").number("other").unwrap(), None);
        for value in ["abc", "-1", "+1", "1.5", "99999999999999999999", "1 2"] {
            assert_eq!(complaint(of(value).number("key")), "/x.conf: line 2: key: must be a number", "{value}");
        }
        assert!(["1", "yes", "true", "on ", "t"].iter().all(|value| of(value).switch("key").unwrap() == Some(true)));
        assert!(["0", "no", "false", "off"].iter().all(|value| of(value).switch("key").unwrap() == Some(false)));
        for value in ["Yes", "o", "2", "maybe"] {
            assert_eq!(complaint(of(value).switch("key")), "/x.conf: line 2: key: must be yes or no, in lower case");
        }
    }

    #[test]
    fn keys_that_nobody_knows_are_named_once_a_line() {
        let conf = conf("ldap_a: 1\nladp_b: 2\nldap_C: 3\nhttpform_host: h\n");
        let strangers: Vec<_> = conf.strangers("ldap_", &["ldap_a"]).map(|each| each.to_string()).collect();
        assert_eq!(strangers, ["/x.conf: line 2: ladp_b: no such key", "/x.conf: line 3: ldap_c: no such key"]);
        assert_eq!(conf.error("ldap_x", "is needed").to_string(), "/x.conf: ldap_x: is needed");
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        assert!(complaint(Conf::read(Path::new("/no/such.conf"))).starts_with("/no/such.conf: cannot read: "));
        assert!(complaint(Conf::read(Path::new("/dev/zero"))).ends_with("longer than 1 MiB"));
    }

    #[test]
    fn a_file_that_others_can_write_is_warned_of() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, "ldap_a: 1").unwrap();
        for (mode, warnings) in [(0o600, 0), (0o644, 0), (0o660, 1), (0o602, 1)] {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            let said: Vec<_> = Conf::read(file.path()).unwrap().warnings("ldap_", &["ldap_a"]).collect();
            assert_eq!(said.len(), warnings, "{mode:o}");
            assert!(said.iter().all(|each| each.to_string().contains(": others can write it")), "{said:?}");
        }
    }

    #[test]
    fn no_value_is_ever_shown() {
        let conf = conf("ldap_bind_pw: pencil\nkey: caf\u{e9}");
        assert_eq!(format!("{conf:?}"), r#"["ldap_bind_pw", "key"]"#);
        assert!(!complaint(conf.number("ldap_bind_pw")).contains("pencil"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_its_line_named(text in any::<Vec<u8>>()) {
            let _ = Conf::parse(Path::new("/x"), &text);
        }
    }
}
