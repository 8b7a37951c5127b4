//! Certificates and keys, from PEM files.

use crate::exit::Failure;
use std::{path::Path, sync::Arc};
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

impl Identity {
    /// Reads both files.
    ///
    /// # Errors
    /// Where one cannot be read, or has nothing of its kind in it.
    pub fn read(certificates: &Path, key: &Path) -> Result<Self, Failure> {
        let read = PrivateKeyDer::from_pem_file(key).map_err(|error| Failure::of(key.display(), error))?;
        Ok(Self { chain: read_certificates(certificates)?, key: read })
    }
}

/// Reads the authorities that are trusted.
///
/// # Errors
/// Where the file cannot be read, or has no certificate that could be an authority's.
pub fn read_authorities(file: &Path) -> Result<Arc<RootCertStore>, Failure> {
    let mut authorities = RootCertStore::empty();
    match authorities.add_parsable_certificates(read_certificates(file)?) {
        (0, _) => Err(Failure::of(file.display(), "no certificate of an authority")),
        _ => Ok(Arc::new(authorities)),
    }
}

fn read_certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let certificates = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match certificates {
        Ok(none) if none.is_empty() => Err(Failure::of(file.display(), "no certificate")),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(Failure::of(file.display(), error)),
    }
}
