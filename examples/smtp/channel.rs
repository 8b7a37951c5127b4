//! What a TLS connection is to SASL: how strong it is, who the client is by its certificate, and what ties an exchange to it.

use sasl_core::channel::{
    Channel,
    binding::{BindingType, ChannelBinding},
};
use tokio_rustls::rustls::{
    ClientConnection, ConnectionCommon, ServerConnection, SupportedCipherSuite, pki_types::CertificateDer,
};
use x509_cert::{Certificate, der::Decode};

/// The channel of a server that showed `certificate`. A client whose certificate was verified is known by its subject; rustls
/// ends the handshake on any other certificate.
#[must_use]
pub fn of_server(tls: &ServerConnection, certificate: &CertificateDer<'_>) -> Channel {
    let channel = bound(tls, Some(certificate));
    match tls.peer_certificates().and_then(<[_]>::first).and_then(subject) {
        Some(subject) => channel.with_external(subject),
        None => channel,
    }
}

/// The channel of a client, which may have shown a certificate too: `subject` is what that says.
#[must_use]
pub fn of_client(tls: &ClientConnection, subject: Option<&str>) -> Channel {
    let channel = bound(tls, tls.peer_certificates().and_then(<[_]>::first));
    match subject {
        Some(subject) => channel.with_external(subject),
        None => channel,
    }
}

/// The subject of a certificate, as RFC 4514 writes it: `CN=tim,O=Example`.
#[must_use]
pub fn subject(certificate: &CertificateDer<'_>) -> Option<String> {
    let certificate = Certificate::from_der(certificate).ok()?;
    Some(certificate.tbs_certificate().subject().to_string()).filter(|subject| !subject.is_empty())
}

/// The preferred binding first. Both sides ask for the extended master secret (`require_ems`), without which `tls-exporter`
/// would tie nothing down in TLS 1.2 (RFC 9266 section 4.2).
fn bound<S>(tls: &ConnectionCommon<S>, certificate: Option<&CertificateDer<'_>>) -> Channel {
    let exporter = tls.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(&[]));
    let exporter = exporter.ok().map(|data| ChannelBinding::new(BindingType::TlsExporter, data));
    let end_point = certificate.and_then(|certificate| ChannelBinding::tls_server_end_point(certificate));
    let bindings = [exporter, end_point].into_iter().flatten();
    bindings.fold(Channel::tls(strength(tls.negotiated_cipher_suite())), Channel::with_binding)
}

/// The bits of the cipher's key: those of all that ring has are 128 or 256.
fn strength(suite: Option<SupportedCipherSuite>) -> u32 {
    match suite.map(|suite| suite.suite()).as_ref().and_then(|suite| suite.as_str()) {
        Some(name) if name.contains("AES_128") => 128,
        Some(_) => 256,
        None => 0,
    }
}
