//! What the flags mean.

use crate::{
    check::{Combine, Remember},
    cli,
    configuration::{self, Configuration, Exchange, KEYS, Limits, Parse},
    endpoint::Endpoint,
    exchange_socket::ExchangeSocket,
    exit::{Failure, TROUBLE},
    helper::backend::Kind,
    log::Destination,
    login_check::Question,
    mechanisms::{self, MISSING, Mechanism, NAMES},
    privileges::Account,
    throttle,
};
use clap::{ArgMatches, error::ErrorKind, parser::ValueSource};
use nix::unistd::{Gid, Group};
use std::{
    ffi::OsString,
    path::{Path, PathBuf, absolute},
    thread,
    time::Duration,
};

/// What to do.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "complete by nature")]
pub enum Task {
    /// Say something on standard error, and be done.
    Say(String),
    /// Say something on standard output, and be done.
    Print(String),
    /// Say whether the configuration is good, and what it comes to.
    CheckConfiguration(Box<Settings>),
    /// Show what the daemon in that run directory has done.
    Status(PathBuf),
    /// Show how it decides a login.
    CheckLogin(Question),
    /// Serve.
    Serve(Box<Settings>),
}

/// How to serve.
#[derive(Clone, Debug)]
pub struct Settings {
    /// In the foreground or in the background.
    pub place: Place,
    /// Where the log goes.
    pub log: Destination,
    /// Whether debug lines are logged.
    pub verbose: bool,
    /// The run directory.
    pub directory: PathBuf,
    /// What passwords are checked against, in this order; at least one.
    pub mechanisms: Vec<Mechanism>,
    /// What `-r` says.
    pub combine: Combine,
    /// How many passwords are hashed at once.
    pub threads: usize,
    /// How many processes for PAM may work at once.
    pub pam_helpers: usize,
    /// What `-c` says.
    pub remember: Remember,
    /// Bytes and life of the cache; `None` for no cache.
    pub cache: Option<(usize, Duration)>,
    /// Whom the serving process becomes when it is started as root.
    pub user: String,
    /// Whether the serving process is confined by seccomp and landlock.
    pub sandbox: bool,
    /// The socket's mode.
    pub socket_mode: u32,
    /// The name of the socket's group, where that is not the process's own.
    pub socket_group: Option<String>,
    /// What clients and back ends may take.
    pub limits: Limits,
    /// What whoever guesses has to wait.
    pub throttle: Option<throttle::Rules>,
    /// What servers leave to the daemon.
    pub exchange: Exchange,
    /// Where scrapers find the metrics, besides the control socket.
    pub metrics: Vec<Endpoint>,
    typed: Typed,
}

/// What was typed. A file is found from where that was: a daemon goes elsewhere.
#[derive(Clone, Debug)]
struct Typed {
    flags: ArgMatches,
    file: Option<PathBuf>,
}

/// Where the daemon runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by nature")]
pub enum Place {
    /// Where it was started.
    Foreground,
    /// In a process of its own, of which whoever started it need not wait for the end.
    Background,
}

/// As many processes for PAM as the original has.
const PAM_HELPERS: usize = 5;

/// Decides what a command line asks for.
///
/// # Errors
/// A [`Failure`] that names the flag.
pub fn decide(words: impl IntoIterator<Item = OsString>) -> Result<Task, Failure> {
    let words: Vec<_> = words.into_iter().collect();
    let is_check = words.get(1).is_some_and(|word| word == "check");
    let typed = match cli::parse(words) {
        Ok(typed) => typed,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            return Ok(Task::Print(error.to_string()));
        }
        Err(error) => {
            let failure = Failure::new(complaint(&error.to_string()));
            return Err(if is_check { failure.with_status(TROUBLE) } else { failure });
        }
    };
    if let Some((name, typed)) = typed.subcommand() {
        return Ok(command(name, typed));
    }
    if typed.get_flag("usage") {
        return Ok(Task::Say(format!("{}\n{}", cli::command().render_help(), version())));
    }
    if typed.get_flag("version") {
        return Ok(Task::Say(version()));
    }
    if let Some(word) = misplaced(&typed) {
        return Err(Failure::new(format!("{word} is a command as the first word alone: saslauthd {word} ...")));
    }
    let is_checked = typed.get_flag("check-config");
    let mechanisms = mechanisms::read(text(&typed, "mechanisms"), options(&typed))?;
    let file = text(&typed, "config").map(absolute).transpose();
    let file = file.map_err(|error| Failure::new(format!("--config: {error}")))?;
    let settings = Box::new(Settings::read(Typed { flags: typed, file }, mechanisms)?);
    Ok(if is_checked { Task::CheckConfiguration(settings) } else { Task::Serve(settings) })
}

