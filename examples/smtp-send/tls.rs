//! TLS, from the handshake to what SASL is to know of it.

use crate::settings::Settings;
use sasl_core::channel::Channel;
use smtp::{
    channel,
    exit::Failure,
    pem::{Identity, Named, read_authorities},
    wire::within,
};
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{ClientConfig, crypto::ring, pki_types::ServerName},
};

/// Shakes hands, and says what that is worth. Nobody but who has a certificate for the server's name will do.
pub(crate) async fn connect(
    socket: TcpStream,
    settings: &Settings,
) -> Result<(TlsStream<TcpStream>, Channel), Failure> {
    let client = settings.client.as_ref().map(|(chain, key)| {
        Identity::read(Named { flag: "--client-cert", file: chain }, Named { flag: "--client-key", file: key })
    });
    let client = client.transpose()?;
    let subject = client.as_ref().and_then(|client| client.chain.first()).and_then(channel::subject);
    let name =
        ServerName::try_from(settings.server_name.clone()).map_err(|error| Failure::of("--server-name", error))?;
    let connector = TlsConnector::from(Arc::new(config(settings, client)?));
    let stream = within(settings.timeout, connector.connect(name, socket)).await;
    let stream = stream.map_err(|error| Failure::of("TLS", error))?;
    let channel = channel::of_client(stream.get_ref().1, subject.as_deref());
    Ok((stream, channel))
}

fn config(settings: &Settings, client: Option<Identity>) -> Result<ClientConfig, Failure> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::of("TLS", error))?
        .with_root_certificates(read_authorities(Named { flag: "--ca", file: &settings.authorities })?);
    let mut config = match client {
        Some(Identity { chain, key }) => {
            builder.with_client_auth_cert(chain, key).map_err(|error| Failure::of("--client-cert", error))?
        }
        None => builder.with_no_client_auth(),
    };
    // Or else tls-exporter is no binding in TLS 1.2.
    config.require_ems = true;
    Ok(config)
}
