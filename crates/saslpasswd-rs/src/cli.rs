//! The flags of both programs, as they are typed. Help, man pages and completions are made from them.

use clap::{Arg, ArgAction, ArgGroup, Command, value_parser};
use std::ffi::OsString;

/// `saslpasswd2`.
#[must_use]
pub fn saslpasswd2() -> Command {
    program("saslpasswd2", "Sets a user's password in the SASL database, or removes the user")
        .override_usage("saslpasswd2 [-c | -d] [-p] [-n] [-f FILE] [-u DOMAIN] [-a APPLICATION] USERID\n       saslpasswd2 --import FILE [options]")
        .args([
            switch("pipe", "Read the password from standard input, without a prompt").short('p'),
            switch("create", "Create the user; done without it too, as in the original").short('c'),
            switch("delete", "Remove the user").short('d'),
            switch("no-plain", "Keep nothing for PLAIN and LOGIN, only what the other mechanisms need").short('n'),
            octets("file", "FILE", "The database; sled:DIRECTORY for sled (default sasldb_path, or /etc/sasldb2)").short('f'),
            octets("domain", "DOMAIN", "The realm, where the userid has none (default this host's name)").short('u'),
            octets("application", "APPLICATION", "Read APPLICATION.conf").short('a').default_value("saslpasswd"),
        ])
        .args([
            switch("disable", "Let the user no longer in, and keep the password").long("disable"),
            switch("enable", "Let the user in again").long("enable"),
            octets("import", "FILE", "Add the users of a file, or of standard input for -: lines user@realm:password").long("import"),
            text("verifiers", "LIST", "What to keep, separated by commas: argon2id scram-sha-512 scram-sha-256 scram-sha-1 digest-md5 cram-md5 (default: what mech_list needs, or all)").long("verifiers"),
            switch("plaintext", "Keep the password itself too").long("plaintext"),
            octets("digest-realm", "REALM", "Make DIGEST-MD5 keys for this realm too").long("digest-realm").action(ArgAction::Append),
            operand("userid", "USERID", "user or user@realm"),
        ])
        .group(ArgGroup::new("act").args(["create", "delete", "disable", "enable", "import"]))
        .group(ArgGroup::new("whom").args(["userid", "import", "version", "usage"]).required(true))
        .after_help(IMPORT)
        .mut_arg("plaintext", |arg| arg.conflicts_with_all(["delete", "disable", "enable", "no-plain"]))
}

const IMPORT: &str = "A line of --import is a userid, a colon, and the password as it is: the first colon ends the userid, \
nothing is quoted, and there are no comments. Empty lines do not count. Nothing is written unless every line is right. \
Whoever is there already gets the new password, and stays disabled who was.";

/// `sasldblistusers2`.
#[must_use]
pub fn sasldblistusers2() -> Command {
    program("sasldblistusers2", "Lists the users of the SASL database")
        .override_usage("sasldblistusers2 [-v] [--long | --json] [[-f] FILE]")
        .args([
            octets("file", "FILE", "The database; sled:DIRECTORY for sled (default /etc/sasldb2)").short('f'),
            operand("operand", "FILE", "The database, as with -f").conflicts_with("file"),
            switch("long", "Show what is kept, since when, and who is disabled").long("long").conflicts_with("json"),
            switch("json", "Show that as JSON, a user a line").long("json"),
        ])
}

fn program(name: &'static str, about: &'static str) -> Command {
    Command::new(name)
        .version(env!("CARGO_PKG_VERSION"))
        .about(about)
        .disable_help_flag(true)
        .disable_version_flag(true)
        // The last of several counts, as with getopt.
        .args_override_self(true)
        .args([
            switch("version", "Show the version on standard error").short('v'),
            switch("usage", "Show this on standard error, and fail as the original does").short('h'),
            Arg::new("help").long("help").action(ArgAction::Help).help("Show this"),
            Arg::new("version-alone").long("version").action(ArgAction::Version).help("Show the version"),
        ])
}

fn switch(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).action(ArgAction::SetTrue).help(help)
}

fn text(name: &'static str, what: &'static str, help: &'static str) -> Arg {
    Arg::new(name).value_name(what).help(help)
}

/// Takes the word behind it whatever it looks like, as getopt does.
fn octets(name: &'static str, what: &'static str, help: &'static str) -> Arg {
    operand(name, what, help).allow_hyphen_values(true)
}

fn operand(name: &'static str, what: &'static str, help: &'static str) -> Arg {
    text(name, what, help).value_parser(value_parser!(OsString))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definitions_are_sound() {
        saslpasswd2().debug_assert();
        sasldblistusers2().debug_assert();
    }

    #[test]
    fn what_administrators_type() {
        for line in [
            "-c tim",
            "tim -f db -u example.com",
            "-pc tim@example.com",
            "-d tim",
            "-nd tim",
            "-v",
            "-a sendmail -u r tim",
            "-f -x tim",
            "-u a -u b -f x -f y -a z -a z -p -p --digest-realm d --digest-realm e tim",
        ] {
            let words = ["saslpasswd2"].into_iter().chain(line.split(' '));
            assert!(saslpasswd2().try_get_matches_from(words).is_ok(), "{line}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for line in [
            "",
            "-c",
            "-c -d tim",
            "-x tim",
            "tim bob",
            "-f",
            "--import f tim",
            "--disable --enable tim",
            "-d --plaintext tim",
            "-n --plaintext tim",
            "-o x a",
        ] {
            let words = ["saslpasswd2"].into_iter().chain(line.split(' ').filter(|word| !word.is_empty()));
            assert!(saslpasswd2().try_get_matches_from(words).is_err(), "{line}");
        }
        for line in ["-x", "-f", "a b", "-f a b", "--json --long"] {
            let words = ["sasldblistusers2"].into_iter().chain(line.split(' '));
            assert!(sasldblistusers2().try_get_matches_from(words).is_err(), "{line}");
        }
    }
}
