//! Which service answers a call, and what goes around every answer: the request's id and the time limit.
//!
//! Owns the services' names and the answers of calls that no service takes. Knows no socket: a call is an HTTP request.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tonic::Status;
use tonic::body::Body;
use tonic::codegen::{BoxFuture, CompressionEncoding, Service, http};
use tonic::server::NamedService;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};

use super::arrival::Arrival;
use super::compressed::{self, Encoding, Inflated};
use super::counted::Counted;
use super::health::AnyName;
use super::{CertificateAuthority, status};
use crate::api::MAX_FIELDS;
use crate::api::messages::proto::DESCRIPTORS;
use crate::api::messages::proto::ca_server::CaServer;
use crate::api::request_id::{REQUEST_ID, RequestId};
use crate::failure::{Failure, FailureKind};
use crate::issuance::Issuance;
use crate::limits::connections::Lease;
use crate::limits::inbound::CallMemory;
use crate::networks::Networks;
use crate::panics::caught;
use crate::telemetry::metrics::Metrics;

/// How long a call may take, its message's arrival included, when the client does not ask for less.
const CALL_LIMIT: Duration = Duration::from_mins(1);
/// The call that makes certificates.
const ISSUING: &str = "/dev.sigstore.fulcio.v2.CA/CreateSigningCertificate";
/// The largest message of services that are asked for names. Reflection repeats a question in its answer, on streams without end.
const NAMES: usize = 1024;
/// How many digits `grpc-timeout` may have (<https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>).
const TIMEOUT_DIGITS: usize = 8;

type Call = Box<dyn Fn(http::Request<Body>) -> BoxFuture<http::Response<Body>, Infallible> + Send + Sync>;

/// A service, and the same with compressed answers: those who compress get as much. Others, who all say that they could read it, are
/// spared the work, and so are we.
struct Calls {
    plain: Call,
    compressing: Call,
    largest: usize,
}

#[derive(Clone)]
pub struct Routes {
    services: Arc<HashMap<&'static str, Calls>>,
    health: HealthReporter,
    metrics: Metrics,
    issuance: Arc<Issuance>,
}

/// Who calls: the other end of a connection, and what the call holds of it.
pub struct Caller {
    /// The address, if it has one.
    pub address: Option<IpAddr>,
    /// The connection's place among all connections.
    pub connection: Arc<Lease>,
    /// The memory of the call's headers, to which its message is added.
    pub memory: CallMemory,
}

/// The descriptors of our own services cannot be read: a build that went wrong.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up gRPC reflection")]
pub struct RoutesError(#[from] tonic_reflection::server::Error);

impl Routes {
    pub fn new(issuance: Arc<Issuance>) -> Result<Self, RoutesError> {
        let (health, metrics) = (HealthReporter::new(), issuance.metrics.clone());
        let largest = issuance.limits.message_bytes();
        let reflection = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(DESCRIPTORS)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        };
        // One macro: what the four generated types have in common is not a trait.
        macro_rules! route {
            ($service:expr, $largest:expr) => {{
                let service = $service.max_decoding_message_size($largest);
                route(service.clone(), service.send_compressed(CompressionEncoding::Gzip), $largest)
            }};
        }
        let services = HashMap::from([
            route!(CaServer::new(CertificateAuthority { issuance: Arc::clone(&issuance) }), largest),
            route!(HealthServer::new(AnyName(HealthService::from_health_reporter(health.clone()))), NAMES),
            route!(reflection().build_v1()?, NAMES),
            route!(reflection().build_v1alpha()?, NAMES),
        ]);
        Ok(Self { services: Arc::new(services), health, metrics, issuance })
    }

    /// Says whether certificates can be had. The server as a whole (the empty name) is not concerned: an orchestrator that asks for it
    /// would start the process again, which fixes no HSM.
    pub async fn set_ready(&self, ready: bool) {
        let status = if ready { ServingStatus::Serving } else { ServingStatus::NotServing };
        self.health.set_service_status(CaServer::<CertificateAuthority>::NAME, status).await;
    }

    /// Says how the server and its service are, to those who ask or watch.
    pub async fn set_serving(&self, serving: bool) {
        let status = if serving { ServingStatus::Serving } else { ServingStatus::NotServing };
        for name in ["", CaServer::<CertificateAuthority>::NAME] {
            self.health.set_service_status(name, status).await;
        }
    }

    /// Whether there is a service for this path.
    pub fn has_service(&self, path: &str) -> bool {
        self.services.contains_key(service_name(path))
    }

    /// Answers a call. What is not a gRPC call is refused as other servers refuse it.
    pub async fn call(&self, caller: Caller, mut request: http::Request<Body>) -> http::Response<Body> {
        let id = RequestId::of(request.headers().get(REQUEST_ID).map(http::HeaderValue::as_bytes));
        let mut response = if request.headers().len() > MAX_FIELDS {
            self.too_many_fields(request.uri().path(), &id)
        } else if is_grpc(request.headers()) {
            request.extensions_mut().insert(id.clone());
            self.answer(caller, request, &id).await
        } else {
            let mut refused = http::Response::new(Body::empty());
            *refused.status_mut() = http::StatusCode::UNSUPPORTED_MEDIA_TYPE;
            refused
        };
        if let Ok(value) = http::HeaderValue::from_str(id.as_str()) {
            response.headers_mut().insert(REQUEST_ID, value);
        }
        response
    }

    /// Refused before anything is read: by the status for those who speak HTTP, and in gRPC's form for those who speak that.
    fn too_many_fields(&self, path: &str, id: &RequestId) -> http::Response<Body> {
        let path = if self.has_service(path) { path } else { "" };
        let failure = Failure::new(FailureKind::TooManyHeaders, "a call with more header fields than are accepted");
        let mut response = status::of_failure(&failure, path, Some(id), &self.metrics).into_http();
        *response.status_mut() = http::StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        response
    }

    async fn answer(&self, caller: Caller, mut request: http::Request<Body>, id: &RequestId) -> http::Response<Body> {
        let path = request.uri().path().to_owned();
        let limit = time_limit(request.headers());
        let Some(calls) = self.services.get(service_name(&path)) else {
            return Status::unimplemented("unknown service").into_http();
        };
        let counted = Counted::begin(&self.metrics, &path);
        if path == ISSUING {
            match self.admit(&caller, request.headers()) {
                Ok(client) => client.and_then(|client| request.extensions_mut().insert(client)),
                Err(failure) => {
                    return counted.end(status::of_failure(&failure, &path, Some(id), &self.metrics).into_http());
                }
            };
        }
        let largest = calls.largest;
        let encoding = match compressed::take_encoding(request.headers_mut()) {
            Ok(encoding) => encoding,
            Err(refused) => return counted.end(refused.into_http()),
        };
        let arrival = Arrival::new(caller.connection, caller.memory, largest);
        let request = request.map(|body| arrival.follow(body));
        let (call, request) = match encoding {
            Encoding::Identity => (&calls.plain, request),
            Encoding::Gzip => {
                let inflated = |body| Body::new(Inflated::new(body, arrival.room(), largest));
                (&calls.compressing, request.map(inflated))
            }
        };
        let response = match tokio::time::timeout(limit, caught(call(request))).await {
            Ok(Ok(Ok(response))) => response,
            Ok(Err(panic)) => {
                let failure = Failure::from(panic);
                return counted.end(status::of_failure(&failure, &path, Some(id), &self.metrics).into_http());
            }
            Ok(Ok(Err(_))) | Err(_) => {
                return counted.end(Status::deadline_exceeded("the call took too long").into_http());
            }
        };
        let refused =
            Status::from_header_map(response.headers()).and_then(|sent| status::of_refused_message(&sent, largest));
        drop(arrival);
        counted.end(match refused {
            Some(failure) => status::of_failure(&failure, &path, Some(id), &self.metrics).into_http(),
            None => response,
        })
    }

    fn admit(&self, caller: &Caller, headers: &http::HeaderMap) -> Result<Option<Networks>, Failure> {
        let limits = &self.issuance.limits;
        let lines = |header: &str| headers.get_all(header).iter().map(http::HeaderValue::as_bytes);
        limits.admit_address(limits.client(caller.address, lines))
    }
}

