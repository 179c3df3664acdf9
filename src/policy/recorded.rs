//! The decision on a record of a request, which may lack what the policy asks for: then there is none, and never a guess.

use std::sync::Arc;

use super::expression::{Trouble, Unrecorded, Value};
use super::{DefaultOutcome, Effect, Facts, Mode, Outcome, Policy, Rule};

/// Which rules count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// Those that are enforced.
    Enforced,
    /// Those in shadow mode, too.
    ShadowEnforced,
}

/// What a policy would have said.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// If the rule that decided first depends on what is not recorded, this is the first one that surely does.
    Decided { outcome: Outcome, rule: Option<Arc<Rule>> },
    /// A rule looks at what is not recorded, and the others do not settle it.
    Undecidable { rule: Arc<Rule>, missing: String },
}

/// What one rule says of a record.
enum Said {
    True,
    False,
    Error,
    Unknown(String),
}

/// What rules of one effect come to.
#[derive(Default)]
struct Settled {
    by: Option<(Outcome, Arc<Rule>)>,
    unknown: Option<(Arc<Rule>, String)>,
}

impl Policy {
    /// Decides on a record. `unrecorded` says whether a claim that is not among the facts may have been in the token.
    pub(crate) fn replay(&self, facts: &Facts<'_>, unrecorded: Unrecorded<'_>, view: View) -> Verdict {
        let (mut denied, mut allowed) = (Settled::default(), Settled::default());
        for rule in self.applicable(facts) {
            if view == View::Enforced && rule.mode() == Mode::Shadow {
                continue;
            }
            let settled = match rule.effect() {
                Effect::Deny => &mut denied,
                Effect::Allow => &mut allowed,
                // How long a certificate lives decides on nobody.
                Effect::MaxLifetime => continue,
            };
            if settled.by.is_none() {
                settled.note(rule, say(rule, facts, unrecorded));
            }
        }
        for Settled { by, unknown } in [denied, allowed] {
            match (by, unknown) {
                (Some((outcome, rule)), _) => return Verdict::Decided { outcome, rule: Some(rule) },
                (None, Some((rule, missing))) => return Verdict::Undecidable { rule, missing },
                (None, None) => {}
            }
        }
        let default = match view {
            View::Enforced => self.default,
            View::ShadowEnforced => self.shadow_default,
        };
        let outcome = match default {
            DefaultOutcome::Deny => Outcome::DeniedByDefault,
            DefaultOutcome::Allow => Outcome::AllowedByDefault,
            DefaultOutcome::NotEnforced => Outcome::NotEnforced,
        };
        Verdict::Decided { outcome, rule: None }
    }
}

impl Settled {
    fn note(&mut self, rule: &Arc<Rule>, said: Said) {
        match (rule.effect(), said) {
            (Effect::Deny, Said::True) => self.by = Some((Outcome::Denied, Arc::clone(rule))),
            (Effect::Deny, Said::Error) => self.by = Some((Outcome::DeniedByError, Arc::clone(rule))),
            (Effect::Allow, Said::True) => self.by = Some((Outcome::Allowed, Arc::clone(rule))),
            (_, Said::Unknown(missing)) if self.unknown.is_none() => self.unknown = Some((Arc::clone(rule), missing)),
            _ => {}
        }
    }
}

fn say(rule: &Rule, facts: &Facts<'_>, unrecorded: Unrecorded<'_>) -> Said {
    match rule.expression.evaluate_record(facts, unrecorded) {
        Ok(Value::Bool(true)) => Said::True,
        Ok(Value::Bool(false)) => Said::False,
        Err(trouble @ (Trouble::NotRecorded(_) | Trouble::ClaimNotRecorded(_))) => Said::Unknown(trouble.to_string()),
        Ok(_) | Err(_) => Said::Error,
    }
}
