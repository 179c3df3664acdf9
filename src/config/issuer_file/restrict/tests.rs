use super::super::refusals::{issuer, refused};
use super::*;

const HEAD: &str = "oidc-issuers:\n  https://a.example.com:\n    client-id: s\n    type: email\n";

fn read(settings: &str) -> Restrictions {
    issuer(&format!("{HEAD}{settings}")).restrictions
}

fn texts(entries: &[&str]) -> Vec<String> {
    entries.iter().map(|entry| (*entry).to_owned()).collect()
}

#[test]
fn every_restriction_counts_in_both_spellings() {
    assert_eq!(read(""), Restrictions::default());
    let expected = Restrictions {
        token_types: Some(texts(&["jwt", "at+jwt"])),
        authorized_parties: Some(texts(&["cli"])),
        max_token_age: Some(Duration::from_mins(10)),
        names: NamePolicy {
            allowed_email_domains: Some(texts(&["example.com", "example.org"])),
            denied_email_domains: texts(&["sub.example.com"]),
            allowed_prefixes: Some(texts(&["dev"])),
            denied_prefixes: texts(&["devil"]),
        },
    };
    let yaml = "    token-types: [JWT, application/at+jwt]\n    authorized-parties: cli\n    max-token-age: 10m\n    name-policy:\n      \
                    allowed-email-domains: [Example.com, example.org]\n      denied-email-domains: [sub.example.com]\n      \
                    allowed-san-prefixes: dev\n      denied-san-prefixes: [devil]\n";
    assert_eq!(read(yaml), expected);
    let json = r#"{"OIDCIssuers": {"https://a.example.com": {"ClientID": "s", "Type": "email", "TokenTypes": ["JWT", "application/at+jwt"],
            "AuthorizedParties": ["cli"], "MaxTokenAge": "10m", "NamePolicy": {"AllowedEmailDomains": ["Example.com", "example.org"],
            "DeniedEmailDomains": "sub.example.com", "AllowedSANPrefixes": ["dev"], "DeniedSANPrefixes": ["devil"]}}}}"#;
    assert_eq!(issuer(json).restrictions, expected);
}

#[test]
fn a_restriction_is_never_switched_off_by_a_slip() {
    for setting in [
        "token-types:",
        "token-types: []",
        "token-types: ''",
        "token-types: [JWT, '']",
        "token-types: [a b]",
        "authorized-parties:",
        "authorized-parties: [~]",
        "max-token-age:",
        "max-token-age: 600",
        "max-token-age: 0s",
        "max-token-age: soon",
        "name-policy:",
        "name-policy: {}",
        "name-policy: {denied-email-domains: }",
        "name-policy: {denied-email-domains: [a@example.com]}",
        "name-policy: {denied-email-domains: ['*.example.com']}",
        "name-policy: {allowed-email-domains: [.example.com]}",
        "name-policy: {allowed-email-domains: [example.com.]}",
        "name-policy: {allowed-email-domains: [m\u{fc}ller.example]}",
        "name-policy: {allowed-san-prefixes: ['https://a/b c']}",
        "name-policy: {denied-san-prefixes: [\"a\\n\"]}",
    ] {
        let error = super::super::refusals::parse(&format!("{HEAD}    {setting}\n")).expect_err(setting);
        assert!(matches!(error.place.mark, Some(mark) if matches!(mark.line, 5 | 6)), "{setting}: {error}");
        assert!(!error.hint.is_empty() && !error.message.is_empty(), "{setting}: {error}");
    }
    refused(&format!("{HEAD}    max-token-age: 600\n"), (5, 20), "duration", "10m");
    refused(
        &format!("{HEAD}    name-policy: {{alowed-email-domains: [a.example]}}\n"),
        (5, 19),
        "unknown key",
        "did you mean",
    );
    refused(&format!("{HEAD}    max-token-aeg: 10m\n"), (5, 5), "unknown key", "max-token-age");
    refused(&format!("{HEAD}    token-types: {{a: b}}\n"), (5, 18), "a string or a list of strings", "one value");
    let uri = HEAD.replace("type: email", "type: kubernetes");
    refused(
        &format!("{uri}    name-policy: {{denied-email-domains: [example.com]}}\n"),
        (5, 41),
        "type email only",
        "prefixes",
    );
}
