//! What is allowed in a policy and probably not meant.

use std::sync::Arc;

use super::catalogue::{self, Presence, Vocabulary};
use super::expression::{Comparison, NameMatch, Uses};
use super::file::Finding;
use super::{DefaultOutcome, Effect, Mode, Policy, Rule};

/// A warning within a condition.
pub(super) struct Note {
    /// In bytes of the condition.
    pub(super) at: usize,
    pub(super) message: String,
    pub(super) hint: String,
}

/// What is to be said of one rule.
pub(super) fn rule(rule: &Rule, vocabulary: &Vocabulary<'_>) -> Vec<Note> {
    let uses = rule.expression.uses();
    let mut notes = names(uses, vocabulary);
    notes.extend(patterns(uses));
    notes.extend(absent(rule, uses, vocabulary));
    if uses.is_constant && rule.effect != Effect::MaxLifetime {
        notes.push(Note {
            at: 0,
            message: "the condition looks at nothing of the request".to_owned(),
            hint: match rule.effect {
                Effect::Allow => "it is the same for everybody whom the rule is about".to_owned(),
                _ => "leave the rule out, or set its mode to shadow".to_owned(),
            },
        });
    }
    notes
}

/// Names that somebody else can register later.
fn names(uses: &Uses, vocabulary: &Vocabulary<'_>) -> Vec<Note> {
    let mut notes = Vec::<Note>::new();
    let mut said = Vec::<&str>::new();
    for found in &uses.matches {
        let Some(lasting) = vocabulary.find(&found.claim).and_then(|known| known.lasting) else { continue };
        if uses.claims.contains(lasting) || said.contains(&found.claim.as_str()) || is_of_a_domain(found) {
            continue;
        }
        said.push(&found.claim);
        notes.push(Note {
            at: found.at,
            message: format!("the name in claims.{} can be somebody else's later", found.claim),
            hint: better(found, lasting),
        });
    }
    notes
}

/// `claims.email.endsWith("@example.com")` is about the domain, which does not change hands when a person leaves.
fn is_of_a_domain(found: &NameMatch) -> bool {
    ["email", "preferred_username", "upn", "user_email"].contains(&found.claim.as_str())
        && match found.comparison {
            Comparison::End => found.constant.as_ref().is_none_or(|end| end.starts_with('@')),
            Comparison::Part => true,
            Comparison::Whole => false,
        }
}

fn better(found: &NameMatch, lasting: &str) -> String {
    let value = found.constant.as_deref().unwrap_or("..");
    match (found.claim.as_str(), lasting) {
        ("repository", _) => {
            format!("write claims.repository_id == \"<id>\": gh api repos/{value} --jq .id shows it")
        }
        ("repository_owner", _) => {
            format!("write claims.repository_owner_id == \"<id>\": gh api users/{value} --jq .id shows it")
        }
        ("sub", "repository_id") => {
            "add claims.repository_id == \"<id>\"; GitHub's sub carries ids behind @ since July 2026".to_owned()
        }
        ("workflow_ref" | "job_workflow_ref", _) => {
            "add claims.repository_owner_id == \"<id>\", or pin the file's commit by job_workflow_sha".to_owned()
        }
        (_, lasting) => format!("write claims.{lasting} == \"<id>\", or add it with &&"),
    }
}

fn patterns(uses: &Uses) -> impl Iterator<Item = Note> {
    uses.loose_patterns.iter().map(|at| Note {
        at: *at,
        message: "the pattern may match in the middle of a value".to_owned(),
        hint: "begin it with ^ and end it with $, with ( ) around alternatives".to_owned(),
    })
}

/// Claims that not every token has, which make an error of the rule.
fn absent(rule: &Rule, uses: &Uses, vocabulary: &Vocabulary<'_>) -> Vec<Note> {
    let mut notes = Vec::new();
    let mut said = Vec::<&str>::new();
    // A rule without kinds that names issuers is about the kinds of those, which the issuer file alone tells.
    let knows_kinds = !vocabulary.is_about_all_kinds() || rule.issuers.is_empty();
    for (name, at) in &uses.sometimes {
        let is_left_out = uses.guarded.contains(name) || said.contains(&name.as_str());
        if is_left_out || !knows_kinds && is_always_there_for_some_kind(name) {
            continue;
        }
        said.push(name);
        let consequence = match rule.effect {
            Effect::Allow => "the rule then does not allow",
            Effect::Deny => "the rule then denies",
            Effect::MaxLifetime => "the lifetime is then the shortest",
        };
        let guard = format!("write has(claims.{name}) && ..");
        notes.push(Note {
            at: *at,
            message: format!("not every token that the rule is about has the claim {name:?}: {consequence}"),
            hint: if vocabulary.is_about_all_kinds() && knows_kinds {
                format!("name the rule's identities or issuers, or {guard}")
            } else {
                guard
            },
        });
    }
    notes
}

fn is_always_there_for_some_kind(name: &str) -> bool {
    let is_always = |claim: &catalogue::Claim| claim.name == name && claim.presence == Presence::Always;
    Vocabulary::kinds_with(name).any(|kind| catalogue::of_kind(kind).iter().any(is_always))
}

/// What is to be said of all rules together.
pub(super) fn whole(policy: &Policy, default: DefaultOutcome) -> Vec<Finding> {
    let is_enforced = |rule: &&Arc<Rule>| rule.mode == Mode::Enforce;
    let allows = |rule: &&Arc<Rule>| rule.effect == Effect::Allow;
    let Some(first) = policy.rules().first() else { return Vec::new() };
    let finding = |message: &str, hint: &str| Finding {
        path: Arc::clone(&first.place.path),
        line: 1,
        column: 1,
        message: message.to_owned(),
        hint: Some(hint.to_owned()),
    };
    let mut findings = Vec::new();
    let can_allow = policy.rules().iter().filter(is_enforced).any(|rule| allows(&rule));
    if default == DefaultOutcome::Deny && !can_allow {
        findings.push(finding(
            "everybody is denied: no rule that is enforced allows anybody",
            "add an allow rule, or write default: allow if the deny rules are all that is meant",
        ));
    }
    if default == DefaultOutcome::Allow && policy.rules().iter().any(|rule| is_enforced(&rule) && allows(&rule)) {
        findings.push(finding(
            "the allow rules change nothing: the default is allow",
            "leave out default: allow, or the allow rules",
        ));
    }
    findings
}
