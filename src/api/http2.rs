//! HTTP/2: which of REST and gRPC answers a request, and REST's way there.
//!
//! Owns the choice between the two, and the way from hyper's request to [`rest::answer`] and back. Knows no socket.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tonic::body::Body;
use tonic::codegen::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use tonic::codegen::{Body as _, Bytes};

use super::answer::Answer;
use super::grpc::{Caller, Routes, is_grpc};
use super::rest::{self, Arriving, Fields, Head};
use crate::issuance::Issuance;
use crate::limits::connections::{Lease, Serving};
use crate::limits::inbound::CallMemory;
use crate::limits::memory::Reservation;

/// What a listener is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serves {
    Rest,
    Grpc,
    Both,
}

#[derive(Clone)]
pub struct Services {
    routes: Routes,
    issuance: Arc<Issuance>,
}

impl Services {
    pub const fn new(routes: Routes, issuance: Arc<Issuance>) -> Self {
        Self { routes, issuance }
    }

    /// Answers a request that came to a listener for this.
    pub async fn answer(&self, serves: Serves, caller: Caller, request: Request<Body>) -> Response<Body> {
        if self.is_for_grpc(serves, &request) {
            return self.routes.call(caller, request).await;
        }
        let is_head = request.method() == Method::HEAD;
        let (parts, body) = request.into_parts();
        let head = Head {
            method: parts.method.as_str(),
            path: parts.uri.path(),
            fields: &parts.headers,
            peer: caller.address,
        };
        let body = Followed { body, connection: caller.connection, memory: caller.memory };
        response(rest::answer(head, body, &self.issuance).await, is_head)
    }

    /// REST reads any content type, so a path that is known says more than that.
    fn is_for_grpc(&self, serves: Serves, request: &Request<Body>) -> bool {
        let path = request.uri().path();
        match serves {
            Serves::Rest => false,
            Serves::Grpc => true,
            Serves::Both => self.routes.has_service(path) || (is_grpc(request.headers()) && !rest::has_path(path)),
        }
    }
}

fn response(answer: Answer, is_head: bool) -> Response<Body> {
    let Answer { status, fields, body } = answer;
    let length = body.len();
    let mut response = Response::new(if is_head || body.is_empty() { Body::empty() } else { Body::new(body) });
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if is_head {
        response.headers_mut().insert("content-length", length.into());
    }
    for (name, value) in fields {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

impl Fields for HeaderMap {
    fn count(&self) -> usize {
        self.len()
    }

    fn first(&self, name: &str) -> Option<&[u8]> {
        self.get(name).map(HeaderValue::as_bytes)
    }

    fn all(&self, name: &str) -> Vec<&[u8]> {
        self.get_all(name).iter().map(HeaderValue::as_bytes).collect()
    }
}

/// A body, counted as it is read.
struct Followed {
    body: Body,
    connection: Arc<Lease>,
    memory: CallMemory,
}

impl Arriving for Followed {
    /// What a client sends ahead is bounded by its windows.
    fn want(&mut self, _: Option<u64>) {}

    fn poll_part(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, String>>> {
        loop {
            let polled = std::task::ready!(Pin::new(&mut self.body).poll_frame(context));
            let Some(frame) = polled.transpose().map_err(|status| status.message().to_owned())? else {
                return Poll::Ready(None);
            };
            // Trailers say nothing here.
            if let Ok(data) = frame.into_data() {
                self.memory.frame_read();
                return Poll::Ready(Some(Ok(data)));
            }
        }
    }

    fn reservation(&self) -> Reservation {
        self.memory.another_reservation()
    }

    fn is_whole(&mut self) -> Option<Serving> {
        Some(self.connection.serve())
    }
}
