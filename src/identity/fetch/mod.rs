//! Getting an issuer's documents over HTTP(S).
//!
//! Owns every bound on that: time, size, redirects, schemes, addresses, proxies, and where a bearer token may go. Knows nothing of keys
//! or claims.

mod access;
mod address;

mod lifetime;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hyper::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use reqwest::dns::Resolve;
use reqwest::{Client, Response, StatusCode, Url, redirect};
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use secrecy::{ExposeSecret as _, SecretString};
use url::Host;

pub(super) use access::read_file;
pub use access::{Access, ClusterFiles, PlainHttp, PodAccess, Reach, TokenFile, is_api_server_name};
pub use address::{SystemResolver, is_public};

use crate::http::encoding::{Unread, read_document};
use crate::http::trust::{self, Protocols, Trust};
use crate::http::{self, SetupError, is_loopback};
use crate::text::peer_text::PeerText;
use address::PublicOnly;

/// The longest that one document may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The longest that a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The largest document, in bytes.
const MAX_BYTES: usize = 1024 * 1024;
/// The longest URL that is looked at, in bytes: a document chooses it.
pub const LONGEST_URL: usize = 4096;
/// How many redirects are followed.
const MAX_REDIRECTS: usize = 5;

/// Why a document could not be had.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error("not an http or https URL: {0}")]
    Url(PeerText),
    #[error("GET {0}: not asked without TLS; allow-http permits it")]
    PlainHttp(PeerText),
    #[error("GET {0}: the host has no address on the public internet; allow-private-addresses permits others")]
    Address(PeerText),
    #[error("{path}: {message}")]
    File { path: String, message: String },
    /// Connection, name, TLS, redirect or time.
    #[error("GET {url}: {problem}")]
    Http {
        url: PeerText,
        /// The library's error with its causes.
        problem: PeerText,
    },
    #[error("GET {url}: answered {status}")]
    Status { url: PeerText, status: StatusCode },
    #[error("GET {url}: {problem}")]
    Encoding { url: PeerText, problem: PeerText },
    #[error("GET {url}: longer than {MAX_BYTES} bytes")]
    TooLarge { url: PeerText },
}

/// A document as it came.
#[derive(Debug)]
pub struct Document {
    /// At most 1 MiB.
    pub body: Vec<u8>,
    /// How long it may be used, if the answer says so.
    pub lifetime: Option<Duration>,
    /// The server's clock when it answered, if it says so: within a second.
    pub server_time: Option<SystemTime>,
    /// Whether it came from a host that the cluster's CA alone vouches for, as what the pod is let in with was offered to it.
    pub is_of_cluster: bool,
}

/// Fetches documents. How many at a time is its callers' business.
#[derive(derive_more::Debug)]
#[debug("Fetcher {{ .. }}")]
pub struct Fetcher {
    resolver: Arc<dyn Resolve>,
    trust: Trust,
    /// The proxies of the environment, as the clients see them.
    proxies: Matcher,
    /// Through the environment's proxies, if it names any.
    ordinary: Client,
    /// For issuers on this machine or in our own network, which no proxy can reach for us.
    direct: Client,
    /// For hosts that strangers choose: connects to public addresses only.
    guarded: Client,
}

/// Which client a document is fetched with.
#[derive(Clone, Copy)]
enum Way {
    Ordinary,
    Direct,
    Guarded,
}

impl Fetcher {
    /// A fetcher with the system's certificates to trust and resolver, and the proxies of the environment (`HTTPS_PROXY`, `HTTP_PROXY`,
    /// `ALL_PROXY`, `NO_PROXY`).
    pub fn new() -> Result<Self, SetupError> {
        Self::with_resolver(Arc::new(SystemResolver))
    }

    /// The same with another resolver.
    pub fn with_resolver(resolver: Arc<dyn Resolve>) -> Result<Self, SetupError> {
        let trust = Trust::of_system();
        let tls = trust.client_config(Protocols::Http)?;
        let client = |way| builder(way, &resolver, tls.clone()).build();
        let (ordinary, direct, guarded) = (client(Way::Ordinary)?, client(Way::Direct)?, client(Way::Guarded)?);
        Ok(Self { resolver, trust, proxies: Matcher::from_env(), ordinary, direct, guarded })
    }

    pub async fn get(&self, url: &str, reach: Reach, access: &Access) -> Result<Document, FetchError> {
        let url = http_url(url)?;
        if !access.permits_scheme(&url) {
            return Err(FetchError::PlainHttp(PeerText::of(url)));
        }
        let way = self.way(&url, reach, access)?;
        if let Some(pod) = access.pod_for(&url)
            && let Some(document) = self.get_as_pod(way, &url, pod).await?
        {
            return Ok(document);
        }
        let (client, token) = (self.client(way, access).await?, access.bearer_token(&url).await?);
        let response = send(&client, &url, token).await.map_err(|error| failed(&url, error))?;
        read(&url, response).await
    }

    /// Gets a document with the pod's token, trusting the cluster's CA and no other. Nothing if the connection does not come about like
    /// that: then nobody has the token, and the caller may ask without it whomever it trusts.
    async fn get_as_pod(&self, way: Way, url: &Url, pod: &PodAccess) -> Result<Option<Document>, FetchError> {
        let name = pod.ca_file().display().to_string();
        let certificates = certificates(&name, &pod.certificates().await?)?;
        let client = self.client_trusting(way, &name, Trust::nobody().and(certificates))?;
        match send(&client, url, pod.token().await?).await {
            Ok(response) => Ok(Some(Document { is_of_cluster: true, ..read(url, response).await? })),
            Err(error) if error.is_connect() && !error.is_timeout() => Ok(None),
            Err(error) => Err(failed(url, error)),
        }
    }

