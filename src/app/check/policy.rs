//! The issuance policy: its files, and whether it lets everybody pass.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde_json::json;

use super::super::policy_files;
use super::{Findings, Severity};
use crate::config::settings::Settings;
use crate::failure::with_sources;
use crate::identity::IdentityKind;
use crate::policy::{DefaultOutcome, Effect, Evaluated, Facts, Mode, Policy, Traced};

const ABOUT: &str = "policy";
/// An issuer that no rule can be about by name.
const STRANGER: &str = "https://stranger.invalid";

/// Loads the files as a start does.
pub(super) fn look(settings: &Settings, found: &mut Findings<'_>) {
    let Some(path) = &settings.policy else { return };
    let loaded = policy_files::load(path);
    found.collect(ABOUT);
    match loaded {
        Ok(policy) => {
            lets_strangers_pass(&policy, found);
            let message = format!("{} can be used: {} rules", path.display(), policy.rules().len());
            found.add(Severity::Fine, ABOUT, message);
        }
        Err(error) => found.refuse(ABOUT, &with_sources(&error)),
    }
}

/// Whom nothing stops but deny rules.
fn lets_strangers_pass(policy: &Policy, found: &mut Findings<'_>) {
    match policy.default_outcome() {
        DefaultOutcome::Deny => {}
        DefaultOutcome::Allow => told(found, "default: allow", "every kind"),
        DefaultOutcome::NotEnforced => told(found, "files that are all in shadow mode", "every kind"),
    }
    let mut passed = BTreeMap::<String, Vec<&str>>::new();
    for kind in IdentityKind::ALL.iter().copied() {
        for rule in rules_for_strangers(policy, kind) {
            passed.entry(rule).or_default().push(kind.name());
        }
    }
    for (rule, kinds) in passed {
        let kinds = if kinds.len() == IdentityKind::ALL.len() { "every kind".to_owned() } else { kinds.join(", ") };
        told(found, &format!("the rule {rule:?}"), &kinds);
    }
}

fn told(found: &mut Findings<'_>, by: &str, kinds: &str) {
    let message = format!("everybody for whom an issuer vouches may sign, by {by} ({kinds})");
    let hint = "write allow rules that ask for a claim, and leave the default at deny";
    found.advise(Severity::Warning, ABOUT, message, hint);
}

/// The allow rules that hold for somebody of whom no more is known than of everybody.
fn rules_for_strangers(policy: &Policy, kind: IdentityKind) -> Vec<String> {
    let claims = json!({"iss": STRANGER, "sub": "stranger", "aud": "stranger"});
    let Some(claims) = claims.as_object() else { return Vec::new() };
    let (audience, san, key, now) = (None, None, None, SystemTime::now());
    let facts = Facts { claims, issuer: STRANGER, audience, kind, san, key, now };
    let allows = |traced: &Traced| {
        let is_enforced = traced.rule.effect() == Effect::Allow && traced.rule.mode() == Mode::Enforce;
        is_enforced && traced.result == Evaluated::True
    };
    policy.trace(&facts).into_iter().filter(allows).map(|traced| traced.rule.id().to_owned()).collect()
}
