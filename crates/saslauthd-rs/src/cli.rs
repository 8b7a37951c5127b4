//! The flags of saslauthd, as they are typed.

use clap::{Arg, ArgAction, ArgMatches, Command};
use std::ffi::OsString;

/// The command, from which help, man page and completions are made.
#[must_use]
pub fn command() -> Command {
    Command::new("saslauthd")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Checks passwords for the clients of Cyrus SASL")
        .override_usage("saslauthd -a MECHANISM [options]\n       saslauthd status [-m DIRECTORY]\n       saslauthd check -u USER [-r REALM] [-s SERVICE] [-m DIRECTORY]")
        .disable_help_flag(true)
        .disable_version_flag(true)
        .args(flags_of_the_original())
        .args(flags_of_ours())
        .arg(Arg::new("operands").num_args(..).hide(true).help("Ignored, as in the original"))
        .subcommands([status(), check()])
        // Behind a flag, such a word is an operand.
        .args_conflicts_with_subcommands(true)
        .disable_help_subcommand(true)
}

fn flags_of_the_original() -> [Arg; 14] {
    [
        word(
            "mechanisms",
            'a',
            "MECHANISMS",
            "Check passwords by this mechanism, or by several with commas between: the first that knows the user decides. -v \
                lists them",
        ),
        switch(
            "cache",
            'c',
            "Remember right passwords that others have checked, too; those of sasldb are remembered unless --no-cache is given",
        ),
        switch("debug", 'd', "Stay in the foreground, and log to standard error as well as to syslog, debug lines too"),
        switch("foreground", 'f', "Stay in the foreground"),
        switch("usage", 'h', "Show this on standard error"),
        switch("no-lock", 'l', "Accepted, and of no effect: there is no accept lock"),
        directory("The run directory: sockets mux and control, and saslauthd.pid"),
        value(
            "threads",
            'n',
            "COUNT",
            "How many passwords are hashed at once, and how many helper processes work at once; 0 is one a core, and 5 for pam",
        )
        .default_value("0"),
        word(
            "options",
            'O',
            "OPTION",
            "Option of the mechanism. For sasldb the database (default /etc/sasldb2), sled:DIRECTORY for sled; for rimap the \
                servers; for ldap and httpform the file (default /etc/saslauthd.conf). With several mechanisms MECHANISM=OPTION, \
                for each of them",
        )
        .action(ArgAction::Append),
        switch("combine", 'r', "Look up login@realm where a request has a realm"),
        value("cache-size", 's', "KILOBYTES", "Bound of the cache's memory, which grows in powers of two")
            .default_value("8960"),
        value("cache-life", 't', "SECONDS", "How long a password is remembered").default_value("28800"),
        switch("version", 'v', "Show version and mechanisms on standard error"),
        switch("verbose", 'V', "Log debug lines"),
    ]
}

fn flags_of_ours() -> [Arg; 15] {
    [
        Arg::new("no-cache").long("no-cache").action(ArgAction::SetTrue).help("Hash every password every time"),
        Arg::new("no-throttle")
            .long("no-throttle")
            .action(ArgAction::SetTrue)
            .help("Look at every password at once, however many of the same sender were wrong"),
        long_value("deadline", "SECONDS", "How long a client may take to send its request").default_value("10"),
        long_value("max-field", "BYTES", "How long a login, password, service or realm may be").default_value("256"),
        Arg::new("check-config")
            .long("check-config")
            .action(ArgAction::SetTrue)
            .help("Read the configuration, say what is wrong with it or what it comes to, and do not start"),
        long_value("config", "FILE", "The file for all else, which these flags win over (default /etc/saslauthd.toml)"),
        long_value("socket-mode", "OCTAL", "Mode of the socket; the run directory's own mode protects it too")
            .default_value("0777"),
        long_value("socket-group", "GROUP", "Group of the socket"),
        long_value("user", "NAME", "Whom the serving process becomes where it is started as root")
            .default_value("saslauth"),
        Arg::new("no-sandbox")
            .long("no-sandbox")
            .action(ArgAction::SetTrue)
            .help("Serve without seccomp and landlock, for debuggers and profilers"),
        Arg::new("listen").long("listen").value_name("PROTOCOL:PATH").action(ArgAction::Append).help(
            "Serve whole exchanges at dovecot:/PATH too, to servers that speak Dovecot's authentication protocol, such as Postfix and \
                Exim; dovecot-userdb:/PATH is its other side, for Dovecot itself; up to four times",
        ),
        long_value(
            "mech-list",
            "MECHANISMS",
            "What to offer there, best first, with blanks between (default: all that there is something kept for)",
        ),
        Arg::new("metrics").long("metrics").value_name("ADDRESS").action(ArgAction::Append).help(
            "Serve metrics for Prometheus at 127.0.0.1:PORT, [::1]:PORT or unix:/PATH too, and not on the control socket alone; \
                up to six times",
        ),
        Arg::new("help").long("help").action(ArgAction::Help).help("Show this"),
        Arg::new("version-alone").long("version").action(ArgAction::Version).help("Show the version"),
    ]
}

