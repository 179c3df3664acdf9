//! Who vouches for the servers that are asked: issuers, logs, key services, stores.
//!
//! Owns the system's certificates, `SSL_CERT_FILE` and `SSL_CERT_DIR`, how those that the operator names come in addition to them, and the
//! verification of a server's certificate. Knows no server and no setting's name.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{self, CryptoProvider};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use x509_parser::prelude::{FromDer as _, X509Certificate, X509Version};

use crate::crypto::pem;
use crate::files::{self, KIB};

/// The largest file of certificates, in bytes: the system's bundles have a quarter of one MiB.
const MAX_FILE: usize = 4096 * KIB;
const CERT_FILE: &str = "SSL_CERT_FILE";
/// Folders of them, with colons in between.
const CERT_DIR: &str = "SSL_CERT_DIR";
/// The certificates that variables of other programs and our flags name count alone: not besides the system's.
pub const ONLY: &str = "SIGMINT_CA_CERT_ONLY";

/// Certificates that vouch for servers.
#[derive(Clone, Debug)]
pub struct Trust {
    anchors: RootCertStore,
    /// Those that the operator named: each is accepted as a server's own, too.
    named: Vec<CertificateDer<'static>>,
}

/// A certificate of ours, its chain behind it, and its key.
pub struct ClientIdentity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl ClientIdentity {
    /// Reads both from PEM.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, String> {
        let block = pem::parse(key).into_iter().find(pem::Block::is_private_key);
        let block = block.ok_or_else(|| "there is no private key in PEM".to_owned())?;
        let der = block.data().map_err(|error| error.to_string())?;
        let unknown = |_| "the private key is encrypted, or of no kind that TLS has".to_owned();
        Ok(Self { chain: named_certificates(chain)?, key: PrivateKeyDer::try_from(der.to_vec()).map_err(unknown)? })
    }
}

/// What a client speaks behind TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocols {
    /// HTTP/2, or HTTP/1.1 where the server has no other.
    Http,
    Http1,
    /// Something of its own, which TLS is not told.
    Other,
}

/// What the system and its variables say, as it was found.
#[derive(Debug, Default)]
pub struct SystemCertificates {
    pub system: Vec<CertificateDer<'static>>,
    /// Those of the variables that are not among the system's.
    pub named: Vec<CertificateDer<'static>>,
    /// Variables that name nothing usable, for people.
    pub problems: Vec<String>,
}

impl SystemCertificates {
    /// Reads them. What cannot be read is left out.
    pub fn load() -> Self {
        Self::of(&|name| env::var_os(name))
    }

    /// As Go, and unlike OpenSSL: the variables come in addition to the system's own.
    fn of(variable: &dyn Fn(&str) -> Option<OsString>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let mut found = Self { system: of_system(variable), ..Self::default() };
        if let Some(file) = set(CERT_FILE).map(PathBuf::from) {
            let read = certificates_of(&file).and_then(|read| match read {
                none if none.is_empty() => Err("there is no certificate in it".to_owned()),
                some => Ok(some),
            });
            found.take(CERT_FILE, &file, read);
        }
        let folders = set(CERT_DIR);
        for folder in folders.iter().flat_map(env::split_paths).filter(|folder| !folder.as_os_str().is_empty()) {
            found.take(CERT_DIR, &folder, certificates_in(&folder));
        }
        found
    }

    fn take(&mut self, variable: &str, path: &Path, read: Result<Vec<CertificateDer<'static>>, String>) {
        match read {
            Ok(read) => {
                let new = read.into_iter().filter(|one| !self.system.contains(one));
                self.named.extend(new);
            }
            Err(problem) => self.problems.push(format!("{variable} names {}, {problem}", path.display())),
        }
    }
}

/// The library lets the variables replace the system's store; where one is set, the system's places are named to it.
fn of_system(variable: &dyn Fn(&str) -> Option<OsString>) -> Vec<CertificateDer<'static>> {
    if variable(CERT_FILE).is_none() && variable(CERT_DIR).is_none() {
        return rustls_native_certs::load_native_certs().certs;
    }
    let bundle = Some(openssl_probe::probe()).and_then(|found| found.cert_file);
    let bundle = bundle.filter(|file| variable(CERT_FILE).is_none_or(|named| named != *file));
    let of =
        |file: Option<&Path>, folder: Option<&Path>| rustls_native_certs::load_certs_from_paths(file, folder).certs;
    let mut found = of(bundle.as_deref(), None);
    for folder in openssl_probe::candidate_cert_dirs() {
        found.extend(of(None, Some(folder)));
    }
    without_repetition(found)
}

/// Every certificate of a folder's files; what else lies there is passed over.
pub fn certificates_in(folder: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| error.to_string())?.flatten() {
        if fs::metadata(entry.path()).is_ok_and(|file| file.is_file()) {
            found.extend(certificates_of(&entry.path()).unwrap_or_default());
        }
    }
    let found = without_repetition(found);
    if found.is_empty() { Err("there is no certificate in its files".to_owned()) } else { Ok(found) }
}

