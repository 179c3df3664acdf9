//! What the metrics and the audit log say of the policy's decisions.
//!
//! Owns the way from a decision to their closed sets; neither knows the policy.

use crate::audit;
use crate::policy::{Decision, Effect, Outcome};
use crate::telemetry::metrics::{Metrics, PolicyOutcome, RuleEffect, ShadowOutcome};

pub(super) fn count(metrics: &Metrics, decision: &Decision) {
    let would =
        decision.shadow.as_ref().map(|shadow| match (decision.outcome.is_allowed(), shadow.outcome.is_allowed()) {
            (true, false) => ShadowOutcome::Deny,
            (false, true) => ShadowOutcome::Allow,
            (true, true) | (false, false) => ShadowOutcome::Same,
        });
    metrics.policy_decided(outcome(decision.outcome), would);
    for error in &decision.errors {
        metrics.policy_rule_failed(match error.rule.effect() {
            Effect::Allow => RuleEffect::Allow,
            Effect::Deny => RuleEffect::Deny,
            Effect::MaxLifetime => RuleEffect::MaxLifetime,
        });
    }
}

const fn outcome(outcome: Outcome) -> PolicyOutcome {
    match outcome {
        Outcome::Allowed => PolicyOutcome::Allow,
        Outcome::AllowedByDefault => PolicyOutcome::DefaultAllow,
        Outcome::NotEnforced => PolicyOutcome::NotEnforced,
        Outcome::Denied => PolicyOutcome::Deny,
        Outcome::DeniedByError => PolicyOutcome::DenyError,
        Outcome::DeniedByDefault => PolicyOutcome::DefaultDeny,
    }
}

/// What the audit log says of it. A policy that is not enforced decides nothing.
pub(super) const fn recorded(outcome: Outcome) -> audit::PolicyOutcome {
    match outcome {
        Outcome::Allowed => audit::PolicyOutcome::Allow,
        Outcome::AllowedByDefault => audit::PolicyOutcome::DefaultAllow,
        Outcome::NotEnforced => audit::PolicyOutcome::None,
        Outcome::Denied | Outcome::DeniedByError => audit::PolicyOutcome::Deny,
        Outcome::DeniedByDefault => audit::PolicyOutcome::DefaultDeny,
    }
}
