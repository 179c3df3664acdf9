//! Issuers' keys: the one module that fetches, parses, caches and replaces them (OpenID Connect Discovery 1.0, RFC 7517).
//!
//! Owns discovery documents and JWK sets. Knows signatures, but neither claims nor identities.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::signature::{ECDSA_P521_SHA512_FIXED, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use moka::future::Cache;
use serde::Deserialize;

use super::fetch::{Access, ClusterFiles, FetchError, Fetcher};
use super::kind::IdentityType;
use super::token::{TokenAlgorithm, UnverifiedToken};
use crate::config::issuers::{Issuer, IssuerAddress};
use crate::failure::with_sources;

/// How many issuers' keys are held. Exact issuers are few; meta issuers are bounded by this.
const MAX_ISSUERS: u64 = 1000;
/// How many keys of one set are looked at.
const MAX_KEYS: usize = 100;

/// How long keys live.
#[derive(Clone, Debug)]
pub struct KeyTiming {
    /// After this time a set is fetched anew.
    pub lifetime: Duration,
    /// A token that no key of a set verifies causes at most one fetch of its issuer in this time.
    pub cool_down: Duration,
}

impl Default for KeyTiming {
    fn default() -> Self {
        Self { lifetime: Duration::from_mins(5), cool_down: Duration::from_secs(30) }
    }
}

/// Why an issuer's keys could not be had. Always the issuer's fault or the network's, never the caller's.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A document could not be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// A document that is not the JSON it should be.
    #[error("{document}: {source}")]
    Document {
        /// The document's URL.
        document: String,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// The discovery document is another issuer's (OpenID Connect Discovery 1.0 section 4.3).
    #[error("the discovery document of {expected} names the issuer {found}")]
    IssuerMismatch {
        /// The issuer that was asked.
        expected: String,
        /// The issuer that the document names.
        found: String,
    },
    /// Not one key can be used.
    #[error("{0} holds no key that can verify a token")]
    NoUsableKey(String),
}

/// One issuer's keys, parsed.
#[derive(Debug)]
pub struct KeySet {
    algorithms: HashSet<TokenAlgorithm>,
    keys: Vec<VerificationKey>,
    fetched: Instant,
}

#[derive(Debug)]
struct VerificationKey {
    id: Option<String>,
    /// The algorithm that the key is meant for, when the issuer says so.
    algorithm: Option<TokenAlgorithm>,
    material: KeyMaterial,
}

enum KeyMaterial {
    /// What jsonwebtoken verifies.
    Jwt(DecodingKey),
    /// ES512, which jsonwebtoken lacks: the uncompressed point.
    P521(Vec<u8>),
}

impl std::fmt::Debug for KeyMaterial {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Jwt(_) => "Jwt",
            Self::P521(_) => "P521",
        })
    }
}

/// What a key set says about a token's signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureCheck {
    /// One of the issuer's keys made it.
    Good,
    /// None did.
    Bad,
    /// The issuer does not list the token's algorithm.
    AlgorithmNotOffered,
}

impl KeySet {
    /// Checks a token's signature: with the key it names, else with any.
    #[must_use]
    pub fn check(&self, token: &UnverifiedToken) -> SignatureCheck {
        let algorithm = token.algorithm();
        if !self.algorithms.contains(&algorithm) {
            return SignatureCheck::AlgorithmNotOffered;
        }
        let fits = |key: &&VerificationKey| {
            (token.key_id().is_none() || token.key_id() == key.id.as_deref())
                && key.algorithm.is_none_or(|meant| meant == algorithm)
        };
        if self.keys.iter().filter(fits).any(|key| key.verifies(token)) {
            SignatureCheck::Good
        } else {
            SignatureCheck::Bad
        }
    }
}

impl VerificationKey {
    fn verifies(&self, token: &UnverifiedToken) -> bool {
        let signed = token.signed_text().as_bytes();
        match (&self.material, library_algorithm(token.algorithm())) {
            (KeyMaterial::Jwt(key), Some(algorithm)) => {
                // An error here is a key of another family, or a signature that is not base64url: no match either way.
                jsonwebtoken::crypto::verify(token.signature_text(), signed, key, algorithm).unwrap_or(false)
            }
            (KeyMaterial::P521(point), None) => URL_SAFE_NO_PAD.decode(token.signature_text()).is_ok_and(|signature| {
                UnparsedPublicKey::new(&ECDSA_P521_SHA512_FIXED, point).verify(signed, &signature).is_ok()
            }),
            _ => false,
        }
    }
}

const fn library_algorithm(algorithm: TokenAlgorithm) -> Option<Algorithm> {
    Some(match algorithm {
        TokenAlgorithm::RS256 => Algorithm::RS256,
        TokenAlgorithm::RS384 => Algorithm::RS384,
        TokenAlgorithm::RS512 => Algorithm::RS512,
        TokenAlgorithm::PS256 => Algorithm::PS256,
        TokenAlgorithm::PS384 => Algorithm::PS384,
        TokenAlgorithm::PS512 => Algorithm::PS512,
        TokenAlgorithm::ES256 => Algorithm::ES256,
        TokenAlgorithm::ES384 => Algorithm::ES384,
        TokenAlgorithm::EdDSA => Algorithm::EdDSA,
        TokenAlgorithm::ES512 => return None,
    })
}

