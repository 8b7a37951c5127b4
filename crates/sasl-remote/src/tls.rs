//! Connecting: TCP to the first address that answers, and TLS over it.

mod unchecked;

use crate::{
    address::Address,
    conf::{Conf, ConfError},
    deadline::Deadline,
};
use std::{
    error, fmt, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
    },
};

/// The most addresses of one name that are tried.
const MAX_ADDRESSES: usize = 16;

/// What [`Tls::from_conf`] takes, behind the prefix of a back end and `_`.
pub const KEYS: [&str; 5] = ["tls_cacert_file", "tls_cacert_dir", "tls_cert", "tls_key", "tls_check_peer"];

/// Whether a server must show who it is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by nature")]
pub enum PeerCheck {
    /// By a certificate for its name, of an authority that is trusted.
    #[default]
    Required,
    /// Anybody will do: whoever sits between us and the server can read the passwords.
    DangerouslyOff,
}

/// Whom to trust, and who we are.
#[derive(Clone, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "made from several kinds of settings")]
pub struct TlsOptions {
    /// Certificates of authorities, in PEM. Without this and the directory, those that the system trusts.
    pub authorities: Option<PathBuf>,
    /// A directory of such files, under the names that `openssl rehash` gives them.
    pub authorities_directory: Option<PathBuf>,
    /// Our certificate, and those that lead to its authority, in PEM.
    pub certificate: Option<PathBuf>,
    /// The key of our certificate; without it, the one in the same file.
    pub key: Option<PathBuf>,
    /// Whether the server must show who it is.
    pub check: PeerCheck,
}

/// TLS as one back end wants it. The files have been read.
#[derive(Clone, Debug)]
pub struct Tls(Arc<ClientConfig>);

/// Which of the [`TlsOptions`] is no good, and why.
#[derive(Debug)]
pub struct TlsError {
    part: Part,
    what: String,
}

/// One of the [`TlsOptions`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "follows the struct")]
pub enum Part {
    /// The certificates of authorities.
    Authorities,
    /// The directory of them.
    AuthoritiesDirectory,
    /// Our certificate.
    Certificate,
    /// Its key.
    Key,
}

/// A connection, with TLS or without.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

/// Finds the addresses of a host, and connects to the first that answers. Each has an equal part of the time that is left.
///
/// # Errors
/// That of the last address, which is named in it; or that there is none.
pub async fn connect(address: &Address, deadline: Deadline) -> io::Result<TcpStream> {
    let found = resolve(address, deadline).await?;
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for (index, each) in found.iter().enumerate() {
        match deadline.share(found.len() - index).bound(TcpStream::connect(each)).await {
            Ok(stream) => return stream.set_nodelay(true).map(|()| stream),
            Err(error) => failure = io::Error::new(error.kind(), format!("{each}: {error}")),
        }
    }
    Err(failure)
}