fn route<S>(plain: S, compressing: S, largest: usize) -> (&'static str, Calls)
where
    S: NamedService + Clone + Send + Sync + 'static,
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    // Generated services are always ready.
    let call = |service: S| -> Call { Box::new(move |request| Box::pin(service.clone().call(request))) };
    (S::NAME, Calls { plain: call(plain), compressing: call(compressing), largest })
}

/// `package.Service` of `/package.Service/Method`.
fn service_name(path: &str) -> &str {
    path.trim_start_matches('/').split('/').next().unwrap_or_default()
}

/// Whether the content type is gRPC's, with any subtype and parameters. `application/grpc-web` is another protocol.
pub(crate) fn is_grpc(headers: &http::HeaderMap) -> bool {
    const GRPC: &[u8] = b"application/grpc";
    headers.get(http::header::CONTENT_TYPE).and_then(|value| value.as_bytes().split_at_checked(GRPC.len())).is_some_and(
        |(kind, rest)| kind.eq_ignore_ascii_case(GRPC) && matches!(rest.first(), None | Some(b'+' | b';' | b' ')),
    )
}

/// What the client's `grpc-timeout` says, if that is less than our own limit. One that cannot be read counts as none.
fn time_limit(headers: &http::HeaderMap) -> Duration {
    let sent = headers.get("grpc-timeout").and_then(|value| value.to_str().ok());
    sent.and_then(read_timeout).map_or(CALL_LIMIT, |asked| asked.min(CALL_LIMIT))
}

fn read_timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: u64 = if digits.len() <= TIMEOUT_DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        digits.parse().ok()?
    } else {
        return None;
    };
    Some(match unit {
        "H" => Duration::from_secs(number * 3600),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read_and_never_lengthen_our_own() {
        assert_eq!(read_timeout("5S"), Some(Duration::from_secs(5)));
        assert_eq!(read_timeout("99999999H"), Some(Duration::from_hours(99_999_999)));
        assert_eq!(read_timeout("1n"), Some(Duration::from_nanos(1)));
        for text in ["", "S", "5", "5s", "-1S", "+1S", "123456789S", "5é"] {
            assert_eq!(read_timeout(text), None, "{text}");
        }
        let headers = |text: &'static str| {
            http::HeaderMap::from_iter([(
                http::HeaderName::from_static("grpc-timeout"),
                http::HeaderValue::from_static(text),
            )])
        };
        assert_eq!(time_limit(&headers("1H")), CALL_LIMIT);
        assert_eq!(time_limit(&headers("1m")), Duration::from_millis(1));
        assert_eq!(time_limit(&http::HeaderMap::new()), CALL_LIMIT);
    }
}
