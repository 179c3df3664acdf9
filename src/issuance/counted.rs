//! What the metrics say of the policy's decisions.
//!
//! Owns the way from a decision to the closed sets of `telemetry`, which knows no policy.

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
