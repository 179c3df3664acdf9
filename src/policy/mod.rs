//! Who may have a certificate: the operator's rules, from their files to a decision on one request.
//!
//! Owns the files' form, the language of conditions ([`expression`]), the catalogue of claims, the order (deny, allow, default) and
//! [`AdmittedPrincipal`], without which nothing is composed. Knows neither the pipeline nor when files are read again.

mod admission;
pub(crate) mod cases;
mod catalogue;
mod decision;
pub(crate) mod expression;
mod facts;
mod file;
mod index;
mod lint;
mod recorded;
pub(crate) mod replay;
mod rule;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

pub use admission::{AdmittedPrincipal, Denied, admit};
pub use decision::{Decision, Evaluated, LifetimeLimit, Outcome, RuleError, Shadow, Traced};
pub use facts::{Facts, KeyFacts, RecordedFacts};
pub use file::{Finding, MAX_FILES, PolicyFileError};
pub use recorded::{Verdict, View};
pub use rule::{Effect, Mode, Place, Rule};

use index::Index;

/// What is worth a look and no reason to refuse a file.
pub type Warning = Finding;

/// The rules of all files, ready to be evaluated.
#[derive(Debug)]
pub struct Policy {
    /// In the order of [`Effect`], and for each as they stand in the files.
    rules: Vec<Arc<Rule>>,
    index: Index,
    /// What happens to whom no enforced rule is about.
    default: DefaultOutcome,
    /// The same if what is in shadow mode were enforced.
    shadow_default: DefaultOutcome,
    claims_named: BTreeSet<String>,
    fingerprint: [u8; 32],
}

/// What happens to whom no rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DefaultOutcome {
    Deny,
    Allow,
    /// Every file is in shadow mode.
    NotEnforced,
}

impl Policy {
    /// Reads a file, or the `*.yaml` and `*.yml` of a folder in the order of their names.
    ///
    /// Errors: everything that is wrong with the first file that cannot be read, or with any file.
    pub fn load(path: &Path) -> Result<(Self, Vec<Warning>), PolicyFileError> {
        file::load(path)
    }

    /// Reads the text of one file; `path` names it.
    pub fn parse(path: &Path, text: &str) -> Result<(Self, Vec<Warning>), PolicyFileError> {
        file::parse(&[(path.to_owned(), text)])
    }

    fn new(
        rules: Vec<Rule>,
        (default, shadow_default): (DefaultOutcome, DefaultOutcome),
        fingerprint: [u8; 32],
    ) -> Self {
        let mut rules: Vec<Arc<Rule>> = rules.into_iter().map(Arc::new).collect();
        // Stable: rules of one effect keep their order.
        rules.sort_by_key(|rule| rule.effect());
        let index = Index::new(&rules);
        let claims_named = rules.iter().flat_map(|rule| rule.claims().map(str::to_owned)).collect();
        Self { rules, index, default, shadow_default, claims_named, fingerprint }
    }

    /// Every rule, in the order in which they are asked.
    pub fn rules(&self) -> &[Arc<Rule>] {
        &self.rules
    }

    /// What happens to whom no enforced rule is about.
    pub(crate) const fn default_outcome(&self) -> DefaultOutcome {
        self.default
    }

    /// The claims that the rules name.
    pub const fn claims_named(&self) -> &BTreeSet<String> {
        &self.claims_named
    }

    /// A SHA-256 over the files' names and texts: whether it is the same policy.
    pub const fn fingerprint(&self) -> &[u8; 32] {
        &self.fingerprint
    }

    /// Decides on a request.
    pub fn evaluate(&self, facts: &Facts<'_>) -> Decision {
        decision::decide(self, facts)
    }

    /// Evaluates every rule that is about such a request, whatever the others say.
    pub fn trace(&self, facts: &Facts<'_>) -> Vec<Traced> {
        decision::trace(self, facts)
    }

    /// The rules that are about requests of this issuer and kind, in the order in which they are asked.
    fn applicable<'p>(&'p self, facts: &Facts<'_>) -> impl Iterator<Item = &'p Arc<Rule>> + use<'p> {
        let kind = facts.kind;
        let places = self.index.find(facts.issuer);
        places
            .into_owned()
            .into_iter()
            .filter_map(|place| self.rules.get(place))
            .filter(move |rule| rule.is_about(kind))
    }
}

#[cfg(test)]
mod tests;
