//! rimap: a password is right if an IMAP server takes it. Nothing else is done there.

pub(crate) mod conversation;
mod option;

use crate::{
    attempt::{Answer, Attempt},
    deadline::Deadline,
    tls::{Duplex, connect, resolve},
};
use conversation::{Conversation, Login, can_be_quoted};
use option::{Security, Server, servers};
use std::{
    error, fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time::{Instant, timeout_at};

/// How long all of a check may take: names, connections, TLS, and every server's turn.
pub const TIME_LIMIT: Duration = Duration::from_secs(30);

/// How long a server that could not be reached waits behind the others.
const REST: Duration = Duration::from_secs(30);

/// The servers that check passwords.
#[derive(Debug)]
pub struct Rimap {
    servers: Vec<Candidate>,
    limit: Duration,
}

/// What is wrong with `-O`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OptionError(String);

#[derive(Debug)]
struct Candidate {
    server: Server,
    /// Until when it is tried last.
    rests: Mutex<Option<Instant>>,
}

type Connection = Conversation<Box<dyn Duplex>>;

impl Rimap {
    /// Takes what `-O` says: `host`, `host/port`, `imap://host`, `imaps://host`, `imap+starttls://host`, or several of them with
    /// blanks between.
    ///
    /// # Errors
    /// What is wrong, and with which of them: no name, no port, or a certificate that cannot be read. Whether a name can be
    /// found is not looked at.
    pub fn new(option: &str) -> Result<Self, OptionError> {
        let servers = servers(option).map_err(OptionError)?;
        let servers = servers.into_iter().map(|server| Candidate { server, rests: Mutex::default() }).collect();
        Ok(Self { servers, limit: TIME_LIMIT })
    }

    /// The names that cannot be found now, each in a sentence for the log. They may be later.
    pub async fn unresolved(&self) -> Vec<String> {
        let deadline = Deadline::after(self.limit);
        let mut sentences = Vec::new();
        for Candidate { server, .. } in &self.servers {
            if let Err(error) = resolve(&server.address, deadline).await {
                sentences.push(format!("-O: {}: {error}", server.address));
            }
        }
        sentences
    }

    /// Logs in, and out again. The next server has its turn where one cannot be reached or is not ready; none has another's
    /// password: what the first says that was sent it counts.
    pub async fn check(&self, attempt: &Attempt) -> Answer {
        if !can_be_quoted(&attempt.login) || !can_be_quoted(attempt.password.expose()) {
            return Answer::refused("a line end or a NUL in login or password, which IMAP cannot carry");
        }
        let deadline = Deadline::after(self.limit);
        let candidates = self.candidates();
        let mut failures = Vec::new();
        for (index, candidate) in candidates.iter().enumerate() {
            let turn = deadline.share(candidates.len() - index);
            match in_time(turn, candidate.server.greet(attempt, turn)).await {
                Ok(connection) => return candidate.ask(connection, attempt, deadline).await.behind(&failures),
                Err(reason) => failures.push(candidate.failed(&reason)),
            }
        }
        Answer::unavailable(failures.join("; "))
    }

    /// In their order, but for those that could not be reached a moment ago.
    fn candidates(&self) -> Vec<&Candidate> {
        let mut candidates: Vec<_> = self.servers.iter().collect();
        candidates.sort_by_key(|candidate| candidate.is_resting());
        candidates
    }
}

impl Candidate {
    async fn ask(&self, mut connection: Connection, attempt: &Attempt, deadline: Deadline) -> Answer {
        *self.rests.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let answer = in_time(deadline, connection.log_in(attempt)).await;
        let _ = in_time(deadline, connection.log_out()).await;
        let mut answer = answer.unwrap_or_else(Answer::unavailable);
        answer.reason = format!("{}: {}", self.server.address, answer.reason).into();
        answer
    }

    fn failed(&self, reason: &str) -> String {
        *self.rests.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + REST);
        format!("{}: {reason}", self.server.address)
    }

    fn is_resting(&self) -> bool {
        self.rests.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|until| Instant::now() < until)
    }
}

impl Server {
    /// Connects, and goes as far as the point where a password can be sent.
    async fn greet(&self, attempt: &Attempt, deadline: Deadline) -> Result<Connection, String> {
        let mut connection = Conversation::new(self.connect(deadline).await?);
        let login = connection.greeting(attempt).await?;
        match &self.security {
            Security::StartTls(tls) => {
                let stream = connection.start_tls(attempt).await?;
                let stream = tls.wrap(stream, &self.address, deadline).await.map_err(|error| error.to_string())?;
                Ok(Conversation::new(Box::new(stream)))
            }
            _ if login == Login::Disabled => {
                Err("it takes no LOGIN (LOGINDISABLED); try imaps:// or imap+starttls://".into())
            }
            _ => Ok(connection),
        }
    }

    async fn connect(&self, deadline: Deadline) -> Result<Box<dyn Duplex>, String> {
        let stream = connect(&self.address, deadline).await.map_err(|error| error.to_string())?;
        match &self.security {
            Security::Tls(tls) => match tls.wrap(stream, &self.address, deadline).await {
                Ok(stream) => Ok(Box::new(stream)),
                Err(error) => Err(error.to_string()),
            },
            Security::None | Security::StartTls(_) => Ok(Box::new(stream)),
        }
    }
}

impl Answer {
    /// Tells what went before, too.
    fn behind(mut self, failures: &[String]) -> Self {
        if !failures.is_empty() {
            self.reason = format!("{}; before that, {}", self.reason, failures.join("; ")).into();
        }
        self
    }
}

async fn in_time<T>(deadline: Deadline, work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    timeout_at(deadline.instant(), work).await.unwrap_or_else(|_| Err("timed out".into()))
}

impl fmt::Display for OptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "-O: {}", self.0)
    }
}

impl error::Error for OptionError {}

#[cfg(test)]
mod tests;
