//! Who asks the daemon about itself: whoever runs it, over the control socket, and scrapers, who get the metrics alone.

use crate::{
    endpoint::{AT_ONCE, Bound},
    peer::Client,
    session::Service,
};
use nix::unistd::geteuid;
use sasl_wire::{
    control::{CHECK, MAX_HEAD, METRICS, Malformed, Request, Status, decode_request, encode_response},
    frame::Decoded,
};
use std::{
    io,
    os::{fd::AsFd, unix},
    rc::Rc,
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    sync::Semaphore,
    task::spawn_local,
    time::{sleep, timeout},
};
use zeroize::Zeroizing;

/// How long somebody may take to ask: who has a place and says nothing makes others wait.
const ASKING: Duration = Duration::from_secs(1);

/// How long they may take to take the answer.
const TAKING: Duration = Duration::from_secs(5);

/// How long to leave the system alone when it has no room for another connection.
const PAUSE: Duration = Duration::from_millis(100);

const PAGE: &str = "text/plain; version=0.0.4; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

/// Where they come in.
#[derive(Debug)]
pub struct Door(Kind);

#[derive(Debug)]
enum Kind {
    Control(UnixListener),
    Unix(UnixListener),
    Tcp(TcpListener),
}

enum Visitor {
    Owner(UnixStream),
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Door {
    /// For whoever runs the daemon: root, and whom it was started as.
    ///
    /// # Errors
    /// Where the system refuses.
    pub fn control(socket: unix::net::UnixListener) -> io::Result<Self> {
        on_tokio(socket).map(Kind::Control).map(Self)
    }

    /// For scrapers.
    ///
    /// # Errors
    /// Where the system refuses.
    pub fn metrics(socket: Bound) -> io::Result<Self> {
        let kind = match socket {
            Bound::Unix(socket) => Kind::Unix(on_tokio(socket)?),
            Bound::Tcp(socket) => {
                socket.set_nonblocking(true)?;
                Kind::Tcp(TcpListener::from_std(socket)?)
            }
        };
        Ok(Self(kind))
    }

    /// Serves whoever comes, for ever.
    pub async fn serve(self, service: Rc<Service>) {
        let places = Arc::new(Semaphore::new(AT_ONCE));
        while let Ok(place) = Arc::clone(&places).acquire_owned().await {
            match self.accept().await {
                Ok(visitor) => {
                    let service = Rc::clone(&service);
                    spawn_local(async move {
                        // Who goes away before the answer gets none.
                        let _ = visitor.attend(&service).await;
                        drop(place);
                    });
                }
                Err(_) => sleep(PAUSE).await,
            }
        }
    }

    async fn accept(&self) -> io::Result<Visitor> {
        Ok(match &self.0 {
            Kind::Control(socket) => Visitor::Owner(socket.accept().await?.0),
            Kind::Unix(socket) => Visitor::Unix(socket.accept().await?.0),
            Kind::Tcp(socket) => Visitor::Tcp(socket.accept().await?.0),
        })
    }
}

impl Visitor {
    async fn attend(self, service: &Rc<Service>) -> io::Result<()> {
        match self {
            Self::Owner(stream) if !is_owner(&stream) => Ok(()),
            Self::Owner(stream) => owner(stream, service).await,
            Self::Unix(stream) => scraper(stream, service).await,
            Self::Tcp(stream) => scraper(stream, service).await,
        }
    }
}

fn on_tokio(socket: unix::net::UnixListener) -> io::Result<UnixListener> {
    socket.set_nonblocking(true)?;
    UnixListener::from_std(socket)
}

fn is_owner(stream: &UnixStream) -> bool {
    stream.peer_cred().is_ok_and(|peer| [0, geteuid().as_raw()].contains(&peer.uid()))
}

/// A check may take as long as the back ends do, each of which has its own bound.
async fn owner(mut stream: UnixStream, service: &Service) -> io::Result<()> {
    let longest = service.longest_request();
    let bytes = read_request(&mut stream, longest).await?;
    let response = match decode_request(&bytes, longest) {
        Ok(Decoded::Complete(Request { method: b"POST", target, body })) if target == CHECK.as_bytes() => {
            let copy = stream.as_fd().try_clone_to_owned()?;
            let client = Client { stream: Arc::new(copy.into()), address: None };
            match service.inquire(body, &client).await {
                Ok(text) => encode_response(Status::Ok, TEXT, &text),
                Err(malformed) => encode_response(Status::BadRequest, TEXT, &format!("{malformed}\n")),
            }
        }
        Ok(Decoded::Complete(request)) => page(&request, service),
        Ok(Decoded::Short(_)) => return Ok(()),
        Err(malformed) => refusal(malformed),
    };
    send(&mut stream, &response).await
}

async fn scraper(mut stream: impl AsyncRead + AsyncWrite + Unpin, service: &Service) -> io::Result<()> {
    let bytes = read_request(&mut stream, 0).await?;
    let response = match decode_request(&bytes, 0) {
        Ok(Decoded::Complete(request)) => page(&request, service),
        Ok(Decoded::Short(_)) => return Ok(()),
        Err(malformed) => refusal(malformed),
    };
    send(&mut stream, &response).await
}

fn page(request: &Request<'_>, service: &Service) -> String {
    match (request.method, request.target) {
        (b"GET", target) if target == METRICS.as_bytes() => {
            encode_response(Status::Ok, PAGE, &service.measure().text())
        }
        _ => encode_response(Status::NotFound, TEXT, "here is GET /metrics\n"),
    }
}

fn refusal(malformed: Malformed) -> String {
    encode_response(Status::BadRequest, TEXT, &format!("{malformed}\n"))
}

/// Reads until it is a request, or none, or the other end sends no more. The buffer has its final size from the first octet on,
/// so that no copy of a password stays behind.
async fn read_request(stream: &mut (impl AsyncRead + Unpin), longest_body: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_HEAD + longest_body));
    timeout(ASKING, async {
        while matches!(decode_request(&bytes, longest_body), Ok(Decoded::Short(_))) {
            if stream.read_buf(&mut *bytes).await? == 0 {
                break;
            }
        }
        Ok(bytes)
    })
    .await?
}

async fn send(stream: &mut (impl AsyncWrite + Unpin), response: &str) -> io::Result<()> {
    timeout(TAKING, async {
        stream.write_all(response.as_bytes()).await?;
        stream.shutdown().await
    })
    .await?
}
