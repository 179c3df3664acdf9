//! The policy's metrics: decisions, what shadow mode would change, rules that could not be evaluated.
//!
//! Owns their names and labels. Knows no rule: ids are the operator's and could be any number.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::Metrics;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($variant,)* }

        impl $name {
            const ALL: [Self; [$($word),*].len()] = [$(Self::$variant),*];

            const fn label(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }
    };
}

words! {
    /// What came of a request, and whether a rule or the default decided.
    PolicyOutcome {
        Allow = "allow",
        Deny = "deny",
        DenyError = "deny_error",
        DefaultAllow = "default_allow",
        DefaultDeny = "default_deny",
        NotEnforced = "not_enforced",
    }
}

words! {
    /// What would come of a request if what is in shadow mode were enforced.
    ShadowOutcome { Same = "same", Allow = "allow", Deny = "deny", }
}

words! {
    /// What a rule would have done that could not be evaluated.
    RuleEffect { Allow = "allow", Deny = "deny", MaxLifetime = "max_lifetime", }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DecisionLabels {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ShadowLabels {
    would: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ErrorLabels {
    effect: &'static str,
}

/// Every series is there from the start, and found by index.
pub(super) struct PolicyMetrics {
    decisions: Vec<Counter>,
    shadow: Vec<Counter>,
    errors: Vec<Counter>,
    rules: Gauge,
    refused: Gauge,
}

impl PolicyMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let decisions = Family::<DecisionLabels, Counter>::default();
        registry.register("sigmint_policy_decisions", "Decisions of the issuance policy", decisions.clone());
        let shadow = Family::<ShadowLabels, Counter>::default();
        registry.register(
            "sigmint_policy_shadow",
            "What decisions would be if what is in shadow mode were enforced",
            shadow.clone(),
        );
        let errors = Family::<ErrorLabels, Counter>::default();
        registry.register("sigmint_policy_rule_errors", "Rules that could not be evaluated", errors.clone());
        let (rules, refused) = (Gauge::default(), Gauge::default());
        registry.register("sigmint_policy_rules", "Rules of the policy in use; 0 without a policy", rules.clone());
        registry.register(
            "sigmint_policy_refused",
            "Whether the policy files are newer than the policy in use and cannot be used",
            refused.clone(),
        );
        let decision = |outcome: PolicyOutcome| DecisionLabels { outcome: outcome.label() };
        let would = |outcome: ShadowOutcome| ShadowLabels { would: outcome.label() };
        let error = |effect: RuleEffect| ErrorLabels { effect: effect.label() };
        Self {
            decisions: PolicyOutcome::ALL.map(|outcome| decisions.get_or_create_owned(&decision(outcome))).into(),
            shadow: ShadowOutcome::ALL.map(|outcome| shadow.get_or_create_owned(&would(outcome))).into(),
            errors: RuleEffect::ALL.map(|effect| errors.get_or_create_owned(&error(effect))).into(),
            rules,
            refused,
        }
    }
}

impl Metrics {
    /// The policy decided; `would` is given when anything about the request is in shadow mode.
    pub fn policy_decided(&self, outcome: PolicyOutcome, would: Option<ShadowOutcome>) {
        let policy = &self.0.policy;
        let would = would.and_then(|would| policy.shadow.get(would as usize));
        for counter in policy.decisions.get(outcome as usize).into_iter().chain(would) {
            counter.inc();
        }
    }

    /// A rule could not be evaluated.
    pub fn policy_rule_failed(&self, effect: RuleEffect) {
        if let Some(counter) = self.0.policy.errors.get(effect as usize) {
            counter.inc();
        }
    }

    /// So many rules are in use.
    pub fn policy_rules(&self, rules: usize) {
        self.0.policy.rules.set(i64::try_from(rules).unwrap_or(i64::MAX));
    }

    /// Whether the policy files could not be loaded again.
    pub fn policy_refused(&self, refused: bool) {
        self.0.policy.refused.set(i64::from(refused));
    }
}
