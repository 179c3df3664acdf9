//! `sigmint policy test` and `replay`, the program itself, and the examples of config/policy.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

fn policy(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sigmint")).arg("policy").args(words).output().unwrap()
}

/// What a command printed, after it ended with this code.
fn said(output: &Output, code: i32) -> String {
    let text = String::from_utf8([&output.stdout[..], &output.stderr].concat()).unwrap();
    assert_eq!(output.status.code(), Some(code), "{text}");
    text
}

fn examples() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/policy");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "yaml")).collect()
}

#[test]
fn every_example_passes_its_cases_which_show_each_rule_both_ways() {
    let examples = examples();
    assert!(examples.len() >= 7, "{examples:?}");
    for path in examples {
        let cases = path.parent().unwrap().join("tests").join(path.file_name().unwrap());
        let output = policy(&["test", "--require-coverage", path.to_str().unwrap(), cases.to_str().unwrap()]);
        let text = said(&output, 0);
        assert!(text.contains(" 0 failed") && !text.contains("warning"), "{}: {text}", path.display());
    }
}

#[test]
fn all_examples_go_together_in_one_folder() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/policy");
    let cases: Vec<String> = examples()
        .iter()
        .filter(|path| !path.to_string_lossy().contains("github"))
        .map(|path| folder.join("tests").join(path.file_name().unwrap()).display().to_string())
        .collect();
    let words =
        [&["test", folder.to_str().unwrap()], &cases.iter().map(String::as_str).collect::<Vec<_>>()[..]].concat();
    assert!(said(&policy(&words), 0).contains(" 0 failed"));
}

const POLICY: &str = "\
rules:
  - {id: ours, issuers: [https://ci.example], identities: [gitlab-pipeline], allow: \"claims.namespace_id == '42'\"}
  - {id: no-web, identities: [gitlab-pipeline], deny: \"claims.pipeline_source == 'web'\"}
";

fn folder_with(files: &[(&str, &str)]) -> (tempfile::TempDir, impl Fn(&str) -> String + use<>) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let path = folder.path().to_owned();
    (folder, move |name: &str| path.join(name).display().to_string())
}

#[test]
fn a_case_that_fails_is_shown_with_what_each_rule_says() {
    let cases = "\
defaults: {issuer: 'https://ci.example', kind: gitlab-pipeline, claims: {namespace_id: \"42\"}}
cases:
  - {name: fine, expect: deny-error, rule: no-web}
  - {name: not fine, claims: {pipeline_source: push}, expect: deny}
";
    let (_folder, path) = folder_with(&[("p.yaml", POLICY), ("c.yaml", cases), ("bad.yaml", "cases: []")]);
    let text = said(&policy(&["test", &path("p.yaml"), &path("c.yaml")]), 1);
    for part in [
        "ok      fine",
        "FAILED  not fine (",
        "c.yaml:4)",
        "expected: deny\n",
        "found:    allow by \"ours\"",
        "deny \"no-web\": false",
        "allow \"ours\": true",
        "p.yaml:2: rule \"ours\" was never false",
        "2 cases, 1 failed; 0 of 2 rules covered",
    ] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    let good = "cases:\n- {name: a, issuer: 'https://x.example', kind: email, expect: deny}\n";
    fs::write(path("c.yaml"), good).unwrap();
    said(&policy(&["test", &path("p.yaml"), &path("c.yaml")]), 0);
    assert!(
        said(&policy(&["test", "--require-coverage", &path("p.yaml"), &path("c.yaml")]), 1)
            .contains("--require-coverage")
    );
    fs::write(path("c.yaml"), good.replace("deny", "deny, rule: no-wep")).unwrap();
    let text = said(&policy(&["test", &path("p.yaml"), &path("c.yaml")]), 2);
    assert!(text.contains("no rule \"no-wep\"") && text.contains("did you mean \"no-web\"?"), "{text}");
    said(&policy(&["test", &path("p.yaml"), &path("bad.yaml")]), 2);
    said(&policy(&["test", &path("none.yaml"), &path("c.yaml")]), 2);
    said(&policy(&["test", &path("bad.yaml"), &path("c.yaml")]), 2);
}

/// An intent with these claims.
fn record(claims: &Value) -> String {
    json!({
        "v": 1, "type": "intent", "chain": "0000000000000000", "seq": 1, "prev": "00", "time": "2026-11-28T10:00:00.000Z",
        "request_id": "r", "transport": "grpc", "client": "192.0.2.1", "issuer": "https://ci.example", "audience": ["sigstore"],
        "claims": claims, "identity": "gitlab-pipeline", "san": {"type": "uri", "value": "https://ci.example/a"},
        "extensions": {}, "key": {"kind": "ecdsa", "bits": 256, "sha256": "00"}, "policy": {"outcome": "none"},
        "serial": "00", "tbs_sha256": "00",
    })
    .to_string()
}

#[test]
fn replay_shows_what_would_change_and_what_cannot_be_told() {
    let lines = [
        record(&json!({"namespace_id": "42", "pipeline_source": "push"})),
        record(&json!({"namespace_id": "1", "pipeline_source": "push"})),
        record(&json!({"namespace_id": "42"})),
        "{\"v\":1,\"type\":\"he".to_owned(),
    ];
    let (_folder, path) =
        folder_with(&[("p.yaml", POLICY), ("a.jsonl", &lines[..3].join("\n")), ("torn.jsonl", &lines.join("\n"))]);
    let new = path("p.yaml");
    let replay = |more: &[&str]| policy(&[&["replay", "--policy", &new], more].concat());
    let text = said(&replay(&[&path("a.jsonl")]), 0);
    for part in [
        "3 decisions: 1 change, 1 undecidable, 1 the same by another rule, 0 unchanged",
        "no policy -> default-deny",
        "a.jsonl:2 2026-11-28T10:00:00.000Z https://ci.example/a of https://ci.example",
        "rule \"no-web\": the claim \"pipeline_source\" is not recorded",
        "no policy -> allow by \"ours\"",
    ] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    let text = said(&replay(&["--claims-recorded", "all", &path("a.jsonl")]), 0);
    assert!(
        text.contains("2 change, 0 undecidable") && text.contains("no policy -> deny-error by \"no-web\""),
        "{text}"
    );
    let text = said(&replay(&["--claims-recorded", &new, &path("a.jsonl")]), 0);
    assert!(text.contains("2 change, 0 undecidable"), "{text}");
    said(&replay(&["--fail-on-change", &path("a.jsonl")]), 1);
    let text = said(&replay(&[&path("torn.jsonl")]), 1);
    assert!(text.contains("Unreadable: 1 lines") && text.contains("torn.jsonl:4: "), "{text}");
    let output = replay(&["--json", &path("a.jsonl")]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((report["decisions"].as_u64(), report["changed"]["rows"][0]["count"].as_u64()), (Some(3), Some(1)));
    assert_eq!(report["undecidable"]["rows"][0]["rule"], "no-web");
    said(&replay(&["/none"]), 1);
    said(&policy(&["replay", "--policy", "/none", &path("a.jsonl")]), 2);
}
