//! Test cases of a policy: requests as they would be, and what should come of them.
//!
//! Owns the comparison and the coverage of rules. Reading the file is [`file`]'s business, printing the command's.

mod file;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use file::read;

use super::{Evaluated, LifetimeLimit, Outcome, Policy, RecordedFacts, Rule, Traced, View};

/// One case.
#[derive(Debug)]
pub(crate) struct Case {
    /// The file, and the case's place in it.
    pub(crate) place: String,
    pub(crate) name: String,
    facts: RecordedFacts,
    expected: Expected,
}

/// What should come of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) answer: Answer,
    /// The id of the rule that decides, if that matters.
    pub(crate) rule: Option<String>,
    pub(crate) lifetime: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Whatever allows it.
    Allow,
    /// Whatever denies it.
    Deny,
    Exactly(Outcome),
}

/// What came of a case.
#[derive(Debug)]
pub(crate) struct Tried {
    pub(crate) place: String,
    pub(crate) name: String,
    /// What was expected and what came, if they differ.
    pub(crate) failure: Option<Failure>,
}

#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) expected: String,
    pub(crate) found: String,
    /// What each rule that is about the request says.
    pub(crate) rules: Vec<Traced>,
}

/// A rule that the cases do not show in full.
#[derive(Debug)]
pub(crate) struct Uncovered {
    pub(crate) rule: Arc<Rule>,
    /// `was never true`, and the like.
    pub(crate) gap: &'static str,
}

/// Which values rules had in cases.
#[derive(Debug, Default)]
pub(crate) struct Coverage {
    seen: BTreeMap<String, Seen>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    is_true: bool,
    is_false: bool,
    has_lifetime: bool,
}

impl Answer {
    /// The words that a file may say.
    pub(crate) const WORDS: [(&'static str, Self); 6] = [
        ("allow", Self::Allow),
        ("deny", Self::Deny),
        ("default-allow", Self::Exactly(Outcome::AllowedByDefault)),
        ("default-deny", Self::Exactly(Outcome::DeniedByDefault)),
        ("deny-error", Self::Exactly(Outcome::DeniedByError)),
        ("not-enforced", Self::Exactly(Outcome::NotEnforced)),
    ];

    fn fits(self, outcome: Outcome) -> bool {
        match self {
            Self::Allow => outcome.is_allowed(),
            Self::Deny => !outcome.is_allowed(),
            Self::Exactly(exactly) => outcome == exactly,
        }
    }

    fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, answer)| *answer == self).map_or("", |(word, _)| word)
    }
}

impl Case {
    /// The id of the rule that should decide.
    pub(crate) fn rule(&self) -> Option<&str> {
        self.expected.rule.as_deref()
    }

    /// Asks the policy, and notes which values its rules have.
    pub(crate) fn run(&self, policy: &Policy, view: View, coverage: &mut Coverage) -> Tried {
        let facts = self.facts.facts();
        let decision = policy.evaluate(&facts);
        let rules = policy.trace(&facts);
        for traced in &rules {
            coverage.note(traced);
        }
        let (outcome, rule, lifetime) = match (view, decision.shadow) {
            (View::ShadowEnforced, Some(shadow)) => (shadow.outcome, shadow.rule, shadow.lifetime),
            _ => (decision.outcome, decision.rule, decision.lifetime),
        };
        let rule = rule.as_deref().map(Rule::id);
        let expected = &self.expected;
        let fits = expected.answer.fits(outcome)
            && expected.rule.as_deref().is_none_or(|expected| rule == Some(expected))
            && expected.lifetime.is_none_or(|expected| lifetime == Some(LifetimeLimit::AtMost(expected)));
        let failure = (!fits).then(|| Failure {
            expected: expected.described(),
            found: described(&outcome.name().replace('_', "-"), rule, lifetime.filter(|_| expected.lifetime.is_some())),
            rules,
        });
        Tried { place: self.place.clone(), name: self.name.clone(), failure }
    }
}

impl Expected {
    fn described(&self) -> String {
        described(self.answer.word(), self.rule.as_deref(), self.lifetime.map(LifetimeLimit::AtMost))
    }
}

/// `deny by "no-forks"`.
fn described(outcome: &str, rule: Option<&str>, lifetime: Option<LifetimeLimit>) -> String {
    let rule = rule.map_or_else(String::new, |id| format!(" by \"{id}\""));
    let lifetime = match lifetime {
        None => String::new(),
        Some(LifetimeLimit::Shortest) => ", for as short as possible".to_owned(),
        Some(LifetimeLimit::AtMost(limit)) => format!(", for {} at most", humantime::format_duration(limit)),
    };
    format!("{outcome}{rule}{lifetime}")
}

impl Coverage {
    fn note(&mut self, traced: &Traced) {
        let seen = self.seen.entry(traced.rule.id().to_owned()).or_default();
        match traced.result {
            Evaluated::True => seen.is_true = true,
            Evaluated::False => seen.is_false = true,
            Evaluated::Lifetime(_) => seen.has_lifetime = true,
            Evaluated::Error(_) => {}
        }
    }

    /// The rules of which the cases do not show both values, in the order of the files' lines.
    pub(crate) fn gaps(&self, policy: &Policy) -> Vec<Uncovered> {
        let gap = |rule: &Arc<Rule>| {
            let seen = self.seen.get(rule.id()).copied().unwrap_or_default();
            let gap = match (rule.effect(), seen.is_true, seen.is_false) {
                (super::Effect::MaxLifetime, _, _) => (!seen.has_lifetime).then_some("never gave a lifetime"),
                (_, true, true) => None,
                (_, true, false) => Some("was never false"),
                (_, false, true) => Some("was never true"),
                (_, false, false) => Some("was neither true nor false"),
            };
            gap.map(|gap| Uncovered { rule: Arc::clone(rule), gap })
        };
        let mut gaps: Vec<Uncovered> = policy.rules().iter().filter_map(gap).collect();
        gaps.sort_by_key(|gap| (Arc::clone(&gap.rule.place().path), gap.rule.place().line));
        gaps
    }
}

#[cfg(test)]
mod tests;
