//! A report for people, and as JSON for programs.
//!
//! Owns words and the JSON's names. What others wrote is shown so that a terminal obeys none of it.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::cli::display::{moment, rfc3339, visible};
use crate::reconcile::{Finding, FindingKind, Report, Severity, SignedByUs};

/// What to do about a log that contradicts itself.
pub(super) const ON_CONTRADICTION: &str = "keep the state file and what the log shows now, ask the log's operator, and take its promises for nothing meanwhile";

/// How many findings are shown to people.
const MAX_SHOWN: usize = 100;

/// For people; ends without a line break.
pub(super) fn text(report: &Report) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write_heading(&mut out, report);
    for finding in report.findings.iter().take(MAX_SHOWN) {
        let _ = write_finding(&mut out, finding);
    }
    if report.findings.len() > MAX_SHOWN {
        let _ = writeln!(out, "\nand {} more: --json has them", report.findings.len() - MAX_SHOWN);
    }
    let more: u64 = report.more_findings.values().sum();
    if more > 0 {
        let _ = writeln!(
            out,
            "\n{more} further findings are counted only. Were they issued before the audit log was on? Say since when with\n--since, and begin with a new state file."
        );
    }
    out.push_str(&verdict(report));
    out
}

fn write_heading(out: &mut String, report: &Report) -> std::fmt::Result {
    let head = &report.head;
    let signature =
        if report.log_id.is_some() { "signature checked" } else { "SIGNATURE NOT CHECKED: give the log's key" };
    writeln!(
        out,
        "Log      {} ({}), {} entries, tree head of {}, {signature}",
        visible(&report.log),
        report.api.name(),
        head.size,
        time(head.timestamp)
    )?;
    let entries = &report.entries;
    let read = head.size.saturating_sub(report.read_before);
    write!(out, "Entries  {read} read now: {} recorded, {} of other CAs", entries.recorded, entries.foreign)?;
    for (count, what) in [(entries.before_since, "before --since"), (entries.unreadable, "unreadable")] {
        if count > 0 {
            write!(out, ", {count} {what}")?;
        }
    }
    let records = &report.records;
    let (files, intents, certificates) = (records.files, records.intents, records.certificates);
    writeln!(
        out,
        "\nRecords  {files} files: {intents} intents, {certificates} certificates, {} failures",
        records.failures
    )?;
    if records.malformed > 0 {
        writeln!(out, "         {} lines are not records: run `sigmint audit verify`", records.malformed)?;
    }
    if report.is_head_stale {
        writeln!(
            out,
            "\nThe tree head is older than the merge delay, or of the future: the log does not show what is new, or a clock is off."
        )?;
    }
    Ok(())
}

fn write_finding(out: &mut String, finding: &Finding) -> std::fmt::Result {
    let grave = if finding.kind.severity() == Severity::Alarm { "ALARM: " } else { "" };
    writeln!(out, "\n{grave}{}", in_words(finding.kind))?;
    match finding.index {
        Some(index) => writeln!(out, "  entry       {index}, logged {}", time(finding.time))?,
        None => writeln!(out, "  recorded    {}", time(finding.time))?,
    }
    writeln!(out, "  serial      {}", or_none(&finding.serial))?;
    for name in &finding.san {
        writeln!(out, "  for         {} ({})", visible(&name.value), visible(&name.kind))?;
    }
    if let (Some(begin), Some(end)) = (finding.not_before, finding.not_after) {
        writeln!(out, "  valid       {} to {}", seconds(begin), seconds(end))?;
    }
    if let Some(authority) = &finding.authority {
        let signed = finding.signed_by_us.map_or("", signature_in_words);
        let label = if finding.kind == FindingKind::UnknownAuthority { "below" } else { "issued by" };
        writeln!(out, "  {label:<11} {}{signed}", visible(authority))?;
    }
    for (label, value) in [
        ("token of", &finding.token_issuer),
        ("request id", &finding.request_id),
        ("TBS SHA-256", &finding.tbs_sha256),
        ("certificate SHA-256", &finding.certificate_sha256),
        ("issuer SHA-256", &finding.issuer_sha256),
    ] {
        if let Some(value) = value {
            writeln!(out, "  {label:<11} {}", visible(value))?;
        }
    }
    Ok(())
}

