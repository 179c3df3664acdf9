use std::path::Path;
use std::time::UNIX_EPOCH;

use super::*;

const POLICY: &str = "\
rules:
  - {id: ours, issuers: [https://ci.example], identities: [gitlab-pipeline], allow: \"claims.namespace_id == '42'\"}
  - {id: no-web, identities: [gitlab-pipeline], deny: \"claims.pipeline_source == 'web'\"}
  - {id: short, identities: [gitlab-pipeline], max-lifetime: 12m}
  - {id: later, mode: shadow, deny: \"principal.san == 'x'\"}
";

fn policy() -> Policy {
    Policy::parse(Path::new("p.yaml"), POLICY).unwrap().0
}

fn cases(text: &str) -> Vec<Case> {
    file::parse("c.yaml", text, UNIX_EPOCH).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

const DEFAULTS: &str = "defaults:\n  issuer: https://ci.example\n  kind: gitlab-pipeline\n  san: s\n  key: {kind: ecdsa-p256}\n  \
    claims: {namespace_id: \"42\", pipeline_source: push}\ncases:\n";

/// What came of one case with these lines.
fn tried(view: View, lines: &str) -> Option<(String, String)> {
    let text = format!("{DEFAULTS}  - name: n\n    {}\n", lines.replace("; ", "\n    "));
    let tried = cases(&text).first().unwrap().run(&policy(), view, &mut Coverage::default());
    tried.failure.map(|failure| (failure.expected, failure.found))
}

#[test]
fn a_case_fails_when_answer_rule_or_lifetime_is_another_one() {
    for good in [
        "expect: allow",
        "expect: allow; rule: ours",
        "expect: allow; lifetime: 12m",
        "expect: deny; claims: {pipeline_source: web}; rule: no-web",
        "expect: deny; claims: {namespace_id: \"43\"}",
        "expect: default-deny; claims: {namespace_id: \"43\"}",
        "expect: default-deny; issuer: https://other.example",
        // Null takes a default away.
        "expect: deny-error; claims: {pipeline_source: null}; rule: no-web",
        "expect: allow; san: x",
    ] {
        assert_eq!(tried(View::Enforced, good), None, "{good}");
    }
    assert_eq!(tried(View::ShadowEnforced, "expect: deny; san: x; rule: later"), None);
    for (bad, expected, found) in [
        ("expect: deny", "deny", "allow by \"ours\""),
        ("expect: allow; rule: no-web", "allow by \"no-web\"", "allow by \"ours\""),
        ("expect: allow; lifetime: 10m", "allow, for 10m at most", "allow by \"ours\", for 12m at most"),
        ("expect: allow; claims: {pipeline_source: web}", "allow", "deny by \"no-web\""),
        ("expect: default-deny; claims: {pipeline_source: web}", "default-deny", "deny by \"no-web\""),
        ("expect: deny; claims: {namespace_id: \"43\"}; rule: ours", "deny by \"ours\"", "default-deny"),
        // A number is not the string that the token has.
        ("expect: allow; claims: {namespace_id: 42}", "allow", "default-deny"),
    ] {
        let failure = tried(View::Enforced, bad);
        assert_eq!(failure, Some((expected.to_owned(), found.to_owned())), "{bad}");
    }
}

#[test]
fn rules_that_were_never_true_or_never_false_are_named() {
    let gaps = |text: &str| {
        let mut coverage = Coverage::default();
        for case in cases(text) {
            case.run(&policy(), View::Enforced, &mut coverage);
        }
        let gaps = coverage.gaps(&policy());
        gaps.into_iter().map(|gap| format!("{} {}", gap.rule.id(), gap.gap)).collect::<Vec<_>>()
    };
    let one = format!("{DEFAULTS}  - {{name: a, expect: allow}}\n");
    assert_eq!(gaps(&one), ["ours was never false", "no-web was never true", "later was never true"]);
    let other =
        format!("{DEFAULTS}  - {{name: a, issuer: 'https://x.example', kind: uri, expect: deny, claims: {{}}}}\n");
    assert_eq!(
        gaps(&other),
        [
            "ours was neither true nor false",
            "no-web was neither true nor false",
            "short never gave a lifetime",
            "later was never true"
        ]
    );
    let all =
        format!("{one}  - {{name: b, expect: deny, san: x, claims: {{namespace_id: \"1\", pipeline_source: web}}}}\n");
    assert_eq!(gaps(&all), [""; 0]);
    // What could not be evaluated shows nothing.
    let error = format!("{DEFAULTS}  - {{name: a, expect: deny, claims: {{namespace_id: null}}}}\n");
    assert!(gaps(&error).contains(&"ours was neither true nor false".to_owned()));
}

#[test]
fn a_mistake_in_a_case_is_named() {
    let case = |line: &str| format!("{DEFAULTS}  - {{name: n, {line}}}\n");
    for (text, expected) in [
        ("cases: []".to_owned(), "no case"),
        ("{}".to_owned(), "the key \"cases\" is missing"),
        (String::new(), "the file is empty"),
        ("- a".to_owned(), "a list, not a mapping"),
        ("cases: [a]".to_owned(), "a single value, not a mapping"),
        ("cases: [{name: a}]".to_owned(), "c.yaml:1:9: the case has no \"expect\""),
        ("cases: [{expect: deny}]".to_owned(), "has no \"name\""),
        (case("expect: allow, expect: deny"), "duplicate"),
        (case("expect: allow, claims: 7"), "claims is a single value"),
        (case("expect: alow"), "did you mean \"allow\"?"),
        (case("expects: allow"), "unknown key \"expects\""),
        (case("expect: allow, key: {kind: ecdsa-p256, bits: 256}"), "unknown key \"bits\""),
        (case("expect: allow, kind: gitlab"), "kind: known are"),
        (case("expect: allow, kind: gitlab-pipelin"), "did you mean \"gitlab-pipeline\"?"),
        (case("expect: allow, key: {kind: p256}"), "key.kind"),
        (case("expect: allow, now: yesterday"), "now is neither"),
        (case("expect: allow, lifetime: soon"), "not a duration"),
        ("cases:\n- {name: n, expect: allow}".to_owned(), "kind is missing"),
        ("cases:\n- {name: n, expect: allow, kind: email}".to_owned(), "issuer is missing"),
    ] {
        let said = file::parse("c.yaml", &text, UNIX_EPOCH).unwrap_err().to_string();
        assert!(said.contains(expected) && said.starts_with("c.yaml") && said.contains("hint: "), "{expected}: {said}");
    }
}
