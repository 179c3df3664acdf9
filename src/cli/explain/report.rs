//! The account of [`crate::app::explain`], for people and for programs.
//!
//! Owns the form. The first line is the verdict or its cause, the second what to change or what was not looked at.

use std::fmt;

use serde::Serialize;

use super::super::display::{rfc3339, visible};
use super::policy;
use crate::app::explain::{BlockReport, Explained, Given, Limit, Refusal, Signature};
use crate::identity::explain::{CheckReport, Comparison, Explanation, IdentityReport, Made, Origin};
use crate::identity::extensions::ExtensionId;
use crate::identity::verify::Check;

/// What a token alone cannot tell.
const NOT_PART: &str =
    "the client's key and its proof, the certificate authority and the transparency logs (`sigmint config check`)";

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    verdict: Verdict,
    /// The first line.
    headline: String,
    /// The second line.
    advice: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<Towards>,
    evaluated_at: String,
    given: GivenReport,
    steps: Vec<Step>,
    signature: SignatureState,
    identities: Vec<Identity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<Certificate>,
    limits: Vec<LimitReport>,
    block_lists: Vec<BlockListReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<policy::PolicyPart>,
    not_part_of_this: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
enum Verdict {
    Issued,
    Refused,
}

/// What the client is told.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Towards {
    reason: &'static str,
    http_status: u16,
    grpc_code: u8,
}

