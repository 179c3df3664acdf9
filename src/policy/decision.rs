//! The decision: deny wins, then allow, then the default. What cannot be evaluated never widens.

use std::sync::Arc;
use std::time::Duration;

use super::expression::{Nanos, Value};
use super::{DefaultOutcome, Effect, Facts, Mode, Policy, Rule};

/// What comes of a request, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// An allow rule holds.
    Allowed,
    /// No rule is about it, and the files say `default: allow`.
    AllowedByDefault,
    /// Every file is in shadow mode.
    NotEnforced,
    /// A deny rule holds.
    Denied,
    /// A deny rule could not be evaluated.
    DeniedByError,
    /// No allow rule holds.
    DeniedByDefault,
}

impl Outcome {
    pub const ALL: [Self; 6] = [
        Self::Allowed,
        Self::AllowedByDefault,
        Self::NotEnforced,
        Self::Denied,
        Self::DeniedByError,
        Self::DeniedByDefault,
    ];

    pub const fn is_allowed(self) -> bool {
        matches!(self, Self::Allowed | Self::AllowedByDefault | Self::NotEnforced)
    }

    /// The word in records and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allowed => "allow",
            Self::AllowedByDefault => "default_allow",
            Self::NotEnforced => "not_enforced",
            Self::Denied => "deny",
            Self::DeniedByError => "deny_error",
            Self::DeniedByDefault => "default_deny",
        }
    }
}

/// How long a certificate may live at most. The shorter one is less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LifetimeLimit {
    /// As short as the profile allows: a rule could not be evaluated.
    Shortest,
    AtMost(Duration),
}

/// The decision on a request.
#[derive(Clone, Debug)]
pub struct Decision {
    pub outcome: Outcome,
    /// The rule that decided; none if the default did.
    pub rule: Option<Arc<Rule>>,
    /// The least of all that rules say.
    pub lifetime: Option<LifetimeLimit>,
    /// What would be if what is in shadow mode were enforced; none if nothing about such a request is.
    pub shadow: Option<Shadow>,
    /// The rules that could not be evaluated, those in shadow mode included.
    pub errors: Vec<RuleError>,
}

/// Rules that one line of the log names at most.
const SHOWN: usize = 5;

impl Decision {
    /// The first rules that could not be evaluated, and why, for the log.
    pub fn problems(&self) -> Option<String> {
        let shown = self.errors.iter().take(SHOWN).map(|error| format!("\"{}\": {}", error.rule.id(), error.problem));
        let text = shown.collect::<Vec<_>>().join(", ");
        (!text.is_empty()).then_some(text)
    }
}

/// What would be.
#[derive(Clone, Debug)]
pub struct Shadow {
    pub outcome: Outcome,
    pub rule: Option<Arc<Rule>>,
    pub lifetime: Option<LifetimeLimit>,
}

/// A rule that could not be evaluated. The text names claims, not what they say.
#[derive(Clone, Debug)]
pub struct RuleError {
    pub rule: Arc<Rule>,
    pub problem: String,
}

/// What became of one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evaluated {
    True,
    False,
    /// Of a `max-lifetime` rule.
    Lifetime(Duration),
    Error(String),
}

/// A rule that is about a request, with what became of it.
#[derive(Clone, Debug)]
pub struct Traced {
    pub rule: Arc<Rule>,
    pub result: Evaluated,
}

/// One of the two views: what is enforced, and what would be with what is in shadow mode.
#[derive(Default)]
struct View {
    denied: Option<(Outcome, Arc<Rule>)>,
    allowed: Option<Arc<Rule>>,
    lifetime: Option<LifetimeLimit>,
}

impl View {
    fn is_settled(&self, effect: Effect) -> bool {
        self.denied.is_some() || (effect == Effect::Allow && self.allowed.is_some())
    }

