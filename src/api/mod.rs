//! The wire: decode, call the core, encode. One file a transport, one error table for all ([`crate::failure`]).
//!
//! Owns what clients see of requests and answers. Decides nothing about certificates.

mod answer;
mod cross_origin;
pub mod grpc;
mod http1;
mod http2;
pub mod messages;
pub mod proto_json;
mod request_id;
mod rest;
mod rest_v1;
mod rest_v2;
mod trust;

use std::time::Duration;

pub use http1::answer as answer_http1;
pub use http2::{Serves, Services};

/// The most header fields of a request, those of HTTP/2's own not counted.
const MAX_FIELDS: usize = 96;
/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
