//! Misbehaviour on demand, in front of the service: nothing of it is seen by the keys.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, StreamExt as _};
use http::StatusCode;
use parking_lot::Mutex;

/// What the next requests meet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    #[default]
    None,
    /// So many requests are throttled.
    Throttle(u32),
    /// No answer, ever.
    Hang,
    /// The service signs something else than it was asked to.
    Lie,
    /// The answer ends in its middle, and the connection with it.
    Cut,
    /// An answer without an end.
    Flood,
    /// The service says that it is broken.
    Broken,
    /// Something between says that the service is broken, in HTML.
    BadGateway,
    /// A good answer in HTML.
    Portal,
}

#[derive(Debug, Default)]
pub struct Faults(Mutex<Fault>);

impl Faults {
    pub fn set(&self, name: &str) -> StatusCode {
        let fault = match name {
            "none" => Fault::None,
            "hang" => Fault::Hang,
            "lie" => Fault::Lie,
            "cut" => Fault::Cut,
            "flood" => Fault::Flood,
            "broken" => Fault::Broken,
            "bad-gateway" => Fault::BadGateway,
            "portal" => Fault::Portal,
            name => match name.strip_prefix("throttle-").and_then(|count| count.parse().ok()) {
                Some(count) => Fault::Throttle(count),
                None => return StatusCode::NOT_FOUND,
            },
        };
        *self.0.lock() = fault;
        StatusCode::NO_CONTENT
    }

    pub fn lies(&self) -> bool {
        *self.0.lock() == Fault::Lie
    }

    fn next(&self) -> Fault {
        let mut fault = self.0.lock();
        let now = *fault;
        match now {
            Fault::Throttle(0) => *fault = Fault::None,
            Fault::Throttle(count) => *fault = Fault::Throttle(count - 1),
            _ => {}
        }
        now
    }
}

pub async fn layer(faults: Arc<Faults>, request: Request, next: Next) -> Response {
    if request.uri().path().starts_with("/_") {
        return next.run(request).await;
    }
    match faults.next() {
        Fault::None | Fault::Lie | Fault::Throttle(0) => next.run(request).await,
        Fault::Throttle(_) => aws_error(StatusCode::BAD_REQUEST, "ThrottlingException", "Rate exceeded"),
        Fault::Broken => aws_error(StatusCode::INTERNAL_SERVER_ERROR, "KMSInternalException", "it broke"),
        Fault::BadGateway => html(StatusCode::BAD_GATEWAY),
        Fault::Portal => html(StatusCode::OK),
        Fault::Hang => std::future::pending().await,
        Fault::Flood => {
            let endless = stream::repeat_with(|| Ok::<_, Infallible>(Bytes::from_static(&[b' '; 16 * 1024])));
            ([("content-type", "application/x-amz-json-1.1")], Body::from_stream(endless)).into_response()
        }
        Fault::Cut => {
            let half = stream::once(async { Ok(Bytes::from_static(b"{\"KeyId\":\"arn:")) });
            let broken = half.chain(stream::once(async {
                // Late enough that the first half is on its way.
                tokio::task::yield_now().await;
                Err(std::io::Error::other("cut"))
            }));
            ([("content-length", "500")], Body::from_stream(broken)).into_response()
        }
    }
}

fn aws_error(status: StatusCode, code: &str, message: &str) -> Response {
    let body = format!(r#"{{"__type":"{code}","message":"{message}"}}"#);
    (status, [("content-type", "application/x-amz-json-1.1")], body).into_response()
}

fn html(status: StatusCode) -> Response {
    (status, [("content-type", "text/html")], "<html><body>Welcome</body></html>").into_response()
}
