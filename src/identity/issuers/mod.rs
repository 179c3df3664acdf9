//! The trusted issuers as typed, validated values, and the choice of one for a token's `iss`.
//!
//! Knows neither the file they were written in (see `issuer_file`) nor tokens, keys or discovery.

mod overlap;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use url::{Host, Url};

use crate::identity::fetch::{PlainHttp, Reach, is_api_server_name};
use crate::identity::keys::{KeyBudget, KeySet};
use crate::identity::kind::IdentityType;
use crate::identity::restrictions::Restrictions;
use crate::text::peer_text::JsonFault;

/// The issuer of service account tokens as a pod sees it.
pub(crate) const CLUSTER_ISSUER: &str = "https://kubernetes.default.svc";
/// The longest `iss` that fits a pattern, in bytes: a stranger chooses it, and it is kept.
const LONGEST_MATCH: usize = 1024;

/// The trusted issuers, as one immutable value. The default trusts nobody.
#[derive(Clone, Debug, Default)]
pub struct Issuers {
    exact: BTreeMap<String, Vec<Arc<Issuer>>>,
    meta: Vec<(MetaPattern, Vec<Arc<Issuer>>)>,
    warnings: Vec<String>,
    refusals: Vec<String>,
}

/// One entry of `oidc-issuers` or `meta-issuers`; of an issuer with several identities, one of them.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// The URL, or the pattern that stands for many.
    pub address: IssuerAddress,
    /// `client-id`: what `aud` must contain.
    pub audience: String,
    /// `type`, with everything that the type needs.
    pub identity: IdentityType,
    /// The claim that clients are told to sign; the identity type alone decides what is checked.
    pub challenge_claim: String,
    /// `spiffe-trust-domain` as written, for `/api/v2/configuration`.
    pub spiffe_trust_domain: Option<String>,
    /// `subject-domain` as written, for `/api/v2/configuration`.
    pub subject_domain: Option<String>,
    /// `skip-email-verification` as written: reported for every type, used by `email` alone.
    pub skip_email_verification: bool,
    /// `order`: which of several identities that fit a token counts, the lowest first. All identities of an issuer have one, or none has.
    pub order: Option<u32>,
    /// Where its keys come from; the same for all identities of an issuer.
    pub keys: Arc<KeyAccess>,
    /// What it demands of tokens and names beyond its type; nothing by default.
    pub restrictions: Restrictions,
    /// `key-outage-window`: for how long after they were fetched its keys are used while it does not answer; the server's default if none
    /// is set. The same for all identities of an issuer.
    pub key_outage_window: Option<Duration>,
    /// How many certificates one token may make; any number if none is set.
    pub max_certificates_per_token: Option<NonZeroU32>,
    pub description: Option<String>,
    pub contact: Option<String>,
}

/// How an issuer's keys are come by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyAccess {
    pub origin: KeyOrigin,
    /// `ca-cert`: certificates (PEM) that are trusted for this issuer's HTTPS besides the system's.
    pub ca_certificate: Option<String>,
    /// `ca-cert-only`: they count alone.
    pub ca_certificate_only: bool,
    /// `token-file`: a bearer token for the issuer's host, read at each fetch.
    pub token_file: Option<PathBuf>,
    /// `allow-http`: where HTTP without TLS is good enough.
    pub plain_http: PlainHttp,
    /// `allow-private-addresses`: which addresses the hosts may have that the operator did not choose.
    pub strangers: Reach,
    /// What the issuer has to do with a Kubernetes cluster.
    pub cluster: ClusterTies,
}

/// What an issuer has to do with a Kubernetes cluster. The pod's token goes to the cluster's own API server only, whatever this is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClusterTies {
    #[default]
    None,
    /// Its type is `kubernetes`: where its keys are may be an API server, and those are in private networks.
    Kubernetes,
    /// The same, and it is asked with the CA of the cluster that we run in: the file names or covers `https://kubernetes.default.svc`, or
    /// the issuer is that one by a longer name.
    Own,
}

