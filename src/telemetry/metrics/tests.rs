//! The whole exposition against the names, types, labels and bounds that Fulcio (fulcio 1.8.8) exposed when it was recorded.

use std::collections::BTreeSet;

use super::*;
use crate::identity::keys::KeyReading;

/// Fulcio's own families and some that every exporter has: name and type, as recorded.
const INCUMBENT_TYPES: &[&str] = &[
    "# TYPE fulcio_api_latency histogram",
    "# TYPE fulcio_build_info gauge",
    "# TYPE fulcio_new_certs counter",
    "# TYPE grpc_server_handled_total counter",
    "# TYPE grpc_server_msg_received_total counter",
    "# TYPE grpc_server_msg_sent_total counter",
    "# TYPE grpc_server_started_total counter",
    "# TYPE http_requests_total counter",
    "# TYPE process_cpu_seconds_total counter",
    "# TYPE process_max_fds gauge",
    "# TYPE process_open_fds gauge",
    "# TYPE process_resident_memory_bytes gauge",
    "# TYPE process_start_time_seconds gauge",
    "# TYPE process_virtual_memory_bytes gauge",
];

/// Samples as recorded from Fulcio after the same calls, labels in alphabetical order.
const INCUMBENT_SAMPLES: &[&str] = &[
    r#"fulcio_api_latency_bucket{code="404",le="+Inf",method="unknown"} 2"#,
    r#"fulcio_api_latency_bucket{code="404",le="0.005",method="unknown"} 2"#,
    r#"fulcio_api_latency_bucket{code="404",le="0.01",method="unknown"} 2"#,
    r#"fulcio_api_latency_bucket{code="404",le="0.025",method="unknown"} 2"#,
    r#"fulcio_api_latency_bucket{code="404",le="0.05",method="unknown"} 2"#,
    r#"fulcio_api_latency_bucket{code="404",le="0.1",method="unknown"} 2"#,
    r#"fulcio_api_latency_bucket{code="404",le="0.25",method="unknown"} 2"#,
    r#"fulcio_api_latency_bucket{code="404",le="0.5",method="unknown"} 2"#,
    r#"fulcio_api_latency_bucket{code="404",le="1",method="unknown"} 2"#,
    r#"fulcio_api_latency_bucket{code="404",le="10",method="unknown"} 2"#,
    r#"fulcio_api_latency_bucket{code="404",le="2.5",method="unknown"} 2"#,
    r#"fulcio_api_latency_bucket{code="404",le="5",method="unknown"} 2"#,
    r#"fulcio_api_latency_count{code="404",method="unknown"} 2"#,
    r#"fulcio_build_info{build_date="unknown",goversion="none",revision="unknown",version="devel"} 1"#,
    r"fulcio_new_certs 1",
    r#"grpc_server_handled_total{grpc_code="Aborted",grpc_method="Check",grpc_service="grpc.health.v1.Health",grpc_type="unary"} 0"#,
    r#"grpc_server_handled_total{grpc_code="OK",grpc_method="CreateSigningCertificate",grpc_service="dev.sigstore.fulcio.v2.CA",grpc_type="unary"} 1"#,
    r#"grpc_server_handled_total{grpc_code="Unauthenticated",grpc_method="Watch",grpc_service="grpc.health.v1.Health",grpc_type="server_stream"} 0"#,
    r#"grpc_server_msg_received_total{grpc_method="CreateSigningCertificate",grpc_service="dev.sigstore.fulcio.v2.CA",grpc_type="unary"} 1"#,
    r#"grpc_server_msg_sent_total{grpc_method="CreateSigningCertificate",grpc_service="dev.sigstore.fulcio.v2.CA",grpc_type="unary"} 1"#,
    r#"grpc_server_started_total{grpc_method="CreateSigningCertificate",grpc_service="dev.sigstore.fulcio.v2.CA",grpc_type="unary"} 1"#,
    r#"http_requests_total{code="404",method="unknown"} 2"#,
];

