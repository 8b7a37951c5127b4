//! `saslauthd.toml`, the file of the daemon itself: its keys, what they mean where they are not written, and what they may be.
//!
//! One table has all keys. A flag that means the same is read by the same rule, and wins.

use crate::{
    endpoint::Endpoint,
    exchange_socket::ExchangeSocket,
    exit::Failure,
    throttle::Rules,
    trust::{Doubt, trust},
};
use sasl_core::catalogue::STANDARD;
use std::{
    fmt::{Debug, Display},
    fs::File,
    io::{self, Read},
    ops::RangeInclusive,
    path::Path,
    time::Duration,
};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// The file that is read where `--config` names no other.
pub const DEFAULT: &str = "/etc/saslauthd.toml";

/// The longest file, in bytes.
const MAX_FILE: u64 = 1024 * 1024;

/// What file and flags say.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "the keys of the file")]
pub struct Configuration {
    /// Whom the serving process becomes when it is started as root.
    pub user: String,
    /// The socket's mode.
    pub socket_mode: u32,
    /// The name of the socket's group, where that is not the process's own.
    pub socket_group: Option<String>,
    /// What clients and back ends may take.
    pub limits: Limits,
    /// What whoever guesses has to wait.
    pub throttle: Throttle,
    /// What servers leave to the daemon.
    pub exchange: Exchange,
    /// Where metrics can be read.
    pub metrics: Vec<Endpoint>,
}

/// The section `limits`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "the keys of the file")]
pub struct Limits {
    /// How long a client may take to send its request.
    pub deadline: Duration,
    /// How long a field of a request may be, in bytes.
    pub longest_field: usize,
    /// How many connections are held, where so many files may be open.
    pub connections: usize,
    /// How many of those whose requests are being answered may be of one user of this host, in percent of all.
    pub user_share: usize,
    /// How long a helper may take for one request.
    pub helper_deadline: Duration,
    /// How many checks at once another server gets.
    pub remote_checks: usize,
    /// How long requests in flight may take when the daemon is told to end.
    pub drain: Duration,
}

/// The section `exchange`.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "the keys of the file")]
pub struct Exchange {
    /// Where servers come in.
    pub listen: Vec<ExchangeSocket>,
    /// The mechanisms to offer, best first, with blanks between; empty for all that there is something kept for.
    pub mech_list: String,
    /// What it takes to serve whoever came in, with blanks between: told to whoever asks by `dovecot-userdb`.
    pub userdb: String,
}

/// What is offered where nobody says what.
const USUAL: &str = "SCRAM-SHA-512 SCRAM-SHA-256 SCRAM-SHA-1 DIGEST-MD5 CRAM-MD5 PLAIN LOGIN";

/// What takes nothing that is kept in a store of ours.
const WITHOUT_A_STORE: [&str; 3] = ["PLAIN", "LOGIN", "EXTERNAL"];

impl Exchange {
    /// The mechanisms to offer, best first, where there is a store of ours to ask before all others, or not. Those with `-PLUS` take
    /// what no mail server sends, and nobody comes in without a name.
    pub fn offer(&self, has_store: bool) -> impl Iterator<Item = &str> {
        let all = if self.mech_list.is_empty() { USUAL } else { &self.mech_list };
        let is_one_of = |names: &[&str], word: &str| names.iter().any(|name| name.eq_ignore_ascii_case(word));
        all.split_whitespace().filter(move |word| {
            let can_be = !word.to_ascii_uppercase().ends_with("-PLUS") && !is_one_of(&["ANONYMOUS"], word);
            can_be && (has_store || is_one_of(&WITHOUT_A_STORE, word))
        })
    }
}

/// The section `throttle`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "the keys of the file")]
pub struct Throttle {
    /// Whether anybody has to wait.
    pub enabled: bool,
    /// How long.
    pub rules: Rules,
}

