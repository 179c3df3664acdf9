//! Which rules are about which issuer, found out when the policy is loaded.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::Rule;
use crate::identity::issuers::{IssuerAddress, MetaPattern};

/// Places in the list of rules, in its order.
#[derive(Debug)]
pub(super) struct Index {
    /// Rules that name no issuer.
    everywhere: Vec<usize>,
    /// Those, and the ones that name this issuer.
    exact: HashMap<String, Vec<usize>>,
    patterns: Vec<(MetaPattern, Vec<usize>)>,
}

impl Index {
    pub(super) fn new(rules: &[Arc<Rule>]) -> Self {
        let mut index = Self { everywhere: Vec::new(), exact: HashMap::new(), patterns: Vec::new() };
        for (place, rule) in rules.iter().enumerate() {
            if rule.issuers().is_empty() {
                index.everywhere.push(place);
            }
            for issuer in rule.issuers() {
                match issuer {
                    IssuerAddress::Url(url) => index.exact.entry(url.clone()).or_default().push(place),
                    IssuerAddress::Pattern(pattern) => index.add_pattern(pattern, place),
                }
            }
        }
        for places in index.exact.values_mut() {
            *places = merged(places, &index.everywhere);
        }
        index
    }

    fn add_pattern(&mut self, pattern: &MetaPattern, place: usize) {
        match self.patterns.iter_mut().find(|(known, _)| known == pattern) {
            Some((_, places)) => places.push(place),
            None => self.patterns.push((pattern.clone(), vec![place])),
        }
    }

    /// The places of the rules that are about an issuer.
    pub(super) fn find(&self, issuer: &str) -> Cow<'_, [usize]> {
        let mut places = Cow::Borrowed(self.exact.get(issuer).unwrap_or(&self.everywhere).as_slice());
        for (_, more) in self.patterns.iter().filter(|(pattern, _)| pattern.matches(issuer)) {
            places = Cow::Owned(merged(&places, more));
        }
        places
    }
}

fn merged(one: &[usize], other: &[usize]) -> Vec<usize> {
    let mut places = [one, other].concat();
    places.sort_unstable();
    places.dedup();
    places
}
