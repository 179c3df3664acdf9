//! The one way from a principal and a proven key to what may be certified: through the policy.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::{Decision, Facts, LifetimeLimit, Outcome, Policy, Rule};
use crate::identity::{Principal, VerifiedClaims};
use crate::possession::ProvenKey;

/// A principal that may have a certificate for a key. [`admit`] is the only way to one, so nothing is composed, logged or signed for whom
/// the policy denies.
#[derive(Clone, Debug)]
pub struct AdmittedPrincipal {
    principal: Principal,
    key: ProvenKey,
    decision: Option<Decision>,
}

impl AdmittedPrincipal {
    pub const fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The key that the policy saw.
    pub const fn key(&self) -> &ProvenKey {
        &self.key
    }

    /// What the policy said; none where there is no policy.
    pub const fn decision(&self) -> Option<&Decision> {
        self.decision.as_ref()
    }

    /// How long its certificate may live: `usual` but for what rules say, and never less than `shortest`.
    pub fn lifetime(&self, usual: Duration, shortest: Duration) -> Duration {
        match self.decision.as_ref().and_then(|decision| decision.lifetime) {
            None => usual,
            Some(LifetimeLimit::Shortest) => shortest,
            // Certificates have whole seconds.
            Some(LifetimeLimit::AtMost(limit)) => usual.min(Duration::from_secs(limit.as_secs())).max(shortest),
        }
    }

    /// As if a policy without rules about it had admitted it, for the tests of what comes after.
    #[cfg(test)]
    pub(crate) const fn for_test(principal: Principal, key: ProvenKey) -> Self {
        Self { principal, key, decision: None }
    }

    /// The same with a limit on its lifetime.
    #[cfg(test)]
    pub(crate) fn limited_for_test(self, limit: LifetimeLimit) -> Self {
        let decision =
            Decision { outcome: Outcome::Allowed, rule: None, lifetime: Some(limit), shadow: None, errors: Vec::new() };
        Self { decision: Some(decision), ..self }
    }
}

/// Why a request is denied. Names rules and claims, never what claims say.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.text())]
pub struct Denied {
    decision: Box<Decision>,
}

impl Denied {
    pub fn decision(&self) -> &Decision {
        &self.decision
    }

    /// The rule that denied; none if the default did.
    pub fn rule(&self) -> Option<&Rule> {
        self.decision.rule.as_deref()
    }

    fn text(&self) -> String {
        let Decision { outcome, rule, errors, .. } = self.decision.as_ref();
        let id = rule.as_deref().map_or("", Rule::id);
        let is_culprit = |other: &&super::RuleError| rule.as_ref().is_some_and(|rule| Arc::ptr_eq(rule, &other.rule));
        match outcome {
            Outcome::DeniedByError => {
                let problem = errors.iter().find(is_culprit).map_or("", |error| &error.problem);
                format!("the policy's rule \"{id}\" denies it, because it could not be evaluated: {problem}")
            }
            Outcome::DeniedByDefault => match self.decision.problems() {
                Some(problems) => format!("no rule of the policy allows it; could not be evaluated: {problems}"),
                None => "no rule of the policy allows it".to_owned(),
            },
            _ => format!("the policy's rule \"{id}\" denies it"),
        }
    }
}

/// Admits a principal and its key, if there is a policy and it does not deny them. Without one everybody is admitted.
pub fn admit(
    policy: Option<&Policy>,
    claims: &VerifiedClaims,
    principal: Principal,
    key: ProvenKey,
    now: SystemTime,
) -> Result<AdmittedPrincipal, Denied> {
    let decision = policy.map(|policy| policy.evaluate(&Facts::of_request(claims, &principal, &key, now)));
    match decision {
        Some(decision) if !decision.outcome.is_allowed() => Err(Denied { decision: Box::new(decision) }),
        decision => Ok(AdmittedPrincipal { principal, key, decision }),
    }
}

impl Decision {
    /// Why it denies; nothing if it does not.
    pub(crate) fn denied(&self) -> Option<Denied> {
        (!self.outcome.is_allowed()).then(|| Denied { decision: Box::new(self.clone()) })
    }
}

#[cfg(test)]
mod tests;
