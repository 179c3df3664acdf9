//! The order of rules, what errors do, shadow mode, and that nothing that goes wrong lets anybody in.

use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::crypto::KeyKind;
use crate::identity::IdentityKind;

const ISSUER: &str = "https://token.actions.githubusercontent.com";

fn policy(text: &str) -> Policy {
    Policy::parse(Path::new("p.yaml"), text).unwrap_or_else(|error| panic!("{text}\n{error}")).0
}

fn facts<'a>(issuer: &'a str, claims: &'a Value) -> Facts<'a> {
    Facts {
        claims: claims.as_object().unwrap(),
        issuer,
        audience: Some("sigstore"),
        kind: IdentityKind::GithubWorkflow,
        san: Some("https://github.com/o/r"),
        key: Some(KeyFacts::recorded(KeyKind::P256, None)),
        now: UNIX_EPOCH + Duration::from_secs(1_795_824_000),
    }
}

fn decide(text: &str, claims: &Value) -> (Outcome, Option<String>) {
    let Decision { outcome, rule, .. } = policy(text).evaluate(&facts(ISSUER, claims));
    (outcome, rule.map(|rule| rule.id().to_owned()))
}

const THREE: &str = "\
rules:
  - {id: main, allow: \"claims.ref == 'main'\"}
  - {id: any, allow: \"claims.ref != ''\"}
  - {id: forks, deny: \"claims.event_name == 'pull_request'\"}
";

#[test]
fn deny_wins_then_allow_then_the_default() {
    let claims = |reference: &str, event: &str| json!({"ref": reference, "event_name": event});
    let by = |id: &str| Some(id.to_owned());
    assert_eq!(decide(THREE, &claims("main", "push")), (Outcome::Allowed, by("main")));
    assert_eq!(decide(THREE, &claims("other", "push")), (Outcome::Allowed, by("any")));
    assert_eq!(decide(THREE, &claims("main", "pull_request")), (Outcome::Denied, by("forks")));
    assert_eq!(decide(THREE, &claims("", "push")), (Outcome::DeniedByDefault, None));
    let open = format!("default: allow\n{THREE}");
    assert_eq!(decide(&open, &claims("", "push")), (Outcome::AllowedByDefault, None));
    assert_eq!(decide(&open, &claims("", "pull_request")), (Outcome::Denied, by("forks")));
}

#[test]
fn an_error_denies_where_it_would_deny_and_does_not_allow_where_it_would_allow() {
    let by = |id: &str| Some(id.to_owned());
    assert_eq!(decide(THREE, &json!({"ref": "main"})), (Outcome::DeniedByError, by("forks")));
    assert_eq!(decide(THREE, &json!({"event_name": "push"})), (Outcome::DeniedByDefault, None));
    // What CEL's || would hide is an error here.
    let hidden = "rules:\n  - {id: a, allow: \"claims.environment == 'x' || true\"}\n";
    assert_eq!(decide(hidden, &json!({})), (Outcome::DeniedByDefault, None));
    let hidden = "default: allow\nrules:\n  - {id: d, deny: \"claims.environment == 'x' && false\"}\n";
    assert_eq!(decide(hidden, &json!({})), (Outcome::DeniedByError, by("d")));
    let errors = policy(THREE).evaluate(&facts(ISSUER, &json!({"event_name": "push"}))).errors;
    let errors: Vec<_> = errors.iter().map(|error| (error.rule.id(), error.problem.as_str())).collect();
    assert_eq!(errors, [("main", "the claim \"ref\" is absent"), ("any", "the claim \"ref\" is absent")]);
}

#[test]
fn rules_are_about_their_issuers_and_kinds() {
    let text = format!(
        "rules:\n  - {{id: exact, issuers: [{ISSUER}], allow: \"claims.ref == 'a'\"}}\n  \
        - {{id: pattern, issuers: ['https://*.example.com'], allow: \"claims.ref == 'a'\"}}\n  \
        - {{id: kinds, identities: [gitlab-pipeline, github-workflow], allow: \"claims.ref == 'b'\"}}\n  \
        - {{id: other, identities: [email], allow: \"claims.sub == 'x'\"}}\n"
    );
    let policy = policy(&text);
    let (a, b) = (json!({"ref": "a", "sub": "x"}), json!({"ref": "b", "sub": "x"}));
    let rule =
        |issuer: &str, claims: &Value| policy.evaluate(&facts(issuer, claims)).rule.map(|rule| rule.id().to_owned());
    assert_eq!(rule(ISSUER, &a).as_deref(), Some("exact"));
    assert_eq!(rule("https://x.example.com", &a).as_deref(), Some("pattern"));
    assert_eq!(rule("https://x.y.example.com", &a), None);
    assert_eq!(rule("https://elsewhere.example", &b).as_deref(), Some("kinds"));
    assert_eq!(rule("https://elsewhere.example", &a), None);
    let email = Facts { kind: IdentityKind::Email, ..facts("https://elsewhere.example", &a) };
    assert_eq!(policy.evaluate(&email).rule.unwrap().id(), "other");
    let traced = |issuer: &str| {
        policy.trace(&facts(issuer, &a)).iter().map(|traced| traced.rule.id().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(traced(ISSUER), ["exact", "kinds"]);
    assert_eq!(traced("https://x.example.com"), ["pattern", "kinds"]);
}

#[test]
fn the_lifetime_is_the_least_and_an_error_makes_it_the_shortest() {
    let text = |last: &str| {
        format!(
            "default: allow\nrules:\n  - {{id: a, max-lifetime: 15m}}\n  - {{id: b, max-lifetime: \"claims.ref == 'x' ? duration('12m') : duration('20m')\"}}\n{last}"
        )
    };
    let limit = |last: &str, claims: Value| policy(&text(last)).evaluate(&facts(ISSUER, &claims)).lifetime.unwrap();
    let minutes = |minutes| LifetimeLimit::AtMost(Duration::from_mins(minutes));
    assert_eq!(limit("", json!({"ref": "x"})), minutes(12));
    assert_eq!(limit("", json!({"ref": "y"})), minutes(15));
    assert_eq!(limit("", json!({})), LifetimeLimit::Shortest);
    let negative = "  - {id: c, max-lifetime: \"duration('-1m')\"}\n";
    assert_eq!(limit(negative, json!({"ref": "y"})), LifetimeLimit::Shortest);
    assert_eq!(policy(THREE).evaluate(&facts(ISSUER, &json!({"ref": "main", "event_name": ""}))).lifetime, None);
}

#[test]
fn shadow_is_recorded_and_enforces_nothing() {
    let text = "\
rules:
  - {id: allow, allow: \"claims.ref == 'a'\"}
  - {id: dark-deny, mode: shadow, deny: \"claims.event_name == 'push'\"}
  - {id: dark-allow, mode: shadow, allow: \"claims.ref == 'b'\"}
  - {id: dark-life, mode: shadow, max-lifetime: 10m}
";
    let policy = policy(text);
    let decision =
        |reference: &str, event: &str| policy.evaluate(&facts(ISSUER, &json!({"ref": reference, "event_name": event})));
    let id = |rule: &Option<Arc<Rule>>| rule.as_ref().map(|rule| rule.id().to_owned());
    let denied = decision("a", "push");
    assert_eq!((denied.outcome, id(&denied.rule).as_deref(), denied.lifetime), (Outcome::Allowed, Some("allow"), None));
    let shadow = denied.shadow.unwrap();
    assert_eq!((shadow.outcome, id(&shadow.rule).as_deref()), (Outcome::Denied, Some("dark-deny")));
    let allowed = decision("b", "tag");
    assert_eq!(allowed.outcome, Outcome::DeniedByDefault);
    let shadow = allowed.shadow.unwrap();
    assert_eq!((shadow.outcome, id(&shadow.rule).as_deref()), (Outcome::Allowed, Some("dark-allow")));
    assert_eq!(shadow.lifetime, Some(LifetimeLimit::AtMost(Duration::from_mins(10))));
    // An error of a rule in shadow mode is noted and does nothing.
    let failed = policy.evaluate(&facts(ISSUER, &json!({"ref": "a"})));
    assert_eq!((failed.outcome, failed.errors.len()), (Outcome::Allowed, 1));
    assert_eq!(failed.shadow.unwrap().outcome, Outcome::DeniedByError);

    let whole = format!("mode: shadow\n{THREE}");
    let decision = self::policy(&whole).evaluate(&facts(ISSUER, &json!({"ref": "", "event_name": "push"})));
    assert_eq!((decision.outcome, decision.outcome.is_allowed()), (Outcome::NotEnforced, true));
    assert_eq!(decision.shadow.unwrap().outcome, Outcome::DeniedByDefault);
    assert!(self::policy(THREE).evaluate(&facts(ISSUER, &json!({}))).shadow.is_none());
}

#[test]
fn a_trace_has_every_applicable_rule_with_its_result() {
    let policy = policy(&format!("{THREE}  - {{id: life, max-lifetime: 15m}}\n"));
    let traced = policy.trace(&facts(ISSUER, &json!({"ref": "main"})));
    let traced: Vec<_> = traced.into_iter().map(|traced| (traced.rule.id().to_owned(), traced.result)).collect();
    let absent = || Evaluated::Error("the claim \"event_name\" is absent".to_owned());
    let expected = [
        ("forks".to_owned(), absent()),
        ("main".to_owned(), Evaluated::True),
        ("any".to_owned(), Evaluated::True),
        ("life".to_owned(), Evaluated::Lifetime(Duration::from_mins(15))),
    ];
    assert_eq!(traced, expected);
}

#[test]
fn facts_are_read_from_a_record() {
    let record = json!({"claims": {"iss": ISSUER, "ref": "main"}, "audience": "sigstore", "now": "2026-11-28T00:00:00Z",
        "principal": {"kind": "github-workflow", "san": "https://x"}, "key": {"kind": "ed25519", "sha256": "ab"}});
    let read = RecordedFacts::from_json(&record, UNIX_EPOCH).unwrap();
    let facts = read.facts();
    assert_eq!((facts.issuer, facts.audience, facts.san), (ISSUER, Some("sigstore"), Some("https://x")));
    assert_eq!(facts.now, UNIX_EPOCH + Duration::from_secs(1_795_824_000));
    let key = facts.key.unwrap();
    assert_eq!((key.kind(), key.sha256()), (KeyKind::Ed25519, Some("ab")));
    for (pointer, value, problem) in [
        ("/claims", json!([]), "claims is not an object"),
        ("/principal/kind", json!("github"), "principal.kind: "),
        ("/principal/kind", json!(null), "principal.kind is missing"),
        ("/key/kind", json!("rsa"), "key.kind: known are"),
        ("/audience", json!(1), "audience is not a string"),
        ("/now", json!("today"), "now is neither"),
    ] {
        let mut bad = record.clone();
        *bad.pointer_mut(pointer).unwrap() = value;
        let error = RecordedFacts::from_json(&bad, UNIX_EPOCH).unwrap_err();
        assert!(error.starts_with(problem), "{error}");
    }
    let least = json!({"claims": {"iss": ISSUER}, "principal": {"kind": "email"}});
    let read = RecordedFacts::from_json(&least, UNIX_EPOCH).unwrap();
    assert!(read.facts().key.is_none() && read.facts().now == UNIX_EPOCH);
}

fn broken_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(json!(0.5)),
        Just(json!({"a": null})),
        Just(json!(["x", 1, null])),
        Just(json!(u64::MAX)),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z]{0,4}".prop_map(Value::from),
    ]
}

fn broken_claims() -> impl Strategy<Value = Value> {
    proptest::collection::btree_map("ref|event_name|sub|environment", broken_value(), 0..5).prop_map(|map| json!(map))
}

fn condition() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("claims.ref == 'a'".to_owned()),
        Just("claims.event_name != 'b'".to_owned()),
        Just("has(claims.environment)".to_owned()),
        Just("claims.environment.startsWith('a')".to_owned()),
        Just("int(claims.sub) > 5".to_owned()),
        Just("claims.sub in ['x', 'y']".to_owned()),
        Just("['x', 'y'].exists(e, e == claims.ref)".to_owned()),
        Just("[1, 2].all(e, e < 10 / (size(claims.ref) - 1))".to_owned()),
        Just("true".to_owned()),
        Just("false".to_owned()),
    ];
    leaf.prop_recursive(3, 10, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("({one} && {other})")),
            (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("({one} || {other})")),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(one, two, three)| format!("({one} ? {two} : {three})")),
            inner.prop_map(|one| format!("!({one})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    /// With an error in any rule that decides, nobody is let in by it: an allow rule that failed is not the reason, and whoever a deny rule
    /// failed on is denied. Lifetimes that failed are the shortest.
    #[test]
    fn no_error_ever_allows(allow in condition(), deny in condition(), life in condition(), claims in broken_claims()) {
        let text = format!("rules:\n  - {{id: a, allow: \"{allow}\"}}\n  - {{id: d, deny: \"{deny}\"}}\n  \
            - {{id: l, max-lifetime: \"{life} ? duration('20m') : duration('15m')\"}}\n");
        let Ok((policy, _)) = Policy::parse(Path::new("p.yaml"), &text) else { panic!("{text}") };
        let facts = facts(ISSUER, &claims);
        let result = |id: &str| policy.trace(&facts).into_iter().find(|traced| traced.rule.id() == id).unwrap().result;
        let decision = policy.evaluate(&facts);
        let should_allow = result("d") == Evaluated::False && result("a") == Evaluated::True;
        prop_assert_eq!(decision.outcome.is_allowed(), should_allow);
        if matches!(result("d"), Evaluated::Error(_)) {
            prop_assert_eq!(decision.outcome, Outcome::DeniedByError);
        }
        if decision.outcome.is_allowed() && matches!(result("l"), Evaluated::Error(_)) {
            prop_assert_eq!(decision.lifetime, Some(LifetimeLimit::Shortest));
        }
    }
}
