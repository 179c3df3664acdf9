use std::path::Path;

use serde_json::{Value, json};

use super::*;

const POLICY: &str = "\
rules:
  - {id: no-web, identities: [gitlab-pipeline], deny: \"has(claims.environment) && claims.environment == 'web'\"}
  - {id: ours, identities: [gitlab-pipeline], allow: \"claims.namespace_id == '42' && claims.ref_protected == 'true'\"}
  - {id: people, identities: [email], allow: \"principal.san.endsWith('@example.com')\"}
  - {id: keys, identities: [uri], allow: \"key.kind == 'rsa-2048' && audience == 'sigstore'\"}
";

fn policy(text: &str) -> Policy {
    Policy::parse(Path::new("p.yaml"), text).unwrap_or_else(|error| panic!("{error}")).0
}

/// An intent of a pipeline with these claims, allowed by the rule `old`, with these changes.
fn record(claims: &Value, changes: &Value) -> String {
    let mut record = json!({
        "v": 1, "type": "intent", "time": "2026-11-28T10:00:00.000Z", "request_id": "r", "transport": "grpc",
        "issuer": "https://ci.example", "audience": ["sigstore"], "identity": "gitlab-pipeline",
        "san": {"type": "uri", "value": "https://ci.example/a"}, "claims": claims,
        "key": {"kind": "ecdsa", "bits": 256, "sha256": "00"}, "policy": {"outcome": "allow", "rule": "ours"}, "serial": "00",
    });
    for (name, value) in changes.as_object().unwrap() {
        record[name.as_str()] = value.clone();
    }
    record.to_string()
}

fn report_of(text: &str, claims: RecordedClaims, view: View, workers: usize, policy_text: &str) -> Report {
    let policy = policy(policy_text);
    let question = Question { policy: &policy, view, claims };
    replay(&question, std::iter::once(Ok(text.as_bytes())), workers).unwrap()
}

fn report(lines: &[String], claims: RecordedClaims) -> Report {
    report_of(&lines.join("\n"), claims, View::Enforced, 2, POLICY)
}

/// The rows in words: count, then what they are about.
fn changes(table: &Table<(Decided, Decided)>) -> Vec<String> {
    let words = |one: &Decided| format!("{} {}", one.outcome, one.rule.as_deref().unwrap_or("-"));
    table
        .sorted()
        .into_iter()
        .map(|((was, is), row)| format!("{} {} -> {}", row.count, words(was), words(is)))
        .collect()
}

fn missing(report: &Report) -> Vec<String> {
    let rows = report.undecidable.sorted().into_iter();
    rows.map(|((rule, missing), row)| format!("{} {rule}: {missing}", row.count)).collect()
}

#[test]
fn changed_decisions_are_counted_by_what_they_were_and_would_be() {
    let ours = json!({"namespace_id": "42", "ref_protected": "true"});
    let unprotected = json!({"namespace_id": "42", "ref_protected": "false"});
    let web = json!({"namespace_id": "42", "ref_protected": "true", "environment": "web"});
    let denied = json!({"type": "refusal", "reason": "POLICY_DENIED", "policy": {"outcome": "default-deny"}});
    let lines = [
        record(&ours, &json!({})),
        record(&unprotected, &json!({})),
        record(&unprotected, &json!({})),
        record(&web, &json!({})),
        record(&ours, &denied),
        record(&unprotected, &denied),
        record(&ours, &json!({"policy": {"outcome": "none"}})),
        record(&ours, &json!({"policy": {"outcome": "allow", "rule": "old"}})),
        record(&ours, &json!({"type": "refusal", "reason": "BLOCKED", "policy": {"outcome": "none"}})),
        r#"{"v":1,"type":"outcome","time":"2026-11-28T10:00:00.000Z","serial":"00","reason":"SIGNER_UNAVAILABLE"}"#
            .to_owned(),
        String::new(),
    ];
    let report = report(&lines, RecordedClaims::All);
    assert_eq!(
        changes(&report.changed),
        ["2 allow ours -> default-deny -", "1 allow ours -> deny no-web", "1 default-deny - -> allow ours"]
    );
    assert_eq!(changes(&report.moved), ["1 allow old -> allow ours", "1 no policy - -> allow ours"]);
    assert_eq!((report.unchanged, report.decisions(), report.unreadable), (2, 8, 0));
    assert_eq!(report.refused_before.into_iter().collect::<Vec<_>>(), [("BLOCKED".to_owned(), 1)]);
    let sorted = report.changed.sorted();
    let lines: Vec<u64> = sorted[0].1.examples.iter().map(|example| example.line).collect();
    assert_eq!(lines, [2, 3]);
    assert_eq!(sorted[0].1.examples[0].san.as_deref(), Some("https://ci.example/a"));
}

#[test]
fn what_was_not_recorded_is_never_guessed() {
    let ours = json!({"namespace_id": "42", "ref_protected": "true"});
    let foreign = json!({"namespace_id": "1"});
    let lines = [record(&ours, &json!({})), record(&foreign, &json!({}))];
    // has() of a claim that may have been there decides nothing.
    let unknown = report(&lines, RecordedClaims::Unknown);
    assert_eq!(missing(&unknown), ["2 no-web: the claim \"environment\" is not recorded"]);
    // The policy of that time named the claim: it was not in the token. What it did not name is not known.
    let named = RecordedClaims::Named(["environment", "namespace_id"].map(str::to_owned).into());
    let with_environment = [record(&json!({"namespace_id": "42", "environment": "x"}), &json!({})), lines[1].clone()];
    let report_of_named = report(&with_environment, named);
    assert_eq!(missing(&report_of_named), ["1 ours: the claim \"ref_protected\" is not recorded"]);
    // The rule did not look at it: the first comparison settles it.
    assert_eq!(changes(&report_of_named.changed), ["1 allow ours -> default-deny -"]);
    // A deny rule that holds settles it, whatever an allow rule would need.
    let web = [record(&json!({"environment": "web"}), &json!({}))];
    assert_eq!(changes(&report(&web, RecordedClaims::Unknown).changed), ["1 allow ours -> deny no-web"]);
    // With all claims recorded, a missing one is absent: the allow rule cannot be evaluated, and does not allow.
    let all = report(&[record(&json!({"namespace_id": "42"}), &json!({}))], RecordedClaims::All);
    assert_eq!((changes(&all.changed), missing(&all).len()), (vec!["1 allow ours -> default-deny -".to_owned()], 0));
}

#[test]
fn redacted_names_claims_and_unknown_audiences_and_keys_are_not_recorded() {
    let hash = format!("hmac-sha256:{}", "0".repeat(64));
    let email = |san: &str| {
        record(
            &json!({}),
            &json!({"identity": "email", "san": {"type": "email", "value": san}, "policy": {"outcome": "allow", "rule": "people"}}),
        )
    };
    let key = |changes: Value| {
        let mut all = json!({"identity": "uri", "policy": {"outcome": "allow", "rule": "keys"}, "key": {"kind": "rsa", "bits": 2048, "sha256": "00"}});
        all.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        record(&json!({}), &all)
    };
    let lines = [
        email("dev@example.com"),
        email(&hash),
        key(json!({})),
        key(json!({"audience": ["sigstore", "other"]})),
        key(json!({"key": {"kind": "rsa", "bits": 1024, "sha256": "00"}})),
    ];
    let report = report(&lines, RecordedClaims::All);
    assert_eq!(report.unchanged, 2);
    assert_eq!(
        missing(&report),
        [
            "1 keys: the audience is not recorded",
            "1 keys: the key is not recorded",
            "1 people: the subject alternative name is not recorded"
        ]
    );
    let redacted = record(&json!({"namespace_id": "42", "ref_protected": hash}), &json!({}));
    let report = report_of(&redacted, RecordedClaims::All, View::Enforced, 1, POLICY);
    assert_eq!(missing(&report), ["1 ours: the claim \"ref_protected\" is not recorded"]);
}

#[test]
fn rules_in_shadow_mode_count_only_on_request() {
    let shadow = format!("mode: shadow\n{POLICY}");
    let line = record(&json!({"namespace_id": "1"}), &json!({}));
    let enforced = report_of(&line, RecordedClaims::All, View::Enforced, 1, &shadow);
    assert_eq!(changes(&enforced.moved), ["1 allow ours -> not-enforced -"]);
    let would = report_of(&line, RecordedClaims::All, View::ShadowEnforced, 1, &shadow);
    assert_eq!(changes(&would.changed), ["1 allow ours -> default-deny -"]);
}

#[test]
fn a_record_is_decided_at_its_own_time() {
    let text = "rules:\n  - {id: then, allow: \"now < timestamp('2026-11-28T12:00:00Z')\"}\n";
    let at = |time: &str| record(&json!({}), &json!({"time": time, "policy": {"outcome": "allow", "rule": "then"}}));
    let lines = [at("2026-11-28T11:59:59.999Z"), at("2026-11-28T12:00:00.000Z")].join("\n");
    let report = report_of(&lines, RecordedClaims::All, View::Enforced, 1, text);
    assert_eq!((report.unchanged, report.changed.total()), (1, 1));
}

#[test]
fn lines_that_are_no_records_are_counted_and_named() {
    let long = "x".repeat(usize::try_from(MAX_LINE).unwrap() + 10);
    let good = record(&json!({"namespace_id": "42", "ref_protected": "true"}), &json!({}));
    let lines = [
        good.clone(),
        "{".to_owned(),
        long,
        record(&json!({}), &json!({"v": 2})),
        record(&json!({}), &json!({"identity": "martian"})),
        record(&json!({}), &json!({"time": "noon"})),
        good,
        r#"{"v":1,"type":"int"#.to_owned(),
    ];
    let report = report(&lines, RecordedClaims::All);
    let named: Vec<u64> = report.named_unreadable.iter().map(|(_, line, _)| *line).collect();
    assert_eq!((report.unchanged, report.unreadable, named), (2, 6, vec![2, 3, 4, 5, 6, 8]));
}

#[test]
fn the_number_of_workers_changes_nothing() {
    let claims = |number: usize| json!({"namespace_id": (40 + number % 4).to_string(), "ref_protected": number.is_multiple_of(3).to_string()});
    // More than a chunk.
    let lines: Vec<String> = (0..3000).map(|number| record(&claims(number), &json!({}))).collect();
    let text = lines.join("\n");
    assert!(text.len() > 2 * CHUNK);
    let of = |workers| report_of(&text, RecordedClaims::All, View::Enforced, workers, POLICY);
    let (one, four) = (of(1), of(4));
    assert_eq!(changes(&one.changed), changes(&four.changed));
    assert_eq!((one.unchanged, one.decisions()), (four.unchanged, 3000));
    assert_eq!(one.unchanged, 250);
    let examples = |report: &Report| report.changed.sorted()[0].1.examples.clone();
    assert_eq!(examples(&one), examples(&four));
}

#[test]
fn a_table_has_so_many_rows_and_counts_the_rest() {
    let example = || Example { file: 0, line: 1, time: String::new(), issuer: String::new(), san: None };
    let mut table = Table::default();
    for number in 0..10_005 {
        table.add(number, example);
    }
    table.add(3, example);
    assert_eq!((table.sorted().len(), table.beyond, table.total()), (10_000, 5, 10_006));
}