/// All issuers' keys, cached. Fetches are single flight: callers that wait for the same issuer share one.
#[derive(Debug)]
pub struct KeyStore {
    fetcher: Fetcher,
    cluster: ClusterFiles,
    sets: Cache<String, Arc<KeySet>>,
    /// The last refetch of each issuer that a bad signature caused, for as long as the cool-down lasts.
    refetches: Cache<String, Option<Arc<KeySet>>>,
    cool_down: Duration,
}

impl KeyStore {
    /// An empty store.
    #[must_use]
    pub fn new(fetcher: Fetcher, cluster: ClusterFiles, timing: &KeyTiming) -> Self {
        Self {
            fetcher,
            cluster,
            sets: Cache::builder().max_capacity(MAX_ISSUERS).time_to_live(timing.lifetime).build(),
            refetches: Cache::builder().max_capacity(MAX_ISSUERS).time_to_live(timing.cool_down).build(),
            cool_down: timing.cool_down,
        }
    }

    /// Checks a token's signature with its issuer's keys. When none fits, the keys may have been rotated: they are fetched once more,
    /// at most once per issuer and cool-down.
    ///
    /// # Errors
    /// When the issuer's keys cannot be had.
    pub async fn check(&self, token: &UnverifiedToken, issuer: &Issuer) -> Result<SignatureCheck, Arc<KeyError>> {
        let url = token.issuer();
        let keys = match self.sets.get(url).await {
            Some(keys) => keys,
            None => self.sets.try_get_with_by_ref(url, self.fetch(url, issuer)).await?,
        };
        let outcome = keys.check(token);
        if outcome == SignatureCheck::Good || keys.fetched.elapsed() < self.cool_down {
            return Ok(outcome);
        }
        let refetched = self.refetches.get_with_by_ref(url, async {
            match self.fetch(url, issuer).await {
                Ok(keys) => {
                    self.sets.insert(url.to_owned(), Arc::clone(&keys)).await;
                    Some(keys)
                }
                Err(error) => {
                    tracing::warn!(
                        issuer = url,
                        error = with_sources(&error),
                        "could not refetch an issuer's keys; the ones held stay in use"
                    );
                    None
                }
            }
        });
        Ok(refetched.await.map_or(outcome, |keys| keys.check(token)))
    }

    /// Fetches an issuer's keys ahead of its first token.
    ///
    /// # Errors
    /// When the issuer's keys cannot be had.
    pub async fn warm(&self, issuer: &Issuer) -> Result<(), Arc<KeyError>> {
        match &issuer.address {
            IssuerAddress::Url(url) => self.sets.try_get_with_by_ref(url, self.fetch(url, issuer)).await.map(drop),
            IssuerAddress::Pattern(_) => Ok(()),
        }
    }

    async fn fetch(&self, url: &str, issuer: &Issuer) -> Result<Arc<KeySet>, KeyError> {
        let access = self.access(issuer);
        let discovery = format!("{}/.well-known/openid-configuration", url.strip_suffix('/').unwrap_or(url));
        let document: Discovery = parse(&discovery, &self.fetcher.get(&discovery, url, &access).await?)?;
        if document.issuer != url {
            return Err(KeyError::IssuerMismatch { expected: url.to_owned(), found: document.issuer });
        }
        let set: JwkSet = parse(&document.jwks_uri, &self.fetcher.get(&document.jwks_uri, url, &access).await?)?;
        let keys: Vec<VerificationKey> =
            set.keys.into_iter().take(MAX_KEYS).filter_map(|jwk| verification_key(url, jwk)).collect();
        if keys.is_empty() {
            return Err(KeyError::NoUsableKey(document.jwks_uri));
        }
        tracing::debug!(issuer = url, keys = keys.len(), "fetched an issuer's keys");
        Ok(Arc::new(KeySet { algorithms: offered_algorithms(&document.algorithms), keys, fetched: Instant::now() }))
    }

    /// The cluster's CA and token are for issuers that the operator named, never for one that matched a pattern.
    fn access(&self, issuer: &Issuer) -> Access {
        let named = matches!(issuer.address, IssuerAddress::Url(_));
        let cluster = named && issuer.in_cluster && matches!(issuer.identity, IdentityType::Kubernetes);
        Access { ca_certificate: issuer.ca_certificate.clone(), cluster: cluster.then(|| self.cluster.clone()) }
    }
}

/// The members of a discovery document that matter.
#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
    #[serde(default, rename = "id_token_signing_alg_values_supported")]
    algorithms: Vec<String>,
}

