//! Failures and certificate chains as REST answers.
//!
//! Owns the JSON of `google.rpc.Status` with one `google.rpc.ErrorInfo`, and the one log line of each failure.

use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse};
use serde::Serialize;
use serde_json::{Map, Value};

use super::middleware::RequestId;
use crate::failure::{Failure, FailureKind, Fault};

/// `google.rpc.ErrorInfo.domain` of our reasons.
const DOMAIN: &str = "sigmint.dev";
/// What `Retry-After` says, in seconds: an issuer or signer that came back is found by then.
const RETRY_AFTER_SECONDS: &str = "5";
/// The longest cause that is logged, in characters: callers choose some of the words.
const MAX_CAUSE: usize = 300;

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

/// Writes a failure for the client, and logs it once.
pub fn respond_to_failure(request: &HttpRequest, failure: &Failure) -> HttpResponse {
    log(request, failure);
    let row = failure.kind().row();
    let status = StatusCode::from_u16(row.http).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    if failure.kind().is_transient() {
        response.insert_header((RETRY_AFTER, RETRY_AFTER_SECONDS));
    }
    response.json(Status { code: row.grpc as u8, message: &failure.message(), details: details(failure) })
}

/// A path that does not exist has no reason to tell; the incumbent's answer is kept to the letter.
fn details(failure: &Failure) -> Vec<ErrorInfo> {
    if failure.kind() == FailureKind::NotFound {
        return Vec::new();
    }
    let metadata =
        failure.metadata().iter().map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str()))).collect();
    let reason = failure.kind().row().reason;
    vec![ErrorInfo { type_url: "type.googleapis.com/google.rpc.ErrorInfo", reason, domain: DOMAIN, metadata }]
}

fn log(request: &HttpRequest, failure: &Failure) {
    let cause: String = failure.cause().chars().take(MAX_CAUSE).flat_map(char::escape_debug).collect();
    let extensions = request.extensions();
    let request_id = extensions.get::<RequestId>().map_or("", RequestId::as_str);
    let (reason, path) = (failure.kind().row().reason, request.match_pattern().unwrap_or_default());
    match failure.kind().row().fault {
        Fault::Caller => tracing::info!(reason, cause, path, request_id, "refused a request"),
        Fault::Dependency => {
            tracing::error!(reason, cause, path, request_id, "could not serve a request: a dependency is at fault")
        }
        Fault::Own => {
            tracing::error!(reason, cause, path, request_id, "could not serve a request: this is a bug in sigmint")
        }
    }
}
