//! The part of the account that is about the issuance policy.

use std::fmt;

use serde::Serialize;

use super::super::display::visible;
use crate::app::explain::{PolicyReport, RuleReport};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PolicyPart {
    file: String,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lifetime: Option<String>,
    rules: Vec<RulePart>,
    /// Rules that are about other issuers or kinds.
    other_rules: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RulePart {
    id: String,
    place: String,
    effect: &'static str,
    mode: &'static str,
    condition: String,
    result: String,
    claims: Vec<ClaimPart>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ClaimPart {
    name: String,
    value: String,
}

impl PolicyPart {
    pub(super) fn of(report: &PolicyReport) -> Self {
        let PolicyReport { file, outcome, rule, lifetime, rules, others } = report.clone();
        Self { file, outcome, rule, lifetime, rules: rules.into_iter().map(rule_part).collect(), other_rules: others }
    }

    pub(super) fn write(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, outcome, rule, lifetime, rules, other_rules } = self;
        let by = rule.as_ref().map_or_else(|| "the default".to_owned(), |rule| format!("rule {rule}"));
        writeln!(out, "\npolicy ({}): {outcome}, by {}", visible(file), visible(&by))?;
        for rule in rules {
            rule.write(out)?;
        }
        if let Some(lifetime) = lifetime {
            writeln!(out, "  lifetime: {lifetime}")?;
        }
        writeln!(out, "  {other_rules} other rules are about other issuers or kinds")
    }
}

fn rule_part(rule: RuleReport) -> RulePart {
    let RuleReport { id, place, effect, is_shadow, condition, result, claims } = rule;
    let mode = if is_shadow { "shadow" } else { "enforce" };
    let claims = claims.into_iter().map(|(name, value)| ClaimPart { name, value }).collect();
    RulePart { id, place, effect, mode, condition, result, claims }
}

impl RulePart {
    fn write(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, place, effect, mode, condition, result, claims } = self;
        writeln!(out, "  {} ({}, {effect}, {mode}): {}", visible(id), visible(place), visible(result))?;
        writeln!(out, "    condition: {}", visible(condition.trim()))?;
        claims
            .iter()
            .try_for_each(|ClaimPart { name, value }| writeln!(out, "    claim {}: {}", visible(name), visible(value)))
    }
}