/// One key.
#[derive(Debug)]
#[non_exhaustive]
pub struct Key {
    /// Behind its section, if it is in one: `limits.deadline`.
    pub name: &'static str,
    /// The flag that wins over it, without its dashes.
    pub flag: Option<&'static str>,
    set: fn(&mut Configuration, Value<'_>) -> Result<(), String>,
}

/// A value as a command line has it, or the file.
#[derive(Clone, Copy, Debug)]
enum Value<'v> {
    Typed(&'v str),
    Written(&'v DeValue<'v>),
}

/// All keys, in the order in which the documentation has them.
pub const KEYS: [Key; 18] = [
    key("user", Some("user"), |all, value| value.name().map(|name| all.user = name)),
    key("socket_mode", Some("socket-mode"), |all, value| value.mode().map(|mode| all.socket_mode = mode)),
    key("socket_group", Some("socket-group"), |all, value| value.name().map(|group| all.socket_group = Some(group))),
    key("limits.deadline", Some("deadline"), |all, value| {
        value.seconds(1.0..=86400.0).map(|time| all.limits.deadline = time)
    }),
    key("limits.max_field", Some("max-field"), |all, value| {
        value.count(1..=65535).map(|bytes| all.limits.longest_field = bytes)
    }),
    key("limits.connections", None, |all, value| {
        value.count(1..=1_000_000).map(|count| all.limits.connections = count)
    }),
    key("limits.user_share", None, |all, value| value.count(1..=100).map(|percent| all.limits.user_share = percent)),
    key("limits.helper_deadline", None, |all, value| {
        value.seconds(1.0..=600.0).map(|time| all.limits.helper_deadline = time)
    }),
    key("limits.remote_checks", None, |all, value| value.count(1..=4096).map(|count| all.limits.remote_checks = count)),
    key("limits.drain", None, |all, value| value.seconds(1.0..=600.0).map(|time| all.limits.drain = time)),
    key("throttle.enabled", None, |all, value| value.switch().map(|is_on| all.throttle.enabled = is_on)),
    key("throttle.free", None, |all, value| value.number(1..=1_000_000).map(|count| all.throttle.rules.free = count)),
    key("throttle.longest", None, |all, value| {
        value.seconds(1.0..=3600.0).map(|time| all.throttle.rules.longest = time)
    }),
    key("throttle.elsewhere", None, |all, value| {
        value.seconds(0.0..=60.0).map(|time| all.throttle.rules.elsewhere = time)
    }),
    key("exchange.listen", None, |all, value| {
        value.list(ExchangeSocket::parse_all).map(|sockets| all.exchange.listen = sockets)
    }),
    key("exchange.mech_list", Some("mech-list"), |all, value| {
        value.mechanisms().map(|names| all.exchange.mech_list = names)
    }),
    key("exchange.userdb", None, |all, value| value.fields().map(|fields| all.exchange.userdb = fields)),
    key("metrics.listen", None, |all, value| value.list(Endpoint::parse_all).map(|endpoints| all.metrics = endpoints)),
];

const fn key(
    name: &'static str,
    flag: Option<&'static str>,
    set: fn(&mut Configuration, Value<'_>) -> Result<(), String>,
) -> Key {
    Key { name, flag, set }
}

impl Throttle {
    /// `None` where nobody has to wait.
    #[must_use]
    pub fn rules(self) -> Option<Rules> {
        self.enabled.then_some(self.rules)
    }
}

impl Default for Configuration {
    fn default() -> Self {
        let limits = Limits {
            deadline: Duration::from_secs(10),
            longest_field: 256,
            connections: 16 * 1024,
            user_share: 50,
            helper_deadline: Duration::from_secs(20),
            remote_checks: 64,
            drain: Duration::from_secs(10),
        };
        let throttle = Throttle { enabled: true, rules: Rules::default() };
        let (exchange, metrics) = (Exchange::default(), Vec::new());
        Self { user: "saslauth".into(), socket_mode: 0o777, socket_group: None, limits, throttle, exchange, metrics }
    }
}

impl Configuration {
    /// Reads the file at `path`; [`DEFAULT`], where that is `None`, which need not be there.
    ///
    /// # Errors
    /// A [`Failure`] that names the file, and the line and the key where one is bad. A file that others can write is refused:
    /// it says who gets in.
    pub fn read(path: Option<&Path>) -> Result<Self, Failure> {
        let place = path.unwrap_or(Path::new(DEFAULT));
        match text_of(place) {
            Ok(text) => Self::parse(place, &text),
            Err(error) if path.is_none() && error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(Failure::new(format!("{}: cannot read: {error}", place.display()))),
        }
    }

    /// Reads the text of the file at `path`.
    ///
    /// # Errors
    /// A [`Failure`] that names the file, the line and the key.
    pub fn parse(path: &Path, text: &str) -> Result<Self, Failure> {
        let mut configuration = Self::default();
        let table = DeTable::parse(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            (at, odd_value(text, at).unwrap_or_else(|| error.message().into()))
        });
        let all = table.and_then(|table| configuration.take("", table.get_ref()));
        all.map_err(|(at, what): Complaint| {
            let line = 1 + text.as_bytes()[..at].iter().filter(|octet| **octet == b'\n').count();
            Failure::new(format!("{}: line {line}: {what}", path.display()))
        })?;
        Ok(configuration)
    }

    /// Takes what was typed behind the flag of `key`.
    ///
    /// # Errors
    /// A [`Failure`] that names the flag.
    pub fn take_flag(&mut self, key: &Key, typed: &str) -> Result<(), Failure> {
        let flag = key.flag.unwrap_or(key.name);
        (key.set)(self, Value::Typed(typed)).map_err(|what| Failure::new(format!("--{flag}: {what}")))
    }

    fn take(&mut self, section: &str, table: &DeTable<'_>) -> Result<(), Complaint> {
        for (word, value) in table {
            let name = format!("{section}{}", word.get_ref());
            let of_section = format!("{name}.");
            let found = KEYS.iter().find(|key| key.name == name);
            match (found, value.get_ref()) {
                (Some(key), written) => (key.set)(self, Value::Written(written)).map_err(complaint(value, &name))?,
                (None, DeValue::Table(table)) if KEYS.iter().any(|key| key.name.starts_with(&of_section)) => {
                    self.take(&of_section, table)?;
                }
                _ => return Err(complaint(word, &name)("no such key".into())),
            }
        }
        Ok(())
    }
}

/// What is wrong with a word behind a key that is no value at all, and of which TOML says what it would have taken it for.
fn odd_value(text: &str, at: usize) -> Option<String> {
    let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let (key, value) = text[start..].lines().next()?.split_once('=')?;
    let value = value.split('#').next()?.trim();
    let is_word = value.starts_with(|first: char| first.is_ascii_alphabetic()) && !value.contains(['"', '\'']);
    let key = key.trim().escape_debug();
    is_word.then(|| format!("{key}: must be a text in quotes, a number, a list, true or false"))
}

/// Where it is, and what is wrong there.
type Complaint = (usize, String);

fn complaint<T>(at: &Spanned<T>, name: &str) -> impl FnOnce(String) -> Complaint {
    let (start, name) = (at.span().start, name.escape_debug().to_string());
    move |what| (start, format!("{name}: {what}"))
}

fn text_of(path: &Path) -> io::Result<String> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    trust(&metadata).map_err(|doubt| match doubt {
        Doubt::BelongsTo(user) => io::Error::other(format!("belongs to {user} (chown root ends that)")),
        Doubt::OthersWrite => io::Error::other("others can write it (chmod go-w ends that)"),
    })?;
    let mut text = String::new();
    match file.take(MAX_FILE + 1).read_to_string(&mut text)? {
        length if length as u64 > MAX_FILE => Err(io::Error::other("longer than 1 MiB")),
        _ => Ok(text),
    }
}

