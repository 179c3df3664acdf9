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

use super::audit;
use crate::audit::AuditReading;
use crate::identity::keys::KeyReading;

#[derive(Clone, Debug)]
pub struct Reading {
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
    pub signer_ready: bool,
    /// How many chains the trust bundle has.
    pub trusted_chains: usize,
    /// Entries of the block list that count.
    pub block_list_entries: usize,
    /// Uses of tokens that passed uncounted.
    pub uncounted_uses: u64,
    pub log_lines_lost: u64,
    /// How the audit log is, if there is one.
    pub audit: Option<AuditReading>,
    pub keys: KeyReading,
    /// The transparency logs by name (host and path), and how many seconds their clocks are ahead of ours.
    pub log_clock_skews: Vec<(String, f64)>,
}

type Read = Box<dyn Fn() -> Option<Reading> + Send + Sync>;

/// Where the readings come from, once that is known.
#[derive(Clone, Default, derive_more::Debug)]
#[debug("watched: {}", _0.get().is_some())]
pub(super) struct Watched(Arc<OnceLock<Read>>);

impl Watched {
    pub(super) fn set(&self, read: Read) {
        // A second source is refused: two would contradict each other.
        let _ = self.0.set(read);
    }
}

impl Collector for Watched {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(reading) = self.0.get().and_then(|read| read()) else { return Ok(()) };
        let out = &mut encoder;
        gauge(out, "sigmint_issuers", "Issuers whose tokens are accepted", whole(reading.issuers))?;
        let help = "Entries of the issuer file that cannot be used and whose tokens are refused";
        gauge(out, "sigmint_issuers_refused", help, whole(reading.issuers_refused))?;
        let help = "What is odd about the issuer file, and was taken all the same";
        gauge(out, "sigmint_issuer_file_findings", help, whole(reading.issuer_file_findings))?;
        let help = "When the CA's certificate expires, in seconds since 1970";
        gauge(out, "sigmint_ca_certificate_not_after_seconds", help, unix_seconds(reading.ca_not_after))?;
        let help = "Whether the CA's certificate expires within thirty days";
        gauge(out, "sigmint_ca_certificate_expires_soon", help, reading.ca_expires_soon.into())?;
        let help = "Whether the CA's files hold something newer that cannot be used";
        gauge(out, "sigmint_ca_refused", help, reading.ca_refused.into())?;
        gauge(out, "sigmint_signer_ready", "Whether the CA signs", reading.signer_ready.into())?;
        let help = "Chains in the trust bundle, the active CA's included";
        gauge(out, "sigmint_trusted_chains", help, whole(reading.trusted_chains))?;
        let help = "Entries of the block list in effect";
        gauge(out, "sigmint_block_list_entries", help, whole(reading.block_list_entries))?;
        let help = "Uses of tokens that passed though they could not be counted";
        counter(out, "sigmint_uncounted_token_uses", help, reading.uncounted_uses)?;
        encode_log_clocks(out, &reading.log_clock_skews)?;
        let help = "Log lines that standard error did not take";
        counter(out, "sigmint_log_lines_lost", help, reading.log_lines_lost)?;
        if let Some(reading) = &reading.audit {
            audit::encode(out, reading)?;
        }
        encode_keys(out, &reading.keys)
    }
}

fn encode_log_clocks(out: &mut DescriptorEncoder<'_>, skews: &[(String, f64)]) -> fmt::Result {
    if skews.is_empty() {
        return Ok(());
    }
    let help = "How far a log's latest timestamp lay after the answer, or, negative, before the request";
    let mut family = out.encode_descriptor("sigmint_ct_log_clock_skew_seconds", help, None, MetricType::Gauge)?;
    skews
        .iter()
        .try_for_each(|(log, skew)| ConstGauge::new(*skew).encode(family.encode_family(&[("log", log.as_str())])?))
}

fn encode_keys(out: &mut DescriptorEncoder<'_>, keys: &KeyReading) -> fmt::Result {
    let help = "Issuers of the file whose keys could not be had: their tokens are refused";
    gauge(out, "sigmint_issuers_without_keys", help, whole(keys.without))?;
    let help = "Issuers of the file whose keys are used beyond their life because they do not answer";
    gauge(out, "sigmint_issuers_with_stale_keys", help, whole(keys.stale))?;
    let help = "Issuers that matched a pattern and whose keys are held";
    gauge(out, "sigmint_matched_issuers", help, whole(keys.matched))?;
    gauge(out, "sigmint_key_waits", "Requests that wait for an issuer's keys", whole(keys.waiting))?;
    counter(out, "sigmint_key_fetches", "Fetches of an issuer's keys", keys.fetches)?;
    let help = "Fetches of an issuer's keys that failed";
    counter(out, "sigmint_failed_key_fetches", help, keys.failed_fetches)?;
    let help = "Requests that could not wait for an issuer's keys because too many did";
    counter(out, "sigmint_refused_key_waits", help, keys.refused_waits)
}

fn gauge(out: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: i64) -> fmt::Result {
    ConstGauge::new(value).encode(out.encode_descriptor(name, help, None, MetricType::Gauge)?)
}

fn counter(out: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
    ConstCounter::new(value).encode(out.encode_descriptor(name, help, None, MetricType::Counter)?)
}

fn whole(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

pub(super) fn unix_seconds(time: SystemTime) -> i64 {
    let seconds = |duration: std::time::Duration| whole(duration.as_secs());
    time.duration_since(UNIX_EPOCH).map_or_else(|before| -seconds(before.duration()), seconds)
}
