//! Certificates that were given, or those of a test authority that lives as long as the program.

use crate::settings::Certificates;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
};
use smtp::{
    exit::Failure,
    pem::{self, Identity, Named},
};
use std::{
    fs::{DirBuilder, OpenOptions, remove_file},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
    sync::Arc,
};
use tokio_rustls::rustls::RootCertStore;

/// What TLS needs to know.
#[derive(Debug)]
pub(crate) struct Credentials {
    pub(crate) server: Identity,
    /// Who vouches for clients, if anybody does.
    pub(crate) client_ca: Option<Arc<RootCertStore>>,
}

/// Reads or makes them.
pub(crate) fn obtain(certificates: &Certificates, hostname: &str) -> Result<Credentials, Failure> {
    match certificates {
        Certificates::Given { certificate, key, client_ca } => Ok(Credentials {
            server: Identity::read(named("--cert", certificate), named("--key", key))?,
            client_ca: client_ca
                .as_deref()
                .map(|file| pem::read_authorities(named("--client-ca", file)))
                .transpose()?,
        }),
        Certificates::Made { write_to } => {
            let made = Made::new(hostname).map_err(|error| Failure::of("test certificates", error))?;
            if let Some(directory) = write_to {
                made.write(directory).map_err(|error| Failure::of(named("--write-certs", directory), error))?;
            }
            made.credentials().map_err(|error| Failure::of("test certificates", error))
        }
    }
}

fn named<'a>(flag: &'a str, file: &'a Path) -> Named<'a> {
    Named { flag, file }
}

type Authority = CertifiedIssuer<'static, KeyPair>;

/// An authority, and what it certified.
struct Made {
    authority: Authority,
    server: (Certificate, KeyPair),
    client: (Certificate, KeyPair),
}

impl Made {
    fn new(hostname: &str) -> Result<Self, rcgen::Error> {
        let mut authority = certificate("smtp-submission test authority", &[])?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
        let server = certificate(hostname, &[hostname, "localhost", "127.0.0.1", "::1"])?;
        let server = certify(server, ExtendedKeyUsagePurpose::ServerAuth, &authority)?;
        let client = certify(certificate("client", &[])?, ExtendedKeyUsagePurpose::ClientAuth, &authority)?;
        Ok(Self { authority, server, client })
    }

    fn credentials(self) -> Result<Credentials, tokio_rustls::rustls::Error> {
        let mut authorities = RootCertStore::empty();
        authorities.add(self.authority.der().clone())?;
        let (certificate, key) = self.server;
        let server = Identity { chain: vec![certificate.der().clone()], key: key.into() };
        Ok(Credentials { server, client_ca: Some(Arc::new(authorities)) })
    }

    /// For clients to be tried with. Only we can read the keys.
    fn write(&self, directory: &Path) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let put = |name: &str, mode, text: String| put(&directory.join(name), mode, &text);
        put("ca.pem", 0o644, self.authority.pem())?;
        put("server.pem", 0o644, self.server.0.pem())?;
        put("server.key", 0o600, self.server.1.serialize_pem())?;
        put("client.pem", 0o644, self.client.0.pem())?;
        put("client.key", 0o600, self.client.1.serialize_pem())
    }
}

fn certificate(name: &str, addresses: &[&str]) -> Result<CertificateParams, rcgen::Error> {
    let addresses: Vec<String> = addresses.iter().map(|address| (*address).into()).collect();
    let mut certificate = CertificateParams::new(addresses)?;
    certificate.distinguished_name = DistinguishedName::new();
    certificate.distinguished_name.push(DnType::CommonName, name);
    Ok(certificate)
}

fn certify(
    mut certificate: CertificateParams,
    usage: ExtendedKeyUsagePurpose,
    authority: &Authority,
) -> Result<(Certificate, KeyPair), rcgen::Error> {
    certificate.extended_key_usages = vec![usage];
    certificate.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    Ok((certificate.signed_by(&key, authority)?, key))
}

/// Puts a new file in the place of an old one: its mode would stay otherwise.
fn put(path: &Path, mode: u32, text: &str) -> io::Result<()> {
    match remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?.write_all(text.as_bytes())
}
