//! What the policy costs a certificate: 200 rules, of which ten are about the token's issuer.
//!
//! `cargo bench --bench policy`. A certificate takes 100 to 150 µs of CPU; the policy may take 15 % of that.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a benchmark that fails must stop")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::json;
use sigmint::policy::{Outcome, Policy, RecordedFacts};

const ISSUER: &str = "https://token.actions.githubusercontent.com";

/// Nineteen other issuers with ten rules each, and ten of the token's issuer: two deny rules, seven allow rules of which the last holds,
/// one lifetime.
fn rules() -> String {
    let mut text = String::from("rules:\n");
    for issuer in 0..20 {
        let url = if issuer == 7 { ISSUER.to_owned() } else { format!("https://gitlab{issuer}.example.com") };
        let mut rule = |number: usize, effect: &str, condition: &str| {
            let _ = write!(
                text,
                "  - id: r{issuer}.{number}\n    issuers: [{url}]\n    identities: [github-workflow]\n    {effect}: |\n      {condition}\n"
            );
        };
        rule(0, "deny", r#"claims.runner_environment != "github-hosted" && claims.event_name == "release""#);
        rule(1, "deny", r#"has(claims.environment) && claims.environment in ["test", "staging"]"#);
        for number in 2..9 {
            let condition = format!(
                r#"claims.repository_owner_id == "9919" && claims.repository_id in ["1296269", "13{number}0192"] && claims.ref.matches("^refs/(heads/main|tags/v[0-9.]+)$") && claims.event_name == "e{number}""#
            );
            rule(number, "allow", &condition);
        }
        rule(9, "max-lifetime", r#"claims.ref_protected == "true" ? duration("20m") : duration("10m")"#);
    }
    text
}

fn policy(criterion: &mut Criterion) {
    let text = rules();
    let (policy, _) = Policy::parse(Path::new("bench.yaml"), &text).unwrap();
    assert_eq!(policy.rules().len(), 200);
    let record = json!({"principal": {"kind": "github-workflow", "san": "https://github.com/octo/app/.github/workflows/r.yml@refs/heads/main"},
        "audience": "sigstore", "key": {"kind": "ecdsa-p256"}, "claims": {"iss": ISSUER, "aud": "sigstore",
        "sub": "repo:octo/app:ref:refs/heads/main", "repository": "octo/app", "repository_id": "1296269", "repository_owner": "octo",
        "repository_owner_id": "9919", "ref": "refs/heads/main", "ref_type": "branch", "ref_protected": "true", "event_name": "e8",
        "sha": "1f2e", "runner_environment": "github-hosted", "repository_visibility": "public", "actor": "mona", "actor_id": "1",
        "workflow": "release", "workflow_ref": "octo/app/.github/workflows/r.yml@refs/heads/main", "run_id": "1", "run_attempt": "1"}});
    let recorded = RecordedFacts::from_json(&record, UNIX_EPOCH + Duration::from_secs(1_795_824_000)).unwrap();
    let decision = policy.evaluate(&recorded.facts());
    assert_eq!((decision.outcome, decision.rule.unwrap().id()), (Outcome::Allowed, "r7.8"));
    criterion.bench_function("policy: decide with 200 rules, 10 for the issuer", |bencher| {
        bencher.iter(|| policy.evaluate(black_box(&recorded.facts())));
    });
    criterion.bench_function("policy: load 200 rules", |bencher| {
        bencher.iter(|| Policy::parse(Path::new("bench.yaml"), black_box(&text)).unwrap());
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().measurement_time(Duration::from_secs(4));
    targets = policy
}
criterion_main!(benches);
