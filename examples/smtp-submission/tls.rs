//! TLS, from the handshake to what SASL is to know of it.

use crate::certificates::Credentials;
use sasl_core::channel::Channel;
use smtp::{channel, exit::Failure};
use std::{fmt, io, sync::Arc};
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        RootCertStore, ServerConfig,
        crypto::ring,
        pki_types::CertificateDer,
        server::{NoClientAuth, WebPkiClientVerifier, danger::ClientCertVerifier},
    },
    server::TlsStream,
};

/// The server's side of TLS.
pub(crate) struct Tls {
    acceptor: TlsAcceptor,
    certificate: CertificateDer<'static>,
}

impl Tls {
    pub(crate) fn new(credentials: Credentials) -> Result<Self, Failure> {
        let Credentials { server, client_ca } = credentials;
        let certificate = server.chain.first().cloned().ok_or(Failure::new("no certificate"))?;
        let failed = |error: &dyn fmt::Display| Failure::of("TLS", error);
        let verifier = verifier(client_ca).map_err(|error| failed(&error))?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map(|builder| builder.with_client_cert_verifier(verifier))
            .and_then(|builder| builder.with_single_cert(server.chain, server.key))
            .map_err(|error| failed(&error))?;
        // Or else tls-exporter is no binding in TLS 1.2.
        config.require_ems = true;
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), certificate })
    }

    /// Shakes hands, and says what that is worth.
    pub(crate) async fn accept(&self, socket: TcpStream) -> io::Result<(TlsStream<TcpStream>, Channel)> {
        let stream = self.acceptor.accept(socket).await?;
        let channel = channel::of_server(stream.get_ref().1, &self.certificate);
        Ok((stream, channel))
    }
}

/// A client needs no certificate. If it shows one, that must be good, or there is no connection.
fn verifier(authorities: Option<Arc<RootCertStore>>) -> Result<Arc<dyn ClientCertVerifier>, impl fmt::Display> {
    let Some(authorities) = authorities else { return Ok(Arc::new(NoClientAuth)) };
    let provider = Arc::new(ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(authorities, provider).allow_unauthenticated().build();
    verifier.map(|verifier| verifier as Arc<dyn ClientCertVerifier>)
}
