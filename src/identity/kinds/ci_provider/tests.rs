use serde_json::json;

use super::super::testing::*;
use super::*;
use crate::identity::extensions::ExtensionId;

const SETTINGS: &str = r#"    type: ci-provider
    ci-provider: forge
---
ci-issuer-metadata:
  forge:
    default-template-values:
      url: "https://forge.example"
      environment: ""
    extension-templates:
      build-signer-uri: "{{ .url }}/{{ .project }}"
      build-trigger: event
      deployment-environment: environment
      source-repository-identifier: number
      issuer: event
      subject: event
    subject-alternative-name-template: "{{ .url }}/{{ .project }}@{{ if eq .event \"push\" }}p{{ else }}o{{ end }}"
"#;

#[test]
fn templates_keys_and_defaults() {
    let principal =
        principal_of(SETTINGS, json!({"project": "a b", "event": "push", "number": 12_345_678_901_u64})).unwrap();
    assert_eq!(uri(&principal), "https://forge.example/a%20b@p");
    assert_eq!(principal.challenge(), "subject-1");
    let expected = [
        (1, ISSUER),
        (8, ISSUER),
        (9, "https://forge.example/a b"),
        (15, "12345678901"),
        (20, "push"),
        (24, "subject-1"),
    ];
    assert_eq!(texts(&principal), expected, "an empty extension is left out; issuer and subject are the token's");
}

#[test]
fn what_index_does_not_find_leaves_its_extension_out_and_refuses_a_name() {
    let settings = |name: &str| {
        format!(
            "    type: ci-provider\n    ci-provider: ci\n---\nci-issuer-metadata:\n  ci:\n    extension-templates:\n      \
                 source-repository-ref: '{{{{ index . \"vcs/ref\" }}}}'\n      build-trigger: '{{{{ .event | printf \"by-%s\" }}}}'\n    \
                 subject-alternative-name-template: '{name}'\n"
        )
    };
    let name = "https://ci.example/{{ .project }}";
    let full = json!({"project": "p", "event": "push", "vcs/ref": "refs/heads/main"});
    let arcs = |claims| -> Vec<u32> {
        texts(&principal_of(&settings(name), claims).unwrap()).into_iter().map(|(arc, _)| arc).collect()
    };
    assert_eq!(arcs(full.clone()), [1, 8, 14, 20, 24]);
    assert_eq!(arcs(without(&full, "vcs/ref")), [1, 8, 20, 24]);
    assert_eq!(arcs(with(&full, "vcs/ref", json!(null))), [1, 8, 20, 24]);
    let holed = settings("https://ci.example/{{ .project }}/{{ index . \"vcs/ref\" }}");
    assert_eq!(principal_of(&holed, without(&full, "vcs/ref")).unwrap_err().claim(), Some("vcs/ref"));
    let blank = principal_of(&settings("{{ .project }}"), with(&full, "project", json!(" ")));
    assert_eq!(blank, Err(PrincipalError::EmptyName));
}

#[test]
fn what_functions_make_of_a_claim_is_still_the_claims_in_a_name() {
    for (template, project) in [
        ("https://ci.example/{{ printf \"%3s\" .project }}", json!("p%20q")),
        ("https://ci.example/{{ with .project }}{{ . }}{{ end }}", json!("p#")),
        ("https://ci.example/{{ $x := .project }}{{ slice $x 0 4 }}", json!("p%20q")),
        ("https://ci.example/{{ range .project }}{{ . }}{{ end }}", json!(["p", "%20q"])),
        ("https://ci.example/{{ print .site 1 2 .project }}", json!("p?")),
    ] {
        let settings = format!(
            "    type: ci-provider\n    ci-provider: ci\n---\nci-issuer-metadata:\n  ci:\n    default-template-values: {{site: s}}\n    \
                 subject-alternative-name-template: '{template}'\n"
        );
        let error = principal_of(&settings, json!({"project": project})).unwrap_err();
        assert!(matches!(error, PrincipalError::Collides(_)), "{template}: {error}");
        assert_eq!(error.claim(), Some("project"), "{template}");
    }
}

#[test]
fn claims_lie_over_defaults() {
    let claims =
        json!({"project": "p", "event": true, "number": 1.5, "url": "https://other.example", "environment": "prod"});
    let principal = principal_of(SETTINGS, claims).unwrap();
    assert_eq!(uri(&principal), "https://other.example/p@o");
    assert!(principal.extensions().contains(&(ExtensionId::DeploymentEnvironment, "prod".to_owned())));
    assert!(principal.extensions().contains(&(ExtensionId::BuildTrigger, "true".to_owned())));
    assert!(principal.extensions().contains(&(ExtensionId::SourceRepositoryIdentifier, "1.5".to_owned())));
}

