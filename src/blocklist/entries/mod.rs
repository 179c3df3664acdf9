//! All entries of the block list, and the one that matches a request.
//!
//! Owns the index that makes it the same work whether ten or ten thousand are blocked by name, key, claim or issuer.

use std::collections::HashMap;
use std::time::SystemTime;

use serde_json::Value;

use super::entry::{as_written, claim, comparable_issuer, truths};
use super::{BlockEntry, ClaimValue, KeyHash, name_of};
use crate::identity::claims::Claims;
use crate::identity::kinds::SubjectAlternativeName;

/// What entries are compared with.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// The token's `iss`.
    pub issuer: &'a str,
    pub name: &'a SubjectAlternativeName,
    pub claims: &'a Claims,
    pub key_sha256: &'a KeyHash,
}

/// Entries in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockEntries {
    entries: Vec<BlockEntry>,
    index: Index,
}

/// Each entry stands under one of its conditions, the rarest: only what shares it with the request is compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Index {
    bare_keys: HashMap<KeyHash, Vec<usize>>,
    keys: HashMap<KeyHash, Vec<usize>>,
    /// In lower case.
    names: HashMap<String, Vec<usize>>,
    /// By the claim's name, then by its value.
    claims: HashMap<String, HashMap<String, Vec<usize>>>,
    issuers: HashMap<String, Vec<usize>>,
    others: Vec<usize>,
}

impl BlockEntries {
    pub fn new(entries: Vec<BlockEntry>) -> Self {
        let mut index = Index::default();
        for (place, entry) in entries.iter().enumerate() {
            index.add(place, entry);
        }
        Self { entries, index }
    }

    pub fn iter(&self) -> impl Iterator<Item = &BlockEntry> {
        self.entries.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many entries count at this time.
    pub fn in_effect(&self, now: SystemTime) -> usize {
        self.entries.iter().filter(|entry| entry.is_in_effect(now)).count()
    }

    /// The first entry that matches and counts at this time.
    pub fn find(&self, candidate: &Candidate<'_>, now: SystemTime) -> Option<&BlockEntry> {
        let places = self.index.places(candidate);
        let matching = |place: &usize| {
            let entry = self.entries.get(*place);
            entry.is_some_and(|entry| entry.is_in_effect(now) && entry.conditions.matches(candidate))
        };
        places.into_iter().filter(matching).min().and_then(|place| self.entries.get(place))
    }

    /// Whether an entry blocks a key whoever holds it.
    pub(super) fn has_bare_keys(&self) -> bool {
        !self.index.bare_keys.is_empty()
    }

    /// The entry that blocks a key whoever holds it, and counts at this time.
    pub(super) fn find_key(&self, key: &KeyHash, now: SystemTime) -> Option<&BlockEntry> {
        let places = self.index.bare_keys.get(key)?;
        places.iter().filter_map(|place| self.entries.get(*place)).find(|entry| entry.is_in_effect(now))
    }
}

impl Index {
    fn add(&mut self, place: usize, entry: &BlockEntry) {
        let conditions = &entry.conditions;
        let first_scalar = conditions.claims.iter().find_map(|(name, value)| match value {
            ClaimValue::Scalar(written) => Some((name, written)),
            ClaimValue::Members(_) => None,
        });
        let places = if let Some(key) = conditions.bare_key() {
            self.bare_keys.entry(key).or_default()
        } else if let Some(key) = conditions.key_sha256 {
            self.keys.entry(key).or_default()
        } else if let Some(san) = &conditions.san {
            self.names.entry(san.to_ascii_lowercase()).or_default()
        } else if let Some((name, written)) = first_scalar {
            self.claims.entry(name.clone()).or_default().entry(written.clone()).or_default()
        } else if let Some(issuer) = &conditions.issuer {
            self.issuers.entry(comparable_issuer(issuer).to_owned()).or_default()
        } else {
            &mut self.others
        };
        places.push(place);
    }

    fn places(&self, candidate: &Candidate<'_>) -> Vec<usize> {
        let mut found = self.others.clone();
        let mut add = |places: Option<&Vec<usize>>| found.extend(places.into_iter().flatten());
        add(self.bare_keys.get(candidate.key_sha256));
        add(self.keys.get(candidate.key_sha256));
        if !self.names.is_empty() {
            add(self.names.get(&name_of(candidate.name).to_ascii_lowercase()));
        }
        add(self.issuers.get(comparable_issuer(candidate.issuer)));
        for (name, by_value) in &self.claims {
            if let Some(claim) = claim(candidate.claims, name) {
                each_scalar(&claim, &mut |written| add(by_value.get(written)));
            }
        }
        found
    }
}

/// The claim, or all elements of it.
fn each_scalar(claim: &Value, visit: &mut impl FnMut(&str)) {
    if let Value::Array(elements) = claim {
        for element in elements {
            each_scalar(element, visit);
        }
    } else if let Value::Bool(truth) = claim {
        for written in truths(*truth) {
            visit(written);
        }
    } else if let Some(written) = as_written(claim) {
        visit(&written);
    }
}

#[cfg(test)]
mod tests;
