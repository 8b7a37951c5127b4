//! The client that an administrator tries the daemon with.

use crate::exit::{FAILED, REFUSED, print};
use clap::{Arg, ArgMatches, Command, error::ErrorKind};
use sasl_wire::{
    frame::Decoded,
    saslauthd::{Request, decode_reply, encode_request},
};
use std::{
    env,
    ffi::OsString,
    io::{self, Read, Write},
    os::unix::{ffi::OsStrExt, net::UnixStream},
    process::ExitCode,
    time::Duration,
};
use zeroize::Zeroizing;

/// The command, from which help, man page and completions are made.
#[must_use]
pub fn command() -> Command {
    let value =
        |name, short, what, help| Arg::new(name).short(short).value_name(what).allow_hyphen_values(true).help(help);
    let octets = |arg: Arg| arg.value_parser(clap::value_parser!(OsString));
    Command::new("testsaslauthd")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Asks saslauthd whether a password is a user's")
        .override_usage("testsaslauthd -u USER -p PASSWORD [-r REALM] [-s SERVICE] [-f PATH] [-R COUNT] [options]")
        .disable_help_flag(true)
        .disable_version_flag(true)
        .arg(octets(value("user", 'u', "USER", "The user")).required(true))
        .arg(
            octets(value("password", 'p', "PASSWORD", "The password; other users of this host can see it here"))
                .required(true),
        )
        .arg(octets(value("realm", 'r', "REALM", "The realm (default none)")).default_value(""))
        .arg(octets(value("service", 's', "SERVICE", "The service")).default_value("imap"))
        .arg(octets(value("socket", 'f', "PATH", "The socket")).default_value("/var/run/saslauthd/mux"))
        .arg(value("repeat", 'R', "COUNT", "How often to ask").default_value("1"))
        .arg(octets(value(
            "client",
            'a',
            "ADDRESS",
            "The address;port of the service's client, for daemons that know it",
        )))
        .arg(
            Arg::new("timeout")
                .long("timeout")
                .value_name("SECONDS")
                .default_value("60")
                .help("How long to wait for an answer"),
        )
        .arg(Arg::new("help").long("help").action(clap::ArgAction::Help).help("Show this"))
        .arg(Arg::new("version").long("version").action(clap::ArgAction::Version).help("Show the version"))
        .arg(Arg::new("operands").num_args(..).hide(true).help("Ignored, as in the original"))
}

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    sasldb::private::keep_memory_private();
    let words: Vec<OsString> = env::args_os().collect();
    let typed = match command().try_get_matches_from(&words) {
        Ok(typed) => typed,
        Err(help) if matches!(help.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            return print(&help.to_string())
                .map_or_else(|failure| failure.report("testsaslauthd"), |()| ExitCode::SUCCESS);
        }
        Err(error) => return usage(&words, error.to_string().trim()),
    };
    match (tries(&typed), seconds(&typed)) {
        (Some(tries), Some(patience)) => ask(&typed, tries, patience),
        (None, _) => usage(&words, "error: -R takes a number of tries"),
        (_, None) => usage(&words, "error: --timeout takes a positive number of seconds"),
    }
}

fn usage(words: &[OsString], complaint: &str) -> ExitCode {
    let name = words.first().map(|name| name.to_string_lossy()).unwrap_or_default();
    let complaint = complaint.split("\n\n").next().unwrap_or_default().trim_start_matches("error: ");
    let complaint = complaint.split_whitespace().collect::<Vec<_>>().join(" ");
    eprintln!("testsaslauthd: {complaint}");
    eprintln!("{name}: usage: {name} -u username -p password");
    eprintln!("              [-r realm] [-s servicename] [-a client address]");
    eprintln!("              [-f socket path] [-R repeatnum] [--timeout seconds]");
    ExitCode::from(FAILED)
}

/// As in the original, none is one, and less than none is none.
fn tries(typed: &ArgMatches) -> Option<i64> {
    let number = typed.get_one::<String>("repeat")?.parse().ok()?;
    Some(if number == 0 { 1 } else { number })
}

fn seconds(typed: &ArgMatches) -> Option<Duration> {
    let seconds = typed.get_one::<String>("timeout")?.parse().ok().filter(|seconds| *seconds > 0)?;
    Some(Duration::from_secs(seconds))
}

#[expect(clippy::print_stdout, reason = "it is what the program is for")]
fn ask(typed: &ArgMatches, tries: i64, patience: Duration) -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    for number in 0..tries {
        print!("{number}: ");
        let _ = io::stdout().flush();
        code = match ask_once(typed, patience) {
            Ok(true) => {
                println!("OK \"Success.\"");
                ExitCode::SUCCESS
            }
            Ok(false) => {
                println!("NO \"authentication failed\"");
                ExitCode::from(REFUSED)
            }
            Err(text) => {
                eprintln!("{text}");
                ExitCode::from(REFUSED)
            }
        };
    }
    code
}

/// Whether the daemon says `OK`; else a line for standard error, in the words of the original where it has some.
fn ask_once(typed: &ArgMatches, patience: Duration) -> Result<bool, String> {
    let field = |name: &str| typed.get_one::<OsString>(name).map(|text| text.as_bytes()).unwrap_or_default();
    let client = typed.get_one::<OsString>("client").map(|text| text.as_bytes());
    let [login, password, service, realm] = ["user", "password", "service", "realm"].map(field);
    if [login, password, service, realm].into_iter().chain(client).any(|field| field.len() > usize::from(u16::MAX)) {
        return Err("testsaslauthd: a field is longer than 65535 bytes".into());
    }
    let mut request =
        Zeroizing::new(Vec::with_capacity(login.len() + password.len() + service.len() + realm.len() + 80_000));
    encode_request(&Request { login, password, service, realm, client }, &mut request);
    let path = typed.get_one::<OsString>("socket").map(|path| path.as_os_str()).unwrap_or_default();
    let mut stream = UnixStream::connect(path).map_err(|error| format!("connect() : {}", words_of(&error)))?;
    let prepared = stream.set_read_timeout(Some(patience)).and_then(|()| stream.set_write_timeout(Some(patience)));
    prepared
        .and_then(|()| stream.write_all(&request))
        .map_err(|error| format!("write failed: {}", words_of(&error)))?;
    read_answer(&mut stream)
}

fn read_answer(stream: &mut UnixStream) -> Result<bool, String> {
    let mut answer = Vec::new();
    let mut chunk = [0; 1024];
    loop {
        match decode_reply(&answer) {
            Decoded::Complete(text) if text.len() < 2 => return Err("bad response from saslauthd".into()),
            Decoded::Complete(text) => return Ok(text.starts_with(b"OK")),
            Decoded::Short(_) => {}
        }
        match stream.read(&mut chunk) {
            Ok(0) if answer.len() < 2 => return Err("size read failed".into()),
            // The original takes the first 1024 bytes of a longer answer for the whole.
            Ok(0) if answer.len() >= 2 + 1024 => return Ok(answer[2..].starts_with(b"OK")),
            Ok(0) => return Err("read failed".into()),
            Ok(length) => answer.extend(&chunk[..length]),
            Err(error) => return Err(format!("read failed: {}", words_of(&error))),
        }
    }
}

/// The system's words for an error, without Rust's number behind them.
fn words_of(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        command().debug_assert();
    }
}
