//! The trusted issuers as typed, validated values, and the choice of one for a token's `iss`.
//!
//! Knows neither the file they were written in (see `issuer_file`) nor tokens, keys or discovery.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::identity::kind::IdentityType;

/// The issuer of service account tokens as a pod sees it.
const CLUSTER_ISSUER: &str = "https://kubernetes.default.svc";

/// The trusted issuers, as one immutable value. The default trusts nobody.
#[derive(Clone, Debug, Default)]
pub struct Issuers {
    exact: BTreeMap<String, Arc<Issuer>>,
    meta: Vec<(MetaPattern, Arc<Issuer>)>,
}

/// One entry of `oidc-issuers` or `meta-issuers`.
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
    /// `spiffe-trust-domain` as written, for `/api/v2/configuration`; empty if none.
    pub spiffe_trust_domain: String,
    /// `subject-domain` as written, for `/api/v2/configuration`; empty if none.
    pub subject_domain: String,
    /// `skip-email-verification` as written: reported for every type, heeded by `email` alone.
    pub skip_email_verification: bool,
    /// Certificates (PEM) that are trusted for this issuer's HTTPS besides the system's.
    pub ca_certificate: Option<String>,
    /// Whether the file names the cluster's own issuer: its `kubernetes` issuers are then asked with the pod's token.
    pub in_cluster: bool,
    /// For people.
    pub description: Option<String>,
    /// For people.
    pub contact: Option<String>,
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
    /// The issuer that answers for an `iss`: exact match first, then the meta patterns in their fixed order.
    #[must_use]
    pub fn find(&self, issuer_url: &str) -> Option<&Arc<Issuer>> {
        self.exact
            .get(issuer_url)
            .or_else(|| self.meta.iter().find(|(pattern, _)| pattern.matches(issuer_url)).map(|(_, issuer)| issuer))
    }

    /// Every issuer: the exact ones sorted by URL, then the meta ones in the order in which they are tried.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Issuer>> {
        self.exact.values().chain(self.meta.iter().map(|(_, issuer)| issuer))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.exact.len() + self.meta.len()
    }

    /// Whether nobody is trusted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl FromIterator<Issuer> for Issuers {
    /// Puts each issuer in its place; of two with the same address the last one stays.
    fn from_iter<I: IntoIterator<Item = Issuer>>(issuers: I) -> Self {
        let mut exact = BTreeMap::new();
        let mut meta = BTreeMap::new();
        let issuers: Vec<Issuer> = issuers.into_iter().collect();
        let in_cluster = issuers.iter().any(|issuer| issuer.address.as_str() == CLUSTER_ISSUER);
        for mut issuer in issuers {
            issuer.in_cluster = in_cluster;
            match issuer.address.clone() {
                IssuerAddress::Url(url) => drop(exact.insert(url, Arc::new(issuer))),
                // The most specific pattern is tried first; equally specific ones in the order of their text.
                IssuerAddress::Pattern(pattern) => {
                    let rank = (Reverse(pattern.literal_characters()), pattern.text.clone());
                    drop(meta.insert(rank, (pattern, Arc::new(issuer))));
                }
            }
        }
        Self { exact, meta: meta.into_values().collect() }
    }
}

impl IssuerAddress {
    /// The URL or the pattern as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Url(url) => url,
            Self::Pattern(pattern) => pattern.as_str(),
        }
    }
}