/// What another than the daemon is to do.
fn command(name: &str, typed: &ArgMatches) -> Task {
    let directory = typed.get_one::<String>("directory").map(PathBuf::from).unwrap_or_default();
    if name == "status" {
        return Task::Status(directory);
    }
    let word = |name| typed.get_one::<OsString>(name).cloned().unwrap_or_default();
    Task::CheckLogin(Question { directory, user: word("user"), realm: word("realm"), service: word("service") })
}

/// As in the original, operands mean nothing; but who types a command does not want a daemon.
fn misplaced(typed: &ArgMatches) -> Option<&str> {
    let mut operands = typed.get_many::<String>("operands").into_iter().flatten().map(String::as_str);
    operands.find(|word| ["status", "check"].contains(word))
}

/// What clap says first, without its own first word.
fn complaint(text: &str) -> String {
    let first = text.split("\n\n").next().unwrap_or(text);
    format!("{}; try -h for help", first.strip_prefix("error: ").unwrap_or(first))
}

fn version() -> String {
    let (version, names) = (env!("CARGO_PKG_VERSION"), NAMES.join(" "));
    format!("saslauthd {version}\nauthentication mechanisms: {names}\nnot in this version: {MISSING}\n")
}

fn options(typed: &ArgMatches) -> impl Iterator<Item = &str> {
    typed.get_many::<String>("options").into_iter().flatten().map(String::as_str)
}

fn text<'t>(typed: &'t ArgMatches, name: &str) -> Option<&'t str> {
    typed.get_one::<String>(name).map(String::as_str)
}

impl Settings {
    /// What the same flags come to with what the configuration file says now.
    ///
    /// # Errors
    /// A [`Failure`] that names the file.
    pub fn read_again(&self) -> Result<Self, Failure> {
        Self::read(self.typed.clone(), self.mechanisms.clone())
    }

    /// How many helper processes of that kind may work at once.
    #[must_use]
    pub fn helpers_at_once(&self, kind: Kind) -> usize {
        if kind == Kind::Pam { self.pam_helpers } else { self.threads }
    }

    /// The socket's group. Who that is the system may ask others.
    ///
    /// # Errors
    /// A [`Failure`] that names the flag or the key, where there is no such group.
    pub fn socket_gid(&self) -> Result<Option<Gid>, Failure> {
        let Some(name) = &self.socket_group else { return Ok(None) };
        let from = self.said_by("socket_group", "socket-group");
        match Group::from_name(name) {
            Ok(Some(group)) => Ok(Some(group.gid)),
            Ok(None) => Err(Failure::new(format!("{from}: no group {name}"))),
            Err(error) => Err(Failure::new(format!("{from}: {name}: {error}"))),
        }
    }

    /// Whom the serving process becomes, if it is to become another.
    ///
    /// # Errors
    /// A [`Failure`] that names the flag or the key, where there is no such user.
    pub fn account(&self) -> Result<Option<Account>, Failure> {
        let from = || self.said_by("user", "user");
        Account::find(&self.user).map_err(|failure| Failure::new(format!("{}: {failure}", from())))
    }

    /// What says it: the flag, or else the file with the key.
    fn said_by(&self, key: &str, flag: &str) -> String {
        if self.typed.flags.value_source(flag) == Some(ValueSource::CommandLine) {
            return format!("--{flag}");
        }
        format!("{}: {key}", self.typed.file.as_deref().unwrap_or(Path::new(configuration::DEFAULT)).display())
    }

    fn read(typed: Typed, mechanisms: Vec<Mechanism>) -> Result<Self, Failure> {
        let flags = &typed.flags;
        let directory = PathBuf::from(text(flags, "directory").unwrap_or_default());
        if !directory.is_absolute() {
            return Err(Failure::new("-m requires an absolute pathname"));
        }
        let (debug, foreground) = (flags.get_flag("debug"), flags.get_flag("foreground"));
        let threads = threads(text(flags, "threads"))?;
        let Configuration { user, socket_mode, socket_group, limits, throttle, exchange, metrics } =
            configuration(&typed)?;
        Ok(Self {
            place: if debug || foreground { Place::Foreground } else { Place::Background },
            log: if debug { Destination::SyslogAndStderr } else { Destination::Syslog }.or_journal(foreground),
            verbose: debug || flags.get_flag("verbose"),
            directory,
            mechanisms,
            combine: if flags.get_flag("combine") { Combine::LoginAndRealm } else { Combine::No },
            threads: threads.unwrap_or_else(|| thread::available_parallelism().map_or(2, usize::from)),
            pam_helpers: threads.unwrap_or(PAM_HELPERS),
            remember: if flags.get_flag("cache") { Remember::All } else { Remember::OurOwn },
            cache: cache(flags)?,
            user,
            sandbox: !flags.get_flag("no-sandbox"),
            socket_mode,
            socket_group,
            limits,
            throttle: throttle.rules(),
            exchange,
            metrics,
            typed,
        })
    }
}

