//! What an issuer's documents may be fetched with, and where from.
//!
//! Owns the policies and the files that go with them, which are read again at each fetch. Knows neither HTTP nor keys.

use std::path::{Path, PathBuf};

use reqwest::Url;
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::{Document, FetchError};
use crate::files::{self, FileError, MAX_FILE_BYTES, read_apart, read_text};
use crate::http::is_loopback;

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
    pub ca_certificate_only: bool,
    /// The same in a file, which may be replaced at any time.
    pub ca_file: Option<PathBuf>,
    pub token: Option<TokenFile>,
    /// The pod's token, for the cluster's own API server.
    pub pod: Option<PodAccess>,
}

/// A bearer token in a file, which the operator named: nothing is fetched without it.
#[derive(Clone, Debug)]
pub struct TokenFile(pub PathBuf);

/// What a pod is let in with at its cluster's API server.
///
/// The token of a service account says who we are to the API server; anyone else who gets it is us there. So it goes to a host whose
/// certificate the cluster's CA alone vouches for, and only where the issuer is the API server itself, or where that server's discovery
/// document says its keys are.
#[derive(Clone, Debug)]
pub struct PodAccess {
    files: ClusterFiles,
    /// Where the API server said that its keys are, after discovery.
    keys: Option<Url>,
}

/// Where Kubernetes mounts the cluster's CA certificate and the pod's token, and what it calls its API server.
#[derive(Clone, Debug)]
pub struct ClusterFiles {
    /// PEM.
    pub ca_certificate: PathBuf,
    /// A service account token; may be absent, the API server may allow anonymous discovery.
    pub token: PathBuf,
    /// The API server's host besides `kubernetes.default.svc` and its longer names: `KUBERNETES_SERVICE_HOST`.
    pub service_host: Option<String>,
}

impl ClusterFiles {
    /// Whether the URL's host is the cluster's own API server, by its name.
    pub fn names_api_server(&self, url: &Url) -> bool {
        let Some(host) = url.host_str() else { return false };
        let service = self.service_host.as_deref().filter(|service| !service.is_empty());
        let is_service =
            |service: &str| host.trim_matches(['[', ']']).eq_ignore_ascii_case(service.trim_matches(['[', ']']));
        is_api_server_name(host) || service.is_some_and(is_service)
    }

    /// The file of the cluster's CA, for a request to this URL. Only the API server cannot do without: a file may cover the cluster's
    /// issuer by a pattern, and be used outside of one.
    pub(in crate::identity) fn ca_certificate_for(&self, url: &str) -> Option<PathBuf> {
        let is_needed = Url::parse(url).is_ok_and(|url| self.names_api_server(&url));
        (is_needed || !matches!(self.ca_certificate.try_exists(), Ok(false))).then(|| self.ca_certificate.clone())
    }
}

/// `kubernetes.default.svc`, or the same with a cluster's domain behind it.
pub fn is_api_server_name(host: &str) -> bool {
    let rest = host.strip_prefix("kubernetes.default.svc");
    rest.is_some_and(|domain| domain.is_empty() || (domain.starts_with('.') && domain.len() > 1))
}

impl PodAccess {
    /// For the issuer at `home`, if that is the cluster's own API server.
    pub fn at(home: &str, files: &ClusterFiles) -> Option<Self> {
        let own = Url::parse(home).is_ok_and(|home| files.names_api_server(&home));
        own.then(|| Self { files: files.clone(), keys: None })
    }

    /// The cluster's CA certificate, PEM: the only one that vouches for the server that gets the token.
    pub(super) async fn certificates(&self) -> Result<Vec<u8>, FetchError> {
        read_certificates(&self.files.ca_certificate).await
    }

    /// The token. There may be none: the API server may let everybody see its keys.
    pub(super) async fn token(&self) -> Result<Option<SecretString>, FetchError> {
        if !matches!(tokio::fs::try_exists(&self.files.token).await, Ok(true)) {
            return Ok(None);
        }
        read_token(&self.files.token).await.map(Some)
    }

    pub(super) fn ca_file(&self) -> &Path {
        &self.files.ca_certificate
    }
}

