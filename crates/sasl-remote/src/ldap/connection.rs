//! One connection: a question, and all that is answered to it.

use crate::{
    attempt::Answer,
    deadline::Deadline,
    ldap::{
        ber::message_length,
        code,
        message::{Entry, Reply, Request, parse},
        servers::{Place, Security, Server},
    },
    tls::{Duplex, Tls, connect},
};
use sasl_core::channel::Channel;
use std::{io, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
};
use tokio_rustls::client::TlsStream;
use zeroize::Zeroizing;

/// So many entries are kept of what is found: two are one too many already.
const MOST_ENTRIES: usize = 2;

/// So many messages are read as the answer to one question.
const MOST_MESSAGES: usize = 256;

/// The most of a server's words that is kept, in bytes.
const MOST_TEXT: usize = 256;

/// The most that is read at once.
const ROOM: usize = 4096;

/// What a unix socket is worth in bits, as libldap has it.
const LOCAL_STRENGTH: u32 = 71;

/// A connection between two questions. One that is dropped in the middle of a question is closed.
pub(crate) struct Connection {
    stream: Box<dyn Duplex>,
    /// What was read and not yet looked at. Wiped, since it may hold passwords.
    buffer: Zeroizing<Vec<u8>>,
    last: u32,
    limit: Duration,
    /// What is below, for SASL.
    pub(crate) channel: Channel,
    /// The server's name, for SASL.
    pub(crate) host: String,
}

/// All that is answered to one question.
#[derive(Debug, Default)]
pub(crate) struct Answered {
    pub(crate) code: u32,
    /// The server's own words.
    pub(crate) text: Vec<u8>,
    /// A challenge of SASL, or what an extended operation gives.
    pub(crate) data: Option<Vec<u8>>,
    /// What was found, as far as it is of use.
    pub(crate) entries: Vec<Entry>,
    /// Whether more may be found on other servers.
    pub(crate) is_referred: bool,
}

/// Why there is no answer. None of this is a wrong password.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) kind: FaultKind,
    /// For the log: without secrets, escaped.
    pub(crate) reason: String,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum FaultKind {
    /// The connection ended, as idle ones do.
    Closed,
    /// The server is down, slow or busy: another may do better.
    Down,
    /// We may not do what we are told to do: no server will let us.
    Denied,
    /// The user's credentials are none that can be sent: no server will take them.
    Unfit,
}

impl Connection {
    /// Connects, with TLS where that is wanted.
    pub(crate) async fn open(server: &Server, tls: Option<&Tls>, limit: Duration) -> Result<Self, Fault> {
        let deadline = Deadline::after(limit);
        let opened = Self::try_open(server, tls, limit, deadline).await;
        opened.map_err(|fault| fault.at(&server.uri))
    }

    async fn try_open(server: &Server, tls: Option<&Tls>, limit: Duration, deadline: Deadline) -> Result<Self, Fault> {
        let (address, security) = match &server.place {
            Place::Tcp(address, security) => (address, *security),
            Place::Unix(path) => {
                let stream = deadline.bound(UnixStream::connect(path)).await?;
                let channel = Channel::tls(LOCAL_STRENGTH).with_external(b"");
                return Ok(Self::over(Box::new(stream), channel, limit));
            }
        };
        let mut plain = Self::over(Box::new(connect(address, deadline).await?), Channel::plain(), limit);
        plain.host = address.host().to_owned();
        let Some(tls) = tls.filter(|_| security != Security::None) else { return Ok(plain) };
        if security == Security::StartTls {
            plain.start_tls().await?;
        }
        let stream = tls.wrap(plain.stream, address, deadline).await?;
        let channel = channel(tls, &stream);
        Ok(Self { host: plain.host, ..Self::over(Box::new(stream), channel, limit) })
    }

    fn over(stream: Box<dyn Duplex>, channel: Channel, limit: Duration) -> Self {
        let (buffer, host) = (Zeroizing::new(Vec::with_capacity(ROOM)), "localhost".to_owned());
        Self { stream, buffer, last: 0, limit, channel, host }
    }

    /// What came before TLS must not be taken for what came over it.
    async fn start_tls(&mut self) -> Result<(), Fault> {
        let answered = self.ask(&Request::StartTls).await?;
        match answered.code {
            code::SUCCESS if self.buffer.is_empty() => Ok(()),
            code::SUCCESS => Err(Fault::down("start tls failed (octets before TLS)")),
            code => Err(Fault::down(format!("start tls failed ({})", code::name(code)))),
        }
    }

