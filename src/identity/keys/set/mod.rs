//! One issuer's keys, parsed, and what they say about a signature.
//!
//! Knows neither where keys come from nor how long they live.

use std::collections::HashSet;
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::document;
use super::jwk::{self, LeftOut, Skipped};
use super::material::VerificationKey;
use crate::identity::token::{CompactJws, TokenAlgorithm};

/// How many keys of a set are examined in full when it comes. The others are when a token first needs them: a large set of dear keys
/// would cost its reader more than its writer.
const EXAMINED: usize = 100;
/// How many keys are tried for one token: of those that have its key id if it names one, and that fit its algorithm.
const MAX_TRIED: usize = 8;
/// How many keys that were left out are remembered by their id, and how long such an id may be, in bytes.
const MAX_REMEMBERED: (usize, usize) = (16, 200);

/// How much memory a set's keys may take, in bytes. What is beyond is left out.
#[derive(Clone, Copy, Debug)]
pub struct KeyBudget(usize);

impl KeyBudget {
    /// For an issuer that the operator named: more than three thousand keys.
    pub const NAMED: Self = Self(4 << 20);
    /// For an issuer that matched a pattern, of which a thousand are held: about two hundred keys.
    pub const MATCHED: Self = Self(256 << 10);
}

#[derive(Debug)]
pub struct KeySet {
    /// The algorithms that the issuer's discovery document lists. Without one, those that the keys are fit for are taken.
    offered: Option<HashSet<TokenAlgorithm>>,
    keys: Vec<VerificationKey>,
    left_out: Vec<Skipped>,
}

/// What a key set says about a token's signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureCheck {
    /// One of the issuer's keys made it.
    Good,
    Bad,
    /// The issuer has no key of the id that the token names.
    UnknownKeyId,
    /// The issuer has the key that the token names, and it is not used.
    KeyLeftOut(LeftOut),
    /// The issuer does not list the token's algorithm.
    AlgorithmNotOffered,
}

/// The keys of a JWK set, read one by one: a list of a million numbers is a million values otherwise.
struct Reader {
    budget: usize,
    examined: usize,
    keys: Vec<VerificationKey>,
    left_out: Vec<Skipped>,
}

impl Reader {
    const fn new(budget: usize) -> Self {
        Self { budget, examined: 0, keys: Vec::new(), left_out: Vec::new() }
    }

    fn take(&mut self, text: &str) {
        let key = match jwk::read(text) {
            Ok(read) => VerificationKey::new(read),
            Err(skipped) => return self.leave_out(skipped.id, skipped.reason),
        };
        let Some(budget) = self.budget.checked_sub(key.bytes()) else {
            return self.leave_out(key.id, LeftOut::Beyond);
        };
        if self.examined < EXAMINED {
            self.examined += 1;
            if let Err(reason) = key.usable() {
                return self.leave_out(key.id, reason);
            }
        }
        self.budget = budget;
        self.keys.push(key);
    }

    fn leave_out(&mut self, id: Option<String>, reason: LeftOut) {
        let (number, length) = MAX_REMEMBERED;
        if self.left_out.len() < number {
            self.left_out.push(Skipped { id: id.filter(|id| id.len() <= length), reason });
        }
    }
}

/// The set's object. Of two lists the last one counts.
impl<'de> Visitor<'de> for Reader {
    type Value = Self;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JWK set")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<Self, A::Error> {
        let budget = self.budget;
        while let Some(name) = members.next_key::<String>()? {
            if name.eq_ignore_ascii_case("keys") {
                self = Self::new(budget);
                members.next_value_seed(List(&mut self))?;
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(self)
    }
}

/// The member `keys`: a list, or null.
struct List<'r>(&'r mut Reader);

impl<'de> DeserializeSeed<'de> for List<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for List<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of keys")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(key) = list.next_element::<&RawValue>()? {
            self.0.take(key.get());
        }
        Ok(())
    }
}

impl KeySet {
    /// Reads a JWK set (RFC 7517 section 5). Keys that cannot verify a token are left out: they do not spoil the others. `listed` are the
    /// algorithms of the discovery document, if there is one.
    pub fn parse(text: &[u8], listed: Option<&[String]>, budget: KeyBudget) -> Result<Self, serde_json::Error> {
        let Reader { keys, left_out, .. } = document::read(text, Reader::new(budget.0))?;
        let says_ed25519 = keys.iter().any(VerificationKey::says_ed25519);
        Ok(Self { offered: listed.map(|listed| offered(listed, says_ed25519)), keys, left_out })
    }

    /// How many keys can verify tokens.
    pub const fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether no token can be verified.
    pub const fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The first keys that are left out: their ids, if they have one, and why.
    pub fn left_out(&self) -> impl Iterator<Item = (Option<&str>, LeftOut)> {
        self.left_out.iter().map(|skipped| (skipped.id.as_deref(), skipped.reason))
    }

    /// Checks a token's signature: with the key it names, else with any. A signature costs its sender nothing, so that no more than
    /// [`MAX_TRIED`] keys are tried, be there many without a name or many with the same.
    pub fn check(&self, token: &CompactJws) -> SignatureCheck {
        let algorithm = token.algorithm();
        if self.offered.as_ref().is_some_and(|listed| !listed.contains(&algorithm)) {
            return SignatureCheck::AlgorithmNotOffered;
        }
        let is_named = |key: &&VerificationKey| token.key_id().is_none() || token.key_id() == key.id.as_deref();
        let mut check = SignatureCheck::Bad;
        for key in self.keys.iter().filter(is_named).filter(|key| key.fits(algorithm)).take(MAX_TRIED) {
            match key.verifies(token) {
                Ok(true) => return SignatureCheck::Good,
                Ok(false) => {}
                Err(reason) => check = SignatureCheck::KeyLeftOut(reason),
            }
        }
        match token.key_id() {
            Some(id) if check == SignatureCheck::Bad && !self.keys.iter().any(|key| is_named(&key)) => {
                let left_out = self.left_out().find(|(other, _)| *other == Some(id));
                left_out.map_or(SignatureCheck::UnknownKeyId, |(_, reason)| SignatureCheck::KeyLeftOut(reason))
            }
            _ => check,
        }
    }
}

/// The listed algorithms that are known here; RS256 when none is (OpenID Connect Discovery 1.0 section 3). Who lists Ed25519 signs with
/// EdDSA, the older name, as well; who lists EdDSA signs with Ed25519 if a key of the set says so.
fn offered(listed: &[String], says_ed25519: bool) -> HashSet<TokenAlgorithm> {
    let mut known: HashSet<TokenAlgorithm> = listed.iter().filter_map(|name| TokenAlgorithm::from_name(name)).collect();
    if known.contains(&TokenAlgorithm::Ed25519) {
        known.insert(TokenAlgorithm::EdDSA);
    } else if says_ed25519 && known.contains(&TokenAlgorithm::EdDSA) {
        known.insert(TokenAlgorithm::Ed25519);
    }
    if known.is_empty() { HashSet::from([TokenAlgorithm::RS256]) } else { known }
}

#[cfg(test)]
mod tests;
