//! Counts of gRPC calls, under the names of go-grpc-prometheus, which Fulcio uses.
//!
//! Owns the closed sets of methods and status names. Knows no message. Calls of methods that are not listed are not counted, as there.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

use super::Metrics;
use super::series::register_all;

/// Names by number (<https://grpc.github.io/grpc/core/md_doc_statuscodes.html>), spelled as Go does.
const CODES: [&str; 17] = [
    "OK",
    "Canceled",
    "Unknown",
    "InvalidArgument",
    "DeadlineExceeded",
    "NotFound",
    "AlreadyExists",
    "PermissionDenied",
    "ResourceExhausted",
    "FailedPrecondition",
    "Aborted",
    "OutOfRange",
    "Unimplemented",
    "Internal",
    "Unavailable",
    "DataLoss",
    "Unauthenticated",
];
const OK: usize = 0;
const CANCELED: usize = 1;
const UNKNOWN: usize = 2;

macro_rules! methods {
    ($($(#[$doc:meta])* $name:ident => $service:literal $method:literal $kind:literal;)*) => {
        /// A method that is served over gRPC.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum GrpcMethod { $($(#[$doc])* $name,)* }

        impl GrpcMethod {
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The method of a request's path, `/package.Service/Method`.
            pub fn from_path(path: &str) -> Option<Self> {
                match path {
                    $(concat!("/", $service, "/", $method) => Some(Self::$name),)*
                    _ => None,
                }
            }

            const fn labels(self) -> [(&'static str, &'static str); 3] {
                match self {
                    $(Self::$name => [("grpc_method", $method), ("grpc_service", $service), ("grpc_type", $kind)],)*
                }
            }
        }
    };
}

methods! {
    CreateSigningCertificate => "dev.sigstore.fulcio.v2.CA" "CreateSigningCertificate" "unary";
    GetTrustBundle => "dev.sigstore.fulcio.v2.CA" "GetTrustBundle" "unary";
    GetConfiguration => "dev.sigstore.fulcio.v2.CA" "GetConfiguration" "unary";
    HealthCheck => "grpc.health.v1.Health" "Check" "unary";
    /// Health, each time it changes.
    HealthWatch => "grpc.health.v1.Health" "Watch" "server_stream";
    Reflection => "grpc.reflection.v1.ServerReflection" "ServerReflectionInfo" "bidi_stream";
    /// Reflection under its older name.
    ReflectionAlpha => "grpc.reflection.v1alpha.ServerReflection" "ServerReflectionInfo" "bidi_stream";
}

impl GrpcMethod {
    /// Whether one message is answered with one; every message of others is told by itself.
    pub fn is_unary(self) -> bool {
        matches!(self.labels(), [.., (_, "unary")])
    }
}

/// The four metrics of gRPC, by method and, where codes are told apart, by method and code. As at Fulcio, all series exist from the start.
pub(super) struct GrpcMetrics {
    started: Vec<Counter>,
    handled: Vec<Counter>,
    received: Vec<Counter>,
    sent: Vec<Counter>,
}

impl GrpcMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let labels = || GrpcMethod::ALL.iter().map(|method| method.labels());
        let mut by_method = |name, help| register_all(registry, (name, help), Counter::default, labels());
        let started = by_method("grpc_server_started", "gRPC calls begun");
        let received = by_method("grpc_server_msg_received", "gRPC messages received");
        let sent = by_method("grpc_server_msg_sent", "gRPC messages sent");
        let by_code =
            labels().flat_map(|[method, service, kind]| CODES.map(|code| [("grpc_code", code), method, service, kind]));
        let name = ("grpc_server_handled", "gRPC calls ended, by status");
        let handled = register_all(registry, name, Counter::default, by_code);
        Self { started, handled, received, sent }
    }
}

fn count(counters: &[Counter], index: usize) {
    if let Some(counter) = counters.get(index) {
        counter.inc();
    }
}

/// A call under way. Dropped without an answer, as when the client goes away, it counts as `Canceled`.
#[must_use = "a call that is dropped at once counts as canceled"]
#[derive(Debug)]
pub struct GrpcCall {
    metrics: Metrics,
    method: GrpcMethod,
    code: usize,
}

impl GrpcCall {
    pub(super) fn start(metrics: Metrics, method: GrpcMethod) -> Self {
        let call = Self { metrics, method, code: CANCELED };
        count(&call.grpc().started, method as usize);
        if method.is_unary() {
            call.received();
        }
        call
    }

    fn grpc(&self) -> &GrpcMetrics {
        &self.metrics.0.grpc
    }

    /// A message came in. Counted by itself for unary calls.
    pub fn received(&self) {
        count(&self.grpc().received, self.method as usize);
    }

    /// A message went out. Counted by itself for unary calls.
    pub fn sent(&self) {
        count(&self.grpc().sent, self.method as usize);
    }

    /// The call ended with this status; a number that is not a status counts as `Unknown`.
    pub fn handled(mut self, code: i32) {
        self.code = usize::try_from(code).ok().filter(|code| *code < CODES.len()).unwrap_or(UNKNOWN);
        if self.code == OK && self.method.is_unary() {
            self.sent();
        }
    }
}

impl Drop for GrpcCall {
    fn drop(&mut self) {
        count(&self.grpc().handled, self.method as usize * CODES.len() + self.code);
    }
}
