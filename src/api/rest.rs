//! What REST v1 and REST v2 have in common: the body, the token's header, certificates as PEM.
//!
//! Owns reading a request's bytes within their bounds. Knows no message.

use std::future::poll_fn;
use std::pin::Pin;

use actix_web::http::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderMap};
use actix_web::web;
use futures_core::Stream as _;

use super::proto_json::JsonProblem;
use super::{BODY_TIMEOUT, MAX_BODY_BYTES};
use crate::failure::{Failure, FailureKind};

/// Room for a body before any of it is here. More is given only to those who have filled it: an announcement alone costs nothing.
const FIRST_ROOM: usize = 256 * 1024;

/// Reads the body up to its limit, whatever content type it says it has.
pub(super) async fn read_body(headers: &HeaderMap, mut body: web::Payload) -> Result<web::Bytes, Failure> {
    let whole = async {
        let announced = announced_length(headers);
        let mut read = web::BytesMut::with_capacity(announced.min(FIRST_ROOM));
        while let Some(chunk) = poll_fn(|context| Pin::new(&mut body).poll_next(context)).await {
            let chunk = chunk.map_err(|error| Failure::new(FailureKind::RequestIncomplete, error.to_string()))?;
            if read.len() + chunk.len() > MAX_BODY_BYTES {
                let cause = format!("the body is larger than {MAX_BODY_BYTES} bytes");
                return Err(Failure::new(FailureKind::RequestTooLarge, cause));
            }
            if read.len() + chunk.len() > read.capacity() {
                read.reserve(announced.saturating_sub(read.len()).max(chunk.len()));
            }
            read.extend_from_slice(&chunk);
        }
        Ok(read.freeze())
    };
    let late = |_| Failure::new(FailureKind::RequestIncomplete, "the body took too long");
    tokio::time::timeout(BODY_TIMEOUT, whole).await.map_err(late)?
}

/// What the client says it will send, within the limit: a large body gets its room at once instead of being copied while it grows.
fn announced_length(headers: &HeaderMap) -> usize {
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()).and_then(|text| text.parse().ok());
    length.unwrap_or(0).min(MAX_BODY_BYTES)
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