fn metrics() -> Metrics {
    Metrics::new(&BuildInfo { version: "devel", revision: "unknown", build_date: "unknown" })
}

/// The samples, each with its labels in alphabetical order.
fn samples(metrics: &Metrics) -> BTreeSet<String> {
    let text = metrics.encode().unwrap();
    text.lines().filter(|line| !line.starts_with('#')).map(in_order).collect()
}

fn in_order(line: &str) -> String {
    let Some((name, rest)) = line.split_once('{') else { return line.to_owned() };
    let (labels, value) = rest.rsplit_once('}').unwrap();
    let labels: BTreeSet<&str> = labels.split(',').collect();
    format!("{name}{{{}}}{value}", labels.into_iter().collect::<Vec<_>>().join(","))
}

#[test]
fn names_types_labels_and_bounds_are_fulcios() {
    let metrics = metrics();
    metrics.http("FOO", 404, Duration::from_millis(1));
    metrics.http("BADMETHOD", 404, Duration::from_millis(1));
    metrics.grpc_started(GrpcMethod::CreateSigningCertificate).handled(0);
    metrics.issued("email", "ecdsa-p256");
    let text = metrics.encode().unwrap();
    let types: BTreeSet<&str> = text.lines().filter(|line| line.starts_with("# TYPE")).collect();
    for expected in INCUMBENT_TYPES {
        assert!(types.contains(expected), "{expected} is not among {types:#?}");
    }
    let samples = samples(&metrics);
    for expected in INCUMBENT_SAMPLES {
        assert!(samples.contains(*expected), "{expected} is not among {samples:#?}");
    }
    let latency = samples.iter().filter(|line| line.starts_with("fulcio_api_latency_bucket")).count();
    assert_eq!(latency, 12, "Fulcio's bounds and no others");
}

fn reading(issuers: usize, ca_not_after: std::time::SystemTime) -> Reading {
    let keys =
        KeyReading { without: 1, stale: 2, matched: 3, fetches: 4, failed_fetches: 5, waiting: 7, refused_waits: 8 };
    Reading {
        issuers,
        issuers_refused: 2,
        issuer_file_findings: 3,
        ca_not_after,
        ca_expires_soon: true,
        ca_refused: true,
        signer_ready: false,
        trusted_chains: 4,
        block_list_entries: 5,
        uncounted_uses: 6,
        audit: None,
        log_lines_lost: 7,
        keys,
        log_clock_skews: vec![("log.example/2026".to_owned(), -1.5)],
    }
}

#[test]
fn every_family_is_described_once_and_every_sample_belongs_to_one() {
    let metrics = metrics();
    metrics.watch(|| Some(reading(3, std::time::UNIX_EPOCH + Duration::from_secs(9))));
    metrics.http("GET", 200, Duration::ZERO);
    metrics.issued("uri", "ed25519");
    let text = metrics.encode().unwrap();
    let mut families = BTreeSet::new();
    let mut current = ("", "");
    for line in text.lines() {
        if let Some(typed) = line.strip_prefix("# TYPE ") {
            current = typed.split_once(' ').unwrap();
            assert!(families.insert(current.0), "{line} for the second time");
        } else if !line.starts_with('#') {
            let name = line.split(['{', ' ']).next().unwrap();
            let rest = name.strip_prefix(current.0).unwrap_or_else(|| panic!("{line} under {current:?}"));
            let allowed: &[&str] = if current.1 == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
            assert!(allowed.contains(&rest), "{line} under {current:?}");
        }
    }
    assert!(!text.contains("# EOF"));
}

/// What operators read in /metrics beside the numbers. `INSTA_UPDATE=always cargo test` accepts a change.
#[test]
fn names_kinds_and_help_are_what_they_were() {
    let text = metrics().encode().unwrap();
    let told: Vec<&str> = text.lines().filter(|line| line.starts_with('#')).collect();
    insta::assert_snapshot!("metrics", told.join("\n"));
}

