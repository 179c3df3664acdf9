//! Where one issuer's keys come from, and the fetching of them (OpenID Connect Discovery 1.0 section 4).
//!
//! Owns what each document may be fetched with. Knows neither how long keys live nor who waits for them.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use reqwest::Url;

use super::document::Discovery;
use super::error::KeyError;
use super::set::{KeyBudget, KeySet};
use crate::identity::fetch::{
    Access, ClusterFiles, FetchError, Fetcher, LONGEST_URL, PlainHttp, PodAccess, Reach, TokenFile, read_file,
};
use crate::identity::issuers::{ClusterTies, Issuer, IssuerAddress, KeyOrigin};
use crate::text::peer_text::PeerText;

/// One concrete issuer: for an entry with a pattern there are many.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) url: String,
    issuer: Arc<Issuer>,
}

#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) keys: KeySet,
    /// How long they live, if the issuer says so.
    pub(super) lifetime: Option<Duration>,
    /// The clock of the server that the keys came from, if they came from one that says so.
    pub(super) server_time: Option<SystemTime>,
}

impl Fetched {
    /// Keys that came from no server.
    const fn local(keys: KeySet) -> Self {
        Self { keys, lifetime: None, server_time: None }
    }
}

impl Source {
    pub(super) fn new(url: &str, issuer: &Arc<Issuer>) -> Self {
        Self { url: url.to_owned(), issuer: Arc::clone(issuer) }
    }

    /// Whether the issuer, perhaps of a file loaded since, has its keys from the same place in the same way.
    pub(super) fn serves(&self, issuer: &Arc<Issuer>) -> bool {
        Arc::ptr_eq(&self.issuer, issuer) || (self.issuer.keys == issuer.keys && self.issuer.address == issuer.address)
    }

    /// The pattern that the issuer matched, if the file does not name it.
    pub(super) fn pattern(&self) -> Option<&str> {
        match &self.issuer.address {
            IssuerAddress::Url(_) => None,
            IssuerAddress::Pattern(pattern) => Some(pattern.as_str()),
        }
    }

    /// Who is asked first, by host and port; of keys in a file nobody.
    pub(super) fn host(&self) -> String {
        let asked = match &self.issuer.keys.origin {
            KeyOrigin::Discovery => &self.url,
            KeyOrigin::Url(url) => url,
            KeyOrigin::File(_) | KeyOrigin::Fixed(_) => return String::new(),
        };
        let url = Url::parse(asked).ok();
        let host = url.as_ref().and_then(|url| Some((url.host_str()?, url.port_or_known_default()?)));
        host.map(|(host, port)| format!("{host}:{port}")).unwrap_or_default()
    }

    pub(super) async fn fetch(&self, fetcher: &Fetcher, cluster: &ClusterFiles) -> Result<Fetched, KeyError> {
        match &self.issuer.keys.origin {
            KeyOrigin::Discovery => self.discover(fetcher, &self.access(&self.url, cluster)).await,
            KeyOrigin::Url(url) => {
                let document = fetcher.get(url, Reach::Anywhere, &self.access(url, cluster)).await?;
                let keys = self.usable(url, &document.body, None)?;
                Ok(Fetched { keys, lifetime: document.lifetime, server_time: document.server_time })
            }
            KeyOrigin::File(path) => {
                let text = read_file(path).await?;
                self.usable(&path.display().to_string(), text.as_bytes(), None).map(Fetched::local)
            }
            KeyOrigin::Fixed(fixed) => self.usable("jwks", fixed.text().as_bytes(), None).map(Fetched::local),
        }
    }

