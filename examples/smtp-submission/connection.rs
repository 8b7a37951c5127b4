//! One connection: what comes in goes to the [`Session`], and what that decides is done.

use crate::{
    answers::Answers,
    delivery::{Delivery, Summary},
    message::{Message, Progress},
    reply::Reply,
    session::{Act, Session},
    site::Site,
    tls::Tls,
};
use sasl_core::{channel::Channel, escape::Escaped, layer::Layer};
use sasl_io::{
    server::{Command, Exchange},
    smtp::Smtp,
    tokio::{Layered, serve},
};
use smtp::{
    report,
    wire::{Line, send, within},
};
use std::{
    fmt,
    io::{self, ErrorKind},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncBufRead, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpStream,
    sync::watch,
    time::timeout,
};

/// What all connections use.
pub(crate) struct Service {
    pub(crate) site: Arc<Site>,
    pub(crate) tls: Tls,
    pub(crate) answers: Answers,
    pub(crate) delivery: Delivery,
    pub(crate) timeout: Duration,
    /// True once no more is to be taken.
    pub(crate) ending: watch::Receiver<bool>,
}

/// When TLS begins.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Start {
    /// When the client asks.
    Plain,
    /// With the first octet.
    Tls,
}

/// One client.
pub(crate) struct Connection {
    service: Arc<Service>,
    peer: SocketAddr,
    errors: u32,
}

/// The replies in 4yz and 5yz that a client may earn.
const MAX_ERRORS: u32 = 20;

/// How a dialogue ends.
enum Next {
    Close,
    StartTls,
    Protect(Layer),
}

/// A stream of lines.
trait Stream: AsyncBufRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncBufRead + AsyncWrite + Unpin + Send> Stream for S {}

impl Connection {
    pub(crate) fn new(service: Arc<Service>, peer: SocketAddr) -> Self {
        Self { service, peer, errors: 0 }
    }

    /// Serves the client to the end.
    pub(crate) async fn serve(mut self, socket: TcpStream, start: Start) {
        let served = match start {
            Start::Plain => self.begin_plain(socket).await,
            Start::Tls => self.begin_tls(socket, Greeting::Sent).await,
        };
        match served {
            Err(error) if error.kind() != ErrorKind::UnexpectedEof => self.log(format_args!("closed: {error}")),
            _ => {}
        }
    }

    async fn begin_plain(&mut self, socket: TcpStream) -> io::Result<()> {
        let mut session = Session::new(Arc::clone(&self.service.site), Channel::plain());
        let mut stream = BufReader::new(socket);
        self.say(&mut stream, &session.greeting()).await?;
        match self.talk(&mut stream, &mut session).await? {
            Next::Close => Ok(()),
            Next::Protect(layer) => self.talk_protected(stream, layer, session).await,
            // What was sent behind STARTTLS goes with the buffer: somebody else may have sent it.
            Next::StartTls => self.begin_tls(stream.into_inner(), Greeting::Omitted).await,
        }
    }

    async fn begin_tls(&mut self, socket: TcpStream, greeting: Greeting) -> io::Result<()> {
        let (stream, channel) = within(self.service.timeout, self.service.tls.accept(socket)).await?;
        let mut session = Session::new(Arc::clone(&self.service.site), channel);
        let mut stream = BufReader::new(stream);
        if greeting == Greeting::Sent {
            self.say(&mut stream, &session.greeting()).await?;
        }
        match self.talk(&mut stream, &mut session).await? {
            Next::Protect(layer) => self.talk_protected(stream, layer, session).await,
            Next::Close | Next::StartTls => Ok(()),
        }
    }

    /// What the client sent behind its last response is in the buffer of `stream`, and in the first packets of the layer.
    async fn talk_protected<S: Stream>(&mut self, stream: S, layer: Layer, mut session: Session) -> io::Result<()> {
        session.forget_greeting();
        self.talk(&mut Layered::new(stream, layer), &mut session).await.map(drop)
    }

    /// Does as the client says, until something else has to happen with the connection.
    async fn talk<S: Stream>(&mut self, stream: &mut S, session: &mut Session) -> io::Result<Next> {
        let mut line = Line::default();
        loop {
            let act = match self.read(stream, &mut line).await? {
                Some(farewell) => Act::Close(farewell),
                None => {
                    line.text().map_or(Act::Say(Reply::new(500, "5.5.6", "line too long")), |text| session.hear(text))
                }
            };
            match act {
                Act::Say(reply) => self.say(stream, &reply).await?,
                Act::Authenticate(command) => {
                    if let Some(layer) = self.authenticate(stream, session, command).await? {
                        return Ok(Next::Protect(layer));
                    }
                }
                Act::Collect(reply) => self.collect(stream, session, &reply).await?,
                Act::StartTls(reply) => return self.say(stream, &reply).await.map(|()| Next::StartTls),
                Act::Close(reply) => return self.part(stream, &reply).await.map(|()| Next::Close),
            }
        }
    }

