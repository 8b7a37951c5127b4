//! What the flags mean.

use crate::{
    check::{Combine, Remember},
    cli,
    exit::Failure,
    log::Destination,
    mechanisms::{self, MISSING, Mechanism, NAMES},
};
use clap::{ArgMatches, error::ErrorKind};
use nix::unistd::{Gid, Group};
use std::{ffi::OsString, path::PathBuf, thread, time::Duration};

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
    /// Serve.
    Serve(Box<Settings>),
}

/// How to serve.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "made here, read by the daemon")]
pub struct Settings {
    /// In the foreground, detached already, or to be detached.
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
    /// How long a client may take to send its request.
    pub deadline: Duration,
    /// How long a field of a request may be, in bytes.
    pub longest_field: usize,
    /// Whom the serving process becomes, where somebody has said.
    pub user: Option<String>,
    /// Whether the serving process is confined by seccomp and landlock.
    pub sandbox: bool,
    /// The socket's mode.
    pub socket_mode: u32,
    /// The socket's group, where not the process's own.
    pub socket_group: Option<Gid>,
}

/// Where the daemon runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by nature")]
pub enum Place {
    /// Where it was started.
    Foreground,
    /// In a process of its own, which is to be started.
    Background,
    /// In that process.
    Detached,
}

/// As many processes for PAM as the original has.
const PAM_HELPERS: usize = 5;

/// Decides what a command line asks for.
///
/// # Errors
/// A [`Failure`] that names the flag.
pub fn decide(words: impl IntoIterator<Item = OsString>) -> Result<Task, Failure> {
    let typed = match cli::parse(words) {
        Ok(typed) => typed,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            return Ok(Task::Print(error.to_string()));
        }
        Err(error) => return Err(Failure::new(complaint(&error.to_string()))),
    };
    if typed.get_flag("usage") {
        return Ok(Task::Say(format!("{}\n{}", cli::command().render_help(), version())));
    }
    if typed.get_flag("version") {
        return Ok(Task::Say(version()));
    }
    let settings = Box::new(settings(&typed)?);
    Ok(if typed.get_flag("check-config") { Task::CheckConfiguration(settings) } else { Task::Serve(settings) })
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

fn settings(typed: &ArgMatches) -> Result<Settings, Failure> {
    let text = |name: &str| typed.get_one::<String>(name).map(String::as_str);
    let directory = PathBuf::from(text("directory").unwrap_or_default());
    if !directory.is_absolute() {
        return Err(Failure::new("-m requires an absolute pathname"));
    }
    let (debug, foreground, detached) =
        (typed.get_flag("debug"), typed.get_flag("foreground"), typed.get_flag("detached"));
    Ok(Settings {
        place: if debug || foreground { Place::Foreground } else { Place::Background }.or_detached(detached),
        log: if debug { Destination::SyslogAndStderr } else { Destination::Syslog }.or_journal(foreground),
        verbose: debug || typed.get_flag("verbose"),
        directory,
        mechanisms: mechanisms::read(text("mechanisms"), options(typed))?,
        combine: if typed.get_flag("combine") { Combine::LoginAndRealm } else { Combine::No },
        threads: threads(text("threads"))?.unwrap_or_else(|| thread::available_parallelism().map_or(2, usize::from)),
        pam_helpers: threads(text("threads"))?.unwrap_or(PAM_HELPERS),
        remember: if typed.get_flag("cache") { Remember::All } else { Remember::OurOwn },
        cache: cache(typed)?,
        deadline: Duration::from_secs(positive(text("deadline"), "--deadline: must be a positive number of seconds")?),
        longest_field: longest_field(text("max-field"))?,
        user: text("user").map(String::from),
        sandbox: !typed.get_flag("no-sandbox"),
        socket_mode: mode(text("socket-mode"))?,
        socket_group: text("socket-group").map(group).transpose()?,
    })
}

impl Place {
    fn or_detached(self, detached: bool) -> Self {
        if detached { Self::Detached } else { self }
    }
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

fn longest_field(bytes: Option<&str>) -> Result<usize, Failure> {
    let bytes = bytes.and_then(|bytes| bytes.parse::<u16>().ok()).map(usize::from).filter(|bytes| *bytes > 0);
    bytes.ok_or_else(|| Failure::new("--max-field: must be a number from 1 to 65535"))
}

fn cache(typed: &ArgMatches) -> Result<Option<(usize, Duration)>, Failure> {
    let text = |name: &str| typed.get_one::<String>(name).map(String::as_str);
    let size = positive(text("cache-size"), "-s: cache size must be positive and non zero")?;
    let life = positive(text("cache-life"), "-t: cache timeout must be positive")?;
    let size = usize::try_from(size).ok().and_then(|size| size.checked_mul(1024));
    let size = size.ok_or_else(|| Failure::new("-s: cache size must be positive and non zero, and fit into memory"))?;
    Ok((!typed.get_flag("no-cache")).then(|| (size, Duration::from_secs(life))))
}

fn positive(number: Option<&str>, complaint: &str) -> Result<u64, Failure> {
    let number =
        number.and_then(|number| number.parse().ok()).filter(|number| (1..=u64::from(u32::MAX)).contains(number));
    number.ok_or_else(|| Failure::new(complaint))
}

fn mode(text: Option<&str>) -> Result<u32, Failure> {
    let mode = text.and_then(|text| u32::from_str_radix(text, 8).ok()).filter(|mode| *mode <= 0o777);
    mode.ok_or_else(|| Failure::new("--socket-mode: must be an octal number from 0 to 0777"))
}

fn group(name: &str) -> Result<Gid, Failure> {
    match Group::from_name(name) {
        Ok(Some(group)) => Ok(group.gid),
        Ok(None) => Err(Failure::new(format!("--socket-group: no group {name}"))),
        Err(error) => Err(Failure::new(format!("--socket-group: {name}: {error}"))),
    }
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
        assert_eq!(settings.longest_field, 256);
        assert_eq!(settings.cache, Some((8960 * 1024, Duration::from_secs(28800))));
        assert_eq!((settings.deadline, settings.socket_mode), (Duration::from_secs(10), 0o777));
        assert!(settings.threads > 0 && !settings.verbose);
    }

    #[test]
    fn what_the_flags_change() {
        let settings = served("saslauthd -a SASLDB -d -r -n 3 -m /x -O /y -s 1 -t 2 --deadline 3 --socket-mode 660");
        assert_eq!(
            (settings.place, settings.combine, settings.threads),
            (Place::Foreground, Combine::LoginAndRealm, 3)
        );
        assert_eq!(settings.cache, Some((1024, Duration::from_secs(2))));
        assert_eq!((settings.deadline.as_secs(), settings.socket_mode), (3, 0o660));
        assert_eq!(served("saslauthd -a sasldb --no-cache").cache, None);
        assert_eq!(served("saslauthd -a sasldb -c").remember, Remember::All);
        assert_eq!(served("saslauthd -a sasldb --max-field 8192").longest_field, 8192);
        assert!(matches!(asked("saslauthd -a ldap --check-config"), Ok(Task::CheckConfiguration(_))));
    }

    #[test]
    fn what_is_refused_names_its_flag() {
        let refusals = [
            ("saslauthd", "no authentication mechanism"),
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
            ("saslauthd -a sasldb --socket-group nosuch", "no group nosuch"),
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
