//! What REST v1 and REST v2 have in common: the body, the token's header, certificates as PEM.
//!
//! Owns reading a request's bytes within their bounds. Knows no message.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;

use actix_web::http::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderMap, HeaderValue};
use actix_web::{HttpMessage as _, HttpRequest, web};
use futures_core::Stream as _;

use super::BODY_TIMEOUT;
use super::proto_json::JsonProblem;
use crate::failure::{Failure, FailureKind};
use crate::limits::address::Networks;
use crate::limits::connections::Lease;
use crate::limits::intake::Intake;
use crate::limits::memory::{ConnectionMemory, Reservation};
use crate::limits::{Limits, overloaded};

/// What is set aside for a body before any of it is here. More is given only to those who have filled it: an announcement alone costs nothing.
const FIRST_ROOM: usize = 8 * 1024;
/// What a byte of a body costs: its buffer grows by doubling, and what is decoded of it is no longer than it.
const BODY_BYTE: usize = 2;

/// A request's body, and the memory that it takes.
pub(super) struct Body {
    pub(super) bytes: web::Bytes,
    memory: Reservation,
}

impl Body {
    /// The memory stays reserved until the request is answered; the bytes themselves are read, and go.
    pub(super) fn into_memory(self) -> Reservation {
        self.memory
    }
}

/// Counts a request for a certificate towards its client's address, and says where that is. Comes before anything is read.
pub(super) fn admit(request: &HttpRequest, limits: &Limits) -> Result<Option<Networks>, Failure> {
    let lines = |header: &str| request.headers().get_all(header).map(HeaderValue::as_bytes);
    limits.admit_address(limits.client(request.peer_addr().map(|peer| peer.ip()), lines))
}

/// Reads the body up to its limit, whatever content type it says it has. From then on the connection is being served.
pub(super) async fn read_body(request: &HttpRequest, body: web::Payload, limits: &Limits) -> Result<Body, Failure> {
    let (largest, announced) = (limits.message_bytes(), announced_length(request.headers()));
    let too_large = || {
        let cause = format!("the body is larger than {largest} bytes");
        Failure::new(FailureKind::RequestTooLarge, cause).with("limitBytes", largest.to_string())
    };
    if announced.is_some_and(|announced| usize::try_from(announced).map_or(true, |announced| announced > largest)) {
        return Err(too_large());
    }
    let intake = request.conn_data::<Arc<Intake>>();
    let memory = intake.map_or_else(|| ConnectionMemory::http1(Arc::clone(limits.memory())), |intake| intake.memory());
    if let Some(intake) = intake {
        intake.want_body(announced);
    }
    let whole = read_whole(body, Reservation::new(memory), largest, &too_large);
    let late = |_| Failure::new(FailureKind::RequestIncomplete, "the body took too long");
    let body = tokio::time::timeout(BODY_TIMEOUT, whole).await.map_err(late)??;
    if let Some(intake) = intake {
        intake.body_is_read();
    }
    if let Some(connection) = request.conn_data::<Arc<Lease>>() {
        request.extensions_mut().insert(connection.serve());
    }
    Ok(body)
}

async fn read_whole(
    mut body: web::Payload,
    mut memory: Reservation,
    largest: usize,
    too_large: &(dyn Fn() -> Failure + Sync),
) -> Result<Body, Failure> {
    let mut read = web::BytesMut::new();
    while let Some(chunk) = poll_fn(|context| Pin::new(&mut body).poll_next(context)).await {
        let chunk = chunk.map_err(|error| Failure::new(FailureKind::RequestIncomplete, error.to_string()))?;
        if read.len() + chunk.len() > largest {
            return Err(too_large());
        }
        let reserved = memory.grow(chunk.len().saturating_mul(BODY_BYTE));
        reserved.map_err(|_| overloaded("too much is being received at the same time"))?;
        if read.is_empty() {
            read.reserve(FIRST_ROOM.min(2 * chunk.len()));
        }
        read.extend_from_slice(&chunk);
    }
    Ok(Body { bytes: read.freeze(), memory })
}

/// What the client says it will send.
fn announced_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
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
