//! Adding many users: lines `user@realm:password`.
//!
//! The name ends at the first `:` and is split at its first `@`; the rest of the line is the password, whatever is in
//! it. Empty lines are passed over. Nothing is written unless every line is right.

use crate::{
    exit::{Failure, status},
    kept::{Kept, name, read_login},
    password,
    progress::Progress,
};
use sasl_core::{
    identity::Login,
    verifier::{Verifiers, argon2id::Memory},
};
use sasldb::{
    record::Record,
    store::{Change, Store},
};
use std::{
    fs::File,
    io::{self, Read, stdin},
    os::fd::AsFd,
    path::Path,
    thread,
};
use zeroize::Zeroizing;

/// Users a transaction: enough that the disk is not what takes the time.
const BATCH: usize = 1000;

/// Users between two looks at how far we are: about a second of Argon2 on two cores.
const STEP: usize = 50;

/// How much is read at once.
const CHUNK: usize = 64 * 1024;

/// Imports a file, or standard input for `-`, into the store that `open` opens once all lines are known to be right.
pub(crate) fn import(
    file: &Path,
    kept: &Kept,
    open: impl FnOnce() -> Result<Box<dyn Store>, Failure>,
) -> Result<(), Failure> {
    let text =
        read(file).map_err(|error| Failure::new(status::FAILED, format!("--import: {}: {error}", file.display())))?;
    let lines = text.split(|octet| *octet == b'\n').enumerate().filter(|(_, line)| !line.is_empty());
    let parsed = lines.map(|(at, line)| {
        let failed = |failure: Failure| {
            Failure::new(status::BAD_PARAMETER, format!("--import: {}: line {}: {failure}", file.display(), at + 1))
        };
        parse(line, kept).map_err(failed)
    });
    let users = parsed.collect::<Result<Vec<_>, _>>()?;
    if users.is_empty() {
        return Err(Failure::new(status::FAILED, format!("--import: {}: there is no user in it", file.display())));
    }
    let store = open()?;
    let mut progress = Progress::new("users", users.len());
    for batch in users.chunks(BATCH) {
        let mut records = Vec::with_capacity(batch.len());
        for part in batch.chunks(STEP) {
            records.extend(derive_on_all_cores(part, kept)?);
            progress.advance(part.len());
        }
        // A new password lets nobody in who is disabled.
        store.write(&mut records.into_iter().map(Change::Replace))?;
    }
    progress.finish();
    Ok(())
}

/// Read whole, so that a bad line is known before anything is written, and wiped afterwards.
fn read(file: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let input = if file.as_os_str() == "-" { stdin().as_fd().try_clone_to_owned()?.into() } else { File::open(file)? };
    read_to_end(input)
}

/// Where the text outgrows its place, the former one is wiped.
fn read_to_end(mut input: File) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut chunk = Zeroizing::new(vec![0; CHUNK]);
    let mut text = Zeroizing::new(Vec::with_capacity(CHUNK));
    loop {
        let length = match input.read(&mut chunk) {
            Ok(0) => return Ok(text),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        if text.capacity() - text.len() < length {
            let mut larger = Zeroizing::new(Vec::with_capacity(2 * text.capacity()));
            larger.extend_from_slice(&text);
            text = larger;
        }
        text.extend_from_slice(&chunk[..length]);
    }
}

fn parse<'a>(line: &'a [u8], kept: &Kept) -> Result<(Login, &'a [u8]), Failure> {
    let bad = |what: &str| Failure::new(status::BAD_PARAMETER, what);
    let colon =
        line.iter().position(|octet| *octet == b':').ok_or_else(|| bad("no colon between name and password"))?;
    let (userid, secret) = (&line[..colon], &line[colon + 1..]);
    if secret.ends_with(b"\r") {
        return Err(bad("ends with a carriage return, which would become part of the password"));
    }
    password::check(secret)?;
    Ok((read_login(userid, &kept.realm)?, secret))
}

fn derive_on_all_cores(users: &[(Login, &[u8])], kept: &Kept) -> Result<Vec<Record>, Failure> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let share = users.len().div_ceil(cores).max(1);
    thread::scope(|scope| {
        let workers: Vec<_> = users.chunks(share).map(|users| scope.spawn(move || derive(users, kept))).collect();
        let shares = workers.into_iter().map(|worker| {
            let ended = worker.join();
            ended.map_err(|_| Failure::new(status::FAILED, "a thread failed")).and_then(|records| records)
        });
        Ok(shares.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    })
}

fn derive(users: &[(Login, &[u8])], kept: &Kept) -> Result<Vec<Record>, Failure> {
    let mut memory = Memory::default();
    let record = |(login, password): &(Login, &[u8])| {
        let verifiers = Verifiers::derive(&kept.schemes, login, &kept.digest_realms, password, &mut memory)?;
        Ok(Record::new(name(login)?, verifiers)?)
    };
    users.iter().map(record).collect()
}