const fn in_words(kind: FindingKind) -> &'static str {
    match kind {
        FindingKind::NoRecord => "a certificate of ours that is not recorded",
        FindingKind::OtherContent => "a certificate of ours whose serial number is recorded with another certificate",
        FindingKind::UnknownAuthority => {
            "a certificate of a CA below ours that was named neither with --chain nor with --other-ca"
        }
        FindingKind::NoOutcome => {
            "a certificate whose intent is recorded, and its outcome is not: the server died in between"
        }
        FindingKind::NoEntry => "a certificate that the log promised to show, and does not",
    }
}

const fn signature_in_words(signed: SignedByUs) -> &'static str {
    match signed {
        SignedByUs::Yes => ", and its key signed it",
        SignedByUs::No => ", which did NOT sign it: the log took what it must not take",
        SignedByUs::Unknown => "; the log does not show the signature",
    }
}

fn verdict(report: &Report) -> String {
    let mut text = String::from("\n");
    for (count, what) in
        [(report.acknowledged, "findings are acknowledged"), (report.waiting, "are too young to be findings")]
    {
        if count > 0 {
            let _ = writeln!(text, "{count} {what}.");
        }
    }
    text.push_str(match report.severity() {
        None => "Every certificate of ours in the log is recorded, and every recorded one that is due is in the log.",
        Some(Severity::Notice) => "Every certificate of ours in the log is recorded. See the findings above.",
        Some(Severity::Alarm) => {
            "ALARM: there are certificates of ours that nobody recorded.\nWhat to do: find out whether audit files are missing. If none is, somebody else has the CA's key, or issues through it:\nreplace the key and revoke the CA's certificate."
        }
    });
    text
}

/// For programs.
pub(super) fn json(report: &Report) -> Value {
    let (entries, records, head) = (&report.entries, &report.records, &report.head);
    json!({
        "log": {
            "name": report.log,
            "api": report.api.name(),
            "id": report.log_id.map(|id| id.to_string()),
            "treeSize": head.size,
            "rootHash": hex::encode(head.root),
            "treeHeadTime": time(head.timestamp),
            "treeHeadStale": report.is_head_stale,
            "signatureChecked": report.log_id.is_some(),
        },
        "entries": {
            "readBefore": report.read_before,
            "recorded": entries.recorded,
            "foreign": entries.foreign,
            "beforeSince": entries.before_since,
            "unreadable": entries.unreadable,
        },
        "records": {
            "files": records.files,
            "intents": records.intents,
            "certificates": records.certificates,
            "failures": records.failures,
            "malformed": records.malformed,
        },
        "findings": report.findings.iter().map(finding).collect::<Vec<_>>(),
        "moreFindings": report.more_findings,
        "acknowledged": report.acknowledged,
        "waiting": report.waiting,
        "alarm": report.severity() == Some(Severity::Alarm),
    })
}

fn finding(finding: &Finding) -> Value {
    let mut members = Map::new();
    let mut add = |name: &str, value: Value| {
        if !value.is_null() {
            members.insert(name.to_owned(), value);
        }
    };
    add("kind", finding.kind.label().into());
    add("index", finding.index.into());
    add(if finding.index.is_some() { "logged" } else { "recorded" }, time(finding.time).into());
    add("serial", finding.serial.as_str().into());
    let san = finding.san.iter().map(|name| json!({"kind": name.kind, "value": name.value}));
    add("san", san.collect());
    add("notBefore", finding.not_before.map(seconds).into());
    add("notAfter", finding.not_after.map(seconds).into());
    add("authority", finding.authority.clone().into());
    add("signedByUs", json!(finding.signed_by_us));
    add("tbsSha256", finding.tbs_sha256.clone().into());
    add("certificateSha256", finding.certificate_sha256.clone().into());
    add("issuerSha256", finding.issuer_sha256.clone().into());
    add("requestId", finding.request_id.clone().into());
    add("tokenIssuer", finding.token_issuer.clone().into());
    Value::Object(members)
}

/// Milliseconds since 1970.
fn time(milliseconds: u64) -> String {
    seconds(i64::try_from(milliseconds / 1000).unwrap_or(i64::MAX))
}

fn seconds(unix: i64) -> String {
    moment(unix).map_or_else(|| format!("{unix} seconds after 1970"), rfc3339)
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "unreadable" } else { text }
}
