//! Counts and times of HTTP requests, under Fulcio's names.
//!
//! Owns the closed sets of methods and status codes. Knows no request: a client's method is compared, never taken over.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::series::SeriesTable;

/// Fulcio's bounds in seconds, those that its metrics library has by default.
const LATENCY_BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Methods by their labels, which are their names in lower case. Any other is the last, `unknown` as at Fulcio.
const METHODS: [&str; 11] =
    ["get", "post", "head", "options", "put", "delete", "patch", "connect", "trace", "notify", "unknown"];

/// Status codes that are told apart: what we and the web framework answer with, and the first of each class, which stands for the
/// others of its class (RFC 9110, section 15).
const STATUSES: [u16; 26] = [
    100, 101, 200, 201, 202, 204, 206, 300, 304, 400, 401, 403, 404, 405, 408, 411, 413, 414, 415, 417, 429, 431, 500,
    501, 503, 505,
];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HttpLabels {
    code: u32,
    method: &'static str,
}

/// The two metrics of HTTP.
pub(super) struct HttpMetrics {
    requests: SeriesTable<HttpLabels, Counter>,
    latency: SeriesTable<HttpLabels, Histogram>,
}

impl HttpMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let count = METHODS.len() * STATUSES.len();
        let requests = SeriesTable::new(count, Counter::default);
        registry.register("http_requests", "HTTP requests answered", requests.family());
        let latency = SeriesTable::new(count, || Histogram::new(LATENCY_BUCKETS));
        registry.register("fulcio_api_latency", "Seconds from an HTTP request to its answer", latency.family());
        Self { requests, latency }
    }

    pub(super) fn answered(&self, method: &str, status: u16, elapsed: Duration) {
        let (row, method) = method_label(method);
        let (column, code) = status_label(status);
        let index = row * STATUSES.len() + column;
        let labels = || HttpLabels { code: u32::from(code), method };
        if let Some(requests) = self.requests.get(index, labels) {
            requests.inc();
        }
        if let Some(latency) = self.latency.get(index, labels) {
            latency.observe(elapsed.as_secs_f64());
        }
    }
}

fn method_label(method: &str) -> (usize, &'static str) {
    let is_name = !method.bytes().any(|byte| byte.is_ascii_lowercase());
    let known = METHODS.iter().enumerate().find(|(_, label)| is_name && label.eq_ignore_ascii_case(method));
    known.map_or((METHODS.len() - 1, "unknown"), |(place, label)| (place, *label))
}

/// The status itself if it is told apart, else the first of its class, else 500: an answer without a status is our bug.
fn status_label(status: u16) -> (usize, u16) {
    let place = |code: u16| STATUSES.iter().position(|listed| *listed == code).map(|place| (place, code));
    place(status).or_else(|| place(status / 100 * 100)).or_else(|| place(500)).unwrap_or((0, 100))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::FailureKind;

    #[test]
    fn methods_are_a_closed_set() {
        for (method, label) in
            [("GET", "get"), ("POST", "post"), ("get", "unknown"), ("", "unknown"), ("A\"B\n", "unknown")]
        {
            assert_eq!(method_label(method).1, label, "{method:?}");
        }
    }

    #[test]
    fn statuses_are_a_closed_set_that_keeps_the_class() {
        for status in 0..=u16::MAX {
            let (place, code) = status_label(status);
            assert_eq!(STATUSES[place], code);
            let class = if (100..600).contains(&status) { status / 100 } else { 5 };
            assert_eq!(code / 100, class, "{status}");
        }
        assert_eq!(status_label(418).1, 400);
    }

    #[test]
    fn every_status_of_the_failure_table_is_told_apart() {
        for kind in FailureKind::ALL {
            assert_eq!(status_label(kind.row().http).1, kind.row().http, "{kind:?}");
        }
    }
}