/// Where an issuer's keys are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum KeyOrigin {
    /// Where its discovery document says.
    #[default]
    Discovery,
    /// `jwks-url`: there, and discovery is not asked.
    Url(String),
    /// `jwks-file`: in a file, read as often as others are fetched.
    File(PathBuf),
    /// `jwks`: in the issuer file.
    Fixed(FixedKeys),
}

/// Keys that stand in the issuer file. Equal if their text is.
#[derive(Clone, Debug)]
pub struct FixedKeys {
    text: String,
    keys: Arc<KeySet>,
}

/// Which `iss` an entry stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IssuerAddress {
    /// This URL, byte for byte.
    Url(String),
    /// Every URL that fits.
    Pattern(MetaPattern),
}

/// A URL in which `*` stands for one or more of `[-_a-zA-Z0-9]`, so never for a dot, a slash, a colon or an at sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetaPattern {
    text: String,
}

impl Issuers {
    /// The identities of the issuer that answers for an `iss`, by their order if they have one: exact match first, then the meta patterns
    /// in their fixed order. None if the issuer is unknown.
    pub fn find(&self, issuer_url: &str) -> &[Arc<Issuer>] {
        self.group(issuer_url).map_or(&[], Vec::as_slice)
    }

    /// Whether the entry that answers for an `iss` cannot be used: its tokens are for nobody else to take.
    pub fn is_misconfigured(&self, issuer_url: &str) -> bool {
        self.group(issuer_url).is_some_and(Vec::is_empty)
    }

    /// The identities of an issuer; none of them if its entry cannot be used.
    fn group(&self, issuer_url: &str) -> Option<&Vec<Arc<Issuer>>> {
        let by_pattern = || {
            let mut patterns = self.meta.iter().filter(|_| issuer_url.len() <= LONGEST_MATCH);
            patterns.find(|(pattern, _)| pattern.matches(issuer_url)).map(|(_, group)| group)
        };
        self.exact.get(issuer_url).or_else(by_pattern)
    }