/// What the file says, but for what was typed: that wins.
fn configuration(typed: &Typed) -> Result<Configuration, Failure> {
    let mut configuration = Configuration::read(typed.file.as_deref())?;
    for (key, flag) in KEYS.iter().filter_map(|key| Some((key, key.flag?))) {
        if typed.flags.value_source(flag) == Some(ValueSource::CommandLine) {
            configuration.take_flag(key, text(&typed.flags, flag).unwrap_or_default())?;
        }
    }
    if let Some(sockets) = all(&typed.flags, "listen", ExchangeSocket::parse_all)? {
        configuration.exchange.listen = sockets;
    }
    if let Some(endpoints) = all(&typed.flags, "metrics", Endpoint::parse_all)? {
        configuration.metrics = endpoints;
    }
    if typed.flags.get_flag("no-throttle") {
        configuration.throttle.enabled = false;
    }
    Ok(configuration)
}

impl Destination {
    fn or_journal(self, foreground: bool) -> Self {
        let journal = foreground && self == Self::Syslog && Self::stderr_is_the_journal();
        if journal { Self::Journal } else { self }
    }
}

/// `None` for as many as fit.
fn threads(count: Option<&str>) -> Result<Option<usize>, Failure> {
    match count.unwrap_or("0").parse() {
        Ok(0) => Ok(None),
        Ok(count) if count <= 1024 => Ok(Some(count)),
        _ => Err(Failure::new("-n: invalid number of worker processes defined: must be a number from 0 to 1024")),
    }
}

fn cache(typed: &ArgMatches) -> Result<Option<(usize, Duration)>, Failure> {
    let size = positive(text(typed, "cache-size"), "-s: cache size must be positive and non zero")?;
    let life = positive(text(typed, "cache-life"), "-t: cache timeout must be positive")?;
    let size = usize::try_from(size).ok().and_then(|size| size.checked_mul(1024));
    let size = size.ok_or_else(|| Failure::new("-s: cache size must be positive and non zero, and fit into memory"))?;
    Ok((!typed.get_flag("no-cache")).then(|| (size, Duration::from_secs(life))))
}

fn positive(number: Option<&str>, complaint: &str) -> Result<u64, Failure> {
    let number =
        number.and_then(|number| number.parse().ok()).filter(|number| (1..=u64::from(u32::MAX)).contains(number));
    number.ok_or_else(|| Failure::new(complaint))
}

