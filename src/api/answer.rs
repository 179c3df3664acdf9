//! What the adapters' answers have in common: failures, certificate chains, and their lines in the log.
//!
//! Owns the JSON of `google.rpc.Status` with one `google.rpc.ErrorInfo`, and the one log line of each failure and each certificate.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Map, Value};

use super::request_id::RequestId;
use crate::failure::{Failure, FailureKind, Fault};
use crate::issuance::{Issued, Record};
use crate::policy::{Decision, Rule};
use crate::telemetry::metrics::Metrics;
use crate::text;

/// `google.rpc.ErrorInfo.domain` of our reasons.
pub(super) const DOMAIN: &str = "sigmint.dev";
/// The type of the details.
pub(super) const ERROR_INFO: &str = "type.googleapis.com/google.rpc.ErrorInfo";

#[derive(Serialize)]
struct Status<'a> {
    code: u8,
    message: &'a str,
    details: Vec<ErrorInfo>,
}

#[derive(Serialize)]
struct ErrorInfo {
    #[serde(rename = "@type")]
    type_url: &'static str,
    reason: &'static str,
    domain: &'static str,
    metadata: Map<String, Value>,
}

/// REST's answer to a request, before it is written in one version of HTTP.
pub(super) struct Answer {
    pub(super) status: u16,
    /// Names in lower case, and their values.
    pub(super) fields: Vec<(&'static str, Cow<'static, str>)>,
    pub(super) body: String,
}

impl Answer {
    pub(super) const fn empty(status: u16) -> Self {
        Self { status, fields: Vec::new(), body: String::new() }
    }

    pub(super) fn new(status: u16, content_type: &'static str, body: String) -> Self {
        Self { body, ..Self::empty(status) }.with("content-type", content_type)
    }

    /// A message in JSON.
    pub(super) fn json(status: u16, message: &impl Serialize) -> Self {
        // Our messages have string keys and no floats: they can be written.
        Self::new(status, "application/json", serde_json::to_string(message).unwrap_or_default())
    }

    /// The same with one header field more.
    pub(super) fn with(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        self.fields.push((name, value.into()));
        self
    }
}

/// Writes a failure for the client, and logs and counts it once.
pub(super) fn of_failure(failure: &Failure, path: &str, id: &RequestId, metrics: &Metrics) -> Answer {
    record_failure(failure, path, Some(id), metrics);
    let row = failure.kind().row();
    let message = failure.message();
    let answer = Answer::json(row.http, &Status { code: row.grpc as u8, message: &message, details: details(failure) });
    match failure.retry_after_seconds() {
        Some(seconds) => answer.with("retry-after", seconds.to_string()),
        None => answer,
    }
}

/// A path that does not exist has no reason to tell; Fulcio's answer is kept to the letter.
fn details(failure: &Failure) -> Vec<ErrorInfo> {
    if failure.kind() == FailureKind::NotFound {
        return Vec::new();
    }
    let metadata =
        failure.metadata().iter().map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str()))).collect();
    let reason = failure.kind().row().reason;
    vec![ErrorInfo { type_url: ERROR_INFO, reason, domain: DOMAIN, metadata }]
}

/// One line in the log and one count for a failure, whatever the transport.
pub(super) fn record_failure(failure: &Failure, path: &str, request_id: Option<&RequestId>, metrics: &Metrics) {
    metrics.failed(failure.kind());
    let cause = failure.cause();
    let request_id = request_id.map_or("", RequestId::as_str);
    let reason = failure.kind().row().reason;
    match failure.kind().row().fault {
        Fault::Load => {
            tracing::warn!(reason, cause, path, request_id, "refused a request: more is asked than is served");
        }
        Fault::Caller => tracing::info!(reason, cause, path, request_id, "refused a request"),
        Fault::Dependency => {
            tracing::error!(reason, cause, path, request_id, "could not serve a request: a dependency is at fault");
        }
        Fault::Operator => {
            tracing::error!(
                reason,
                cause,
                path,
                request_id,
                "could not serve a request: the configuration is at fault"
            );
        }
        Fault::Own => {
            tracing::error!(reason, cause, path, request_id, "could not serve a request: this is a bug in sigmint");
        }
    }
}

/// One line for a certificate, whatever the transport. Without a policy it says nothing of one.
pub(super) fn log_issued(record: &Record) {
    let policy = record.policy.as_ref();
    tracing::info!(
        serial = record.serial,
        issuer = record.issuer,
        identity = record.identity,
        key = record.key,
        policy = policy.map(|decision| decision.outcome.name()),
        rule = policy.and_then(|decision| decision.rule.as_deref()).map(Rule::id),
        rule_errors = policy.and_then(Decision::problems),
        "issued a certificate"
    );
}

/// The certificate and the chain that it was issued under, PEM without a last line end, the root last.
pub(super) fn chain_texts(issued: &Issued) -> Vec<String> {
    let leaf = pem_text(&issued.certificate);
    std::iter::once(leaf).chain(issued.chain.pem_trimmed().iter().cloned()).collect()
}

/// PEM with lines of 64 characters and LF (RFC 7468), without the last LF.
fn pem_text(der: &[u8]) -> String {
    let mut text = text::pem("CERTIFICATE", der);
    text.truncate(text.trim_end().len());
    text
}
