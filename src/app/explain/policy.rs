//! What the issuance policy says, rule by rule.
//!
//! Owns the words. The decision is the policy's own.

use std::path::Path;
use std::time::SystemTime;

use crate::app::AppError;
use crate::blocklist::KeyHash;
use crate::identity::explain::{Certified, Presented};
use crate::identity::issuers::Issuer;
use crate::policy::{Evaluated, Facts, KeyFacts, LifetimeLimit, Mode, Outcome, Policy, Rule, Traced};
use crate::possession::PublicKey;

use super::refusal::Refusal;

/// What the policy comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PolicyReport {
    pub file: String,
    /// The word of records and metrics.
    pub outcome: &'static str,
    /// The rule that decided; none if the default did.
    pub rule: Option<String>,
    pub lifetime: Option<String>,
    /// Every rule that is about such a token, in the order in which they are asked.
    pub rules: Vec<RuleReport>,
    /// How many others there are.
    pub others: usize,
}

/// A rule, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RuleReport {
    pub id: String,
    /// File and line.
    pub place: String,
    pub effect: &'static str,
    /// Whether it is recorded only.
    pub is_shadow: bool,
    pub condition: String,
    pub result: String,
    /// The claims that the condition names, and what they say.
    pub claims: Vec<(String, String)>,
}

/// Asks the policy of these files.
pub(super) fn look(
    path: &Path,
    presented: &Presented,
    (issuer, certified): (&Issuer, &Certified),
    key: Option<&PublicKey>,
    at: SystemTime,
) -> Result<(PolicyReport, Option<Refusal>), AppError> {
    let (policy, _) = Policy::load(path)?;
    let hash = key.map(|key| KeyHash::of_spki(key.spki()).to_string());
    let facts = Facts {
        claims: presented.claims().members(),
        issuer: presented.issuer_url(),
        audience: Some(&issuer.audience),
        kind: issuer.identity.kind(),
        san: Some(certified.name.value.as_str()),
        key: key.map(|key| KeyFacts::recorded(key.kind(), hash.as_deref())),
        now: at,
    };
    let decision = policy.evaluate(&facts);
    let rules: Vec<RuleReport> = policy.trace(&facts).iter().map(|traced| report(traced, presented)).collect();
    let refusal = decision.denied().map(|denied| {
        let change = advice(decision.outcome, decision.rule.as_deref(), path, key.is_some());
        let cause = denied.to_string();
        Refusal::new(&denied.into(), cause, change)
    });
    let report = PolicyReport {
        file: path.display().to_string(),
        outcome: decision.outcome.name(),
        rule: decision.rule.as_deref().map(|rule| rule.id().to_owned()),
        lifetime: decision.lifetime.map(|limit| match limit {
            LifetimeLimit::Shortest => "as short as the profile allows".to_owned(),
            LifetimeLimit::AtMost(most) => format!("at most {}", humantime::format_duration(most)),
        }),
        others: policy.rules().len().saturating_sub(rules.len()),
        rules,
    };
    Ok((report, refusal))
}

fn report(Traced { rule, result }: &Traced, presented: &Presented) -> RuleReport {
    let says = |name: &str| presented.claims().get(name).map_or_else(|| "missing".to_owned(), ToString::to_string);
    let place = rule.place();
    RuleReport {
        id: rule.id().to_owned(),
        place: format!("{}:{}", place.path.display(), place.line),
        effect: rule.effect().name(),
        is_shadow: rule.mode() == Mode::Shadow,
        condition: rule.source().to_owned(),
        result: match result {
            Evaluated::True => "true".to_owned(),
            Evaluated::False => "false".to_owned(),
            Evaluated::Lifetime(length) => humantime::format_duration(*length).to_string(),
            Evaluated::Error(problem) => format!("error: {problem}"),
        },
        claims: rule.claims().map(|name| (name.to_owned(), says(name))).collect(),
    }
}

fn advice(outcome: Outcome, rule: Option<&Rule>, path: &Path, has_key: bool) -> String {
    let at = |rule: &Rule| format!("{}:{}", rule.place().path.display(), rule.place().line);
    match (outcome, rule) {
        (Outcome::DeniedByError, Some(rule)) if !has_key => format!(
            "give --key FILE if the rule {:?} looks at the client's key; else fix the rule ({}), or what the token says",
            rule.id(),
            at(rule)
        ),
        (Outcome::DeniedByError, Some(rule)) => {
            format!("fix the rule {:?} ({}): ask with has() for claims that may be missing", rule.id(), at(rule))
        }
        (_, Some(rule)) => {
            let said =
                rule.message().or_else(|| rule.description()).map_or_else(String::new, |said| format!(" ({said})"));
            format!(
                "use a token to which the rule {:?}{said} does not apply, or change the rule: {}",
                rule.id(),
                at(rule)
            )
        }
        (_, None) => {
            format!("add an allow rule for this identity to {}, or change one of the rules below", path.display())
        }
    }
}
