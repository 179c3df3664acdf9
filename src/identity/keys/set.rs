//! One issuer's keys, parsed, and what they say about a signature.
//!
//! Knows neither where keys come from nor how long they live.

use std::collections::HashSet;
use std::fmt;

use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::jwk::{VerificationKey, verification_key};
use crate::identity::token::{CompactJws, TokenAlgorithm};

/// How many keys of one set are looked at.
const MAX_KEYS: usize = 100;
/// How many keys are tried for one token: of those that have its key id if it names one, and that fit its algorithm.
const MAX_TRIED: usize = 8;

/// One issuer's keys, parsed.
#[derive(Debug)]
pub struct KeySet {
    offered: Offered,
    keys: Vec<VerificationKey>,
}

/// Which algorithms an issuer signs with.
#[derive(Debug)]
enum Offered {
    /// The ones that its discovery document lists.
    Listed(HashSet<TokenAlgorithm>),
    /// Nobody says: those that its keys are fit for.
    ByKey,
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

#[derive(Deserialize)]
struct JwkSet {
    #[serde(deserialize_with = "first_keys")]
    keys: Vec<serde_json::Value>,
}

/// The first keys of a list. The others are read over: a list of a million numbers is a million values otherwise.
fn first_keys<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<serde_json::Value>, D::Error> {
    struct First;

    impl<'de> Visitor<'de> for First {
        type Value = Vec<serde_json::Value>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a list of keys")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut keys = Vec::new();
            while keys.len() < MAX_KEYS {
                let Some(key) = list.next_element()? else { return Ok(keys) };
                keys.push(key);
            }
            while list.next_element::<IgnoredAny>()?.is_some() {}
            Ok(keys)
        }
    }

    deserializer.deserialize_seq(First)
}

impl KeySet {
    /// Reads a JWK set (RFC 7517 section 5). Keys that cannot verify a token are left out: they do not spoil the others. `listed` are the
    /// algorithms of the discovery document, if there is one.
    ///
    /// # Errors
    /// When the text is no JWK set.
    pub fn parse(issuer: &str, text: &[u8], listed: Option<&[String]>) -> Result<Self, serde_json::Error> {
        let set: JwkSet = serde_json::from_slice(text)?;
        let keys = set.keys.into_iter().filter_map(|jwk| verification_key(issuer, jwk)).collect();
        Ok(Self { offered: listed.map_or(Offered::ByKey, offered), keys })
    }

    /// How many keys can verify tokens.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether no token can be verified.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Checks a token's signature: with the key it names, else with any. A signature costs its sender nothing, so that no more than
    /// [`MAX_TRIED`] keys are tried, be there many without a name or many with the same.
    #[must_use]
    pub fn check(&self, token: &CompactJws) -> SignatureCheck {
        let algorithm = token.algorithm();
        if let Offered::Listed(listed) = &self.offered
            && !listed.contains(&algorithm)
        {
            return SignatureCheck::AlgorithmNotOffered;
        }
        let fits = |key: &&VerificationKey| {
            (token.key_id().is_none() || token.key_id() == key.id.as_deref()) && key.fits(algorithm)
        };
        if self.keys.iter().filter(fits).take(MAX_TRIED).any(|key| key.verifies(token)) {
            SignatureCheck::Good
        } else {
            SignatureCheck::Bad
        }
    }
}

/// The listed algorithms that are known here; RS256 when none is (OpenID Connect Discovery 1.0 section 3).
fn offered(listed: &[String]) -> Offered {
    let known: HashSet<TokenAlgorithm> = listed.iter().filter_map(|name| TokenAlgorithm::from_name(name)).collect();
    Offered::Listed(if known.is_empty() { HashSet::from([TokenAlgorithm::RS256]) } else { known })
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::{Value, json};

    #[test]
    fn rs256_is_meant_when_nothing_known_is_listed() {
        let listed = |names: &[&str]| match offered(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()) {
            Offered::Listed(known) => known,
            Offered::ByKey => panic!("not listed"),
        };
        let only_rs256 = HashSet::from([TokenAlgorithm::RS256]);
        assert_eq!(listed(&[]), only_rs256);
        assert_eq!(listed(&["none", "HS256"]), only_rs256);
        assert_eq!(listed(&["ES512", "none"]), HashSet::from([TokenAlgorithm::ES512]));
    }

    /// A key and its JWK.
    fn key(id: Option<&str>) -> (EcdsaKeyPair, Value) {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let point = pair.public_key().as_ref().to_vec();
        let [x, y] = [&point[1..33], &point[33..]].map(|half| URL_SAFE_NO_PAD.encode(half));
        (pair, json!({"kty": "EC", "crv": "P-256", "kid": id, "x": x, "y": y}))
    }

    fn token(pair: &EcdsaKeyPair, id: Option<&str>) -> CompactJws {
        let header = json!({"alg": "ES256", "kid": id}).to_string();
        let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode("{}"));
        let signature = pair.sign(&SystemRandom::new(), text.as_bytes()).unwrap();
        CompactJws::parse(&format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))).unwrap()
    }

    fn set(keys: &[Value]) -> KeySet {
        KeySet::parse("i", json!({"keys": keys}).to_string().as_bytes(), None).unwrap()
    }

    #[test]
    fn a_token_is_tried_with_eight_keys_that_fit_and_no_more() {
        let ed25519 = || json!({"kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode([9; 32])});
        for id in [None, Some("same")] {
            let ours = key(id);
            for (ahead, expected) in [(7, SignatureCheck::Good), (8, SignatureCheck::Bad)] {
                let mut keys: Vec<Value> = (0..20).map(|_| ed25519()).collect();
                keys.extend((0..30).map(|_| key(Some("other")).1).filter(|_| id.is_some()));
                keys.extend((0..ahead).map(|_| key(id).1));
                keys.push(ours.1.clone());
                assert_eq!(set(&keys).check(&token(&ours.0, id)), expected, "{ahead} keys of {id:?} ahead");
            }
        }
    }

    #[test]
    fn keys_beyond_the_hundredth_are_read_over() {
        let ours = key(Some("a"));
        let mut keys = vec![json!([0, [{"kty": 1}]]); 99];
        keys.push(ours.1.clone());
        keys.extend(vec![json!(0); 100_000]);
        assert_eq!(set(&keys).check(&token(&ours.0, Some("a"))), SignatureCheck::Good);
        keys.insert(0, json!(null));
        assert!(set(&keys).is_empty());
        assert!(KeySet::parse("i", br#"{"keys": {"kty": "EC"}}"#, None).is_err());
    }
}