fn status() -> Command {
    Command::new("status")
        .about("Shows what the daemon that runs has done so far; for root, and whom the daemon was started as")
        .override_usage("saslauthd status [-m DIRECTORY]")
        .arg(directory("The daemon's run directory"))
        .arg(help())
}

fn check() -> Command {
    let octets = |arg: Arg| arg.value_parser(clap::value_parser!(OsString));
    Command::new("check")
        .about(
            "Reads a password, and shows how the daemon that runs decides a login; for root, and whom the daemon was started as",
        )
        .override_usage("saslauthd check -u USER [-r REALM] [-s SERVICE] [-m DIRECTORY]")
        .arg(octets(word("user", 'u', "USER", "The user")).required(true))
        .arg(octets(word("realm", 'r', "REALM", "The realm (default none)")).default_value("").hide_default_value(true))
        .arg(octets(word("service", 's', "SERVICE", "The service")).default_value("imap"))
        .arg(directory("The daemon's run directory"))
        .arg(help())
}

/// Short too: there is no older meaning of it.
fn help() -> Arg {
    Arg::new("help").long("help").short('h').action(ArgAction::Help).help("Show this")
}

fn directory(help: &'static str) -> Arg {
    value("directory", 'm', "DIRECTORY", help).default_value("/var/run/saslauthd")
}

/// Takes the word behind it whatever it looks like, as getopt does.
fn word(name: &'static str, short: char, what: &'static str, help: &'static str) -> Arg {
    Arg::new(name).short(short).value_name(what).allow_hyphen_values(true).help(help)
}

/// The same, and the last of several counts.
fn value(name: &'static str, short: char, what: &'static str, help: &'static str) -> Arg {
    word(name, short, what, help).overrides_with(name)
}

fn long_value(name: &'static str, what: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(what).overrides_with(name).help(help)
}

fn switch(name: &'static str, short: char, help: &'static str) -> Arg {
    Arg::new(name).short(short).action(ArgAction::SetTrue).overrides_with(name).help(help)
}

/// Reads the words of a command line, the program's name first.
///
/// # Errors
/// What clap says of words that make no sense.
pub fn parse(words: impl IntoIterator<Item = OsString>) -> Result<ArgMatches, clap::Error> {
    command().try_get_matches_from(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(line: &str) -> Result<ArgMatches, clap::Error> {
        parse(line.split(' ').map(OsString::from))
    }

    #[test]
    fn the_definition_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn what_administrators_type() {
        let debian = typed("saslauthd -a sasldb -c -m /var/run/saslauthd -n 5").unwrap();
        assert_eq!(debian.get_one::<String>("mechanisms").unwrap(), "sasldb");
        assert!(debian.get_flag("cache") && !debian.get_flag("debug"));
        assert!(typed("saslauthd -dda sasldb operand").unwrap().get_flag("debug"));
        assert_eq!(typed("saslauthd -n 2 -m /a -n 3 -m /b").unwrap().get_one::<String>("threads").unwrap(), "3");
        assert_eq!(typed("saslauthd -n -1").unwrap().get_one::<String>("threads").unwrap(), "-1");
    }

    #[test]
    fn a_word_in_front_is_a_command_and_elsewhere_an_operand() {
        let status = typed("saslauthd status -m /x").unwrap();
        let (name, flags) = status.subcommand().unwrap();
        assert_eq!((name, flags.get_one::<String>("directory").unwrap().as_str()), ("status", "/x"));
        for line in ["saslauthd -a sasldb status", "saslauthd -d -a sasldb -- status", "saslauthd operand status"] {
            assert_eq!(typed(line).unwrap().subcommand_name(), None, "{line}");
        }
        assert!(typed("saslauthd status -a sasldb").is_err());
        for line in ["saslauthd status --help", "saslauthd check -h"] {
            assert_eq!(typed(line).unwrap_err().kind(), clap::error::ErrorKind::DisplayHelp, "{line}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for line in
            ["saslauthd -H", "saslauthd -a", "saslauthd -a sasldb -a sasldb", "saslauthd --nonsense", "saslauthd -T"]
        {
            assert!(typed(line).is_err(), "{line}");
        }
    }
}
