use super::super::refusals::{issuer, parse, refused};
use super::*;
use crate::identity::issuers::Issuers;

const HEAD: &str = "oidc-issuers:\n  https://a.example.com:\n    client-id: s\n    type: email\n";
const JWKS: &str =
    r#"{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

fn access(settings: &str) -> KeyAccess {
    issuer(&format!("{HEAD}{settings}")).keys.as_ref().clone()
}

#[test]
fn every_setting_about_keys_counts_in_both_spellings() {
    assert_eq!(access(""), KeyAccess::default());
    for (yaml, json, expected) in [
        ("jwks-url: https://k.example/x", "JWKSURL: https://k.example/x", KeyOrigin::Url("https://k.example/x".into())),
        ("jwks-file: /etc/jwks.json", "JWKSFile: /etc/jwks.json", KeyOrigin::File("/etc/jwks.json".into())),
        (&format!("jwks: '{JWKS}'"), &format!("JWKS: '{JWKS}'"), KeyOrigin::Fixed(FixedKeys::parse(JWKS).unwrap())),
    ] {
        for setting in [yaml, json] {
            assert_eq!(access(&format!("    {setting}\n")).origin, expected, "{setting}");
        }
    }
    let all = access("    token-file: /run/token\n    allow-http: true\n    allow-private-addresses: yes\n");
    assert_eq!((all.plain_http, all.strangers), (PlainHttp::Anywhere, Reach::Anywhere));
    assert_eq!(all.token_file, Some("/run/token".into()));
    assert_eq!(all, access("    TokenFile: /run/token\n    AllowHTTP: on\n    AllowPrivateAddresses: true\n"));
}

#[test]
fn keys_are_in_one_place() {
    for (first, second) in [("jwks-url: https://k.example", "jwks-file: x"), ("jwks-file: x", "jwks: '{}'")] {
        refused(
            &format!("{HEAD}    {first}\n    {second}\n"),
            (6, second.find(' ').unwrap() + 6),
            "both say",
            "keep one",
        );
    }
    for broken in ["k", "'{}'", "'{\"keys\": []}'", "'{\"keys\": [{\"kty\": \"oct\"}]}'"] {
        refused(&format!("{HEAD}    jwks: {broken}\n"), (5, 11), "not a JWK set", "keys");
    }
    for broken in ["k", "file:///x", "https://u@k.example"] {
        refused(&format!("{HEAD}    jwks-url: {broken}\n"), (5, 15), "not a", "JWK set");
    }
}

#[test]
fn http_without_tls_is_for_this_machine_or_allowed() {
    let file = |url: &str, more: &str| format!("oidc-issuers:\n  {url}: {{client-id: s, type: email{more}}}\n");
    for url in ["http://127.0.0.1:80/x", "http://localhost:80", "http://[::1]:80", "https://a.example.com"] {
        assert!(parse(&file(&format!("\"{url}\""), "")).is_ok(), "{url}");
    }
    for url in ["http://a.example.com", "http://10.0.0.1:8080/realms/x"] {
        let named = parse(&file(&format!("\"{url}\""), "")).unwrap();
        let keys = &named.iter().next().unwrap().keys;
        assert_eq!(keys.plain_http, PlainHttp::Anywhere, "an issuer that is named by such a URL, as at Fulcio");
    }
    assert!(parse(&file("http://a.example.com", ", allow-http: true")).is_ok());
    assert!(
        parse(&file("http://a.example.com", ", jwks-url: 'https://k.example'")).is_ok(),
        "nothing is fetched there"
    );
    let elsewhere = parse(&file("http://a.example.com", ", jwks-url: 'https://k.example'")).unwrap();
    assert_eq!(elsewhere.iter().next().unwrap().keys.plain_http, PlainHttp::Loopback, "and so it is not a WARN");
    let error = parse(&file("http://a.example.com", ", jwks-url: 'http://k.example'")).unwrap_err();
    assert!(error.hint.contains("allow-http: true"), "the URL of the issuer says nothing of another host: {error}");
    refused(&format!("{HEAD}    jwks-url: http://k.example\n"), (5, 15), "without TLS", "allow-http: true");
    refused(&file("http://*.example.com", "").replace("oidc", "meta"), (2, 3), "without TLS", "allow-http");
}

#[test]
fn https_can_be_demanded_of_every_issuer() {
    let rules = IssuerRules { require_https: true, ..IssuerRules::default() };
    let file = |url: &str, more: &str| format!("oidc-issuers:\n  \"{url}\": {{client-id: s, type: email{more}}}\n");
    let read = |text: &str| Issuers::parse_with("config.yaml", text, rules);
    for (url, more) in [
        ("http://a.example.com", ""),
        ("http://127.0.0.1:5556", ""),
        ("https://a.example.com", ", allow-http: true"),
        ("http://a.example.com", ", jwks-url: 'https://k.example'"),
        ("https://a.example.com", ", jwks-url: 'http://127.0.0.1:8080/keys'"),
    ] {
        assert!(read(&file(url, more)).unwrap_err().message.contains("--require-https"), "{url}{more}");
    }
    let pattern = file("http://*.example.com", ", allow-http: true").replace("oidc", "meta");
    assert!(read(&pattern).unwrap_err().message.contains("--require-https"));
    assert!(read(&file("https://a.example.com", "")).is_ok());
}

#[test]
fn a_pattern_has_neither_keys_nor_a_token_of_its_own() {
    for setting in ["jwks-url: 'https://k.example'", "jwks-file: x", &format!("jwks: '{JWKS}'"), "token-file: x"] {
        let text =
            format!("meta-issuers:\n  https://*.example.com:\n    client-id: s\n    type: email\n    {setting}\n");
        refused(&text, (5, setting.find(' ').unwrap() + 6), "pattern", "oidc-issuers");
    }
}

#[test]
fn a_list_gives_an_issuer_several_identities() {
    let list = |items: &str| format!("oidc-issuers:\n  https://a.example.com:\n{items}");
    let item = |more: &str| format!("    - {{client-id: s, type: email{more}}}\n");
    let issuers = parse(&list(&(item(", order: 2") + &item(", order: 1, description: first")))).unwrap();
    let found = issuers.find("https://a.example.com");
    assert_eq!((found.len(), found[0].description.as_deref()), (2, Some("first")));
    let json = r#"{"OIDCIssuers": {"https://a.example.com": [{"ClientID": "a", "Type": "email"}, {"ClientID": "b", "Type": "email"}]}}"#;
    assert_eq!(parse(json).unwrap().find("https://a.example.com").len(), 2);
    let aliased =
        format!("define: [&i {{client-id: s, type: email}}]\n{}", list("    - *i\n    - {<<: *i, client-id: t}\n"));
    assert_eq!(parse(&aliased).unwrap().find("https://a.example.com")[1].audience, "t");

    refused(&list("    []\n"), (3, 5), "empty list", "one identity");
    refused(&list("    - email\n"), (3, 7), "expected a mapping", "key: value");
    refused(&list(&(item("") + "    - {client-id: s}\n")), (4, 7), "type is missing", "types are");
    refused(&list(&(item("") + "    - {client-id: s, typ: email}\n")), (4, 22), "unknown key", "type");
    refused(&list(&(item(", order: 1") + &item(""))), (4, 7), "some entries", "all of them");
    refused(&list(&(item(", order: 1") + &item(", order: 1"))), (4, 7), "another entry", "1, 2, 3");
    refused(&list(&item(", order: first")), (3, 42), "whole number", "1, 2, 3");
    refused(&list(&(item("") + &item(", allow-http: true"))), (4, 7), "other access", "anchor");
}
