//! What REST v1 and REST v2 have in common: the body, the token's header, certificates as PEM.
//!
//! Owns reading a request's bytes within their bounds. Knows no message.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;

use actix_web::http::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderMap, HeaderValue};
use actix_web::{HttpMessage as _, HttpRequest, web};
use futures_core::Stream as _;

use super::proto_json::JsonProblem;
use super::{BODY_TIMEOUT, MAX_BODY_BYTES};
use crate::failure::{Failure, FailureKind};
use crate::limits::address::Networks;
use crate::limits::connections::Lease;
use crate::limits::room::{Room, Taken};
use crate::limits::{Limits, overloaded};

/// Room for a body before any of it is here. More is given only to those who have filled it: an announcement alone costs nothing.
const FIRST_ROOM: usize = 256 * 1024;

/// A request's body, and the room that it takes among all bodies.
pub(super) struct Body {
    pub(super) bytes: web::Bytes,
    room: Taken,
}

impl Body {
    /// What it takes of the room stays taken until the request is answered; the bytes themselves are read, and go.
    pub(super) fn into_room(self) -> Taken {
        self.room
    }
}

/// Counts a request for a certificate towards its client's address, and says where that is. Comes before anything is read.
pub(super) fn admit(request: &HttpRequest, limits: &Limits) -> Result<Option<Networks>, Failure> {
    let lines = |header: &str| request.headers().get_all(header).map(HeaderValue::as_bytes);
    limits.admit_address(limits.client(request.peer_addr().map(|peer| peer.ip()), lines))
}

/// Reads the body up to its limit, whatever content type it says it has. From then on the connection is being served.
pub(super) async fn read_body(request: &HttpRequest, mut body: web::Payload, limits: &Limits) -> Result<Body, Failure> {
    let whole = async {
        let announced = announced_length(request.headers());
        let mut room = Taken::new(Room::own(), Arc::clone(limits.room()));
        let mut read = web::BytesMut::with_capacity(announced.min(FIRST_ROOM));
        while let Some(chunk) = poll_fn(|context| Pin::new(&mut body).poll_next(context)).await {
            let chunk = chunk.map_err(|error| Failure::new(FailureKind::RequestIncomplete, error.to_string()))?;
            if read.len() + chunk.len() > MAX_BODY_BYTES {
                let cause = format!("the body is larger than {MAX_BODY_BYTES} bytes");
                return Err(Failure::new(FailureKind::RequestTooLarge, cause));
            }
            room.grow(chunk.len()).map_err(|_| overloaded("too much is being received at the same time"))?;
            if read.len() + chunk.len() > read.capacity() {
                read.reserve(announced.saturating_sub(read.len()).max(chunk.len()));
            }
            read.extend_from_slice(&chunk);
        }
        Ok(Body { bytes: read.freeze(), room })
    };
    let late = |_| Failure::new(FailureKind::RequestIncomplete, "the body took too long");
    let body = tokio::time::timeout(BODY_TIMEOUT, whole).await.map_err(late)??;
    if let Some(connection) = request.conn_data::<Arc<Lease>>() {
        request.extensions_mut().insert(connection.serve());
    }
    Ok(body)
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