impl Default for ClusterFiles {
    fn default() -> Self {
        Self {
            ca_certificate: PathBuf::from("/var/run/fulcio/ca.crt"),
            token: PathBuf::from("/var/run/secrets/kubernetes.io/serviceaccount/token"),
            service_host: std::env::var("KUBERNETES_SERVICE_HOST").ok(),
        }
    }
}

impl Access {
    /// Whether a URL may be fetched without TLS, or has TLS.
    pub(super) fn permits_scheme(&self, url: &Url) -> bool {
        let both_here = || is_loopback(url) && Url::parse(&self.home).is_ok_and(|home| is_loopback(&home));
        url.scheme() == "https" || self.plain_http == PlainHttp::Anywhere || both_here()
    }

    /// Whether the issuer is in a network of one's own: the operator gave certificates for it, or it is the cluster's. Such a one is not
    /// asked for through the environment's proxy.
    pub(super) fn is_of_own_network(&self) -> bool {
        self.ca_certificate.is_some() || self.ca_file.is_some() || self.pod.is_some()
    }

    /// Every certificate to trust besides the system's, PEM, with a name for messages.
    pub(super) async fn certificates(&self) -> Result<Option<(String, Vec<u8>)>, FetchError> {
        let own = self.ca_certificate.as_ref().map(|pem| ("ca-cert".to_owned(), pem.clone().into_bytes()));
        let Some(path) = &self.ca_file else { return Ok(own) };
        let mut pem = read_certificates(path).await?;
        if let Some((_, more)) = own {
            pem.push(b'\n');
            pem.extend_from_slice(&more);
        }
        Ok(Some((path.display().to_string(), pem)))
    }

    /// The bearer token, if the URL may have it.
    pub(super) async fn bearer_token(&self, url: &Url) -> Result<Option<SecretString>, FetchError> {
        let Some(file) = &self.token else { return Ok(None) };
        if !Url::parse(&self.home).is_ok_and(|home| home.origin() == url.origin()) {
            return Ok(None);
        }
        read_token(&file.0).await.map(Some)
    }

    /// The pod's access, if the URL may have its token: over https, at the issuer's own address or where the API server keeps its keys.
    pub(super) fn pod_for(&self, url: &Url) -> Option<&PodAccess> {
        let pod = self.pod.as_ref().filter(|_| url.scheme() == "https")?;
        let at_home = Url::parse(&self.home).is_ok_and(|home| home.origin() == url.origin());
        (at_home || pod.keys.as_ref() == Some(url)).then_some(pod)
    }

    /// The same after discovery. What the cluster's API server itself served decides where its keys are; what another one did, does not.
    pub fn after(&self, discovery: &Document, jwks_uri: &str) -> Self {
        let keys = || Url::parse(jwks_uri).ok();
        let pod = self.pod.clone().filter(|_| discovery.is_of_cluster);
        Self { pod: pod.map(|pod| PodAccess { keys: keys(), ..pod }), ..self.clone() }
    }
}

async fn read_token(path: &Path) -> Result<SecretString, FetchError> {
    Ok(SecretString::from(read_file(path).await?.trim().to_owned()))
}

/// Reads a file of at most 1 MiB.
pub(in crate::identity) async fn read_file(path: &Path) -> Result<Zeroizing<String>, FetchError> {
    read_apart(read_text, path.to_owned(), MAX_FILE_BYTES).await.map_err(unusable)
}

/// PEM, whose comments may be in any encoding.
async fn read_certificates(path: &Path) -> Result<Vec<u8>, FetchError> {
    read_apart(files::read, path.to_owned(), MAX_FILE_BYTES).await.map(|pem| pem.to_vec()).map_err(unusable)
}

fn unusable(FileError { path, problem }: FileError) -> FetchError {
    FetchError::File { path: path.display().to_string(), message: format!("it {problem}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_of_certificates_may_have_comments_in_any_encoding_and_a_token_may_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        let latin = b"# Beh\xf6rde\n-----BEGIN CERTIFICATE-----\n";
        std::fs::write(&file, latin).unwrap();
        assert_eq!(read_certificates(&file).await.unwrap(), latin);
        assert!(read_token(&file).await.unwrap_err().to_string().ends_with("it is not UTF-8"));
    }
}