    /// Hosts that are addresses never see a resolver, so they are looked at here. A proxy resolves names itself: what it reaches is up to
    /// it, and to the one who set it. An issuer of one's own network, as its certificates say, is behind no proxy.
    fn way(&self, url: &Url, reach: Reach, access: &Access) -> Result<Way, FetchError> {
        let is_own = access.is_of_own_network();
        let public = match url.host() {
            Some(Host::Ipv4(address)) => is_public(address.into()),
            Some(Host::Ipv6(address)) => is_public(address.into()),
            _ => !is_loopback(url),
        };
        match reach {
            Reach::PublicInternet if !public => Err(FetchError::Address(PeerText::of(url))),
            Reach::PublicInternet if is_own || !self.is_proxied(url.as_str()) => Ok(Way::Guarded),
            Reach::Anywhere if is_own || is_loopback(url) => Ok(Way::Direct),
            Reach::PublicInternet | Reach::Anywhere => Ok(Way::Ordinary),
        }
    }

    /// Whether a proxy of the environment would be asked for the URL. It resolves names itself, so what they lead to is not looked at here.
    pub fn is_proxied(&self, url: &str) -> bool {
        url.parse::<Uri>().is_ok_and(|uri| self.proxies.intercept(&uri).is_some())
    }

    async fn client(&self, way: Way, access: &Access) -> Result<Client, FetchError> {
        let Some((name, pem)) = access.certificates().await? else {
            return Ok(match way {
                Way::Ordinary => self.ordinary.clone(),
                Way::Direct => self.direct.clone(),
                Way::Guarded => self.guarded.clone(),
            });
        };
        let base = if access.ca_certificate_only { Trust::nobody() } else { self.trust.clone() };
        self.client_trusting(way, &name, base.and(certificates(&name, &pem)?))
    }

    /// `name` is where the certificates are from.
    fn client_trusting(&self, way: Way, name: &str, trust: Result<Trust, String>) -> Result<Client, FetchError> {
        let tls = trust.and_then(|trust| trust.client_config(Protocols::Http).map_err(|error| error.to_string()));
        let client = tls
            .and_then(|tls| builder(way, &self.resolver, tls).build().map_err(|error| http::reason(error).to_string()));
        client.map_err(|message| FetchError::File { path: name.to_owned(), message })
    }
}

/// Without a token, or with one that goes no further than the URL's scheme, host and port: redirects to others are not followed.
async fn send(client: &Client, url: &Url, token: Option<SecretString>) -> Result<Response, reqwest::Error> {
    let request = client.get(url.clone());
    let request = match token {
        Some(token) => request.bearer_auth(token.expose_secret()),
        None => request,
    };
    request.send().await
}

async fn read(url: &Url, response: Response) -> Result<Document, FetchError> {
    if response.status() != StatusCode::OK {
        return Err(FetchError::Status { url: PeerText::of(url), status: response.status() });
    }
    let lifetime = lifetime::lifetime(response.headers());
    let server_time = lifetime::server_time(response.headers());
    let undecodable = |problem| FetchError::Encoding { url: PeerText::of(url), problem };
    let body = read_document(response, MAX_BYTES).await.map_err(|unread| match unread {
        Unread::Broken(error) => failed(url, error),
        Unread::TooLong => FetchError::TooLarge { url: PeerText::of(url) },
        Unread::UnknownEncoding(name) => {
            let problem = format_args!("answered in the Content-Encoding {name}, which was not asked for");
            undecodable(PeerText::of(problem))
        }
        Unread::BrokenGzip(cause) => undecodable(PeerText::of(format_args!("the body cannot be inflated: {cause}"))),
    })?;
    Ok(Document { body, lifetime, server_time, is_of_cluster: false })
}

fn failed(url: &Url, error: reqwest::Error) -> FetchError {
    if address::is_not_public(&error) {
        return FetchError::Address(PeerText::of(url));
    }
    FetchError::Http { url: PeerText::of(url), problem: http::reason(error) }
}

fn certificates(name: &str, content: &[u8]) -> Result<Vec<CertificateDer<'static>>, FetchError> {
    trust::named_certificates(content).map_err(|message| FetchError::File { path: name.to_owned(), message })
}

fn http_url(text: &str) -> Result<Url, FetchError> {
    Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))
        .filter(|url| url.username().is_empty() && url.password().is_none())
        .ok_or_else(|| FetchError::Url(PeerText::of(text)))
}

fn builder(way: Way, resolver: &Arc<dyn Resolve>, tls: ClientConfig) -> reqwest::ClientBuilder {
    // Another scheme could be another way: without TLS, or past the proxy. Another port is another server: what listens there may be meant
    // for nobody outside (GHSA-f5mr-q85p-6hh6).
    let same_host = redirect::Policy::custom(|attempt| {
        let moved = attempt.previous().first().is_none_or(|first| first.origin() != attempt.url().origin());
        if moved || attempt.previous().len() > MAX_REDIRECTS {
            attempt.error("redirect to another host, port or scheme, or too many redirects")
        } else {
            attempt.follow()
        }
    });
    let builder = http::builder(tls, CONNECT_TIMEOUT)
        .timeout(TIMEOUT)
        .redirect(same_host)
        .referer(false)
        .pool_max_idle_per_host(1);
    match way {
        Way::Ordinary => builder.dns_resolver(Arc::clone(resolver)),
        Way::Direct => builder.dns_resolver(Arc::clone(resolver)).no_proxy(),
        Way::Guarded => builder.dns_resolver(PublicOnly(Arc::clone(resolver))).no_proxy(),
    }
}
