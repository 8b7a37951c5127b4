//! Certificates and keys, from PEM files.

use crate::exit::Failure;
use std::{fmt, path::Path, sync::Arc};
use tokio_rustls::rustls::{
    RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

/// Who a side of TLS says it is: its own certificate first, then those that lead to the authority, and the key.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "read from two files, or made by a test authority")]
pub struct Identity {
    /// The certificates.
    pub chain: Vec<CertificateDer<'static>>,
    /// The key of the first.
    pub key: PrivateKeyDer<'static>,
}

/// A file, and the flag that named it.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a pair")]
pub struct Named<'a> {
    /// With its dashes.
    pub flag: &'a str,
    /// What stood behind it.
    pub file: &'a Path,
}

impl Identity {
    /// Reads both files.
    ///
    /// # Errors
    /// Where one cannot be read, or has nothing of its kind in it.
    pub fn read(certificates: Named<'_>, key: Named<'_>) -> Result<Self, Failure> {
        let read = PrivateKeyDer::from_pem_file(key.file).map_err(|error| Failure::of(key, error))?;
        Ok(Self { chain: read_certificates(certificates)?, key: read })
    }
}

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.flag, self.file.display())
    }
}

/// Reads the authorities that are trusted.
///
/// # Errors
/// Where the file cannot be read, or has no certificate that could be an authority's.
pub fn read_authorities(file: Named<'_>) -> Result<Arc<RootCertStore>, Failure> {
    let mut authorities = RootCertStore::empty();
    match authorities.add_parsable_certificates(read_certificates(file)?) {
        (0, _) => Err(Failure::of(file, "no certificate of an authority")),
        _ => Ok(Arc::new(authorities)),
    }
}

fn read_certificates(file: Named<'_>) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let certificates = CertificateDer::pem_file_iter(file.file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match certificates {
        Ok(none) if none.is_empty() => Err(Failure::of(file, "no certificate")),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(Failure::of(file, error)),
    }
}
