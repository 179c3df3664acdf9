//! One issuer's keys, parsed, and what they say about a signature.
//!
//! Knows neither where keys come from nor how long they live.

use std::collections::HashSet;

use serde::Deserialize;

use super::jwk::{VerificationKey, verification_key};
use crate::identity::token::{CompactJws, TokenAlgorithm};

/// How many keys of one set are looked at.
const MAX_KEYS: usize = 100;

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
    keys: Vec<serde_json::Value>,
}

impl KeySet {
    /// Reads a JWK set (RFC 7517 section 5). Keys that cannot verify a token are left out: they do not spoil the others. `listed` are the
    /// algorithms of the discovery document, if there is one.
    ///
    /// # Errors
    /// When the text is no JWK set.
    pub fn parse(issuer: &str, text: &[u8], listed: Option<&[String]>) -> Result<Self, serde_json::Error> {
        let set: JwkSet = serde_json::from_slice(text)?;
        let keys = set.keys.into_iter().take(MAX_KEYS).filter_map(|jwk| verification_key(issuer, jwk)).collect();
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

    /// Checks a token's signature: with the key it names, else with any.
    #[must_use]
    pub fn check(&self, token: &CompactJws) -> SignatureCheck {
        let algorithm = token.algorithm();
        if let Offered::Listed(listed) = &self.offered
            && !listed.contains(&algorithm)
        {
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

/// The listed algorithms that are known here; RS256 when none is (OpenID Connect Discovery 1.0 section 3).
fn offered(listed: &[String]) -> Offered {
    let known: HashSet<TokenAlgorithm> = listed.iter().filter_map(|name| TokenAlgorithm::from_name(name)).collect();
    Offered::Listed(if known.is_empty() { HashSet::from([TokenAlgorithm::RS256]) } else { known })
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
