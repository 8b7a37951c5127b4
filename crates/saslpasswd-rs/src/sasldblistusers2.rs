//! `sasldblistusers2`: lists the users of a database.

use crate::{
    cli,
    exit::{Failure, print, program_name, status},
};
use clap::{ArgMatches, error::ErrorKind};
use humantime::format_rfc3339_seconds;
use sasl_core::{
    escape::Escaped,
    verifier::{Scheme, Verifiers},
};
use sasldb::{
    location::{Access, Location},
    open::open,
    private::keep_memory_private,
    record::{Record, Status},
};
use serde_json::json;
use std::{
    env,
    ffi::OsString,
    io::{self, BufWriter, IsTerminal, Write, stdout},
    ops::ControlFlow,
    process::ExitCode,
    time::{Duration, UNIX_EPOCH},
};

/// What to do.
enum Task {
    Say(String),
    Print(String),
    Fail(Failure),
    List(Location, Form),
}

/// How a user is shown.
#[derive(Clone, Copy)]
enum Form {
    /// As the original does: `user@realm: userPassword`.
    Short,
    /// What is kept, since when, and whether disabled, behind it.
    Long,
    /// That, as a JSON object a line.
    Json,
}

/// How a name is shown.
#[derive(Clone, Copy)]
enum Spelling {
    /// Octet by octet, for other programs.
    Raw,
    /// So that it can do nothing to a terminal.
    Escaped,
}

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    keep_memory_private();
    let words: Vec<OsString> = env::args_os().collect();
    let program = program_name(&words, "sasldblistusers2");
    match act(decide(&words, &program), &program) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(&program),
    }
}

fn decide(words: &[OsString], program: &str) -> Task {
    let help = || cli::sasldblistusers2().render_help().to_string();
    match cli::sasldblistusers2().try_get_matches_from(words) {
        Ok(typed) if typed.get_flag("version") => {
            Task::Say(format!("{program}: sasldblistusers2 {}", env!("CARGO_PKG_VERSION")))
        }
        Ok(typed) if typed.get_flag("usage") => Task::Fail(Failure::new(status::FAILED, help())),
        Ok(typed) => Task::List(location(&typed), form(&typed)),
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            Task::Print(error.to_string())
        }
        Err(error) => {
            let text = error.to_string();
            let complaint = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
            Task::Fail(Failure::new(status::FAILED, format!("{complaint}\n{}", help())))
        }
    }
}

fn location(typed: &ArgMatches) -> Location {
    let typed = ["file", "operand"].into_iter().find_map(|name| typed.get_one::<OsString>(name));
    typed.filter(|path| !path.is_empty()).map(Location::parse).unwrap_or_default()
}

fn form(typed: &ArgMatches) -> Form {
    match (typed.get_flag("long"), typed.get_flag("json")) {
        (true, _) => Form::Long,
        (_, true) => Form::Json,
        _ => Form::Short,
    }
}

fn act(task: Task, program: &str) -> Result<(), Failure> {
    match task {
        Task::Say(text) => eprintln!("{text}"),
        Task::Print(text) => print(&text)?,
        Task::Fail(failure) => return Err(failure),
        Task::List(location, form) => list(&location, form, program)?,
    }
    Ok(())
}

fn list(location: &Location, form: Form, program: &str) -> Result<(), Failure> {
    let store = open(location, Access::Read)?;
    for warning in store.warnings() {
        eprintln!("{program}: warning: {warning}");
    }
    let spelling = if stdout().is_terminal() { Spelling::Escaped } else { Spelling::Raw };
    let mut out = BufWriter::new(stdout().lock());
    let mut written = Ok(());
    store.list(&mut |record| {
        written = show(&record, form, spelling, &mut out);
        if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    written.and_then(|()| out.flush()).map_err(|error| Failure::of_standard_output(&error))
}

fn show(record: &Record, form: Form, spelling: Spelling, out: &mut impl Write) -> io::Result<()> {
    let (user, realm) = (record.name().user(), record.name().realm());
    match form {
        Form::Json => writeln!(out, "{}", as_json(record)),
        Form::Short | Form::Long => {
            match spelling {
                Spelling::Raw => out.write_all(&[user, b"@", realm].concat())?,
                Spelling::Escaped => write!(out, "{}@{}", Escaped(user), Escaped(realm))?,
            }
            write!(out, ": {}", property(record.verifiers()))?;
            if let Form::Long = form {
                let disabled = if record.status() == Status::Disabled { ", disabled" } else { "" };
                write!(out, " ({} since {}{disabled})", kept(record.verifiers()).join(" "), since(record))?;
            }
            writeln!(out)
        }
    }
}

/// What the original would list the record under: the password itself, or keys that only mechanisms can use.
fn property(verifiers: &Verifiers) -> &'static str {
    match verifiers.of(Scheme::Argon2id) {
        Some(_) => "userPassword",
        None => "authPassword",
    }
}

fn kept(verifiers: &Verifiers) -> Vec<&'static str> {
    verifiers.iter().map(|verifier| verifier.scheme().as_str()).collect()
}

fn since(record: &Record) -> String {
    format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(record.changed())).to_string()
}

/// A name that is no UTF-8 is shown under `user_hex` or `realm_hex`.
fn as_json(record: &Record) -> serde_json::Value {
    let mut object = json!({
        "verifiers": kept(record.verifiers()),
        "changed": since(record),
        "disabled": record.status() == Status::Disabled,
    });
    for (key, octets) in [("user", record.name().user()), ("realm", record.name().realm())] {
        match std::str::from_utf8(octets) {
            Ok(text) => object[key] = text.into(),
            Err(_) => {
                object[format!("{key}_hex")] =
                    octets.iter().map(|octet| format!("{octet:02x}")).collect::<String>().into()
            }
        }
    }
    object
}