#[test]
fn failures_stand_at_zero_for_every_reason_and_count_by_kind() {
    let metrics = metrics();
    for (times, kind) in FailureKind::ALL.iter().enumerate() {
        assert!(samples(&metrics).contains(&format!("sigmint_failures_total{{reason=\"{}\"}} 0", kind.label())));
        for _ in 0..=times {
            metrics.failed(*kind);
        }
        assert!(samples(&metrics).contains(&format!(
            "sigmint_failures_total{{reason=\"{}\"}} {}",
            kind.label(),
            times + 1
        )));
    }
}

#[test]
fn issued_is_told_by_names_of_the_closed_lists_only() {
    let metrics = metrics();
    metrics.issued("github-workflow", "ecdsa-p256");
    metrics.issued("github-workflow", "ecdsa-p256");
    metrics.issued("made up", "x\" y");
    let issued: Vec<String> =
        samples(&metrics).into_iter().filter(|line| line.starts_with("sigmint_issued_total")).collect();
    assert_eq!(
        issued,
        [
            r#"sigmint_issued_total{identity="github-workflow",key="ecdsa-p256"} 2"#,
            r#"sigmint_issued_total{identity="other",key="other"} 1"#
        ]
    );
    assert!(samples(&metrics).contains("fulcio_new_certs 3"));
}

