//! What an issuer's documents may be fetched with, and where from.
//!
//! Owns the policies and the files that go with them, which are read anew at each fetch. Knows neither HTTP nor keys.

use std::path::{Path, PathBuf};

use reqwest::Url;
use secrecy::SecretString;

use super::FetchError;
use crate::outside::is_loopback;

/// The largest certificate, token or key file, in bytes.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Which addresses a host may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Any: the operator chose the host.
    Anywhere,
    /// Those on the public internet: somebody else chose the host.
    PublicInternet,
}

/// Where HTTP without TLS is good enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PlainHttp {
    /// Between an issuer on this machine and us.
    #[default]
    Loopback,
    /// Everywhere: the operator said so.
    Anywhere,
}

/// What goes with an issuer's fetches.
#[derive(Clone, Debug)]
pub struct Access {
    /// The URL whose scheme, host and port alone get the bearer token.
    pub home: String,
    /// Where HTTP without TLS is good enough.
    pub plain_http: PlainHttp,
    /// Certificates to trust besides the system's, PEM.
    pub ca_certificate: Option<String>,
    /// The same in a file, which may be replaced at any time.
    pub ca_file: Option<PathBuf>,
    /// A bearer token.
    pub token: Option<TokenFile>,
}

/// A file with a bearer token.
#[derive(Clone, Debug)]
pub struct TokenFile {
    /// The file.
    pub path: PathBuf,
    /// What it means that there is no such file.
    pub absence: Absence,
}

/// What it means that a file is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absence {
    /// Nobody promised it: the issuer may answer without.
    Accepted,
    /// The operator named it: nothing is fetched without.
    Refused,
}

/// Where Kubernetes mounts the cluster's CA certificate and the pod's token.
#[derive(Clone, Debug)]
pub struct ClusterFiles {
    /// PEM.
    pub ca_certificate: PathBuf,
    /// A service account token; may be absent, the API server may allow anonymous discovery.
    pub token: PathBuf,
}

impl Default for ClusterFiles {
    fn default() -> Self {
        Self {
            ca_certificate: PathBuf::from("/var/run/fulcio/ca.crt"),
            token: PathBuf::from("/var/run/secrets/kubernetes.io/serviceaccount/token"),
        }
    }
}

impl Access {
    /// Whether a URL may be fetched without TLS, or has TLS.
    pub(super) fn permits_scheme(&self, url: &Url) -> bool {
        let both_here = || is_loopback(url) && Url::parse(&self.home).is_ok_and(|home| is_loopback(&home));
        url.scheme() == "https" || self.plain_http == PlainHttp::Anywhere || both_here()
    }

    /// Every certificate to trust besides the system's, PEM, with a name for messages.
    pub(super) async fn certificates(&self) -> Result<Option<(String, String)>, FetchError> {
        let own = self.ca_certificate.as_ref().map(|pem| ("ca-cert".to_owned(), pem.clone()));
        let Some(path) = &self.ca_file else { return Ok(own) };
        let mut pem = read_file(path).await?;
        if let Some((_, more)) = own {
            pem.push('\n');
            pem.push_str(&more);
        }
        Ok(Some((path.display().to_string(), pem)))
    }

    /// The bearer token, if the URL may have it.
    pub(super) async fn bearer_token(&self, url: &Url) -> Result<Option<SecretString>, FetchError> {
        let Some(file) = &self.token else { return Ok(None) };
        if !Url::parse(&self.home).is_ok_and(|home| home.origin() == url.origin()) {
            return Ok(None);
        }
        if file.absence == Absence::Accepted && !matches!(tokio::fs::try_exists(&file.path).await, Ok(true)) {
            return Ok(None);
        }
        Ok(Some(SecretString::from(read_file(&file.path).await?.trim().to_owned())))
    }
}

/// Reads a file of at most 1 MiB.
///
/// # Errors
/// When it cannot be read, is larger or is not UTF-8.
pub(in crate::identity) async fn read_file(path: &Path) -> Result<String, FetchError> {
    let unusable = |message: String| FetchError::File { path: path.display().to_string(), message };
    let length = tokio::fs::metadata(path).await.map_err(|error| unusable(error.to_string()))?.len();
    if length > MAX_FILE_BYTES {
        return Err(unusable(format!("larger than {MAX_FILE_BYTES} bytes")));
    }
    tokio::fs::read_to_string(path).await.map_err(|error| unusable(error.to_string()))
}
