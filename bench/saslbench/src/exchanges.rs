//! PLAIN by Dovecot's authentication protocol: one connection, on which so many exchanges are under way at any time.

use crate::arguments::{Exchanges, Target};
use crate::load::report;
use crate::outcome::Outcome;
use crate::tally::Tally;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fastrand::Rng;
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// How long a daemon may take for a reply.
const PATIENCE: Duration = Duration::from_secs(10);

const HELLO: &[u8] = b"VERSION\t1\t1\nCPID\t1\n";

pub(crate) fn run(exchanges: &Exchanges) -> Result<String> {
    let mut connection = Connection::open(&exchanges.target)?;
    // Every user once, so that all passwords are known where anything is remembered.
    connection.go_on(exchanges.window, &mut Users::Each(0..exchanges.target.users))?;
    let dice = || Users::Dice(Rng::with_seed(exchanges.seed), exchanges.target.users, Instant::now());
    connection.go_on(exchanges.window, &mut dice().lasting(exchanges.warmup))?;
    let began = Instant::now();
    let tally = connection.go_on(exchanges.window, &mut dice().lasting(exchanges.seconds))?;
    Ok(report(&tally, began.elapsed()))
}

/// Who logs in next.
enum Users {
    Each(std::ops::Range<u64>),
    /// At random, until then.
    Dice(Rng, u64, Instant),
}

impl Users {
    fn lasting(self, seconds: f64) -> Self {
        match self {
            Self::Dice(dice, users, _) => Self::Dice(dice, users, Instant::now() + Duration::from_secs_f64(seconds)),
            each => each,
        }
    }
}

impl Iterator for Users {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        match self {
            Self::Each(users) => users.next(),
            Self::Dice(_, _, end) if Instant::now() >= *end => None,
            Self::Dice(dice, users, _) => Some(dice.u64(0..*users)),
        }
    }
}

struct Connection<'a> {
    stream: UnixStream,
    target: &'a Target,
    last: u32,
    /// Those under way, and since when. The first begun is mostly the first that ends.
    begun: Vec<(u32, Instant)>,
}

impl<'a> Connection<'a> {
    fn open(target: &'a Target) -> Result<Self> {
        let mut stream = UnixStream::connect(&target.socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(HELLO)?;
        let mut said = Vec::new();
        while !said.ends_with(b"DONE\n") {
            hear(&mut stream, &mut said)?;
        }
        Ok(Self { stream, target, last: 0, begun: Vec::new() })
    }

    /// Until no user is left, and all have been answered.
    fn go_on(&mut self, window: usize, users: &mut Users) -> Result<Tally> {
        let (mut tally, mut said, mut lines) = (Tally::new(), Vec::new(), Vec::new());
        loop {
            while self.begun.len() < window {
                let Some(user) = users.next() else { break };
                self.begin(user, &mut lines);
            }
            if self.begun.is_empty() {
                return Ok(tally);
            }
            self.stream.write_all(&lines)?;
            lines.clear();
            hear(&mut self.stream, &mut said)?;
            let whole = said.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            for line in said[..whole].split_inclusive(|byte| *byte == b'\n') {
                self.end(line, &mut tally)?;
            }
            said.drain(..whole);
        }
    }

    fn begin(&mut self, user: u64, lines: &mut Vec<u8>) {
        let (realm, passwords) = (&self.target.realm, &self.target.passwords);
        self.last = self.last.wrapping_add(1);
        let initial = STANDARD.encode(format!("\0user{user:07}@{realm}\0{passwords}{user:07}"));
        let line = format!(
            "AUTH\t{}\tPLAIN\tservice={}\tsecured\tno-penalty\tresp={initial}\n",
            self.last, self.target.service
        );
        lines.extend_from_slice(line.as_bytes());
        self.begun.push((self.last, Instant::now()));
    }

    fn end(&mut self, line: &[u8], tally: &mut Tally) -> Result<()> {
        let mut fields = line.trim_ascii_end().split(|byte| *byte == b'\t');
        let (word, id) = (fields.next(), fields.next().and_then(|id| str::from_utf8(id).ok()?.parse().ok()));
        let place = self.begun.iter().position(|(begun, _)| Some(*begun) == id);
        let (_, since) = self.begun.remove(place.ok_or(ErrorKind::InvalidData)?);
        tally.time(since.elapsed());
        tally.count(if word == Some(b"OK") { Outcome::Granted } else { Outcome::Refused });
        Ok(())
    }
}

/// Reads once.
fn hear(stream: &mut UnixStream, said: &mut Vec<u8>) -> Result<()> {
    let mut chunk = [0; 16 * 1024];
    match stream.read(&mut chunk)? {
        0 => Err(Error::from(ErrorKind::UnexpectedEof)),
        length => {
            said.extend_from_slice(&chunk[..length]);
            Ok(())
        }
    }
}
