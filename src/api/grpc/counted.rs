//! The counting of calls by how they end.
//!
//! Owns when a call's end is known: with the answer's head, or for streams with the trailers. Knows no method by name.

use std::pin::Pin;
use std::task::{Context, Poll};

use tonic::body::Body;
use tonic::codegen::Body as HttpBody;
use tonic::codegen::{Bytes, http};
use tonic::{Code, Status};

use crate::telemetry::metrics::{GrpcCall, GrpcMethod, Metrics};

/// A call under way. When the client goes away before its end, it counts as cancelled.
pub(super) struct Counted {
    call: Option<(GrpcMethod, GrpcCall)>,
}

impl Counted {
    /// Counts the beginning. Paths of methods that do not exist are not counted.
    pub(super) fn begin(metrics: &Metrics, path: &str) -> Self {
        let call = GrpcMethod::from_path(path).map(|method| (method, metrics.grpc_started(method)));
        if let Some((method, call)) = &call
            && !method.is_unary()
        {
            // The first message comes with the call.
            call.received();
        }
        Self { call }
    }

    /// Counts the end: of a refusal and of a single answer at once, of a stream when it ends.
    pub(super) fn end(self, response: http::Response<Body>) -> http::Response<Body> {
        let Some((method, call)) = self.call else { return response };
        match Status::from_header_map(response.headers()) {
            Some(status) => call.handled(status.code().into()),
            None if method.is_unary() => call.handled(Code::Ok.into()),
            None => return response.map(|body| Body::new(CountedStream { body, call: Some(call) })),
        }
        response
    }
}

struct CountedStream {
    body: Body,
    call: Option<GrpcCall>,
}

impl HttpBody for CountedStream {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, Status>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            if let (true, Some(call)) = (frame.is_data(), &self.call) {
                call.sent();
            }
            if let Some(status) = frame.trailers_ref().and_then(Status::from_header_map)
                && let Some(call) = self.call.take()
            {
                call.handled(status.code().into());
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::metrics::BuildInfo;

    const CHECK: &str = "/grpc.health.v1.Health/Check";
    const WATCH: &str = "/grpc.health.v1.Health/Watch";

    fn count(metrics: &Metrics, name: &str, labels: &[&str]) -> f64 {
        let text = metrics.encode().unwrap();
        let line = text.lines().find(|line| line.starts_with(name) && labels.iter().all(|label| line.contains(label)));
        line.unwrap_or_else(|| panic!("{name} {labels:?}:\n{text}")).rsplit(' ').next().unwrap().parse().unwrap()
    }

    fn handled(metrics: &Metrics, method: &str, code: &str) -> f64 {
        count(metrics, "grpc_server_handled_total", &[&format!("\"{method}\""), &format!("\"{code}\"")])
    }

    #[test]
    fn single_answers_end_with_their_head_and_lost_calls_are_cancelled() {
        let metrics = Metrics::new(&BuildInfo::default());
        Counted::begin(&metrics, CHECK).end(http::Response::new(Body::empty()));
        Counted::begin(&metrics, CHECK).end(Status::not_found("no").into_http());
        drop(Counted::begin(&metrics, CHECK));
        Counted::begin(&metrics, "/no/Method").end(http::Response::new(Body::empty()));
        for code in ["OK", "NotFound", "Canceled"] {
            assert!((handled(&metrics, "Check", code) - 1.0).abs() < f64::EPSILON, "{code}");
        }
        assert!((count(&metrics, "grpc_server_started_total", &["\"Check\""]) - 3.0).abs() < f64::EPSILON);
    }

    #[test]
    fn a_stream_ends_with_its_body() {
        let metrics = Metrics::new(&BuildInfo::default());
        let response = Counted::begin(&metrics, WATCH).end(http::Response::new(Body::new("x".to_owned())));
        assert!(handled(&metrics, "Watch", "Canceled").abs() < f64::EPSILON, "not yet");
        drop(response);
        assert!((handled(&metrics, "Watch", "Canceled") - 1.0).abs() < f64::EPSILON);
    }
}
