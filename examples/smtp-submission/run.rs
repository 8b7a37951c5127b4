//! From the first line to the last.

use crate::{
    answers::Answers,
    certificates, cli,
    connection::Service,
    delivery::Delivery,
    listener::Listeners,
    settings::{Settings, decide},
    site::Site,
    tls::Tls,
};
use sasldb::{location::Access, open::open, private::keep_memory_private, users::Users};
use smtp::{exit::Failure, report};
use std::{io, net::SocketAddr, sync::Arc};
use tokio::{
    net::TcpListener,
    runtime::Runtime,
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

/// Runs the program.
pub(crate) fn main() -> Result<(), Failure> {
    let settings = decide(&cli::command().get_matches()).map_err(Failure::of_the_command_line)?;
    keep_memory_private();
    let runtime = Runtime::new().map_err(|error| Failure::of("threads", error))?;
    runtime.block_on(serve(&settings))
}

/// Sets everything up, says so, and serves.
async fn serve(settings: &Settings) -> Result<(), Failure> {
    let signals = Signals::new().map_err(|error| Failure::of("signals", error))?;
    let (end, ending) = watch::channel(false);
    let service = Arc::new(service(settings, ending)?);
    let plain = listen("--listen", settings.listen).await?;
    let tls = listen("--listen-tls", settings.listen_tls).await?;
    report::line(service.site.announcement());
    report::line(format_args!("listening on {} without TLS, and with STARTTLS", address(&plain)?));
    report::line(format_args!("listening on {} with TLS", address(&tls)?));
    tokio::spawn(signals.announce(end));
    Listeners { plain, tls }.serve(service).await;
    report::line("ended");
    Ok(())
}

fn service(settings: &Settings, ending: watch::Receiver<bool>) -> Result<Service, Failure> {
    let store = open(&settings.database, Access::Read).map_err(|error| Failure::new(error.to_string()))?;
    let decoys = store.secret().map_err(|error| Failure::new(error.to_string()))?;
    Ok(Service {
        site: Arc::new(Site::new(settings, decoys)),
        tls: Tls::new(certificates::obtain(&settings.certificates, &settings.hostname)?)?,
        answers: Answers::new(Users::new(store, settings.realm.clone())),
        delivery: Delivery::new(settings.deliver.clone()).map_err(|error| Failure::of("--deliver", error))?,
        timeout: settings.timeout,
        ending,
    })
}

async fn listen(flag: &str, address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| Failure::of(format_args!("{flag} {address}"), error))
}

fn address(listener: &TcpListener) -> Result<SocketAddr, Failure> {
    listener.local_addr().map_err(|error| Failure::of("listening", error))
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Tells every connection when it is time to end.
    async fn announce(mut self, end: watch::Sender<bool>) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
        let _ = end.send(true);
    }
}