    /// Asks, and waits for the answer as long as the configuration says.
    pub(crate) async fn ask(&mut self, request: &Request<'_>) -> Result<Answered, Fault> {
        let deadline = Deadline::after(self.limit);
        self.last = self.last.checked_add(1).filter(|number| *number <= i32::MAX.cast_unsigned()).unwrap_or(1);
        let message = request.encode(self.last);
        let answered = deadline.bound(self.exchange(&message, request.ends_with())).await?;
        match code::is_down(answered.code) {
            true => Err(Fault::down(code::name(answered.code))),
            false => Ok(answered),
        }
    }

    async fn exchange(&mut self, message: &[u8], end: u8) -> io::Result<Answered> {
        self.stream.write_all(message).await?;
        self.stream.flush().await?;
        let mut answered = Answered::default();
        for _ in 0..MOST_MESSAGES {
            let length = self.fill().await?;
            let is_whole = answered.take(&self.buffer[..length], self.last, end)?;
            self.buffer.drain(..length);
            if is_whole {
                return Ok(answered);
            }
        }
        Err(malformed())
    }

    /// Reads until there is a whole message; gives its length.
    async fn fill(&mut self) -> io::Result<usize> {
        loop {
            let length = message_length(&self.buffer).map_err(|_| malformed())?;
            match length {
                Some(length) if length <= self.buffer.len() => return Ok(length),
                _ => {}
            }
            self.buffer.reserve(ROOM);
            if self.stream.read_buf(&mut *self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

impl Answered {
    /// Takes in a message that answers question `number`, whose answer ends with one of that tag. True where it is that one.
    fn take(&mut self, message: &[u8], number: u32, end: u8) -> io::Result<bool> {
        match parse(message).map_err(|_| malformed())? {
            (0, _) => return Err(io::ErrorKind::ConnectionAborted.into()),
            (other, _) if other != number => return Err(malformed()),
            (_, Reply::Entry(entry)) if self.entries.len() < MOST_ENTRIES => self.entries.push(entry),
            (_, Reply::Reference) => self.is_referred = true,
            (_, Reply::Entry(_) | Reply::Other) => {}
            (_, Reply::Outcome(outcome)) if outcome.tag != end => return Err(malformed()),
            (_, Reply::Outcome(outcome)) => {
                self.code = outcome.code;
                self.text = outcome.text[..outcome.text.len().min(MOST_TEXT)].to_vec();
                self.data = outcome.data.map(<[u8]>::to_vec);
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Fault {
    pub(crate) fn down(reason: impl Into<String>) -> Self {
        Self { kind: FaultKind::Down, reason: reason.into() }
    }

    /// With the server's name before it.
    pub(crate) fn at(mut self, uri: &str) -> Self {
        self.reason = format!("{uri}: {}", self.reason);
        self
    }

    pub(crate) fn denied(reason: impl Into<String>) -> Self {
        Self { kind: FaultKind::Denied, reason: reason.into() }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, TimedOut, UnexpectedEof};
        match error.kind() {
            TimedOut => Self::down("Timed out"),
            BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof => {
                Self { kind: FaultKind::Closed, reason: "the server closed the connection".into() }
            }
            _ => Self::down(error.to_string()),
        }
    }
}

impl From<Fault> for Answer {
    fn from(fault: Fault) -> Self {
        match fault.kind {
            FaultKind::Unfit => Self::refused(fault.reason),
            FaultKind::Closed | FaultKind::Down | FaultKind::Denied => Self::unavailable(fault.reason),
        }
    }
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "what the server sent is no LDAP, or too long")
}

/// What TLS is worth to SASL, and whether we showed a certificate.
fn channel<S>(tls: &Tls, stream: &TlsStream<S>) -> Channel {
    let suite = stream.get_ref().1.negotiated_cipher_suite().map(|suite| format!("{suite:?}"));
    let channel = Channel::tls(if suite.is_some_and(|suite| suite.contains("AES_128")) { 128 } else { 256 });
    match tls.config().client_auth_cert_resolver.has_certs() {
        true => channel.with_external(b""),
        false => channel,
    }
}