    /// Every identity: of the exact issuers sorted by URL, then of the meta ones in the order in which they are tried.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Issuer>> {
        self.exact.values().chain(self.meta.iter().map(|(_, group)| group)).flatten()
    }

    /// The patterns whose entries can be used, in the order in which they are tried.
    pub fn patterns(&self) -> impl Iterator<Item = &MetaPattern> {
        self.meta.iter().filter(|(_, group)| !group.is_empty()).map(|(pattern, _)| pattern)
    }

    /// What an operator should know of the file though it is used as it is, each with its place.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Entries of the file that cannot be used, each with its place and what is wrong: see [`Self::is_misconfigured`].
    pub fn refusals(&self) -> &[String] {
        &self.refusals
    }

    /// The same issuers but for these, whose entries cannot be used, and why.
    pub fn without(mut self, addresses: impl IntoIterator<Item = IssuerAddress>, refusals: Vec<String>) -> Self {
        for address in addresses {
            match address {
                IssuerAddress::Url(url) => drop(self.exact.insert(url, Vec::new())),
                IssuerAddress::Pattern(pattern) => {
                    self.meta.retain(|(other, _)| *other != pattern);
                    self.meta.push((pattern, Vec::new()));
                }
            }
        }
        self.meta.sort_by_cached_key(|(pattern, _)| pattern.rank());
        Self { refusals, ..self }
    }

    /// The same issuers with these warnings.
    pub fn with_warnings(self, warnings: Vec<String>) -> Self {
        Self { warnings, ..self }
    }

    /// How many issuers there are whose tokens are accepted.
    pub fn len(&self) -> usize {
        self.exact.values().chain(self.meta.iter().map(|(_, group)| group)).filter(|group| !group.is_empty()).count()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Issuer {
    /// Whether another one of the same issuer takes the same tokens and makes the same certificates of them.
    pub fn is_same_identity(&self, other: &Self) -> bool {
        let essence = |issuer: &Self| {
            format!(
                "{:?}",
                (
                    &issuer.audience,
                    &issuer.identity,
                    &issuer.restrictions,
                    issuer.max_certificates_per_token,
                    issuer.order
                )
            )
        };
        self.audience == other.audience && essence(self) == essence(other)
    }

    /// Which addresses the issuer with this URL may have: the operator chose its host, or a stranger did, by what a `*` of the pattern
    /// stands for or by DNS.
    pub fn reach(&self, url: &str) -> Reach {
        match &self.address {
            IssuerAddress::Url(_) => Reach::Anywhere,
            IssuerAddress::Pattern(pattern) if pattern.spells_address() => Reach::Anywhere,
            IssuerAddress::Pattern(_) if self.cluster_ties(url) == ClusterTies::Own => Reach::Anywhere,
            IssuerAddress::Pattern(_) => self.keys.strangers,
        }
    }

    /// What the issuer with this URL has to do with a cluster. Of a pattern's issuers only the cluster's own one, by the name that it has
    /// in every cluster, has anything to do with it.
    pub fn cluster_ties(&self, url: &str) -> ClusterTies {
        match (&self.address, self.keys.cluster) {
            (IssuerAddress::Url(_), ties) => ties,
            (IssuerAddress::Pattern(_), ClusterTies::None) => ClusterTies::None,
            (IssuerAddress::Pattern(_), _) if url == CLUSTER_ISSUER => ClusterTies::Own,
            (IssuerAddress::Pattern(_), _) => ClusterTies::None,
        }
    }
}

impl FromIterator<Issuer> for Issuers {
    /// Puts each issuer in its place; those with the same address are identities of one issuer.
    fn from_iter<I: IntoIterator<Item = Issuer>>(issuers: I) -> Self {
        let (mut exact, mut meta) = (BTreeMap::<String, Vec<Issuer>>::new(), BTreeMap::new());
        for issuer in issuers {
            match issuer.address.clone() {
                IssuerAddress::Url(url) => exact.entry(url).or_default().push(issuer),
                IssuerAddress::Pattern(pattern) => {
                    meta.entry(pattern.rank()).or_insert_with(|| (pattern, Vec::new())).1.push(issuer);
                }
            }
        }
        let covers_cluster = exact.contains_key(CLUSTER_ISSUER)
            || meta.values().any(|(pattern, _): &(MetaPattern, _)| pattern.matches(CLUSTER_ISSUER));
        Self {
            exact: exact.into_iter().map(|(url, group)| (url, identities(group, covers_cluster))).collect(),
            meta: meta.into_values().map(|(pattern, group)| (pattern, identities(group, false))).collect(),
            warnings: Vec::new(),
            refusals: Vec::new(),
        }
    }
}

/// The identities of one issuer in their order, with one and the same access to its keys.
fn identities(mut group: Vec<Issuer>, covers_cluster: bool) -> Vec<Arc<Issuer>> {
    group.sort_by_key(|issuer| issuer.order);
    let is_kubernetes = group.iter().any(|issuer| matches!(issuer.identity, IdentityType::Kubernetes));
    let Some(first) = group.first() else { return Vec::new() };
    let is_api_server = match &first.address {
        IssuerAddress::Url(url) => Url::parse(url).is_ok_and(|url| url.host_str().is_some_and(is_api_server_name)),
        IssuerAddress::Pattern(_) => false,
    };
    let cluster = match is_kubernetes {
        false => ClusterTies::None,
        true if covers_cluster || is_api_server => ClusterTies::Own,
        true => ClusterTies::Kubernetes,
    };
    let keys = Arc::new(KeyAccess { cluster, ..first.keys.as_ref().clone() });
    group.into_iter().map(|issuer| Arc::new(Issuer { keys: Arc::clone(&keys), ..issuer })).collect()
}

impl Default for KeyAccess {
    /// Discovery over https, and no favours.
    fn default() -> Self {
        Self {
            origin: KeyOrigin::Discovery,
            ca_certificate: None,
            ca_certificate_only: false,
            token_file: None,
            plain_http: PlainHttp::Loopback,
            strangers: Reach::PublicInternet,
            cluster: ClusterTies::None,
        }
    }
}

impl FixedKeys {
    pub fn parse(text: &str) -> Result<Self, String> {
        let keys = KeySet::parse(text.as_bytes(), None, KeyBudget::NAMED)
            .map_err(|error| JsonFault::from(error).to_string())?;
        if keys.is_empty() {
            let why = keys.left_out().next().map(|(_, reason)| format!("; of its first key: {reason}"));
            return Err(format!("no key in it can verify a token{}", why.unwrap_or_default()));
        }
        Ok(Self { text: text.to_owned(), keys: Arc::new(keys) })
    }

    /// The JWK set as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn keys(&self) -> &KeySet {
        &self.keys
    }
}

