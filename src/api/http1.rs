//! REST over HTTP/1, whose library is actix.
//!
//! Owns the way from actix's request to [`rest::answer`] and back. Knows no path.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_http::body::BoxBody;
use actix_http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_http::{HttpMessage as _, Payload, Request, Response, StatusCode};
use futures_core::Stream as _;
use tonic::codegen::Bytes;

use super::answer::Answer;
use super::rest::{self, Arriving, Fields, Head};
use crate::issuance::Issuance;
use crate::limits::connections::{Lease, Serving};
use crate::limits::intake::Intake;
use crate::limits::memory::{ConnectionMemory, Reservation};

pub async fn answer(mut request: Request, issuance: &Issuance) -> Response<BoxBody> {
    let intake = request.conn_data::<Arc<Intake>>().cloned();
    let handling = intake.as_ref().map(|intake| intake.begin(has_body(request.headers())));
    let memory = intake
        .as_ref()
        .map_or_else(|| ConnectionMemory::http1(Arc::clone(issuance.limits.memory())), |intake| intake.memory());
    let connection = request.conn_data::<Arc<Lease>>().cloned();
    let body = Body { payload: request.take_payload(), intake, memory, connection };
    let head = Head {
        method: request.method().as_str(),
        path: request.path(),
        fields: request.headers(),
        peer: request.peer_addr().map(|peer| peer.ip()),
    };
    let answer = rest::answer(head, body, issuance).await;
    drop(handling);
    response(answer)
}

fn response(answer: Answer) -> Response<BoxBody> {
    let Answer { status, fields, body } = answer;
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = Response::with_body(status, BoxBody::new(body));
    for (name, value) in fields {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().append(HeaderName::from_static(name), value);
        }
    }
    // Header names are case-insensitive, but Fulcio's spelling is what scripts grep for.
    response.head_mut().set_camel_case_headers(true);
    response
}

/// Whether a body follows the head, as far as the HTTP library goes by it.
fn has_body(headers: &HeaderMap) -> bool {
    let length = headers.get(header::CONTENT_LENGTH).is_some_and(|value| value.as_bytes() != b"0");
    length || headers.contains_key(header::TRANSFER_ENCODING)
}

impl Fields for HeaderMap {
    fn count(&self) -> usize {
        self.len()
    }

    fn first(&self, name: &str) -> Option<&[u8]> {
        self.get(name).map(HeaderValue::as_bytes)
    }

    fn all(&self, name: &str) -> Vec<&[u8]> {
        self.get_all(name).map(HeaderValue::as_bytes).collect()
    }
}

/// A body, read as far as it is wanted.
struct Body {
    payload: Payload,
    intake: Option<Arc<Intake>>,
    memory: Arc<ConnectionMemory>,
    connection: Option<Arc<Lease>>,
}

impl Arriving for Body {
    fn want(&mut self, announced: Option<u64>) {
        if let Some(intake) = &self.intake {
            intake.want_body(announced);
        }
    }

    fn poll_part(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, String>>> {
        let polled = Pin::new(&mut self.payload).poll_next(context);
        polled.map(|part| part.map(|part| part.map_err(|error| error.to_string())))
    }

    fn reservation(&self) -> Reservation {
        Reservation::new(Arc::clone(&self.memory))
    }

    fn is_whole(&mut self) -> Option<Serving> {
        if let Some(intake) = &self.intake {
            intake.body_is_read();
        }
        self.connection.as_ref().map(Lease::serve)
    }
}