    async fn discover(&self, fetcher: &Fetcher, access: &Access) -> Result<Fetched, KeyError> {
        let url = format!("{}/.well-known/openid-configuration", self.url.strip_suffix('/').unwrap_or(&self.url));
        let document = fetcher.get(&url, self.issuer.reach(&self.url), access).await?;
        let found = Discovery::parse(&document.body)
            .map_err(|error| KeyError::Document { document: PeerText::of(&url), fault: error.into() })?;
        if found.issuer.as_ref() != Some(&self.url) {
            let (expected, found) = (PeerText::of(&self.url), PeerText::of(found.issuer.unwrap_or_default()));
            return Err(KeyError::IssuerMismatch { expected, found });
        }
        let jwks_uri = found.jwks_uri.filter(|jwks_uri| !jwks_uri.is_empty());
        let jwks_uri = jwks_uri.ok_or_else(|| KeyError::NoKeysUrl(PeerText::of(&url)))?;
        if jwks_uri.len() > LONGEST_URL {
            return Err(FetchError::Url(PeerText::of(&jwks_uri)).into());
        }
        let reach = self.reach_of_keys(&url, &jwks_uri)?;
        let access = access.after(&document, &jwks_uri);
        let document = fetcher.get(&jwks_uri, reach, &access).await?;
        let keys = self.usable(&jwks_uri, &document.body, Some(&found.algorithms))?;
        Ok(Fetched { keys, lifetime: document.lifetime, server_time: document.server_time })
    }

    fn usable(&self, document: &str, body: &[u8], algorithms: Option<&[String]>) -> Result<KeySet, KeyError> {
        let budget = if self.pattern().is_none() { KeyBudget::NAMED } else { KeyBudget::MATCHED };
        let keys = KeySet::parse(body, algorithms, budget)
            .map_err(|error| KeyError::Document { document: PeerText::of(document), fault: error.into() })?;
        if keys.is_empty() {
            let why = keys.left_out().map(|(id, reason)| format!("; {}: {reason}", id.unwrap_or("a key without id")));
            return Err(KeyError::NoUsableKey(PeerText::of(document), PeerText::of(why.collect::<String>())));
        }
        Ok(keys)
    }

    /// On the issuer's own host the keys are where discovery was. Another host is the issuer's choice, and counts only if nobody on the
    /// way could have made it; a cluster's keys are on its API server, which is in a private network. Of a pattern's issuers only the
    /// cluster's own one has that freedom.
    fn reach_of_keys(&self, discovery: &str, jwks_uri: &str) -> Result<Reach, KeyError> {
        let (Ok(discovery), Ok(keys)) = (Url::parse(discovery), Url::parse(jwks_uri)) else {
            return Ok(Reach::PublicInternet);
        };
        let access = &self.issuer.keys;
        if discovery.host() == keys.host() {
            return Ok(self.issuer.reach(&self.url));
        }
        if discovery.scheme() != "https" && access.plain_http != PlainHttp::Anywhere {
            return Err(KeyError::ForeignKeys(PeerText::of(keys)));
        }
        Ok(match self.issuer.cluster_ties(&self.url) {
            ClusterTies::None => access.strangers,
            ClusterTies::Kubernetes | ClusterTies::Own => Reach::Anywhere,
        })
    }

    /// The cluster's CA and token are for issuers that the operator named, and for the cluster's own one by its usual name, never for
    /// another one that matched a pattern. The pod's token is for the cluster's own API server; every other issuer needs a `token-file`.
    fn access(&self, home: &str, cluster: &ClusterFiles) -> Access {
        let keys = &self.issuer.keys;
        let is_own = self.issuer.cluster_ties(&self.url) == ClusterTies::Own;
        let pod = (is_own && keys.token_file.is_none()).then(|| PodAccess::at(home, cluster));
        Access {
            home: home.to_owned(),
            plain_http: keys.plain_http,
            ca_certificate: keys.ca_certificate.clone(),
            ca_certificate_only: keys.ca_certificate_only,
            ca_file: is_own.then(|| cluster.ca_certificate_for(home)).flatten(),
            token: keys.token_file.clone().filter(|_| self.pattern().is_none()).map(TokenFile),
            pod: pod.flatten(),
        }
    }
}
