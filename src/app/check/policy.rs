//! The issuance policy: its files, and whether it lets everybody pass.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde_json::Map;

use super::super::policy_files;
use super::{Findings, Severity};
use crate::config::settings::Settings;
use crate::failure::with_sources;
use crate::identity::IdentityKind;
use crate::policy::{Facts, Outcome, Policy};

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

/// Somebody of whom nothing is known is allowed by nothing that asks for anything.
fn lets_strangers_pass(policy: &Policy, found: &mut Findings<'_>) {
    let (claims, mut passed) = (Map::new(), BTreeMap::<String, Vec<&str>>::new());
    for kind in IdentityKind::ALL {
        let facts = Facts {
            claims: &claims,
            issuer: STRANGER,
            audience: None,
            kind,
            san: None,
            key: None,
            now: SystemTime::now(),
        };
        let decision = policy.evaluate(&facts);
        if decision.outcome.is_allowed() {
            let by = match (&decision.rule, decision.outcome) {
                (Some(rule), _) => format!("the rule {:?}", rule.id()),
                (None, Outcome::NotEnforced) => "every file, which are all in shadow mode".to_owned(),
                (None, _) => "default: allow".to_owned(),
            };
            passed.entry(by).or_default().push(kind.name());
        }
    }
    for (by, kinds) in passed {
        let kinds = if kinds.len() == IdentityKind::ALL.len() { "every kind".to_owned() } else { kinds.join(", ") };
        let message = format!("everybody for whom an issuer vouches may sign, by {by} ({kinds})");
        found.advise(
            Severity::Warning,
            ABOUT,
            message,
            "write an allow rule that asks for a claim, and leave the default at deny",
        );
    }
}
