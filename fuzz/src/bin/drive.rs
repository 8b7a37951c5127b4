//! Feeds targets on any toolchain: seeds, their prefixes, and what is made of them.
//!
//! ```text
//! drive SECONDS [TARGET...]       each for so many seconds, or all of them
//! drive --input FILE TARGET       once
//! ```
//!
//! The inputs hang on `FUZZ_SEED` alone, a number. A failure says what input it was and leaves it in `artifacts/`.

use sasl_fuzz::{
    mutant::{Numbers, mutant},
    targets::{self, Body},
};
use std::{
    env, fs,
    panic::catch_unwind,
    path::{Path, PathBuf},
    process::{ExitCode, exit},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

#[cfg(not(fuzzing))]
compile_error!("this is for fuzz/run: under `--cfg fuzzing` a nonce is the same each time, and so is a failure");

/// No input may take longer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How much of an input is shown, in octets.
const SHOWN: usize = 400;

type Failed = String;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match &arguments[..] {
        ["--input", file, name] => once(file, name),
        [seconds, names @ ..] => all(seconds, names),
        [] => Err("usage: drive SECONDS [TARGET...] | drive --input FILE TARGET".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("fuzz: {why}");
            ExitCode::FAILURE
        }
    }
}

fn once(file: &str, name: &str) -> Result<(), Failed> {
    let body = targets::find(name).ok_or(format!("no target {name}"))?;
    body(&fs::read(file).map_err(|error| format!("{file}: {error}"))?);
    Ok(())
}

fn all(seconds: &str, names: &[&str]) -> Result<(), Failed> {
    let seconds = seconds.parse().map_err(|_| format!("{seconds} is no number of seconds"))?;
    let seed = env::var("FUZZ_SEED").ok().map_or(Ok(1), |text| text.parse()).map_err(|_| "FUZZ_SEED is no number")?;
    let known = targets::ALL.iter().map(|(name, _)| *name);
    let names: Vec<&str> = if names.is_empty() { known.collect() } else { names.to_vec() };
    for name in names {
        let body = targets::find(name).ok_or(format!("no target {name}"))?;
        let run = Run { name, body, seed, count: 0, now: Arc::default() };
        let count = run.drive(Duration::from_secs(seconds))?;
        println!("fuzz: {name}: {count} inputs");
    }
    Ok(())
}

/// A target as it is driven.
struct Run<'a> {
    name: &'a str,
    body: Body,
    seed: u64,
    count: u64,
    now: Now,
}

/// The input that a target is busy with, and since when.
type Now = Arc<Mutex<Option<(Instant, Vec<u8>)>>>;

impl Run<'_> {
    /// Tells how many inputs there were.
    fn drive(mut self, time: Duration) -> Result<u64, Failed> {
        self.watch();
        let (seeds, end) = (seeds(self.name)?, Instant::now() + time);
        for seed in &seeds {
            (0..=seed.len()).try_for_each(|length| self.feed(&seed[..length]))?;
        }
        let mut numbers = Numbers::new(self.seed);
        while Instant::now() < end {
            self.feed(&mutant(&seeds, &mut numbers))?;
        }
        Ok(self.count)
    }

    fn feed(&mut self, input: &[u8]) -> Result<(), Failed> {
        self.count += 1;
        *self.now.lock().expect("nobody panics with it") = Some((Instant::now(), input.to_vec()));
        let body = self.body;
        let outcome = catch_unwind(|| body(input));
        *self.now.lock().expect("nobody panics with it") = None;
        outcome.map_err(|_| self.report("panicked", input))
    }

    /// Ends the program where an input takes too long.
    fn watch(&self) {
        let (now, name, seed) = (Arc::downgrade(&self.now), self.name.to_owned(), self.seed);
        thread::spawn(move || {
            while let Some(now) = now.upgrade() {
                if let Some((since, input)) = &*now.lock().expect("nobody panics with it")
                    && since.elapsed() > PATIENCE
                {
                    eprintln!("fuzz: {}", report(&name, seed, "took too long", input));
                    exit(1);
                }
                drop(now);
                thread::sleep(Duration::from_millis(200));
            }
        });
    }

    fn report(&self, what: &str, input: &[u8]) -> Failed {
        let count = self.count;
        report(self.name, self.seed, &format!("{what} at input {count}"), input)
    }
}

/// Keeps the input, and says how to feed it again.
fn report(name: &str, seed: u64, what: &str, input: &[u8]) -> Failed {
    let file = root().join("artifacts").join(name).join("failed");
    let kept = fs::create_dir_all(file.with_file_name("")).and_then(|()| fs::write(&file, input));
    let again = match kept {
        Ok(()) => format!("again: fuzz/run --input {} {name}", file.display()),
        Err(error) => format!("{} could not be written: {error}", file.display()),
    };
    let start = input[..input.len().min(SHOWN)].escape_ascii();
    format!("{name} {what} with FUZZ_SEED={seed}; {again}\n{} octets: {start}", input.len())
}

/// In the order of their names.
fn seeds(name: &str) -> Result<Vec<Vec<u8>>, Failed> {
    let folder = root().join("seeds").join(name);
    let failed = |error| format!("{}: {error}", folder.display());
    let files = fs::read_dir(&folder).map_err(failed)?.map(|entry| entry.map(|entry| entry.path()));
    let mut files = files.collect::<Result<Vec<PathBuf>, _>>().map_err(failed)?;
    files.sort();
    files.iter().map(fs::read).collect::<Result<Vec<_>, _>>().map_err(failed)
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