    /// Reads a line, unless there is a reason to say farewell.
    async fn read<S: Stream>(&self, stream: &mut S, line: &mut Line) -> io::Result<Option<Reply>> {
        let mut ending = self.service.ending.clone();
        tokio::select! {
            biased;
            _ = ending.wait_for(|ending| *ending) => Ok(Some(Reply::new(421, "4.3.2", "shutting down"))),
            read = timeout(self.service.timeout, line.read(stream)) => match read {
                Ok(read) => read.map(|()| None),
                Err(_) => Ok(Some(Reply::new(421, "4.4.2", "waited too long"))),
            },
        }
    }

    /// Replies. Whoever has earned too many errors is told to go.
    async fn say<S: Stream>(&mut self, stream: &mut S, reply: &Reply) -> io::Result<()> {
        within(self.service.timeout, send(stream, reply.to_string().as_bytes())).await?;
        if reply.is_error() { self.count_error(stream).await } else { Ok(()) }
    }

    async fn count_error<S: Stream>(&mut self, stream: &mut S) -> io::Result<()> {
        self.errors += 1;
        if self.errors <= MAX_ERRORS {
            return Ok(());
        }
        self.part(stream, &Reply::new(421, "4.7.0", "too many errors")).await?;
        Err(io::Error::other("too many errors"))
    }

    /// Says farewell, and that TLS ends with it: a client could not tell otherwise whether somebody cut the connection.
    async fn part<S: Stream>(&self, stream: &mut S, farewell: &Reply) -> io::Result<()> {
        within(self.service.timeout, send(stream, farewell.to_string().as_bytes())).await?;
        within(self.service.timeout, stream.shutdown()).await
    }

    /// Holds an exchange, whose last line is sent in any case. Gives the layer that begins behind it, if one was agreed.
    async fn authenticate<S: Stream>(
        &mut self,
        stream: &mut S,
        session: &mut Session,
        command: Command<'_>,
    ) -> io::Result<Option<Layer>> {
        let service = Arc::clone(&self.service);
        let exchange = Exchange::new(&service.site.sasl, session.channel(), Smtp);
        let served = serve(&exchange, command, stream, |ask| service.answers.answer(ask));
        match within(service.timeout, served).await? {
            Ok(success) => {
                let identity = success.identity().clone();
                let (login, mechanism, layer) = (identity.acts_as(), identity.mechanism(), success.into_layer());
                let (tls, sasl) = (session.channel().strength(), layer.as_ref().map_or(0, Layer::ssf));
                self.log(format_args!("login [{login}] by {mechanism}, {tls} bits by TLS, {sasl} by SASL"));
                session.authenticated(identity);
                Ok(layer)
            }
            Err(failure) => {
                let mechanism = Escaped(command.mechanism.as_bytes());
                self.log(format_args!("no login by [{mechanism}]: {failure}: {}", failure.cause()));
                self.count_error(stream).await.map(|()| None)
            }
        }
    }

    /// Reads a message and keeps it, or says why not.
    async fn collect<S: Stream>(&mut self, stream: &mut S, session: &mut Session, go_on: &Reply) -> io::Result<()> {
        self.say(stream, go_on).await?;
        let (mut message, mut line) = (Message::new(self.service.site.max_size), Line::default());
        loop {
            within(self.service.timeout, line.read(stream)).await?;
            if message.take(line.with_end()) == Progress::Ended {
                break;
            }
        }
        let reply = self.keep(session, message).await.unwrap_or_else(|reply| reply);
        self.say(stream, &reply).await
    }

    async fn keep(&self, session: &mut Session, message: Message) -> Result<Reply, Reply> {
        let (octets, lost) = (message.finish(), Reply::new(503, "5.5.1", "no transaction"));
        let (envelope, octets) = (session.take_envelope().ok_or(lost)?, octets?);
        let summary = Summary { envelope: &envelope, identity: session.identity() };
        match self.service.delivery.keep(&summary, &octets).await {
            Ok(()) => {
                self.log(format_args!("message {summary} octets={}", octets.len()));
                Ok(Reply::new(250, "2.0.0", "message taken"))
            }
            Err(error) => {
                self.log(format_args!("message lost {summary}: {error}"));
                Err(Reply::new(451, "4.3.0", "it cannot be kept now; try later"))
            }
        }
    }

    fn log(&self, text: fmt::Arguments<'_>) {
        report::line(format_args!("{}: {text}", self.peer));
    }
}

/// Whether the client is greeted before it speaks: not behind STARTTLS (RFC 3207 section 4).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Greeting {
    Sent,
    Omitted,
}