/// The addresses of a host, as they are now.
///
/// # Errors
/// Where the name cannot be resolved, or not by the deadline.
pub async fn resolve(address: &Address, deadline: Deadline) -> io::Result<Vec<SocketAddr>> {
    let found = deadline.bound(lookup_host((address.host(), address.port()))).await?;
    Ok(found.take(MAX_ADDRESSES).collect())
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// The option whose file cannot be read, or has nothing of its kind in it.
    pub fn new(options: &TlsOptions) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let algorithms = provider.signature_verification_algorithms;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring has suites for both versions of TLS");
        let builder = match options.check {
            PeerCheck::Required => builder.with_root_certificates(authorities(options)?),
            PeerCheck::DangerouslyOff => {
                builder.dangerous().with_custom_certificate_verifier(unchecked::Anybody::new(algorithms))
            }
        };
        let config = match identity(options)? {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| TlsError { part: Part::Certificate, what: error.to_string() })?,
        };
        Ok(Self(Arc::new(config)))
    }

    /// Takes `PREFIX_tls_cacert_file`, `…_cacert_dir`, `…_cert`, `…_key` and `…_check_peer` from a file.
    ///
    /// # Errors
    /// The key that is no good, with its line.
    pub fn from_conf(conf: &Conf, prefix: &str) -> Result<Self, ConfError> {
        let [authorities, directory, certificate, key, check] = KEYS.map(|key| format!("{prefix}_{key}"));
        let options = TlsOptions {
            authorities: conf.path(&authorities)?,
            authorities_directory: conf.path(&directory)?,
            certificate: conf.path(&certificate)?,
            key: conf.path(&key)?,
            check: match conf.switch(&check)? {
                Some(false) => PeerCheck::DangerouslyOff,
                Some(true) | None => PeerCheck::Required,
            },
        };
        Self::new(&options).map_err(|error| conf.error(&format!("{prefix}_{}", error.part.key()), error.what))
    }

    /// For libraries that do TLS themselves.
    #[must_use]
    pub fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.0)
    }

    /// Shakes hands with the server at `address`, which has to show a certificate for that name.
    ///
    /// # Errors
    /// Where the handshake fails, or is not over by the deadline.
    pub async fn wrap<S: Duplex>(&self, stream: S, address: &Address, deadline: Deadline) -> io::Result<TlsStream<S>> {
        let name = server_name(address).map_err(io::Error::other)?;
        deadline.bound(TlsConnector::from(self.config()).connect(name, stream)).await
    }
}

/// The name that the server's certificate must have.
///
/// # Errors
/// Where no certificate can have it, in words.
pub fn server_name(address: &Address) -> Result<ServerName<'static>, &'static str> {
    ServerName::try_from(address.host().to_owned()).map_err(|_| "no name that a certificate can have")
}

fn authorities(options: &TlsOptions) -> Result<RootCertStore, TlsError> {
    let (file, directory) = (options.authorities.as_deref(), options.authorities_directory.as_deref());
    let found = match (file, directory) {
        (None, None) => rustls_native_certs::load_native_certs(),
        _ => rustls_native_certs::load_certs_from_paths(file, directory),
    };
    let mut authorities = RootCertStore::empty();
    if authorities.add_parsable_certificates(found.certs).0 > 0 {
        return Ok(authorities);
    }
    let part = if file.is_none() && directory.is_some() { Part::AuthoritiesDirectory } else { Part::Authorities };
    let what = found.errors.first().map_or_else(|| "no certificate of an authority".into(), ToString::to_string);
    Err(TlsError { part, what })
}

type ChainAndKey = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn identity(options: &TlsOptions) -> Result<Option<ChainAndKey>, TlsError> {
    let Some(certificate) = options.certificate.as_deref() else {
        return match options.key {
            Some(_) => Err(TlsError { part: Part::Key, what: "is of no use without a certificate".into() }),
            None => Ok(None),
        };
    };
    let key = options.key.as_deref().unwrap_or(certificate);
    let failed =
        |part, path: &Path, error: &dyn fmt::Display| TlsError { part, what: format!("{}: {error}", path.display()) };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| failed(Part::Certificate, certificate, &error))?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| failed(Part::Key, key, &error))?;
    match chain.is_empty() {
        true => Err(failed(Part::Certificate, certificate, &"no certificate")),
        false => Ok(Some((chain, key))),
    }
}

impl Part {
    /// What it is called in a configuration: one of [`KEYS`].
    #[must_use]
    pub fn key(self) -> &'static str {
        let [authorities, directory, certificate, key, _] = KEYS;
        match self {
            Self::Authorities => authorities,
            Self::AuthoritiesDirectory => directory,
            Self::Certificate => certificate,
            Self::Key => key,
        }
    }
}

impl TlsError {
    /// Which option it is.
    #[must_use]
    pub fn part(&self) -> Part {
        self.part
    }
}

/// What is wrong, without the name of the option: every back end has its own.
impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl error::Error for TlsError {}

#[cfg(test)]
mod tests;
