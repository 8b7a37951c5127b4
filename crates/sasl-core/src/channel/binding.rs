//! What ties an exchange to the TLS connection it runs over (RFC 5056), so that nobody in between can relay it.

use super::certificate;
use std::{fmt, sync::Arc};

/// A kind of channel binding, for SCRAM's `-PLUS`.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum BindingType {
    /// The first Finished message of the latest handshake (RFC 5929 section 3): TLS up to 1.2, and safe there with
    /// the extended master secret alone. For old peers.
    TlsUnique,
    /// The hash of the server's certificate (RFC 5929 section 4). See [`ChannelBinding::tls_server_end_point`].
    TlsServerEndPoint,
    /// 32 bytes of the exporter for `EXPORTER-Channel-Binding`, with a context of zero length (RFC 9266): TLS 1.3, and
    /// 1.2 with the extended master secret.
    TlsExporter,
}

/// The data of one kind.
#[derive(Clone)]
pub struct ChannelBinding {
    kind: BindingType,
    data: Arc<[u8]>,
}

impl BindingType {
    /// The name that SCRAM sends (the IANA registry of channel binding types).
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TlsUnique => "tls-unique",
            Self::TlsServerEndPoint => "tls-server-end-point",
            Self::TlsExporter => "tls-exporter",
        }
    }
}

impl ChannelBinding {
    /// Data as the TLS library gives it.
    #[must_use]
    pub fn new(kind: BindingType, data: impl AsRef<[u8]>) -> Self {
        Self { kind, data: data.as_ref().into() }
    }

    /// `tls-server-end-point` of the server's own certificate in DER: its hash by the function of its signature, or by
    /// SHA-256 where that is MD5 or SHA-1. `None` where the signature has no single hash function (Ed25519), and the type
    /// is not defined.
    #[must_use]
    pub fn tls_server_end_point(certificate: &[u8]) -> Option<Self> {
        certificate::end_point(certificate).map(|hash| Self::new(BindingType::TlsServerEndPoint, hash))
    }

    /// Of which kind it is.
    #[must_use]
    pub fn kind(&self) -> BindingType {
        self.kind
    }

    /// The data.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.data
    }
}

impl fmt::Debug for ChannelBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChannelBinding({}, ..)", self.kind.as_str())
    }
}