impl Value<'_> {
    fn text(&self) -> Result<&str, String> {
        match self {
            Self::Typed(text) => Ok(text),
            Self::Written(value) => value.as_str().ok_or_else(|| "must be a text in quotes".into()),
        }
    }

    fn name(&self) -> Result<String, String> {
        match self.text()? {
            "" => Err("must not be empty".into()),
            name => Ok(name.into()),
        }
    }

    fn mode(&self) -> Result<u32, String> {
        let mode = u32::from_str_radix(self.text()?, 8).ok().filter(|mode| *mode <= 0o777);
        mode.ok_or_else(|| "must be an octal number from 0 to 0777".into())
    }

    fn number(&self, range: RangeInclusive<u32>) -> Result<u32, String> {
        let number = match self {
            Self::Typed(text) => text.parse().ok(),
            Self::Written(DeValue::Integer(number)) => u32::from_str_radix(number.as_str(), number.radix()).ok(),
            Self::Written(_) => None,
        };
        within(&range, number, "number")
    }

    fn count(&self, range: RangeInclusive<u32>) -> Result<usize, String> {
        self.number(range).map(|number| number as usize)
    }

    fn seconds(&self, range: RangeInclusive<f64>) -> Result<Duration, String> {
        let seconds = match self {
            Self::Typed(text) => text.parse().ok(),
            Self::Written(DeValue::Integer(seconds)) if seconds.radix() == 10 => seconds.as_str().parse().ok(),
            Self::Written(DeValue::Float(seconds)) => seconds.as_str().parse().ok(),
            Self::Written(_) => None,
        };
        within(&range, seconds, "number of seconds").map(Duration::from_secs_f64)
    }

    fn switch(&self) -> Result<bool, String> {
        match self {
            Self::Written(DeValue::Boolean(is_on)) => Ok(*is_on),
            _ => Err("must be true or false".into()),
        }
    }

    fn list<T>(&self, parse: Parse<T>) -> Result<Vec<T>, String> {
        let Self::Written(DeValue::Array(all)) = self else { return Err(NO_LIST.into()) };
        let texts = all.iter().map(|each| each.get_ref().as_str()).collect::<Option<Vec<_>>>();
        parse(&texts.ok_or(NO_LIST)?)
    }

    /// Words with a name and a value each.
    fn fields(&self) -> Result<String, String> {
        let fields = self.text()?;
        for field in fields.split_whitespace() {
            let is_number = |value: &str| value.bytes().all(|octet| octet.is_ascii_digit());
            match field.split_once('=') {
                Some(("uid" | "gid", value)) if value.is_empty() || !is_number(value) => {
                    return Err(format!("{}: must be a number", field.escape_debug()));
                }
                Some((name, _)) if !name.is_empty() => {}
                _ => return Err(format!("{}: must be name=value", field.escape_debug())),
            }
        }
        Ok(fields.into())
    }

    /// Names of mechanisms that there are.
    fn mechanisms(&self) -> Result<String, String> {
        let names = self.text()?;
        let unknown = names.split_whitespace().find(|word| !STANDARD.iter().any(|known| known.name.is(word)));
        match unknown {
            Some(word) => Err(format!("no mechanism {}", word.escape_debug())),
            None => Ok(names.into()),
        }
    }
}