    fn note(&mut self, rule: &Arc<Rule>, result: &Evaluated) {
        if self.is_settled(rule.effect) {
            return;
        }
        match (rule.effect, result) {
            (Effect::Deny, Evaluated::True) => self.denied = Some((Outcome::Denied, Arc::clone(rule))),
            (Effect::Deny, Evaluated::Error(_)) => self.denied = Some((Outcome::DeniedByError, Arc::clone(rule))),
            (Effect::Allow, Evaluated::True) => self.allowed = Some(Arc::clone(rule)),
            (Effect::MaxLifetime, result) => self.lifetime = least(self.lifetime, limit(result)),
            _ => {}
        }
    }

    fn outcome(self, default: DefaultOutcome) -> Shadow {
        let (outcome, rule) = match (self.denied, self.allowed) {
            (Some((outcome, rule)), _) => (outcome, Some(rule)),
            (None, Some(rule)) => (Outcome::Allowed, Some(rule)),
            (None, None) => match default {
                DefaultOutcome::Deny => (Outcome::DeniedByDefault, None),
                DefaultOutcome::Allow => (Outcome::AllowedByDefault, None),
                DefaultOutcome::NotEnforced => (Outcome::NotEnforced, None),
            },
        };
        Shadow { outcome, rule, lifetime: self.lifetime }
    }
}

pub(super) fn decide(policy: &Policy, facts: &Facts<'_>) -> Decision {
    let (mut enforced, mut shadow) = (View::default(), View::default());
    let mut errors = Vec::new();
    let mut has_shadow = policy.default != policy.shadow_default;
    for rule in policy.applicable(facts) {
        let counts = rule.mode == Mode::Enforce;
        has_shadow |= !counts;
        // What is enforced counts in both views, so only it can settle both.
        if shadow.is_settled(rule.effect) && (!counts || enforced.is_settled(rule.effect)) {
            continue;
        }
        let result = evaluate(rule, facts);
        if let Evaluated::Error(problem) = &result {
            errors.push(RuleError { rule: Arc::clone(rule), problem: problem.clone() });
        }
        if counts {
            enforced.note(rule, &result);
        }
        shadow.note(rule, &result);
    }
    let Shadow { outcome, rule, lifetime } = enforced.outcome(policy.default);
    let shadow = has_shadow.then(|| shadow.outcome(policy.shadow_default));
    Decision { outcome, rule, lifetime, shadow, errors }
}

pub(super) fn trace(policy: &Policy, facts: &Facts<'_>) -> Vec<Traced> {
    policy.applicable(facts).map(|rule| Traced { rule: Arc::clone(rule), result: evaluate(rule, facts) }).collect()
}

fn evaluate(rule: &Rule, facts: &Facts<'_>) -> Evaluated {
    match rule.expression.evaluate(facts) {
        Ok(Value::Bool(true)) => Evaluated::True,
        Ok(Value::Bool(false)) => Evaluated::False,
        Ok(Value::Duration(length)) => lifetime(length),
        // The check when the policy was loaded leaves no other type.
        Ok(_) => Evaluated::Error("it is of another type than it was checked to be".to_owned()),
        Err(trouble) => Evaluated::Error(trouble.to_string()),
    }
}

fn lifetime(nanos: Nanos) -> Evaluated {
    match u64::try_from(nanos) {
        Ok(nanos) => Evaluated::Lifetime(Duration::from_nanos(nanos)),
        Err(_) if nanos > 0 => Evaluated::Lifetime(Duration::MAX),
        Err(_) => Evaluated::Error("the lifetime is negative".to_owned()),
    }
}

const fn limit(result: &Evaluated) -> LifetimeLimit {
    match result {
        Evaluated::Lifetime(length) => LifetimeLimit::AtMost(*length),
        Evaluated::True | Evaluated::False | Evaluated::Error(_) => LifetimeLimit::Shortest,
    }
}

fn least(one: Option<LifetimeLimit>, other: LifetimeLimit) -> Option<LifetimeLimit> {
    Some(one.map_or(other, |one| one.min(other)))
}