impl PartialEq for FixedKeys {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for FixedKeys {}

impl IssuerAddress {
    /// The URL or the pattern as written.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Url(url) => url,
            Self::Pattern(pattern) => pattern.as_str(),
        }
    }
}

impl MetaPattern {
    /// The most specific pattern is tried first; equally specific ones in the order of their text.
    fn rank(&self) -> (Reverse<usize>, String) {
        (Reverse(self.text.chars().filter(|character| *character != '*').count()), self.text.clone())
    }

    /// Takes any text: whether it makes sense as a URL is the file reader's business.
    pub fn new(text: &str) -> Self {
        Self { text: text.to_owned() }
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the whole of `url` fits the whole pattern.
    ///
    /// Taking the first place where a piece of literal text fits is enough, without going back: a piece with a character
    /// that `*` cannot stand for fits in one place at most, and after any other piece the next `*` can stand for whatever
    /// a later place would have skipped. So the work is bounded by the product of the two lengths.
    pub fn matches(&self, url: &str) -> bool {
        let mut pieces = self.text.split('*');
        let Some(mut rest) = pieces.next().and_then(|first| url.strip_prefix(first)) else { return false };
        let Some(last) = pieces.next_back() else { return rest.is_empty() };
        for piece in pieces {
            let Some(after) = after_gap_and(piece, rest) else { return false };
            rest = after;
        }
        rest.strip_suffix(last).is_some_and(|gap| !gap.is_empty() && gap.bytes().all(fits_star))
    }

    /// Whether the pattern spells out the address of its host, as `http://127.0.0.1:*/x` does: then nobody but its writer chose it.
    pub fn spells_address(&self) -> bool {
        let authority = self.text.split_once("://").map_or("", |(_, rest)| rest.split('/').next().unwrap_or_default());
        let host = authority.trim_end_matches(|character: char| character.is_ascii_digit() || character == '*');
        let host = host.strip_suffix(':').filter(|host| !host.ends_with(':')).unwrap_or(authority);
        !host.contains('*')
            && Url::parse(&format!("http://{host}/")).is_ok_and(|url| match url.host() {
                Some(Host::Domain(name)) => name == "localhost",
                Some(Host::Ipv4(_) | Host::Ipv6(_)) => true,
                None => false,
            })
    }
}

/// What follows the first `piece` in `text` that has one or more characters before it, all of which fit `*`.
fn after_gap_and<'a>(piece: &str, text: &'a str) -> Option<&'a str> {
    let longest_gap = text.bytes().take_while(|byte| fits_star(*byte)).count();
    (1..=longest_gap).find_map(|gap| text.get(gap..)?.strip_prefix(piece))
}

const fn fits_star(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

#[cfg(test)]
mod tests;