/// Those that were typed, in the place of the file's.
fn all<T>(typed: &ArgMatches, flag: &str, parse: Parse<T>) -> Result<Option<Vec<T>>, Failure> {
    let Some(words) = typed.get_many::<String>(flag) else { return Ok(None) };
    let words: Vec<_> = words.map(String::as_str).collect();
    parse(&words).map(Some).map_err(|error| Failure::new(format!("--{flag}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(line: &str) -> Result<Task, Failure> {
        decide(line.split(' ').map(OsString::from))
    }

    fn served(line: &str) -> Settings {
        match asked(line) {
            Ok(Task::Serve(settings)) => *settings,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_defaults() {
        let settings = served("saslauthd -a sasldb");
        assert_eq!(settings.place, Place::Background);
        assert_eq!(settings.remember, Remember::OurOwn);
        assert_eq!(settings.limits.longest_field, 256);
        assert_eq!(settings.cache, Some((8960 * 1024, Duration::from_secs(28800))));
        assert_eq!((settings.limits.deadline, settings.socket_mode), (Duration::from_secs(10), 0o777));
        assert!(settings.threads > 0 && !settings.verbose);
        assert_eq!(settings.throttle, Some(throttle::Rules::default()));
    }

    #[test]
    fn what_the_flags_change() {
        let settings = served("saslauthd -a SASLDB -d -r -n 3 -m /x -O /y -s 1 -t 2 --deadline 3 --socket-mode 660");
        assert_eq!(
            (settings.place, settings.combine, settings.threads),
            (Place::Foreground, Combine::LoginAndRealm, 3)
        );
        assert_eq!(settings.cache, Some((1024, Duration::from_secs(2))));
        assert_eq!((settings.limits.deadline.as_secs(), settings.socket_mode), (3, 0o660));
        assert_eq!(served("saslauthd -a sasldb --no-cache").cache, None);
        assert_eq!(served("saslauthd -a sasldb --no-throttle").throttle, None);
        assert_eq!(served("saslauthd -a sasldb -c").remember, Remember::All);
        assert_eq!(served("saslauthd -a sasldb --max-field 8192").limits.longest_field, 8192);
        assert_eq!(served("saslauthd -a sasldb --metrics 127.0.0.1:1 --metrics unix:/x").metrics.len(), 2);
        assert!(matches!(asked("saslauthd -a ldap --check-config"), Ok(Task::CheckConfiguration(_))));
    }

    #[test]
    fn flags_win_over_the_file_and_the_file_over_what_they_are_without_it() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let line = |more: &str| format!("saslauthd -a sasldb --config {}{more}", file.path().display());
        std::fs::write(&file, "user = \"mail\"\nlimits.deadline = 20\nlimits.drain = 30\nsocket_mode = \"0660\"")
            .unwrap();
        let of =
            |settings: Settings| (settings.limits.deadline.as_secs(), settings.limits.drain.as_secs(), settings.user);
        let first = served(&line(""));
        assert_eq!(first.socket_mode, 0o660);
        assert_eq!(of(served(&line(" --deadline 10 --user saslauth"))), (10, 30, "saslauth".into()));
        std::fs::write(&file, "limits.deadline = 21").unwrap();
        assert_eq!(of(first.read_again().unwrap()), (21, 10, "saslauth".into()));
        std::fs::write(&file, "limits.deadline = 0").unwrap();
        for failure in [first.read_again().unwrap_err(), asked(&line("")).unwrap_err()] {
            assert!(
                failure.to_string().ends_with(": line 1: limits.deadline: must be a number of seconds from 1 to 86400")
            );
        }
        assert!(
            asked("saslauthd -a sasldb --config /no/such.toml")
                .unwrap_err()
                .to_string()
                .contains("/no/such.toml: cannot read")
        );
    }

    #[test]
    fn help_says_of_flags_what_their_keys_are_without_the_file() {
        let typed = cli::parse(["saslauthd"].map(OsString::from)).unwrap();
        for (key, flag) in KEYS.iter().filter_map(|key| Some((key, key.flag?))) {
            let mut configuration = Configuration::default();
            text(&typed, flag).map_or(Ok(()), |said| configuration.take_flag(key, said)).unwrap();
            assert_eq!(configuration, Configuration::default(), "--{flag}");
        }
    }

    #[test]
    fn a_group_that_there_is_not_is_named_with_its_flag_or_its_key() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, "socket_group = \"nosuch\"").unwrap();
        let line = format!("saslauthd -a sasldb --config {}", file.path().display());
        let said = format!("{}: socket_group: no group nosuch", file.path().display());
        assert_eq!(served(&line).socket_gid().unwrap_err().to_string(), said);
        let typed = |name: &str| served(&format!("{line} --socket-group {name}")).socket_gid();
        assert_eq!(typed("other").unwrap_err().to_string(), "--socket-group: no group other");
        assert_eq!(typed("root").unwrap(), Some(Gid::from_raw(0)));
    }

    #[test]
    fn what_is_refused_names_its_flag() {
        let refusals = [
            ("saslauthd", "no authentication mechanism"),
            ("saslauthd -a sasldb status", "status is a command as the first word alone"),
            ("saslauthd -m /run/x check", "check is a command as the first word alone"),
            ("saslauthd -a nosuch", "unknown authentication mechanism: nosuch"),
            ("saslauthd -a kerberos5", "kerberos5: not in this version"),
            ("saslauthd -a sasldb --max-field 0", "--max-field:"),
            ("saslauthd -a sasldb -m run", "-m requires"),
            ("saslauthd -a sasldb -n -1", "-n:"),
            ("saslauthd -a sasldb -n many", "-n:"),
            ("saslauthd -a sasldb -s 0", "-s:"),
            ("saslauthd -a sasldb -s 99999999999999999999", "-s:"),
            ("saslauthd -a sasldb -t abc", "-t:"),
            ("saslauthd -a sasldb --deadline 0", "--deadline:"),
            ("saslauthd -a sasldb --socket-mode 999", "--socket-mode:"),
            ("saslauthd -a sasldb --socket-group=", "--socket-group: must not be empty"),
            ("saslauthd -a sasldb --user=", "--user: must not be empty"),
            ("saslauthd -a sasldb --metrics 0.0.0.0:9464", "--metrics: 0.0.0.0:9464: other hosts"),
            ("saslauthd -H", "-H"),
            ("saslauthd -a sasldb -a sasldb", "-a"),
        ];
        for (line, words) in refusals {
            let failure = asked(line).expect_err(line).to_string();
            assert!(failure.contains(words), "{line}: {failure}");
        }
    }

    #[test]
    fn help_and_version_go_before_all_else() {
        assert!(matches!(asked("saslauthd -a nosuch -v"), Ok(Task::Say(text)) if text.contains("sasldb")));
        assert!(matches!(asked("saslauthd -h"), Ok(Task::Say(text)) if text.contains("-O")));
        assert!(matches!(asked("saslauthd --help"), Ok(Task::Print(text)) if text.contains("-O")));
        assert!(matches!(asked("saslauthd --version"), Ok(Task::Print(text)) if text.starts_with("saslauthd ")));
    }
}
