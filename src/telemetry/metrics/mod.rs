//! What operators can count and time of a running server.
//!
//! Owns the names, types and label values of every metric; docs/metrics.md says what each is good for. Knows neither requests nor
//! listeners: callers say what happened. Label values come from closed sets, so that no caller of the service can make a series
//! (GHSA-9c54-x2g4-v92j), and hot paths find their series by index, not by a look-up of labels.

mod audit;
mod exposition;
mod grpc;
mod http;
mod policy;
mod process;
mod series;
mod watched;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use strum::VariantArray as _;

use crate::crypto::KeyKind;
use crate::failure::FailureKind;
use crate::identity::IdentityKind;
pub use grpc::{GrpcCall, GrpcMethod};
pub use policy::{PolicyOutcome, RuleEffect, ShadowOutcome};
use series::{SeriesTable, register_all};
pub use watched::Reading;

/// Upper bounds in seconds, 10 µs to 10 s: a local signature takes some 100 µs, one by an HSM or a log's answer up to seconds.
const STAGE_BUCKETS: [f64; 19] = [
    1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];
/// What has no name of a list, in the place after its last.
const OTHER: &str = "other";
const COLUMNS: usize = KeyKind::NAMES.len() + 1;

/// A stage of the issuance whose time is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum Stage {
    /// The token: parsed, its issuer's keys found (and fetched, when they are not in memory), signature and claims verified.
    Token,
    /// The key: parsed, judged, its proof verified.
    Proof,
    /// The rules of the policy.
    Policy,
    /// The certificate: composed and linted.
    Compose,
    /// The answer of the store that counts tokens' uses.
    SingleUse,
    /// Until a record of what is about to be signed is in the audit log.
    Audit,
    /// A signature by the CA's key.
    Sign,
    Log,
}

/// Why a connection was closed before its client was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Closed {
    /// It waited longest for its client when a new one needed room.
    Evicted,
    /// It waited longest of those whose client had begun to speak when another one began.
    EvictedBegun,
    /// It was new, and all others were being served.
    Full,
    /// It was new, and its address has as many as it may.
    Address,
}

/// What `fulcio_build_info` says of this program.
#[derive(Clone, Copy, Debug)]
pub struct BuildInfo {
    pub version: &'static str,
    pub revision: &'static str,
    /// When it was built, RFC 3339.
    pub build_date: &'static str,
}

impl Default for BuildInfo {
    /// The package's version; commit and date as the build sets `SIGMINT_REVISION` and `SIGMINT_BUILD_DATE`.
    fn default() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            revision: option_env!("SIGMINT_REVISION").unwrap_or("unknown"),
            build_date: option_env!("SIGMINT_BUILD_DATE").unwrap_or("unknown"),
        }
    }
}

/// Every metric. Clones are cheap and count together.
#[derive(Clone, derive_more::Debug)]
#[debug("Metrics {{ .. }}")]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    new_certs: Counter,
    issued: SeriesTable<[(&'static str, &'static str); 2], Counter>,
    failures: Vec<Counter>,
    stages: Vec<Histogram>,
    closed: Vec<Counter>,
    unknown_token_types: Counter,
    issuer_file_refused: Gauge,
    block_list_refused: Gauge,
    blocked_keys_refused: Gauge,
    tls_certificates_refused: Gauge,
    http: http::HttpMetrics,
    grpc: grpc::GrpcMetrics,
    policy: policy::PolicyMetrics,
    watched: watched::Watched,
}

impl Metrics {
    pub fn new(build: &BuildInfo) -> Self {
        let mut registry = Registry::default();
        register_build_info(&mut registry, build);
        let new_certs = counter(&mut registry, "fulcio_new_certs", "Certificates issued");
        let issued = SeriesTable::new((IdentityKind::NAMES.len() + 1) * COLUMNS, Counter::default);
        registry.register("sigmint_issued", "Certificates issued, by identity type and kind of key", issued.family());
        let name = ("sigmint_failures", "Requests that were refused or failed, by reason");
        let reasons = FailureKind::ALL.iter().map(|kind| [("reason", kind.label())]);
        let failures = register_all(&mut registry, name, Counter::default, reasons);
        let name = ("sigmint_stage_seconds", "Time that the stages of issuing take");
        let labels = Stage::VARIANTS.iter().map(|stage| [("stage", <&str>::from(stage))]);
        let stages = register_all(&mut registry, name, || Histogram::new(STAGE_BUCKETS), labels);
        let name = ("sigmint_connections_closed", "Connections closed because there were too many");
        let labels = Closed::VARIANTS.iter().map(|why| [("reason", <&str>::from(why))]);
        let closed = register_all(&mut registry, name, Counter::default, labels);
        let help = "Verified tokens whose typ header is not known";
        let unknown_token_types = counter(&mut registry, "sigmint_unknown_token_types", help);
        let mut gauge = |name, help| {
            let gauge = Gauge::default();
            registry.register(name, help, gauge.clone());
            gauge
        };
        let issuer_file_refused = gauge(
            "sigmint_issuer_file_refused",
            "Whether the issuer file is newer than the issuers and cannot be used",
        );
        let block_list_refused = gauge(
            "sigmint_block_list_refused",
            "Whether the block list is newer than the one in effect and cannot be used",
        );
        let blocked_keys_refused = gauge(
            "sigmint_blocked_keys_refused",
            "Whether the list of blocked public keys is newer than the one in use and cannot be used",
        );
        let tls_certificates_refused = gauge(
            "sigmint_tls_certificates_refused",
            "TLS certificates that are newer than the served ones and cannot be used",
        );
        let http = http::HttpMetrics::register(&mut registry);
        let grpc = grpc::GrpcMetrics::register(&mut registry);
        let policy = policy::PolicyMetrics::register(&mut registry);
        let watched = watched::Watched::default();
        registry.register_collector(Box::new(watched.clone()));
        registry.register_collector(Box::new(process::Process));
        Self(Arc::new(Inner {
            registry,
            new_certs,
            issued,
            failures,
            stages,
            closed,
            unknown_token_types,
            issuer_file_refused,
            block_list_refused,
            blocked_keys_refused,
            tls_certificates_refused,
            http,
            grpc,
            policy,
            watched,
        }))
    }

