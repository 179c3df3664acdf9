//! The figures of the audit log.
//!
//! Owns their names. The head's hash is a label that changes each minute: there is one series at a time.

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use super::watched::unix_seconds;
use crate::audit::AuditReading;

pub(super) fn encode(encoder: &mut DescriptorEncoder<'_>, audit: &AuditReading) -> fmt::Result {
    let ready = ConstGauge::new(i64::from(audit.ready));
    ready.encode(encoder.encode_descriptor(
        "sigmint_audit_ready",
        "Whether the audit log can be written",
        None,
        MetricType::Gauge,
    )?)?;
    let mut records = encoder.encode_descriptor(
        "sigmint_audit_records",
        "Records written to the audit log, by type",
        None,
        MetricType::Counter,
    )?;
    for (kind, count) in &audit.written {
        ConstCounter::new(*count).encode(records.encode_family(&[("type", *kind)])?)?;
    }
    for (name, help, value) in [
        ("sigmint_audit_failed_intents", "Intents that could not be written to the audit log", audit.failed_intents),
        (
            "sigmint_audit_unrecorded_certificates",
            "Certificates that were signed though their intent could not be written (--audit-failure open)",
            audit.unrecorded,
        ),
        ("sigmint_audit_lost_records", "Outcomes, refusals and summaries that could not be written", audit.lost),
        (
            "sigmint_audit_failed_heads",
            "Heads of the audit log that could not be signed or recorded",
            audit.failed_heads,
        ),
        ("sigmint_audit_failed_anchors", "Signed heads that an anchor did not take", audit.failed_anchors),
    ] {
        ConstCounter::new(value).encode(encoder.encode_descriptor(name, help, None, MetricType::Counter)?)?;
    }
    let Some((head, signed)) = &audit.head else { return Ok(()) };
    let help = "Records up to the last signed head, labelled by chain and hash of the last of them";
    let mut family = encoder.encode_descriptor("sigmint_audit_head", help, None, MetricType::Gauge)?;
    let labels = [("chain", head.chain.to_string()), ("sha256", hex::encode(head.hash))];
    ConstGauge::new(i64::try_from(head.count).unwrap_or(i64::MAX)).encode(family.encode_family(&labels)?)?;
    ConstGauge::new(unix_seconds(*signed)).encode(encoder.encode_descriptor(
        "sigmint_audit_head_time_seconds",
        "When the last head was signed, in seconds since 1970",
        None,
        MetricType::Gauge,
    )?)
}