#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
enum GivenReport {
    #[serde(rename_all = "camelCase")]
    Token {
        algorithm: String,
        key_id: Option<String>,
        typ: String,
    },
    Claims,
    Unreadable,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
enum Outcome {
    Passed,
    Refused,
    NotReached,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Step {
    name: &'static str,
    outcome: Outcome,
    compared: Vec<Compared>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Compared {
    what: String,
    found: String,
    against: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
enum SignatureState {
    Good,
    Refused,
    NotReached,
    NotChecked,
    None,
}

/// What one identity of the issuer makes of the token.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Identity {
    kind: &'static str,
    entry: String,
    chosen: bool,
    compared: Vec<Compared>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Certificate {
    name_form: &'static str,
    name: Part,
    /// What the client signs to prove that it has the key.
    challenge: String,
    extensions: Vec<Extension>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Extension {
    oid: String,
    name: &'static str,
    #[serde(flatten)]
    part: Part,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Part {
    value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    template: Option<String>,
    made_of: Vec<SourceReport>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SourceReport {
    key: String,
    value: String,
    origin: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct BlockListReport {
    setting: &'static str,
    file: String,
    compared: String,
    /// The conditions of the entry that matches.
    #[serde(skip_serializing_if = "Option::is_none")]
    matched: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct LimitReport {
    setting: &'static str,
    value: String,
    applies: String,
}

impl Report {
    pub(super) fn of(explained: &Explained) -> Self {
        let Explained { at, given, explanation, signature, limits, block_lists, policy, refusal } = explained;
        let found = explanation.as_ref();
        let chosen = found.and_then(Explanation::identity);
        let name = chosen.map_or("", |(_, certified)| certified.name.value.as_str());
        let (headline, advice) = match refusal {
            Some(Refusal { cause, change, .. }) => (format!("Refused: {cause}"), format!("Change: {change}")),
            None => (format!("Would be issued: a certificate for {name}"), state(*signature).in_words().to_owned()),
        };
        Self {
            verdict: if refusal.is_some() { Verdict::Refused } else { Verdict::Issued },
            headline: one_line(&headline),
            advice: one_line(&advice),
            refusal: refusal.as_ref().map(towards),
            evaluated_at: rfc3339(*at),
            given: given_report(given),
            steps: found.map(steps).unwrap_or_default(),
            signature: state(*signature),
            identities: found.map(identities).unwrap_or_default(),
            certificate: chosen.map(|(_, certified)| Certificate {
                name_form: certified.name_form(),
                name: part(&certified.name),
                challenge: certified.challenge.clone(),
                extensions: certified.extensions.iter().map(|(id, made)| extension(*id, made)).collect(),
            }),
            limits: limits.iter().map(limit).collect(),
            block_lists: block_lists.iter().map(block_list).collect(),
            policy: policy.as_ref().map(policy::PolicyPart::of),
            not_part_of_this: NOT_PART,
        }
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn towards(refusal: &Refusal) -> Towards {
    Towards { reason: refusal.reason, http_status: refusal.http, grpc_code: refusal.grpc }
}

fn given_report(given: &Given) -> GivenReport {
    match given.clone() {
        Given::Token { algorithm, key_id, typ } => GivenReport::Token { algorithm, key_id, typ },
        Given::Claims => GivenReport::Claims,
        Given::Unreadable => GivenReport::Unreadable,
    }
}

const fn state(signature: Signature) -> SignatureState {
    match signature {
        Signature::Good => SignatureState::Good,
        Signature::Refused => SignatureState::Refused,
        Signature::NotReached => SignatureState::NotReached,
        Signature::NotFetched => SignatureState::NotChecked,
        Signature::None => SignatureState::None,
    }
}

/// Each check, also those behind the one that refused.
fn steps(explanation: &Explanation) -> Vec<Step> {
    let made = &explanation.checks;
    let refused_by = made.last().filter(|_| explanation.identities.is_empty()).map(|CheckReport { check, .. }| *check);
    let step = |check: &Check| {
        let report = made.iter().find(|report| report.check == *check);
        let outcome = match report {
            None => Outcome::NotReached,
            Some(_) if refused_by == Some(*check) => Outcome::Refused,
            Some(_) => Outcome::Passed,
        };
        let compared = report.map(|report| report.compared.iter().map(comparison).collect());
        Step { name: name_of(*check), outcome, compared: compared.unwrap_or_default() }
    };
    Check::ALL.iter().map(step).collect()
}

const fn name_of(check: Check) -> &'static str {
    match check {
        Check::Issuer => "issuer",
        Check::Audience => "audience",
        Check::Times => "times",
        Check::UnusedClaims => "other claims",
        Check::Subject => "subject",
        Check::Restrictions => "restrictions",
    }
}

fn comparison(compared: &Comparison) -> Compared {
    let Comparison { what, found, against } = compared.clone();
    Compared { what, found, against }
}

fn identities(explanation: &Explanation) -> Vec<Identity> {
    let identity = |(place, report): (usize, &IdentityReport)| Identity {
        kind: report.issuer.identity.name(),
        entry: report.issuer.entry(),
        chosen: explanation.chosen == Some(place),
        compared: report.compared.iter().map(comparison).collect(),
        problem: report.outcome.as_ref().err().map(ToString::to_string),
    };
    explanation.identities.iter().enumerate().map(identity).collect()
}

fn extension(id: ExtensionId, made: &Made) -> Extension {
    Extension { oid: id.oid().to_string(), name: id.yaml_name(), part: part(made) }
}

fn part(made: &Made) -> Part {
    let source = |source: &crate::identity::explain::Source| SourceReport {
        key: source.key.clone(),
        value: source.text.clone(),
        origin: match source.origin {
            Origin::Claim => "claim",
            Origin::Default => "default",
            Origin::Missing => "missing",
        },
    };
    Part {
        value: made.value.clone(),
        template: made.template.clone(),
        made_of: made.sources.iter().map(source).collect(),
    }
}

fn limit(limit: &Limit) -> LimitReport {
    LimitReport { setting: limit.setting, value: limit.value.clone(), applies: limit.applies.clone() }
}

fn block_list(list: &BlockReport) -> BlockListReport {
    let BlockReport { setting, file, compared, matched } = list.clone();
    BlockListReport { setting, file, compared, matched }
}

impl fmt::Display for Report {
    /// Ends without a line break.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{}", visible(&self.headline))?;
        writeln!(out, "{}\n", visible(&self.advice))?;
        writeln!(out, "Evaluated: {}, as of {}", self.given.in_words(), self.evaluated_at)?;
        if let Some(Towards { reason, http_status, grpc_code }) = &self.refusal {
            writeln!(out, "The client reads: {reason} (HTTP {http_status}, gRPC {grpc_code})")?;
        }
        for step in &self.steps {
            writeln!(out, "\n{}: {}", step.name, step.outcome.in_words())?;
            compared(out, &step.compared)?;
        }
        writeln!(out, "\n{}", self.signature.in_words())?;
        for identity in &self.identities {
            identity.write(out, self.identities.len())?;
        }
        if let Some(certificate) = &self.certificate {
            certificate.write(out)?;
        }
        if !self.limits.is_empty() {
            writeln!(out, "\nlimits")?;
        }
        for LimitReport { setting, value, applies } in &self.limits {
            writeln!(out, "  {setting} {value} applies {applies}")?;
        }
        for BlockListReport { setting, file, compared, matched } in &self.block_lists {
            let verdict = matched.as_ref().map_or_else(|| "passed".to_owned(), |entry| format!("BLOCKED by {entry}"));
            writeln!(out, "\nblock list ({setting} {}): {}", visible(file), visible(&verdict))?;
            writeln!(out, "  compared: {compared}")?;
        }
        if let Some(policy) = &self.policy {
            policy.write(out)?;
        }
        write!(out, "\nNot part of this: {}", self.not_part_of_this)
    }
}

fn compared(out: &mut fmt::Formatter<'_>, list: &[Compared]) -> fmt::Result {
    list.iter().try_for_each(|Compared { what, found, against }| {
        writeln!(out, "  {}: {}\n    compared with: {}", visible(what), visible(found), visible(against))
    })
}

impl GivenReport {
    fn in_words(&self) -> String {
        match self {
            Self::Token { algorithm, key_id: Some(id), typ } => {
                format!("a token ({algorithm}, key id {:?}, type {})", visible(id), visible(typ))
            }
            Self::Token { algorithm, key_id: None, typ } => {
                format!("a token ({algorithm}, no key id, type {})", visible(typ))
            }
            Self::Claims => "claims (without header and signature; the type counts as jwt)".to_owned(),
            Self::Unreadable => "something that cannot be read".to_owned(),
        }
    }
}

impl Outcome {
    const fn in_words(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Refused => "REFUSED",
            Self::NotReached => "not reached",
        }
    }
}

impl SignatureState {
    const fn in_words(self) -> &'static str {
        match self {
            Self::Good => "signature: one of the issuer's keys made it",
            Self::Refused => "signature: refused",
            Self::NotReached => "signature: not reached",
            Self::NotChecked => "signature: not checked (--online fetches the issuer's keys and checks it)",
            Self::None => "signature: not checked, because claims have none (give the token, and --online)",
        }
    }
}

impl Identity {
    fn write(&self, out: &mut fmt::Formatter<'_>, of: usize) -> fmt::Result {
        let verdict = match (&self.problem, self.chosen) {
            (Some(problem), _) => format!("REFUSED: {problem}"),
            (None, true) if of > 1 => "fits, and is the one that counts".to_owned(),
            (None, true) => "fits".to_owned(),
            (None, false) => "fits, and is not the one that counts".to_owned(),
        };
        writeln!(out, "\nidentity: {} of {}: {}", self.kind, visible(&self.entry), visible(&verdict))?;
        compared(out, &self.compared)
    }
}

impl Certificate {
    fn write(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "\ncertificate")?;
        writeln!(out, "  name ({}): {}", self.name_form, visible(&self.name.value))?;
        self.name.write(out)?;
        writeln!(out, "  the client signs: {}", visible(&self.challenge))?;
        for Extension { oid, name, part } in &self.extensions {
            writeln!(out, "  {name} ({oid}): {}", visible(&part.value))?;
            part.write(out)?;
        }
        Ok(())
    }
}

impl Part {
    fn write(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(template) = &self.template {
            writeln!(out, "    template: {}", visible(template))?;
        }
        self.made_of.iter().try_for_each(|SourceReport { key, value, origin }| {
            writeln!(out, "    {origin} {}: {}", visible(key), visible(value))
        })
    }
}