    /// A certificate went out. The names are those of `IdentityType` and `KeyKind`.
    pub fn issued(&self, identity: &'static str, key: &'static str) {
        self.0.new_certs.inc();
        let (row, identity) = listed(IdentityKind::NAMES, identity);
        let (column, key) = listed(&KeyKind::NAMES, key);
        if let Some(counter) = self.0.issued.get(row * COLUMNS + column, || [("identity", identity), ("key", key)]) {
            counter.inc();
        }
    }

    pub fn failed(&self, kind: FailureKind) {
        if let Some(counter) = self.0.failures.get(kind as usize) {
            counter.inc();
        }
    }

    /// Times a stage until what is returned is dropped: a stage that fails or is given up counts as well.
    pub fn stage(&self, stage: Stage) -> StageTimer<'_> {
        StageTimer { metrics: self, stage, started: Instant::now() }
    }

    /// A stage took so long.
    pub fn observe(&self, stage: Stage, elapsed: Duration) {
        if let Some(histogram) = self.0.stages.get(stage as usize) {
            histogram.observe(elapsed.as_secs_f64());
        }
    }

    /// A connection was closed because there were too many.
    pub fn connection_closed(&self, why: Closed) {
        if let Some(counter) = self.0.closed.get(why as usize) {
            counter.inc();
        }
    }

    /// A token was verified whose type is not known.
    pub fn unknown_token_type(&self) {
        self.0.unknown_token_types.inc();
    }

    /// Whether the issuer file could not be loaded again.
    pub fn issuer_file_refused(&self, refused: bool) {
        self.0.issuer_file_refused.set(i64::from(refused));
    }

    /// Whether the block list could not be loaded again.
    pub fn block_list_refused(&self, refused: bool) {
        self.0.block_list_refused.set(i64::from(refused));
    }

    /// Whether the list of blocked public keys could not be loaded again.
    pub fn blocked_keys_refused(&self, refused: bool) {
        self.0.blocked_keys_refused.set(i64::from(refused));
    }

    /// One more TLS certificate could not be loaded again, or one less.
    pub fn tls_certificate_refused(&self, refused: bool) {
        self.0.tls_certificates_refused.inc_by(if refused { 1 } else { -1 });
    }

    /// An HTTP request was answered.
    pub fn http(&self, method: &str, status: u16, elapsed: Duration) {
        self.0.http.answered(method, status, elapsed);
    }

    /// A gRPC call came in. What is returned counts its end.
    pub fn grpc_started(&self, method: GrpcMethod) -> GrpcCall {
        GrpcCall::start(self.clone(), method)
    }

    /// Sets where the gauges of the issuers and the CA's certificate are read from, at each scrape: so they are right after a reload
    /// as well. Only the first call counts. The function should hold `Weak` references to what in turn holds these metrics.
    pub fn watch(&self, read: impl Fn() -> Option<Reading> + Send + Sync + 'static) {
        self.0.watched.set(Box::new(read));
    }

    /// Everything in Prometheus' text format 0.0.4, see [`CONTENT_TYPE`](Self::CONTENT_TYPE).
    pub fn encode(&self) -> Result<String, fmt::Error> {
        let mut open = String::new();
        text::encode(&mut open, &self.0.registry)?;
        Ok(exposition::classic(&open))
    }

    /// The media type of what [`encode`](Self::encode) returns, as Fulcio writes it.
    pub const CONTENT_TYPE: &'static str = "text/plain; version=0.0.4; charset=utf-8";
}

/// Times a stage until it is dropped.
#[must_use = "a timer that is dropped at once measures nothing"]
#[derive(Debug)]
pub struct StageTimer<'a> {
    metrics: &'a Metrics,
    stage: Stage,
    started: Instant,
}

impl Drop for StageTimer<'_> {
    fn drop(&mut self) {
        self.metrics.observe(self.stage, self.started.elapsed());
    }
}

fn register_build_info(registry: &mut Registry, build: &BuildInfo) {
    let name = ("fulcio_build_info", "The constant 1, labelled by what this program was built from");
    let labels = [
        ("build_date", build.build_date),
        // Fulcio's label is kept for dashboards that group by it; there is no Go here.
        ("goversion", "none"),
        ("revision", build.revision),
        ("version", build.version),
    ];
    for info in register_all::<_, Gauge>(registry, name, Gauge::default, [labels]) {
        info.set(1);
    }
}

fn counter(registry: &mut Registry, name: &str, help: &str) -> Counter {
    let counter = Counter::default();
    registry.register(name, help, counter.clone());
    counter
}

/// The place and the name in the list.
fn listed(names: &[&'static str], name: &str) -> (usize, &'static str) {
    let found = names.iter().enumerate().find(|(_, listed)| **listed == name);
    found.map_or((names.len(), OTHER), |(place, name)| (place, *name))
}

#[cfg(test)]
mod tests;