impl MetaPattern {
    /// Takes any text: whether it makes sense as a URL is the file reader's business.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self { text: text.to_owned() }
    }

    /// The pattern as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the whole of `url` fits the whole pattern.
    ///
    /// Taking the first place where a piece of literal text fits is enough, without going back: a piece with a character
    /// that `*` cannot stand for fits in one place at most, and after any other piece the next `*` can stand for whatever
    /// a later place would have skipped. So the work is bounded by the product of the two lengths.
    #[must_use]
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

    /// How many characters are not `*`.
    fn literal_characters(&self) -> usize {
        self.text.chars().filter(|character| *character != '*').count()
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
mod tests {
    use super::*;

    /// The definition, by trying everything.
    fn by_definition(pattern: &[u8], url: &[u8]) -> bool {
        match pattern.split_first() {
            None => url.is_empty(),
            Some((b'*', after)) => {
                (1..=url.len()).any(|n| url[..n].iter().all(|b| fits_star(*b)) && by_definition(after, &url[n..]))
            }
            Some((byte, after)) => url.first() == Some(byte) && by_definition(after, &url[1..]),
        }
    }

    fn words(alphabet: &[char], longest: usize) -> Vec<String> {
        let mut all = vec![String::new()];
        let mut newest = all.clone();
        for _ in 0..longest {
            newest = newest.iter().flat_map(|word| alphabet.iter().map(move |c| format!("{word}{c}"))).collect();
            all.extend(newest.clone());
        }
        all
    }

    #[test]
    fn matching_without_going_back_agrees_with_the_definition() {
        let urls = words(&['a', 'b', '.'], 6);
        let mut fits = 0;
        for pattern in words(&['a', '.', '*'], 5) {
            let meta = MetaPattern::new(&pattern);
            for url in &urls {
                let expected = by_definition(pattern.as_bytes(), url.as_bytes());
                assert_eq!(meta.matches(url), expected, "{pattern} {url}");
                fits += usize::from(expected);
            }
        }
        assert!(fits > 1000, "{fits}");
    }

    #[test]
    fn a_star_stands_for_one_label_and_the_pattern_is_anchored() {
        let eks = MetaPattern::new("https://oidc.eks.*.amazonaws.com/id/*");
        for (url, expected) in [
            ("https://oidc.eks.us-west-2.amazonaws.com/id/B02C93B6A2D30341AD01E1B6D48164CB", true),
            ("https://oidc.eks..amazonaws.com/id/B02C", false),
            ("https://oidc.eks.us-west-2.amazonaws.com/id/", false),
            ("https://oidc.eks.us-west-2.amazonaws.com/id/B0/2C", false),
            ("https://oidc.eks.evil.com/x.amazonaws.com/id/B0", false),
            ("http://localhost:3000?https://oidc.eks.us-west-2.amazonaws.com/id/B0", false),
            ("https://oidc.eks.us-west-2.amazonaws.com/id/B0\n", false),
            ("https://oidc.eks.\u{e9}.amazonaws.com/id/B0", false),
        ] {
            assert_eq!(eks.matches(url), expected, "{url}");
        }
        assert!(MetaPattern::new("https://a.example").matches("https://a.example"));
        assert!(!MetaPattern::new("https://a.example").matches("https://a.example/"));
    }

    #[test]
    fn a_hostile_url_does_not_take_for_ever() {
        let pattern = MetaPattern::new(&format!("https://{}.example", "*a".repeat(40)));
        assert!(!pattern.matches(&format!("https://{}", "a".repeat(64 * 1024))));
    }

    fn issuer(address: IssuerAddress) -> Issuer {
        Issuer {
            address,
            audience: "sigstore".into(),
            identity: IdentityType::Kubernetes,
            challenge_claim: "sub".into(),
            spiffe_trust_domain: String::new(),
            subject_domain: String::new(),
            skip_email_verification: false,
            ca_certificate: None,
            in_cluster: false,
            description: None,
            contact: None,
        }
    }

    #[test]
    fn exact_comes_before_meta_and_the_most_literal_meta_first() {
        let exact = ["https://b.example/x", "https://a.example/x"].map(|url| IssuerAddress::Url(url.into()));
        let meta = ["https://*.example/*", "https://b.example/*", "https://a.example/*", "https://*.example/x"]
            .map(|text| IssuerAddress::Pattern(MetaPattern::new(text)));
        let issuers: Issuers = meta.into_iter().chain(exact).map(issuer).collect();
        let order: Vec<&str> = issuers.iter().map(|issuer| issuer.address.as_str()).collect();
        assert_eq!(
            order,
            [
                "https://a.example/x",
                "https://b.example/x",
                "https://*.example/x",
                "https://a.example/*",
                "https://b.example/*",
                "https://*.example/*",
            ]
        );
        let found = |url| issuers.find(url).map(|issuer| issuer.address.as_str());
        assert_eq!(found("https://a.example/x"), Some("https://a.example/x"));
        assert_eq!(found("https://a.example/y"), Some("https://a.example/*"));
        assert_eq!(found("https://c.example/x"), Some("https://*.example/x"));
        assert_eq!(found("https://c.example/y"), Some("https://*.example/*"));
        assert_eq!(found("https://c.example"), None);
    }
}
