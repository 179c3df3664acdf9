//! Getting an issuer's documents over HTTP(S).
//!
//! Owns every bound on that: time, size, redirects, concurrency, and where a bearer token may go. Knows nothing of keys or claims.

use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::{Certificate, Client, StatusCode, Url, redirect};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

use crate::outside::{USER_AGENT, is_loopback};

/// The longest that one document may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The longest that a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The largest document, in bytes.
const MAX_BYTES: usize = 1024 * 1024;
/// The largest certificate or token file, in bytes.
const MAX_FILE_BYTES: u64 = 1024 * 1024;
/// How many documents are fetched at the same time, over all issuers.
const MAX_CONCURRENT: usize = 16;
/// How many redirects are followed.
const MAX_REDIRECTS: usize = 5;

/// Why a document could not be had.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Not a URL that can be fetched.
    #[error("not an http or https URL: {0}")]
    Url(String),
    /// A certificate or token file that the operator set cannot be used.
    #[error("{path}: {message}")]
    File {
        /// The file.
        path: String,
        /// What is wrong with it.
        message: String,
    },
    /// Connection, TLS, redirect or time.
    #[error("GET {url}: {source}")]
    Http {
        /// What was asked for.
        url: String,
        /// The library's error.
        source: reqwest::Error,
    },
    /// An answer other than 200.
    #[error("GET {url}: answered {status}")]
    Status {
        /// What was asked for.
        url: String,
        /// The answer's status.
        status: StatusCode,
    },
    /// A document over the limit.
    #[error("GET {url}: longer than {MAX_BYTES} bytes")]
    TooLarge {
        /// What was asked for.
        url: String,
    },
}

/// What an issuer needs besides the ordinary client.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// Certificates to trust besides the system's, PEM.
    pub ca_certificate: Option<String>,
    /// The cluster's files, for an issuer inside Kubernetes. Read anew at every fetch: both are rotated.
    pub cluster: Option<ClusterFiles>,
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

/// Fetches documents, a bounded number at a time.
#[derive(Debug)]
pub struct Fetcher {
    plain: Client,
    /// For issuers on this machine, which no proxy can reach for us.
    direct: Client,
    permits: Semaphore,
}

impl Fetcher {
    /// A fetcher with the system's trust anchors.
    ///
    /// # Errors
    /// When the TLS library cannot be set up.
    pub fn new() -> Result<Self, reqwest::Error> {
        Ok(Self {
            plain: builder().build()?,
            direct: builder().no_proxy().build()?,
            permits: Semaphore::new(MAX_CONCURRENT),
        })
    }

    /// Gets a document. A bearer token goes along only to `home`'s scheme, host and port.
    ///
    /// # Errors
    /// See [`FetchError`].
    pub async fn get(&self, url: &str, home: &str, access: &Access) -> Result<Vec<u8>, FetchError> {
        let url = http_url(url)?;
        let Ok(_permit) = self.permits.acquire().await else { return Err(FetchError::Url(url.into())) };
        let client = self.client(&url, access).await?;
        let mut request = client.get(url.clone());
        if let Some(token) = self.bearer_token(&url, home, access).await? {
            request = request.bearer_auth(token.expose_secret());
        }
        let failed = |source: reqwest::Error| FetchError::Http { url: url.to_string(), source: source.without_url() };
        let mut response = request.send().await.map_err(failed)?;
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status { url: url.into(), status: response.status() });
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > MAX_BYTES {
                return Err(FetchError::TooLarge { url: url.into() });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    async fn client(&self, url: &Url, access: &Access) -> Result<Client, FetchError> {
        let (name, pem) = match (&access.cluster, &access.ca_certificate) {
            (Some(cluster), _) => {
                (cluster.ca_certificate.display().to_string(), read_file(&cluster.ca_certificate).await?)
            }
            (None, Some(pem)) => ("ca-cert".to_owned(), pem.clone()),
            (None, None) if is_loopback(url) => return Ok(self.direct.clone()),
            (None, None) => return Ok(self.plain.clone()),
        };
        let unusable = |error: reqwest::Error| FetchError::File { path: name.clone(), message: error.to_string() };
        let certificates = Certificate::from_pem_bundle(pem.as_bytes()).map_err(unusable)?;
        builder().tls_certs_merge(certificates).build().map_err(unusable)
    }

    async fn bearer_token(&self, url: &Url, home: &str, access: &Access) -> Result<Option<SecretString>, FetchError> {
        let Some(cluster) = &access.cluster else { return Ok(None) };
        if http_url(home)?.origin() != url.origin() {
            return Ok(None);
        }
        match tokio::fs::try_exists(&cluster.token).await {
            Ok(true) => Ok(Some(SecretString::from(read_file(&cluster.token).await?.trim().to_owned()))),
            _ => Ok(None),
        }
    }
}

fn http_url(text: &str) -> Result<Url, FetchError> {
    Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))
        .ok_or_else(|| FetchError::Url(text.to_owned()))
}

fn builder() -> reqwest::ClientBuilder {
    let same_host = redirect::Policy::custom(|attempt| {
        let moved = attempt.previous().first().is_none_or(|first| {
            first.host() != attempt.url().host() || (first.scheme() == "https" && attempt.url().scheme() != "https")
        });
        if moved || attempt.previous().len() > MAX_REDIRECTS {
            attempt.error("redirect to another host, to http, or too many redirects")
        } else {
            attempt.follow()
        }
    });
    Client::builder()
        .user_agent(USER_AGENT)
        .timeout(TIMEOUT)
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(same_host)
        .pool_max_idle_per_host(1)
}

async fn read_file(path: &Path) -> Result<String, FetchError> {
    let unusable = |message: String| FetchError::File { path: path.display().to_string(), message };
    let length = tokio::fs::metadata(path).await.map_err(|error| unusable(error.to_string()))?.len();
    if length > MAX_FILE_BYTES {
        return Err(unusable(format!("larger than {MAX_FILE_BYTES} bytes")));
    }
    tokio::fs::read_to_string(path).await.map_err(|error| unusable(error.to_string()))
}
