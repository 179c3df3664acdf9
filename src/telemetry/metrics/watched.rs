//! Figures that are read when they are asked for: issuers and their keys, the CA's certificate and its signer.
//!
//! Owns their names. Knows not where the readings come from.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::identity::keys::KeyReading;

#[derive(Clone, Debug)]
pub struct Reading {
    /// How many issuers are trusted.
    pub issuers: usize,
    /// How many entries of the issuer file cannot be used.
    pub issuers_refused: usize,
    /// What is odd about the issuer file.
    pub issuer_file_findings: usize,
    /// When the CA's certificate, or the first of its chain to, expires.
    pub ca_not_after: SystemTime,
    /// Whether that is within thirty days.
    pub ca_expires_soon: bool,
    /// Whether the CA's files hold something newer that cannot be used.
    pub ca_refused: bool,
    /// Whether the CA signs.
    pub signer_ready: bool,
    /// How many chains the trust bundle has.
    pub trusted_chains: usize,
    /// Entries of the block list that count.
    pub block_list_entries: usize,
    /// Uses of tokens that passed uncounted.
    pub uncounted_uses: u64,
    /// Log lines that could not be written.
    pub log_lines_lost: u64,
    /// How the issuers' keys are.
    pub keys: KeyReading,
    /// The transparency logs by name (host and path), and how many seconds their clocks are ahead of ours.
    pub log_clock_skews: Vec<(String, f64)>,
}

type Read = Box<dyn Fn() -> Option<Reading> + Send + Sync>;

/// Where the readings come from, once that is known.
#[derive(Clone, Default)]
pub(super) struct Watched(Arc<OnceLock<Read>>);

impl Watched {
    pub(super) fn set(&self, read: Read) {
        // A second source is refused: two would contradict each other.
        let _ = self.0.set(read);
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "watched: {}", self.0.get().is_some())
    }
}

impl Collector for Watched {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(reading) = self.0.get().and_then(|read| read()) else { return Ok(()) };
        let mut gauge = |name, help, value: i64| {
            ConstGauge::new(value).encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)
        };
        gauge(
            "sigmint_issuers",
            "Issuers whose tokens are accepted",
            i64::try_from(reading.issuers).unwrap_or(i64::MAX),
        )?;
        gauge(
            "sigmint_issuers_refused",
            "Entries of the issuer file that cannot be used and whose tokens are refused",
            i64::try_from(reading.issuers_refused).unwrap_or(i64::MAX),
        )?;
        gauge(
            "sigmint_issuer_file_findings",
            "What is odd about the issuer file, and was taken all the same",
            i64::try_from(reading.issuer_file_findings).unwrap_or(i64::MAX),
        )?;
        gauge(
            "sigmint_ca_certificate_not_after_seconds",
            "When the CA's certificate expires, in seconds since 1970",
            unix_seconds(reading.ca_not_after),
        )?;
        gauge(
            "sigmint_ca_certificate_expires_soon",
            "Whether the CA's certificate expires within thirty days",
            i64::from(reading.ca_expires_soon),
        )?;
        gauge(
            "sigmint_ca_refused",
            "Whether the CA's files hold something newer that cannot be used",
            i64::from(reading.ca_refused),
        )?;
        gauge("sigmint_signer_ready", "Whether the CA signs", i64::from(reading.signer_ready))?;
        gauge(
            "sigmint_trusted_chains",
            "Chains in the trust bundle, the active CA's included",
            i64::try_from(reading.trusted_chains).unwrap_or(i64::MAX),
        )?;
        gauge(
            "sigmint_block_list_entries",
            "Entries of the block list in effect",
            i64::try_from(reading.block_list_entries).unwrap_or(i64::MAX),
        )?;
        ConstCounter::new(reading.uncounted_uses).encode(encoder.encode_descriptor(
            "sigmint_uncounted_token_uses",
            "Uses of tokens that passed though they could not be counted",
            None,
            MetricType::Counter,
        )?)?;
        encode_log_clocks(&mut encoder, &reading.log_clock_skews)?;
        ConstCounter::new(reading.log_lines_lost).encode(encoder.encode_descriptor(
            "sigmint_log_lines_lost",
            "Log lines that standard error did not take",
            None,
            MetricType::Counter,
        )?)?;
        encode_keys(&mut encoder, &reading.keys)
    }
}

fn encode_log_clocks(encoder: &mut DescriptorEncoder<'_>, skews: &[(String, f64)]) -> fmt::Result {
    if skews.is_empty() {
        return Ok(());
    }
    let help = "How far a log's latest timestamp lay after the answer, or, negative, before the request";
    let mut family = encoder.encode_descriptor("sigmint_ct_log_clock_skew_seconds", help, None, MetricType::Gauge)?;
    skews
        .iter()
        .try_for_each(|(log, skew)| ConstGauge::new(*skew).encode(family.encode_family(&[("log", log.as_str())])?))
}

fn encode_keys(encoder: &mut DescriptorEncoder<'_>, keys: &KeyReading) -> fmt::Result {
    let mut gauge = |name, help, value: u64| {
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        ConstGauge::new(value).encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)
    };
    gauge(
        "sigmint_issuers_without_keys",
        "Issuers of the file whose keys could not be had: their tokens are refused",
        keys.without as u64,
    )?;
    gauge(
        "sigmint_issuers_with_stale_keys",
        "Issuers of the file whose keys are used beyond their life because they do not answer",
        keys.stale as u64,
    )?;
    gauge("sigmint_matched_issuers", "Issuers that matched a pattern and whose keys are held", keys.matched)?;
    gauge("sigmint_key_waits", "Requests that wait for an issuer's keys", keys.waiting as u64)?;
    let mut counter = |name, help, value: u64| {
        ConstCounter::new(value).encode(encoder.encode_descriptor(name, help, None, MetricType::Counter)?)
    };
    counter("sigmint_key_fetches", "Fetches of an issuer's keys", keys.fetches)?;
    counter("sigmint_failed_key_fetches", "Fetches of an issuer's keys that failed", keys.failed_fetches)?;
    counter(
        "sigmint_refused_key_waits",
        "Requests that could not wait for an issuer's keys because too many did",
        keys.refused_waits,
    )
}

fn unix_seconds(time: SystemTime) -> i64 {
    let seconds = |duration: std::time::Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    time.duration_since(UNIX_EPOCH).map_or_else(|before| -seconds(before.duration()), seconds)
}