#[derive(Deserialize)]
struct JwkSet {
    keys: Vec<serde_json::Value>,
}

/// The members of a JWK that matter (RFC 7517 section 4, RFC 7518 section 6, RFC 8037).
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

fn parse<T: for<'de> Deserialize<'de>>(document: &str, body: &[u8]) -> Result<T, KeyError> {
    serde_json::from_slice(body).map_err(|source| KeyError::Document { document: document.to_owned(), source })
}

/// The listed algorithms that are known here; RS256 when none is (OpenID Connect Discovery 1.0 section 3).
fn offered_algorithms(listed: &[String]) -> HashSet<TokenAlgorithm> {
    let known: HashSet<TokenAlgorithm> = listed.iter().filter_map(|name| TokenAlgorithm::from_name(name)).collect();
    if known.is_empty() { HashSet::from([TokenAlgorithm::RS256]) } else { known }
}

/// A key that can verify tokens; nothing for one of another use or an unknown type, so that it does not spoil the set.
fn verification_key(issuer: &str, jwk: serde_json::Value) -> Option<VerificationKey> {
    let skipped = |reason: &str| tracing::debug!(issuer, reason, "skipped a key of an issuer");
    let Ok(jwk) = serde_json::from_value::<Jwk>(jwk) else {
        skipped("it is not a JWK");
        return None;
    };
    let usable = jwk.usage.as_deref().is_none_or(|usage| usage == "sig");
    let algorithm = jwk.alg.as_deref().map(TokenAlgorithm::from_name);
    // A key that is meant for an algorithm that we do not know is not ours to use for another.
    let (true, Some(material), None | Some(Some(_))) = (usable, material(&jwk), algorithm) else {
        skipped("its type, use or algorithm is not one that verifies tokens");
        return None;
    };
    Some(VerificationKey { id: jwk.kid, algorithm: algorithm.flatten(), material })
}

fn material(jwk: &Jwk) -> Option<KeyMaterial> {
    match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("RSA", _) => DecodingKey::from_rsa_components(jwk.n.as_deref()?, jwk.e.as_deref()?).ok().map(KeyMaterial::Jwt),
        ("EC", Some("P-256" | "P-384")) => {
            DecodingKey::from_ec_components(jwk.x.as_deref()?, jwk.y.as_deref()?).ok().map(KeyMaterial::Jwt)
        }
        ("EC", Some("P-521")) => p521_point(jwk.x.as_deref()?, jwk.y.as_deref()?).map(KeyMaterial::P521),
        ("OKP", Some("Ed25519")) => DecodingKey::from_ed_components(jwk.x.as_deref()?).ok().map(KeyMaterial::Jwt),
        _ => None,
    }
}

/// The uncompressed point (SEC 1 section 2.3.3) of two coordinates of 66 octets.
fn p521_point(x: &str, y: &str) -> Option<Vec<u8>> {
    let mut point = vec![4];
    for coordinate in [x, y] {
        point.extend(URL_SAFE_NO_PAD.decode(coordinate).ok().filter(|octets| octets.len() == 66)?);
    }
    Some(point)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rsa() -> serde_json::Value {
        json!({"kty": "RSA", "kid": "a", "n": URL_SAFE_NO_PAD.encode([0xAB; 256]), "e": "AQAB"})
    }

    fn with(mut jwk: serde_json::Value, name: &str, value: &str) -> serde_json::Value {
        jwk.as_object_mut().unwrap().insert(name.to_owned(), json!(value));
        jwk
    }

    #[test]
    fn keys_of_other_types_uses_and_algorithms_are_skipped() {
        let usable = |jwk| verification_key("i", jwk).is_some();
        assert!(usable(rsa()));
        assert!(usable(with(rsa(), "use", "sig")));
        assert!(usable(with(rsa(), "alg", "PS256")));
        assert!(!usable(with(rsa(), "use", "enc")));
        assert!(!usable(with(rsa(), "alg", "RSA-OAEP")));
        assert!(!usable(with(rsa(), "alg", "none")));
        for jwk in [
            json!({"kty": "oct", "k": "AAAA"}),
            json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA"}),
            json!({"kty": "RSA"}),
            json!({"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"}),
            json!({"kty": "EC", "crv": "P-521", "x": "AA", "y": "AA"}),
            json!({"kty": "RSA", "n": "*", "e": "AQAB"}),
            json!({"kid": "x"}),
            json!("RSA"),
            json!(null),
        ] {
            assert!(!usable(jwk.clone()), "{jwk}");
        }
    }

    #[test]
    fn rs256_is_meant_when_nothing_known_is_listed() {
        let only_rs256 = HashSet::from([TokenAlgorithm::RS256]);
        assert_eq!(offered_algorithms(&[]), only_rs256);
        assert_eq!(offered_algorithms(&["none".into(), "HS256".into()]), only_rs256);
        assert_eq!(offered_algorithms(&["ES512".into(), "none".into()]), HashSet::from([TokenAlgorithm::ES512]));
    }
}
