//! A condition of a rule: CEL that is parsed, checked and compiled when the policy is loaded, and evaluated strictly.
//!
//! The `cel` crate parses; types, claims and bounds are checked here, and what is checked here is what is evaluated (docs/adr/0061). Unlike
//! in CEL, no operator hides an error: what could not be evaluated on the way makes the whole condition an error. Knows no rule.

mod check;
mod names;
mod node;
mod parse;
mod run;
mod time;
mod types;
mod value;

use std::collections::BTreeSet;

pub(crate) use names::{Comparison, NameMatch};
pub(crate) use run::Trouble;
pub(crate) use time::{Nanos, parse_duration, parse_timestamp};
pub(crate) use types::Type;
pub(crate) use value::Value;

use super::catalogue::Vocabulary;
use super::facts::Facts;

/// The longest condition, in bytes.
pub(crate) const MAX_SOURCE: usize = 4096;

/// A condition that may be evaluated.
#[derive(Debug)]
pub(crate) struct Expression {
    root: node::Node,
    uses: Uses,
}

/// What a condition looks at.
#[derive(Debug, Default)]
pub(crate) struct Uses {
    /// The claims that it names, guards included.
    pub(crate) claims: BTreeSet<String>,
    /// Those that it asks for with `has()`.
    pub(crate) guarded: BTreeSet<String>,
    /// Those that not every token has, and where they are read.
    pub(crate) sometimes: Vec<(String, usize)>,
    /// Names that are compared with something.
    pub(crate) matches: Vec<NameMatch>,
    /// Where a pattern stands that may match in the middle.
    pub(crate) loose_patterns: Vec<usize>,
    /// Whether it looks at anything of the request.
    pub(crate) is_constant: bool,
}

/// Why a condition cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Where, in bytes of the source.
    pub(crate) at: usize,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Fault {
    fn new(at: usize, message: impl Into<String>) -> Self {
        Self { at, message: message.into(), hint: None }
    }

    fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

impl Expression {
    /// Reads a condition that must be of this type.
    pub(crate) fn compile(source: &str, vocabulary: &Vocabulary<'_>, wanted: &Type) -> Result<Self, Fault> {
        let parsed = parse::parse(source)?;
        let (root, uses) = check::check(&parsed, vocabulary, wanted)?;
        Ok(Self { root, uses })
    }

    pub(crate) const fn uses(&self) -> &Uses {
        &self.uses
    }

    /// The value for these facts. Bounded in steps, whatever the claims are.
    pub(crate) fn evaluate<'f>(&'f self, facts: &'f Facts<'f>) -> Result<Value<'f>, Trouble<'f>> {
        run::Run::new(facts).value(&self.root)
    }
}

#[cfg(test)]
mod tests;
