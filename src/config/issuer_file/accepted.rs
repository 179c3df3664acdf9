//! What the issuer file's reader makes of the files that it accepts.

use super::refusals::{issuer, mark, parse, refused};
use super::*;
use crate::identity::extensions::ExtensionId;
use crate::identity::kind::{EmailVerification, IdentityType, ValueTemplate};

#[test]
fn metadata_is_compiled_once_and_shared() {
    let issuers = parse(
        "oidc-issuers:\n  https://a.example: &a {client-id: s, type: ci-provider, ci-provider: c}\n  https://b.example: *a\n\
         ci-issuer-metadata:\n  c:\n    default-template-values: {n: 007, t: true, e: , q: \"\"}\n    \
         subject-alternative-name-template: '{{ .a }}'\n    extension-templates:\n      subject: ignored {{\n      \
         issuer: x\n      run-invocation-uri: run\n      build-trigger: '{{ .t }}'\n      runner-environment: ' '\n",
    )
    .unwrap();
    let providers: Vec<_> = issuers
        .iter()
        .map(|issuer| match &issuer.identity {
            IdentityType::CiProvider(provider) => provider,
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(std::sync::Arc::ptr_eq(providers[0], providers[1]));
    let defaults: Vec<_> = providers[0].defaults.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(defaults, [("e", ""), ("n", "007"), ("q", ""), ("t", "true")]);
    assert!(matches!(providers[0].subject_alternative_name, ValueTemplate::Template(_)));
    assert!(matches!(
        &providers[0].extensions[..],
        [(ExtensionId::BuildTrigger, ValueTemplate::Template(_)), (ExtensionId::RunInvocationUri, ValueTemplate::Key(key))]
            if key == "run"
    ));
}

#[test]
fn every_setting_reaches_the_issuer_in_both_spellings() {
    let yaml = "oidc-issuers:\n  https://a.example:\n    issuer-url: https://a.example\n    client-id: 0815\n    \
                type: email\n    skip-email-verification: yes\n    challenge-claim: sub\n    description: d\n    \
                contact: c\n    environment: {x: y}\n    subject-domain:\n";
    let json = r#"{"OIDCIssuers": {"https://a.example": {
	"IssuerURL": "https://a.example", "ClientID": "0815", "Type": "email", "SkipEmailVerification": true,
	"ChallengeClaim": "sub", "Description": "d", "Contact": "c", "Environment": "x", "SubjectDomain": null}}}"#;
    for text in [yaml.to_owned(), json.to_owned(), format!("\u{feff}{yaml}"), yaml.replace('\n', "\r\n")] {
        let issuer = issuer(&text);
        assert_eq!(issuer.address.as_str(), "https://a.example");
        assert_eq!((issuer.audience.as_str(), issuer.challenge_claim.as_str()), ("0815", "sub"));
        assert_eq!((issuer.description.as_deref(), issuer.contact.as_deref()), (Some("d"), Some("c")));
        assert!(issuer.skip_email_verification && issuer.subject_domain.is_none());
        assert!(
            matches!(&issuer.identity, IdentityType::Email(rules) if rules.verification == EmailVerification::Skipped)
        );
    }
    let plain =
        issuer("oidc-issuers: {https://a.example: {client-id: s, type: kubernetes, skip-email-verification: true}}");
    assert!(plain.skip_email_verification && plain.challenge_claim == "sub");
}

#[test]
fn json_of_any_layout_is_read() {
    let value = serde_json::json!({"OIDCIssuers": {"https://a.example": {
        "ClientID": "s", "Type": "email", "Description": "a \"quoted\" \\ / \t \u{1} é text", "Contact": "&lt;"}}});
    let tabs = serde_json::to_string_pretty(&value).unwrap().replace("  ", "\t");
    let escaped = value.to_string().replace("&lt;", "\\u003c").replace("/ ", "\\/ ");
    for text in [value.to_string(), tabs, escaped, format!("\n{value}\n")] {
        assert!(issuer(&text).description.unwrap().contains("/ \t \u{1} é"), "{text}");
    }
}

