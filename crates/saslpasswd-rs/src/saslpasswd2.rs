//! `saslpasswd2`: sets a user's password, or removes, disables or enables a user, or adds many.

use crate::{
    application::{options_of, path_of},
    cli,
    exit::{Failure, print, program_name, status},
    import::import,
    kept::{Kept, bad_name, name, read_login},
    password::{Source, read_password},
};
use clap::{ArgMatches, error::ErrorKind};
use sasl_core::{
    app_conf::AppConf,
    identity::{Login, Realm},
    verifier::{Scheme, Verifiers, argon2id::Memory},
};
use sasldb::{
    location::{Access, Location},
    open::open,
    private::keep_memory_private,
    record::{Record, Status},
    store::{Change, Store},
    users::realm_of_this_host,
};
use std::{env, ffi::OsString, os::unix::ffi::OsStrExt, path::PathBuf, process::ExitCode};

/// What to do.
enum Task {
    Say(String),
    Print(String),
    Fail(Failure),
    Set(Login, Source, Kept),
    Delete(Login),
    Change(Login, Status),
    Import(PathBuf, Kept),
}

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    keep_memory_private();
    let words: Vec<OsString> = env::args_os().collect();
    let program = program_name(&words, "saslpasswd2");
    match decide(&words, &program).and_then(|(task, location)| act(task, &location, &program)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(&program),
    }
}

fn decide(words: &[OsString], program: &str) -> Result<(Task, Location), Failure> {
    let typed = match cli::saslpasswd2().try_get_matches_from(words) {
        Ok(typed) => typed,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            return Ok((Task::Print(error.to_string()), Location::default()));
        }
        Err(error) => return Ok((Task::Fail(usage(&error)), Location::default())),
    };
    if typed.get_flag("version") {
        return Ok((Task::Say(format!("{program}: saslpasswd2 {}", env!("CARGO_PKG_VERSION"))), Location::default()));
    }
    if typed.get_flag("usage") {
        let help = cli::saslpasswd2().render_help().to_string();
        return Ok((Task::Fail(Failure::new(status::FAILED, help)), Location::default()));
    }
    let application = words_of(&typed, "application").unwrap_or_default();
    let options = options_of(application)?;
    check_plugin(&options)?;
    Ok((task(&typed, &options)?, location(&typed, &options)))
}

/// The complaint, and the usage behind it.
fn usage(error: &clap::Error) -> Failure {
    let text = error.to_string();
    let complaint = match error.kind() {
        ErrorKind::MissingRequiredArgument => "no userid",
        _ => text.split("\n\n").next().unwrap_or(&text).trim_start_matches("error: "),
    };
    Failure::new(status::FAILED, format!("{complaint}\n{}", cli::saslpasswd2().render_usage()))
}

fn words_of<'a>(typed: &'a ArgMatches, name: &str) -> Option<&'a std::ffi::OsStr> {
    typed.get_one::<OsString>(name).map(OsString::as_os_str).filter(|word| !word.is_empty())
}

/// An application whose users are in another store would not find the one that is set here.
fn check_plugin(options: &AppConf) -> Result<(), Failure> {
    let mut plugins = options.words("auxprop_plugin").peekable();
    if plugins.peek().is_none() || plugins.any(|plugin| plugin.eq_ignore_ascii_case(b"sasldb")) {
        return Ok(());
    }
    let text = "no mechanism available: auxprop_plugin of this application does not name sasldb, and there is no other";
    Err(Failure::new(status::NO_MECHANISM, text))
}

fn location(typed: &ArgMatches, options: &AppConf) -> Location {
    let typed = words_of(typed, "file").map(Location::parse);
    typed.or_else(|| options.value("sasldb_path").map(path_of).map(Location::parse)).unwrap_or_default()
}

fn task(typed: &ArgMatches, options: &AppConf) -> Result<Task, Failure> {
    let realm = match words_of(typed, "domain") {
        Some(realm) => Realm::parse(realm.as_bytes()).map_err(|_| bad_name("-u: realm too long"))?,
        None => realm_of_this_host()?,
    };
    let kept = || Kept::of(typed, options, realm.clone());
    if let Some(file) = words_of(typed, "import") {
        return Ok(Task::Import(file.into(), kept()?));
    }
    let login = read_login(words_of(typed, "userid").unwrap_or_default().as_bytes(), &realm)?;
    let source = if typed.get_flag("pipe") { Source::Pipe } else { Source::Prompt };
    Ok(match typed {
        typed if typed.get_flag("delete") => Task::Delete(login),
        typed if typed.get_flag("disable") => Task::Change(login, Status::Disabled),
        typed if typed.get_flag("enable") => Task::Change(login, Status::Enabled),
        _ => Task::Set(login, source, kept()?),
    })
}

fn act(task: Task, location: &Location, program: &str) -> Result<(), Failure> {
    match task {
        Task::Say(text) => eprintln!("{text}"),
        Task::Print(text) => print(&text)?,
        Task::Fail(failure) => return Err(failure),
        Task::Set(login, source, kept) => set(&login, source, &kept, location, program)?,
        Task::Delete(login) => {
            store(location, Access::Write, program)?.write(&mut [Change::delete(name(&login)?)].into_iter())?
        }
        Task::Change(login, status) => change(&login, status, &*store(location, Access::Write, program)?)?,
        Task::Import(file, kept) => import(&file, &kept, || store(location, Access::Create, program))?,
    }
    Ok(())
}

fn set(login: &Login, source: Source, kept: &Kept, location: &Location, program: &str) -> Result<(), Failure> {
    let password = read_password(source)?;
    let verifiers =
        Verifiers::derive(&kept.schemes, login, &kept.digest_realms, password.expose(), &mut Memory::default())?;
    let record = Record::new(name(login)?, verifiers)?;
    if kept.schemes.contains(&Scheme::Plaintext) {
        eprintln!("{program}: warning: the password itself is kept in {location}");
    }
    let mut disabled = false;
    store(location, Access::Create, program)?.edit(name(login)?, &mut |old| {
        disabled = old.is_some_and(|old| old.status() == Status::Disabled);
        Some(Change::Put(if disabled { record.clone().disabled() } else { record.clone() }))
    })?;
    if disabled {
        eprintln!("{program}: warning: {login} is disabled, and stays so; --enable ends that");
    }
    Ok(())
}

fn change(login: &Login, status: Status, store: &dyn Store) -> Result<(), Failure> {
    let mut outcome = Err(Failure::new(status::NO_USER, format!("user not found: {login}")));
    store.edit(name(login)?, &mut |old| {
        let changed = old?.with_status(status).map_err(Failure::from);
        outcome = Ok(());
        match changed {
            Ok(record) => Some(Change::Put(record)),
            Err(failure) => {
                outcome = Err(failure);
                None
            }
        }
    })?;
    outcome
}

/// Opens the store, and says what should be put right about it.
fn store(location: &Location, access: Access, program: &str) -> Result<Box<dyn Store>, Failure> {
    let store = open(location, access)?;
    for warning in store.warnings() {
        eprintln!("{program}: warning: {warning}");
    }
    Ok(store)
}