#[test]
fn an_attackers_methods_and_statuses_make_no_series() {
    let metrics = metrics();
    metrics.http("GET", 200, Duration::ZERO);
    for number in 0..2000_u16 {
        metrics.http(&format!("EVIL{number}"), 404, Duration::ZERO);
        metrics.http("GET", number, Duration::ZERO);
    }
    let series = samples(&metrics).iter().filter(|line| line.starts_with("http_requests_total")).count();
    assert!(series <= 27, "{series}");
    assert!(samples(&metrics).contains(r#"http_requests_total{code="404",method="unknown"} 2000"#));
    assert_eq!(GrpcMethod::from_path("/dev.sigstore.fulcio.v2.CA/Evil"), None);
    assert_eq!(GrpcMethod::from_path("/dev.sigstore.fulcio.v2.CA/GetTrustBundle"), Some(GrpcMethod::GetTrustBundle));
}

#[test]
fn a_grpc_call_that_is_given_up_is_canceled_and_streams_count_their_messages() {
    let metrics = metrics();
    drop(metrics.grpc_started(GrpcMethod::GetConfiguration));
    metrics.grpc_started(GrpcMethod::GetTrustBundle).handled(14);
    metrics.grpc_started(GrpcMethod::GetTrustBundle).handled(99);
    let watch = metrics.grpc_started(GrpcMethod::HealthWatch);
    watch.received();
    watch.sent();
    watch.sent();
    watch.handled(0);
    let samples = samples(&metrics);
    let has = |name: &str, code: &str, method: &str, value: u32| {
        let found = samples.iter().any(|line| {
            line.starts_with(name)
                && line.contains(code)
                && line.contains(&format!("grpc_method=\"{method}\""))
                && line.ends_with(&format!(" {value}"))
        });
        assert!(found, "{name} {code} {method} {value}");
    };
    has("grpc_server_handled_total", "\"Canceled\"", "GetConfiguration", 1);
    has("grpc_server_handled_total", "\"Unavailable\"", "GetTrustBundle", 1);
    has("grpc_server_handled_total", "\"Unknown\"", "GetTrustBundle", 1);
    has("grpc_server_msg_sent_total", "", "GetTrustBundle", 0);
    has("grpc_server_msg_received_total", "", "Watch", 1);
    has("grpc_server_msg_sent_total", "", "Watch", 2);
    has("grpc_server_handled_total", "\"OK\"", "Watch", 1);
}

#[test]
fn a_stage_is_timed_in_its_bucket_even_when_it_fails() {
    let metrics = metrics();
    metrics.observe(Stage::Sign, Duration::from_micros(80));
    let failing = || -> Option<()> {
        let _timer = metrics.stage(Stage::Log);
        None
    };
    assert_eq!(failing(), None);
    let samples = samples(&metrics);
    assert!(samples.contains(r#"sigmint_stage_seconds_bucket{le="0.00005",stage="sign"} 0"#), "{samples:#?}");
    assert!(samples.contains(r#"sigmint_stage_seconds_bucket{le="0.0001",stage="sign"} 1"#), "{samples:#?}");
    assert!(samples.contains(r#"sigmint_stage_seconds_bucket{le="10",stage="sign"} 1"#));
    assert!(samples.contains(r#"sigmint_stage_seconds_count{stage="log"} 1"#));
    for stage in ["token", "proof", "compose", "single-use", "sign", "log"] {
        assert!(samples.iter().any(|line| line.contains(&format!("stage=\"{stage}\""))));
    }
}

#[test]
fn gauges_are_read_at_each_scrape_and_absent_without_a_source() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    let metrics = metrics();
    assert!(!metrics.encode().unwrap().contains("sigmint_issuers"));
    let issuers = Arc::new(AtomicUsize::new(2));
    let source = Arc::clone(&issuers);
    let ca_not_after = std::time::UNIX_EPOCH + Duration::from_secs(1_900_000_000);
    metrics.watch(move || Some(reading(source.load(Ordering::Relaxed), ca_not_after)));
    assert!(samples(&metrics).contains("sigmint_issuers 2"));
    issuers.store(5, Ordering::Relaxed);
    assert!(samples(&metrics).contains("sigmint_issuers 5"));
    for sample in [
        "sigmint_issuers_refused 2",
        "sigmint_issuer_file_findings 3",
        "sigmint_issuers_without_keys 1",
        "sigmint_issuers_with_stale_keys 2",
        "sigmint_matched_issuers 3",
        "sigmint_key_fetches_total 4",
        "sigmint_failed_key_fetches_total 5",
        "sigmint_key_waits 7",
        "sigmint_refused_key_waits_total 8",
    ] {
        assert!(samples(&metrics).contains(sample), "{sample}");
    }
    assert!(samples(&metrics).contains("sigmint_ca_certificate_not_after_seconds 1900000000"));
    assert!(samples(&metrics).contains("sigmint_ca_certificate_expires_soon 1"));
    assert!(samples(&metrics).contains("sigmint_signer_ready 0"));
    assert!(samples(&metrics).contains("sigmint_trusted_chains 4"));
}

#[test]
fn the_process_is_described_with_plausible_values() {
    let value = |name: &str| -> f64 {
        let text = metrics().encode().unwrap();
        let line = text.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap().to_owned();
        line.rsplit_once(' ').unwrap().1.parse().unwrap()
    };
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    let age = now - value("process_start_time_seconds");
    assert!((-5.0..86_400.0).contains(&age), "{age}");
    assert!(value("process_resident_memory_bytes") > 1e5);
    assert!(value("process_virtual_memory_bytes") >= value("process_resident_memory_bytes"));
    assert!((0.0..3600.0).contains(&value("process_cpu_seconds_total")));
    assert!((3.0..=value("process_max_fds")).contains(&value("process_open_fds")));
}

#[test]
fn nothing_is_lost_when_many_threads_count_while_others_scrape() {
    let metrics = metrics();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..1000 {
                    metrics.http("POST", 200, Duration::from_millis(3));
                    metrics.issued("email", "rsa-2048");
                    metrics.failed(FailureKind::TokenExpired);
                    metrics.observe(Stage::Token, Duration::from_micros(30));
                }
            });
        }
        scope.spawn(|| (0..20).for_each(|_| drop(metrics.encode().unwrap())));
    });
    let samples = samples(&metrics);
    for expected in [
        r#"http_requests_total{code="200",method="post"} 4000"#,
        r#"fulcio_api_latency_count{code="200",method="post"} 4000"#,
        r#"sigmint_issued_total{identity="email",key="rsa-2048"} 4000"#,
        r#"sigmint_failures_total{reason="token_expired"} 4000"#,
        r#"sigmint_stage_seconds_count{stage="token"} 4000"#,
    ] {
        assert!(samples.contains(expected), "{expected}");
    }
}