#[test]
fn merge_keys_fill_in_what_an_entry_does_not_say() {
    let text = "define:\n  - &ours {client-id: ours, Type: email}\n  - &told {description: told, contact: c}\n\
                oidc-issuers:\n  https://a.example:\n    <<: [*ours, *told]\n    type: kubernetes\n    contact: own\n";
    let merged = issuer(text);
    assert_eq!((merged.audience.as_str(), merged.identity.name()), ("ours", "kubernetes"));
    assert_eq!((merged.description.as_deref(), merged.contact.as_deref()), (Some("told"), Some("own")));
    refused(&text.replace("client-id", "client"), (2, 12), "unknown key", "client-id");
    refused(&text.replace("    type: k", "    <<: *told\n    type: k"), (7, 5), "duplicate key", "remove");
}

#[test]
fn without_a_file_fulcios_three_are_trusted() {
    let issuers = Issuers::builtin();
    let told: Vec<_> = issuers.iter().map(|i| (i.address.as_str(), i.audience.as_str(), i.identity.name())).collect();
    assert_eq!(
        told,
        [
            ("https://accounts.google.com", "sigstore", "email"),
            ("https://oauth2.sigstore.dev/auth", "sigstore", "email"),
            ("https://token.actions.githubusercontent.com", "sigstore", "github-workflow"),
        ]
    );
    let dex = issuers.find("https://oauth2.sigstore.dev/auth").first().unwrap();
    assert!(matches!(&dex.identity, IdentityType::Email(rules) if rules.issuer_claim.is_some()));
}

#[test]
fn every_example_loads() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/config/issuers");
    let mut loaded = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|kind| kind == "yaml" || kind == "json") {
            let issuers = Issuers::load(&path, IssuerRules::default()).unwrap_or_else(|error| panic!("{error}"));
            assert!(issuers.len() > 1, "{}", path.display());
            loaded += 1;
        }
    }
    assert_eq!(loaded, 5);
}

#[test]
fn json_that_is_not_yaml_is_read_and_its_faults_have_a_line() {
    let text = "{\"OIDCIssuers\": {\"https://a.example\"\n: {\n\"ClientID\": \"s\",\n\"Description\": \"\\ud83d\\ude00\",\n\"Type\": \"email\"}}}";
    assert_eq!(issuer(text).description.as_deref(), Some("\u{1f600}"));
    let broken = |from: &str, to: &str| parse(&text.replace(from, to)).unwrap_err();
    let unknown = broken("Type", "Typ");
    assert_eq!((mark(&unknown), unknown.hint.as_str()), ((5, 1), "did you mean \"Type\"?"));
    assert_eq!(mark(&broken("\"email\"", "\"emai")).0, 5);
    let list = broken("\"s\"", "[5]");
    assert_eq!((mark(&list), list.message.as_str()), ((3, 13), "found a list, expected a string"));
    assert_eq!(list.place.path.join(" › "), "OIDCIssuers › https://a.example › ClientID");
}

#[test]
fn name_templates_that_leave_two_identities_one_name_are_warned_of_at_their_line() {
    let file = |template: &str| {
        format!(
            "oidc-issuers:\n  https://a.example: {{client-id: s, type: ci-provider, ci-provider: c}}\n\
             ci-issuer-metadata:\n  c:\n    default-template-values: {{url: 'https://ci.example'}}\n    \
             subject-alternative-name-template: '{template}'\n"
        )
    };
    for (template, found) in [
        ("https://ci.example/{{ .group }}/{{ .project }}", "\"group\" may contain the \"/\""),
        ("{{ .url }}/{{ .group }}{{ .project }}", "nothing separates"),
        ("{{ .url }}/{{ if .tag }}tag{{ else }}branch{{ end }}", "`if` gives the same text"),
    ] {
        let issuers = parse(&file(template)).unwrap();
        let [warning] = issuers.warnings() else { panic!("{template}: {:?}", issuers.warnings()) };
        assert!(warning.contains(":6:") && warning.contains(found), "{template}: {warning}");
    }
    for template in ["{{ .url }}/{{ .project }}", "{{.url}}/{{.organization_slug}}/{{.pipeline_slug}}"] {
        assert_eq!(parse(&file(template)).unwrap().warnings(), [] as [String; 0], "{template}");
    }
    let shipped = include_str!("../../../config/issuers/issuers-ci.yaml");
    assert_eq!(parse(shipped).unwrap().warnings(), [] as [String; 0], "our own examples are known names");
}