/// How a list is read.
pub type Parse<T> = fn(&[&str]) -> Result<Vec<T>, String>;

fn within<N: PartialOrd + Display>(range: &RangeInclusive<N>, number: Option<N>, what: &str) -> Result<N, String> {
    let number = number.filter(|number| range.contains(number));
    number.ok_or_else(|| format!("must be a {what} from {} to {}", range.start(), range.end()))
}

const NO_LIST: &str = "must be a list of texts in quotes";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::{fs, os::unix::fs::PermissionsExt};

    fn read(text: &str) -> Result<Configuration, String> {
        Configuration::parse(Path::new("/x.toml"), text).map_err(|failure| failure.to_string())
    }

    #[test]
    fn every_key_changes_what_it_is_called_after() {
        let text = r#"
            user = "mail"
            socket_mode = "660"
            socket_group = "root"
            [limits]
            drain = 60
            deadline = 3.5
            max_field = 8_192
            connections = 100
            user_share = 10
            helper_deadline = 90
            remote_checks = 8
            [throttle]
            enabled = false
            free = 5
            longest = 600
            elsewhere = 0
            [exchange]
            listen = ["dovecot:/run/auth"]
            mech_list = "plain LOGIN"
            userdb = "uid=8 gid=8"
            [metrics]
            listen = ["127.0.0.1:9464", "[::1]:9464", "unix:/run/metrics"]
        "#;
        let listen = ExchangeSocket::parse_all(&["dovecot:/run/auth"]).unwrap();
        let exchange = Exchange { listen, mech_list: "plain LOGIN".into(), userdb: "uid=8 gid=8".into() };
        let metrics = vec![
            Endpoint::Tcp("127.0.0.1:9464".parse().unwrap()),
            Endpoint::Tcp("[::1]:9464".parse().unwrap()),
            Endpoint::Unix("/run/metrics".into()),
        ];
        let limits = Limits {
            deadline: Duration::from_millis(3500),
            longest_field: 8192,
            connections: 100,
            user_share: 10,
            helper_deadline: Duration::from_secs(90),
            remote_checks: 8,
            drain: Duration::from_secs(60),
        };
        let rules = Rules { free: 5, longest: Duration::from_secs(600), elsewhere: Duration::ZERO, ..Rules::default() };
        let throttle = Throttle { enabled: false, rules };
        let (user, socket_group) = ("mail".into(), Some("root".into()));
        let all = Configuration { user, socket_mode: 0o660, socket_group, limits, throttle, exchange, metrics };
        assert_eq!(read(text).unwrap(), all);
        assert_eq!(read("limits.drain = 60\nthrottle.elsewhere = -0").unwrap().limits.drain.as_secs(), 60);
        assert_eq!(read("# nothing\n").unwrap(), Configuration::default());
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line_and_its_key() {
        for (text, complaint) in [
            ("\n\n[throttle]\nfree = 0", "line 4: throttle.free: must be a number from 1 to 1000000"),
            ("[throttle]\nfree = \"5\"", "line 2: throttle.free: must be a number from 1 to 1000000"),
            ("[throttle]\nenabled = 1", "line 2: throttle.enabled: must be true or false"),
            ("limits.deadline = 0", "line 1: limits.deadline: must be a number of seconds from 1 to 86400"),
            ("limits.deadline = nan", "line 1: limits.deadline: must be a number of seconds from 1 to 86400"),
            ("limits.deadline = -1", "line 1: limits.deadline: must be a number of seconds from 1 to 86400"),
            ("exchange.userdb = \"uid=mail\"", "line 1: exchange.userdb: uid=mail: must be a number"),
            ("exchange.userdb = \"home\"", "line 1: exchange.userdb: home: must be name=value"),
            ("exchange.mech_list = \"PLAIN NOSUCH\"", "line 1: exchange.mech_list: no mechanism NOSUCH"),
            (
                "exchange.listen = [\"/x\"]",
                "line 1: exchange.listen: /x: must be dovecot:/PATH or dovecot-userdb:/PATH",
            ),
            ("limits.drain = inf", "line 1: limits.drain: must be a number of seconds from 1 to 600"),
            ("[limits]\nmax_field = 65536", "line 2: limits.max_field: must be a number from 1 to 65535"),
            ("[limits]\nuser_share = 101", "line 2: limits.user_share: must be a number from 1 to 100"),
            ("\nsocket_mode = 660", "line 2: socket_mode: must be a text in quotes"),
            ("socket_mode = \"999\"", "line 1: socket_mode: must be an octal number from 0 to 0777"),
            ("user = \"\"", "line 1: user: must not be empty"),
            ("[user]\nname = \"x\"", "line 1: user: must be a text in quotes"),
            ("\n[limit]\nfree = 3", "line 2: limit: no such key"),
            ("[limits]\n\nfree = 3", "line 3: limits.free: no such key"),
            ("limits = 3", "line 1: limits: no such key"),
            ("[[limits]]\ndrain = 3", "line 1: limits: no such key"),
            ("[metrics]\nlisten = \"127.0.0.1:1\"", "line 2: metrics.listen: must be a list of texts in quotes"),
            ("[metrics]\nlisten = [1]", "line 2: metrics.listen: must be a list of texts in quotes"),
            ("\"a\\nb\" = 3", "line 1: a\\nb: no such key"),
            ("user = \"a\"\nuser = \"b\"", "line 2: duplicate key"),
            ("\nuser = mail", "line 2: user: must be a text in quotes, a number, a list, true or false"),
            ("[throttle]\nenabled = no", "line 2: enabled: must be a text in quotes, a number, a list, true or false"),
            ("limits.drain = \"3", "line 1: "),
        ] {
            let said = read(text).expect_err(text);
            assert!(said.starts_with(&format!("/x.toml: {complaint}")), "{text:?}: {said}");
            assert_eq!(said.lines().count(), 1, "{said}");
        }
    }

    #[test]
    fn metrics_stay_on_this_host() {
        for address in
            ["0.0.0.0:9464", "[::]:9464", "192.0.2.1:9464", "localhost:9464", "127.0.0.1", "unix:x", "unix:", "/x"]
        {
            let said = read(&format!("metrics.listen = [\"[::1]:1\", \"{address}\"]")).expect_err(address);
            assert!(said.starts_with(&format!("/x.toml: line 1: metrics.listen: {address}: ")), "{said}");
        }
    }

    #[test]
    fn a_named_file_must_be_there_and_nobody_elses_to_write() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("x.toml");
        let complaint = || Configuration::read(Some(&path)).unwrap_err().to_string();
        assert!(complaint().contains("x.toml: cannot read: No such file"), "{}", complaint());
        fs::write(&path, "limits.drain = 3\n").unwrap();
        for (mode, is_taken) in [(0o644, true), (0o600, true), (0o664, false), (0o646, false)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(Configuration::read(Some(&path)).is_ok(), is_taken, "{mode:o}");
        }
        assert!(complaint().ends_with("x.toml: cannot read: others can write it (chmod go-w ends that)"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(Configuration::read(Some(&path)).unwrap().limits.drain.as_secs(), 3);
        fs::write(&path, "#".repeat(1024 * 1024 + 1)).unwrap();
        assert!(complaint().ends_with("longer than 1 MiB"));
        fs::write(&path, b"user = \"\xff\"").unwrap();
        assert!(complaint().contains("UTF-8"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_its_line_named(text in any::<String>()) {
            let _ = read(&text);
        }

        #[test]
        fn so_is_whatever_is_written_behind_a_key(at in 0..KEYS.len(), value in "[-+._0-9a-z\"\\[\\]{}=, \n]{0,12}") {
            let _ = read(&format!("{} = {value}", KEYS[at].name));
        }
    }
}