fn without_repetition(mut certificates: Vec<CertificateDer<'static>>) -> Vec<CertificateDer<'static>> {
    certificates.sort_unstable_by(|one, other| one.as_ref().cmp(other.as_ref()));
    certificates.dedup();
    certificates
}

fn certificates_of(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    read_pem(file).and_then(|content| all_of(&content))
}

/// Reads a file of certificates that the operator named.
pub fn read_pem(file: &Path) -> Result<Vec<u8>, String> {
    let content = files::read(file, MAX_FILE).map_err(|error| format!("it {}", error.problem))?;
    Ok(content.to_vec())
}

fn all_of(content: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found = pem::certificates(content).map_err(|error| error.to_string())?;
    Ok(found.ders.into_iter().map(CertificateDer::from).collect())
}

/// The certificates of a PEM file that the operator named; keys and comments beside them are passed over.
pub fn named_certificates(content: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found = all_of(content)?;
    for (index, der) in found.iter().enumerate() {
        if !matches!(X509Certificate::from_der(der), Ok(([], _))) {
            return Err(format!("certificate {} in it is malformed", index + 1));
        }
    }
    if found.is_empty() { Err("there is no PEM certificate in it".to_owned()) } else { Ok(found) }
}

/// The same of a file.
pub fn named_certificates_in(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    read_pem(file).and_then(|content| named_certificates(&content))
}

/// Whether the certificates that variables of other programs and our flags name count alone. Whatever it is set to switches it on, but
/// for what says no.
pub fn named_only() -> bool {
    let value = env::var(ONLY).unwrap_or_default();
    !matches!(value.trim().to_lowercase().as_str(), "" | "0" | "f" | "false" | "no" | "off")
}

impl Trust {
    /// The system's certificates, with what its variables add.
    pub fn of_system() -> Self {
        let found = SystemCertificates::load();
        let mut trust = Self::nobody();
        trust.anchors.add_parsable_certificates(found.system);
        // Not all of a folder's files need be of use.
        trust.anchors.add_parsable_certificates(found.named.iter().filter(|one| is_authority(one)).cloned());
        trust.named = found.named;
        trust
    }

    pub fn nobody() -> Self {
        Self { anchors: RootCertStore::empty(), named: Vec::new() }
    }

    /// What the operator named, alone if [`ONLY`] is set, else besides the system's.
    pub fn of_named(named: Vec<CertificateDer<'static>>) -> Result<Self, String> {
        if named_only() && !named.is_empty() { Self::nobody() } else { Self::of_system() }.and(named)
    }

    /// The same, and in addition what the operator named.
    pub fn and(mut self, named: Vec<CertificateDer<'static>>) -> Result<Self, String> {
        for certificate in &named {
            if is_authority(certificate) {
                self.anchors.add(certificate.clone()).map_err(|error| error.to_string())?;
            }
        }
        self.named.extend(named);
        Ok(self)
    }

    /// A client's side of TLS.
    pub fn client_config(&self, protocols: Protocols) -> Result<ClientConfig, Error> {
        self.client_config_as(None, protocols)
    }

    /// The same, of a client that servers may ask for a certificate.
    pub fn client_config_as(
        &self,
        client: Option<ClientIdentity>,
        protocols: Protocols,
    ) -> Result<ClientConfig, Error> {
        let provider = Arc::new(crypto::aws_lc_rs::default_provider());
        let verifier = Verifier::new(self, &provider)?;
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match client {
            None => builder.with_no_client_auth(),
            Some(client) => builder.with_client_auth_cert(client.chain, client.key)?,
        };
        config.alpn_protocols = match protocols {
            Protocols::Http => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            Protocols::Http1 => vec![b"http/1.1".to_vec()],
            Protocols::Other => Vec::new(),
        };
        Ok(config)
    }
}

/// Whether a named certificate may have signed others. One of a server must not vouch for further servers because it is trusted itself.
/// Old roots say nothing about it: one is taken for an authority if it names itself as its issuer.
fn is_authority(der: &CertificateDer<'_>) -> bool {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else { return false };
    let usage = certificate.key_usage().ok().flatten();
    if usage.is_some_and(|usage| !usage.value.key_cert_sign()) {
        return false;
    }
    match certificate.basic_constraints() {
        Ok(Some(constraints)) => constraints.value.ca,
        Ok(None) => certificate.version() != X509Version::V3 || certificate.subject() == certificate.issuer(),
        Err(_) => false,
    }
}

/// Accepts what an authority vouches for, as usual, and what the operator named byte for byte, as Go does: a server's self-signed
/// certificate, with CA:TRUE or not. Name, dates and purpose are judged for both, and who has the key proves it in the handshake.
#[derive(Debug)]
struct Verifier {
    chains: Option<Arc<WebPkiServerVerifier>>,
    named: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    fn new(trust: &Trust, provider: &Arc<CryptoProvider>) -> Result<Self, Error> {
        let chains = if trust.anchors.is_empty() {
            None
        } else {
            let anchors = Arc::new(trust.anchors.clone());
            let built = WebPkiServerVerifier::builder_with_provider(anchors, Arc::clone(provider)).build();
            Some(built.map_err(|error| Error::General(error.to_string()))?)
        };
        Ok(Self { chains, named: trust.named.clone(), provider: Arc::clone(provider) })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.named.iter().any(|named| named == end_entity) {
            return verify_named(end_entity, server_name, now).map(|()| ServerCertVerified::assertion());
        }
        match &self.chains {
            Some(chains) => chains.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now),
            None => Err(CertificateError::UnknownIssuer.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        crypto::verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        crypto::verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// What is left to judge of a certificate that is trusted by itself.
fn verify_named(certificate: &CertificateDer<'_>, name: &ServerName<'_>, now: UnixTime) -> Result<(), Error> {
    rustls::client::verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
    let (_, parsed) = X509Certificate::from_der(certificate).map_err(|_| CertificateError::BadEncoding)?;
    let (time, validity) = (i64::try_from(now.as_secs()).unwrap_or(i64::MAX), parsed.validity());
    let usage = parsed.extended_key_usage().map_err(|_| CertificateError::BadEncoding)?;
    if time < validity.not_before.timestamp() {
        return Err(CertificateError::NotValidYet.into());
    }
    if time > validity.not_after.timestamp() {
        return Err(CertificateError::Expired.into());
    }
    if usage.is_some_and(|usage| !usage.value.server_auth && !usage.value.any) {
        return Err(CertificateError::InvalidPurpose.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests;
