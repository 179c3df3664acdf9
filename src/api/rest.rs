//! What REST v1 and REST v2 have in common: the body, the token's header, certificates as PEM.
//!
//! Owns reading a request's bytes within their bounds. Knows no message.

use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use actix_web::web;

use super::proto_json::JsonProblem;
use super::{BODY_TIMEOUT, MAX_BODY_BYTES};
use crate::failure::{Failure, FailureKind};

/// Reads the body up to its limit, whatever content type it says it has.
pub(super) async fn read_body(body: web::Payload) -> Result<web::Bytes, Failure> {
    let whole = tokio::time::timeout(BODY_TIMEOUT, body.to_bytes_limited(MAX_BODY_BYTES)).await;
    match whole {
        Ok(Ok(Ok(bytes))) => Ok(bytes),
        Ok(Ok(Err(error))) => Err(Failure::new(FailureKind::RequestIncomplete, error.to_string())),
        Ok(Err(_)) => {
            Err(Failure::new(FailureKind::RequestTooLarge, format!("the body is larger than {MAX_BODY_BYTES} bytes")))
        }
        Err(_) => Err(Failure::new(FailureKind::RequestIncomplete, "the body took too long")),
    }
}

/// The token of the `Authorization` header (RFC 6750); a bare token without the scheme's name is taken as well.
pub(super) fn bearer_token(headers: &HeaderMap) -> &str {
    let value = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token,
        _ => value,
    }
}

impl JsonProblem {
    /// The failure of a body that is not the message's JSON.
    pub(super) fn into_failure(self) -> Failure {
        Failure::new(FailureKind::RequestMalformed, self).with("problem", self.to_string())
    }
}