#[test]
fn what_a_template_needs_and_is_not_there_is_a_refusal_that_names_it() {
    let good = json!({"project": "p", "event": "push", "number": 1});
    for name in ["project", "event", "number"] {
        for bad in [None, Some(json!(null)), Some(json!(["x"])), Some(json!({"a": 1}))] {
            let changed = bad.map_or_else(|| without(&good, name), |value| with(&good, name, value));
            assert_eq!(principal_of(SETTINGS, changed.clone()).unwrap_err().claim(), Some(name), "{changed}");
        }
    }
    let defaulted = principal_of(SETTINGS, good.clone()).unwrap();
    assert_eq!(principal_of(SETTINGS, with(&good, "environment", json!(null))).unwrap(), defaulted);
    assert_eq!(principal_of(SETTINGS, with(&good, "url", json!(null))).unwrap(), defaulted, "the default counts");
}

#[test]
fn every_digit_of_a_number_reaches_the_certificate() {
    for (number, text) in [
        ("9007199254740993", "9007199254740993"),
        ("123456789012345678901234", "123456789012345678901234"),
        ("100000000000000000001e0", "100000000000000000001"),
    ] {
        let claims = json!({"project": "p", "event": "push", "number": serde_json::Value::Null}).to_string();
        let principal = principal_of_text(SETTINGS, &claims.replace("null", number)).unwrap();
        assert!(principal.extensions().contains(&(ExtensionId::SourceRepositoryIdentifier, text.to_owned())));
    }
}

#[test]
fn control_characters_are_refused_in_claims_defaults_and_templates() {
    let good = json!({"project": "p", "event": "push", "number": 1});
    for name in ["project", "event", "number", "environment"] {
        for character in ["\n", "\0", "\u{7f}", "\u{85}"] {
            let error = principal_of(SETTINGS, with(&good, name, json!(format!("a{character}")))).unwrap_err();
            assert_eq!(error, PrincipalError::Claim(ClaimError::ControlCharacter(name.to_owned())));
        }
    }
    for (from, to) in [
        ("environment: \"\"", r#"environment: "a\u0085""#),
        ("build-trigger: event", r#"build-trigger: "{{ .event }}\n""#),
        (
            "default-template-values:\n      url: \"https://forge.example\"",
            r#"default-template-values:
      url: "https://forge.example/\u0085""#,
        ),
    ] {
        assert!(SETTINGS.contains(from), "{from}");
        assert!(principal_of(&SETTINGS.replace(from, to), good.clone()).is_err(), "{to}");
    }
}

#[test]
fn a_claim_that_would_be_written_as_another_one_is_refused_by_name() {
    for project in ["p#", "p%20q", "p%zz", "p?"] {
        let settings = SETTINGS.replace("@{{ if eq .event \\\"push\\\" }}p{{ else }}o{{ end }}", "");
        assert_ne!(settings, SETTINGS);
        let error = principal_of(&settings, json!({"project": project, "event": "push", "number": 1})).unwrap_err();
        assert!(matches!(error, PrincipalError::Collides(_)), "{project}: {error}");
        assert_eq!(error.claim(), Some("project"));
    }
}

#[test]
fn claims_of_known_names_do_not_contain_what_separates_them() {
    for template in [
        "{{.url}}/{{.organization_slug}}/{{.pipeline_slug}}",
        r#"{{ print .url "/" .organization_slug "/" .pipeline_slug }}"#,
        r#"{{ printf "%s/%s/%s" .url .organization_slug .pipeline_slug }}"#,
    ] {
        let settings = format!(
            "    type: ci-provider\n    ci-provider: bk\n---\nci-issuer-metadata:\n  bk:\n    default-template-values: {{url: 'https://buildkite.com'}}\n    \
                 subject-alternative-name-template: '{template}'\n"
        );
        let name = |organization: &str, pipeline: &str| {
            principal_of(&settings, json!({"organization_slug": organization, "pipeline_slug": pipeline}))
        };
        assert_eq!(uri(&name("a", "b/c").unwrap()), "https://buildkite.com/a/b/c", "{template}");
        assert_eq!(name("a/b", "c").unwrap_err().claim(), Some("organization_slug"), "{template}");
    }
}

#[test]
fn the_name_must_be_a_uri() {
    for url in ["", "forge.example", "https://forge.example:x"] {
        let got = principal_of(SETTINGS, json!({"project": "p", "event": "push", "number": 1, "url": url}));
        assert!(matches!(got, Err(PrincipalError::Uri(_))), "{url}: {got:?}");
    }
}
