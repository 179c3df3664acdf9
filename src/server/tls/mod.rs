//! The server's own certificate for TLS, and its replacement while the server runs.
//!
//! Owns reading it and handing it to handshakes. Knows neither HTTP nor gRPC.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, ServerConfig};
use rustls::sign::CertifiedKey;

use crate::crypto::pem::{self, PemError};
use crate::files::watch::Changes;
use crate::files::{self, FileError, MAX_FILE_BYTES};
use crate::server::listeners::TlsFiles;
use crate::telemetry::metrics::Metrics;

/// How often replaced files are looked for, besides being told of them.
const POLL: Duration = Duration::from_mins(1);

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error(transparent)]
    File(#[from] FileError),
    /// A file is not the PEM that it should be.
    #[error("{} cannot be read as PEM", path.display())]
    Pem { path: PathBuf, source: PemError },
    /// It holds no key that TLS can use.
    #[error("{} holds no private key for TLS: {problem}", path.display())]
    Key { path: PathBuf, problem: &'static str },
    #[error("the certificate in {} and the key in {} cannot be used", files.certificate.display(), files.key.display())]
    Unusable { files: TlsFiles, source: rustls::Error },
}

/// The certificate of the moment.
#[derive(Debug)]
pub(super) struct ServerCertificate {
    files: TlsFiles,
    current: ArcSwap<CertifiedKey>,
}

impl ServerCertificate {
    pub(super) fn load(files: TlsFiles) -> Result<Arc<Self>, TlsError> {
        let current = ArcSwap::from_pointee(read(&files)?);
        Ok(Arc::new(Self { files, current }))
    }

    /// Whether these are its files.
    pub(super) fn is_of(&self, files: &TlsFiles) -> bool {
        self.files == *files
    }

    /// TLS 1.3 with this certificate, for these application protocols (RFC 7301), the preferred one first.
    pub(super) fn server_config(self: &Arc<Self>, protocols: &[&[u8]]) -> Result<ServerConfig, TlsError> {
        let versions = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|source| TlsError::Unusable { files: self.files.clone(), source })?;
        let resolver: Arc<dyn ResolvesServerCert> = Arc::<Self>::clone(self);
        let mut config = versions.with_no_client_auth().with_cert_resolver(resolver);
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        Ok(config)
    }

    /// Loads the files again whenever they are replaced. Broken ones change nothing and are logged once.
    pub(super) async fn keep_up(self: Arc<Self>, metrics: Metrics) {
        let changes = Changes::of(&[&self.files.certificate, &self.files.key], POLL);
        let mut complaint = None;
        loop {
            changes.next().await;
            let was_refused = complaint.is_some();
            match self.reload().await {
                Ok(Reload::Unchanged) => complaint = None,
                Ok(Reload::Replaced) => {
                    complaint = None;
                    tracing::info!(file = %self.files.certificate.display(), "the server's TLS certificate was replaced");
                }
                Err(error) => {
                    let cause = with_source(&error);
                    if complaint.as_ref() != Some(&cause) {
                        tracing::error!(cause, "the server's new TLS certificate is bad, the old one stays in use");
                        complaint = Some(cause);
                    }
                }
            }
            if complaint.is_some() != was_refused {
                metrics.tls_certificate_refused(!was_refused);
            }
        }
    }

    async fn reload(&self) -> Result<Reload, TlsError> {
        let files = self.files.clone();
        let Ok(read) = tokio::task::spawn_blocking(move || read(&files)).await else { return Ok(Reload::Unchanged) };
        let new = read?;
        // A key has no comparison, but a certificate belongs to one key only.
        if new.cert == self.current.load().cert {
            return Ok(Reload::Unchanged);
        }
        self.current.store(Arc::new(new));
        Ok(Reload::Replaced)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reload {
    Unchanged,
    Replaced,
}

impl ResolvesServerCert for ServerCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

/// Reads the files as a start does, and returns the server's own certificate, DER.
pub fn read_certificate(files: &TlsFiles) -> Result<Vec<u8>, TlsError> {
    Ok(read(files)?.end_entity_cert().map(|certificate| certificate.to_vec()).unwrap_or_default())
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn read(files: &TlsFiles) -> Result<CertifiedKey, TlsError> {
    let (certificate, key) =
        (files::read(&files.certificate, MAX_FILE_BYTES)?, files::read(&files.key, MAX_FILE_BYTES)?);
    let bad = |source| TlsError::Pem { path: files.certificate.clone(), source };
    let chain: Vec<CertificateDer<'static>> =
        pem::certificates(&certificate).map_err(bad)?.ders.into_iter().map(CertificateDer::from).collect();
    let key = private_key(&files.key, &key)?;
    let unusable = |source| TlsError::Unusable { files: files.clone(), source };
    if chain.is_empty() {
        return Err(unusable(rustls::Error::NoCertificatesPresented));
    }
    CertifiedKey::from_der(chain, key, &provider()).map_err(unusable)
}

/// The first private key of the file; certificates may be beside it.
fn private_key(path: &Path, text: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
    let refused = |problem| TlsError::Key { path: path.to_owned(), problem };
    let blocks = pem::parse(text);
    if blocks.is_empty() {
        return Err(TlsError::Pem { path: path.to_owned(), source: pem::no_block(text) });
    }
    let block =
        blocks.iter().find(|block| block.is_private_key()).ok_or_else(|| refused("it has other PEM blocks only"))?;
    let encrypted = block.label.contains("ENCRYPTED") || block.header("Proc-Type").is_some();
    if encrypted {
        return Err(refused("the key is encrypted; `openssl pkey -in KEY -out NEW-KEY` writes it without a password"));
    }
    let data = block.data().map_err(|source| TlsError::Pem { path: path.to_owned(), source })?.to_vec();
    match block.label.as_str() {
        "PRIVATE KEY" => Ok(PrivatePkcs8KeyDer::from(data).into()),
        "EC PRIVATE KEY" => Ok(PrivateSec1KeyDer::from(data).into()),
        "RSA PRIVATE KEY" => Ok(PrivatePkcs1KeyDer::from(data).into()),
        _ => Err(refused("the key's format is not read; `openssl pkey -in KEY -out NEW-KEY` writes PKCS #8")),
    }
}

fn with_source(error: &TlsError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests;
