//! A run's outcome as metrics, for node_exporter's textfile collector.
//!
//! Owns names and help. A run that failed says so, and when the last one did not.

use std::fmt::{self, Write as _};

use super::finding::FindingKind;
use super::{ReconcileError, Report};

/// What a run came to.
pub(crate) enum Outcome<'a> {
    Report(&'a Report),
    Failed(&'a ReconcileError),
}

/// The text exposition format. `completed` is when all entries were last read, `now` this moment: milliseconds since 1970.
pub(crate) fn exposition(outcome: &Outcome<'_>, now: u64, completed: Option<u64>) -> String {
    let mut text = Text::default();
    let is_contradiction = matches!(outcome, Outcome::Failed(error) if error.is_contradiction());
    text.gauge(
        "last_run_timestamp_seconds",
        "When the log was last to be compared with the audit records.",
        seconds(now),
    );
    text.gauge(
        "last_success_timestamp_seconds",
        "When all of the log's entries were last compared; 0 if never.",
        seconds(completed.unwrap_or_default()),
    );
    text.gauge(
        "success",
        "Whether the last run compared all of the log's entries.",
        u8::from(matches!(outcome, Outcome::Report(_))),
    );
    text.gauge("log_contradiction", "Whether the log contradicted itself in the last run.", u8::from(is_contradiction));
    let Outcome::Report(report) = outcome else { return text.0 };
    text.gauge("tree_size", "Entries of the log.", report.head.size);
    text.gauge("tree_head_timestamp_seconds", "When the log signed its tree head.", seconds(report.head.timestamp));
    text.gauge(
        "tree_head_stale",
        "Whether the log's tree head is older than the merge delay, or of the future.",
        u8::from(report.is_head_stale),
    );
    text.head("findings", "What does not fit, by kind, and is neither acknowledged nor too young.");
    for kind in FindingKind::ALL.iter().copied() {
        let kept = report.findings.iter().filter(|finding| finding.kind == kind);
        let more = report.more_findings.get(&kind).copied().unwrap_or_default();
        let count = u64::try_from(kept.count()).unwrap_or(u64::MAX).saturating_add(more);
        text.sample("findings", &format!("{{kind=\"{}\"}}", kind.label()), count);
    }
    text.gauge("findings_acknowledged", "Findings that are accounted for.", report.acknowledged);
    text.gauge("findings_waiting", "What would be a finding if it was not so young.", report.waiting);
    text.head("entries", "Entries that the last run read, by what they are.");
    let entries = &report.entries;
    for (kind, count) in [
        ("recorded", entries.recorded),
        ("foreign", entries.foreign),
        ("before_since", entries.before_since),
        ("unreadable", entries.unreadable),
    ] {
        text.sample("entries", &format!("{{kind=\"{kind}\"}}"), count);
    }
    text.gauge("records_malformed", "Lines of the audit files that could not be read.", report.records.malformed);
    text.0
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn gauge(&mut self, name: &str, help: &str, value: impl fmt::Display) {
        self.head(name, help);
        self.sample(name, "", value);
    }

    fn head(&mut self, name: &str, help: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "# HELP {PREFIX}{name} {help}\n# TYPE {PREFIX}{name} gauge");
    }

    fn sample(&mut self, name: &str, labels: &str, value: impl fmt::Display) {
        let _ = writeln!(self.0, "{PREFIX}{name}{labels} {value}");
    }
}

const PREFIX: &str = "sigmint_audit_reconcile_";

fn seconds(milliseconds: u64) -> String {
    format!("{}.{:03}", milliseconds / 1000, milliseconds % 1000)
}
