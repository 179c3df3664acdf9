use super::super::refusals::{parse, refused};
use super::*;

#[test]
fn a_pattern_that_anybody_can_fit_is_known() {
    for pattern in [
        "https://*",
        "https://*/x",
        "https://*:8443",
        "https://issuer-*",
        "https://*.com",
        "https://*.com:443/x",
        "https://*.COM",
        "https://*.com.",
        "https://*.c%6fm",
        "https://*\u{3002}com",
        "https://a-*.com",
        "https://*-a.com",
        "https://*.*",
        "https://*.*.*.*",
        "https://*.*.com",
        "https://accounts.*.com",
        "https://example.com*",
        "https://example.com*:443",
        "https://example.*",
        "https://accounts.example.c*m",
        "https://*.co.uk",
        "https://*.*.uk",
        "https://*.uk",
        "https://*.ck",
        "https://*.x.ck",
        "https://*.kawasaki.jp",
        "https://*.*.kawasaki.jp",
        "https://*.xn--p1ai",
        "https://*.\u{440}\u{444}",
        "https://*.xn--55qx5d.cn",
        "https://*.onion",
        "https://*.*.*.5",
        "https://1.2.3.*",
        "https://8.8.*.8",
        "https://*0.0.0.1",
        "https://10.0.0.*",
        "https://012.*.0.1",
        "https://*5",
        "https://[::*]",
        "https://[*::1]",
        "https://*/https://a.example.com",
    ] {
        assert_eq!(of_pattern(pattern), Holders::Anybody, "{pattern}");
    }
}

#[test]
fn a_pattern_within_a_domain_or_a_network_is_its_owners() {
    for pattern in [
        "https://a.example.com/*",
        "https://com/*",
        "https://*.example.com",
        "https://*.*.example.com",
        "https://a-*.example.com:*/x",
        "https://oidc.eks.*.amazonaws.com/id/*",
        "https://container.googleapis.com/v1/projects/*/locations/*/clusters/*",
        "https://*.oic.prod-aks.azure.com/*",
        "https://kubernetes.*.svc",
        "https://kubernetes.default.svc.*.cluster.local",
        "https://*.corp",
        "https://*.internal",
        "https://*.example",
        "https://*.svc.cluster.local",
        "https://*.www.ck",
        "https://*.city.kawasaki.jp",
        "https://*.example.co.uk",
        "http://127.0.0.1:*/x",
        "http://[::1]:*/x",
        "http://localhost:*",
        "https://10.*.0.5",
        "https://192.168.*.5/x",
    ] {
        assert_eq!(of_pattern(pattern), Holders::Owner, "{pattern}");
    }
}

#[test]
fn a_pattern_below_a_private_suffix_is_its_tenants() {
    for (pattern, suffix) in [
        ("https://*.github.io", "github.io"),
        ("https://*.GitHub.io:8443/x", "github.io"),
        ("https://issuer-*.appspot.com/*", "appspot.com"),
    ] {
        assert_eq!(of_pattern(pattern), Holders::Tenants(suffix.to_owned()), "{pattern}");
    }
    assert_eq!(of_pattern("https://*.acme.github.io"), Holders::Owner);
}

#[test]
fn entries_that_trust_the_world_are_refused_unless_they_say_so() {
    let meta =
        |pattern: &str, more: &str| format!("meta-issuers:\n  \"{pattern}\": {{client-id: s, type: email{more}}}\n");
    for pattern in
        ["https://*", "https://*.com", "https://*.*", "https://*.*.*.*", "https://example.com*", "https://*.co.uk"]
    {
        refused(&meta(pattern, ""), (2, 3), "anybody can register a host", "trust-any-host: true");
        refused(&meta(pattern, ", trust-any-host: no"), (2, 3), "anybody can register a host", "trust-any-host: true");
        let told = parse(&meta(pattern, ", trust-any-host: true")).unwrap();
        assert!(told.warnings()[0].starts_with("config.yaml:2:3: meta-issuers"), "{:?}", told.warnings());
    }
    let json = r#"{"MetaIssuers": {"https://*.com": {"ClientID": "s", "Type": "email"}}}"#;
    refused(json, (1, 18), "anybody can register a host", "TrustAnyHost: true");
    assert_eq!(parse(&json.replace("email\"", "email\", \"TrustAnyHost\": true")).unwrap().warnings().len(), 1);
    refused(&meta("https://*.com", ", trust-any-host: perhaps"), (2, 64), "neither true nor false", "true or false");
    // A list: each identity says it for itself.
    let list = "meta-issuers:\n  \"https://*.com\":\n    - {client-id: s, type: email, trust-any-host: true}\n    - {client-id: t, type: email}\n";
    refused(list, (4, 7), "anybody can register a host", "trust-any-host: true");

    let tenants = parse(&meta("https://*.github.io", "")).unwrap();
    assert!(tenants.warnings()[0].contains("every tenant of github.io"), "{:?}", tenants.warnings());
    for pattern in ["https://*.example.com", "https://oidc.eks.*.amazonaws.com/id/*"] {
        assert!(parse(&meta(pattern, "")).unwrap().warnings().is_empty(), "{pattern}");
    }
}

#[test]
fn a_pattern_of_a_private_network_is_told_of_the_setting_that_it_needs() {
    let warnings = |pattern: &str, more: &str| {
        let file = format!("meta-issuers:\n  \"{pattern}\": {{client-id: s, type: kubernetes{more}}}\n");
        parse(&file).unwrap().warnings().to_vec()
    };
    let ca = rcgen::generate_simple_self_signed(["a.example.com".to_owned()]).unwrap().cert.pem();
    let with_ca = format!(", ca-cert: {}", serde_json::json!(ca));
    for (pattern, more, finding) in [
        ("https://kubernetes.*.svc", "", "public addresses only, but https://kubernetes.default.svc"),
        ("https://oidc.*.example", "", "public addresses only"),
        ("https://*.clusters.corp/x", "", "public addresses only"),
        ("https://10.0.*.5", "", "public addresses only"),
        ("https://*.example.com", with_ca.as_str(), "public addresses only"),
    ] {
        let told = warnings(pattern, more);
        assert_eq!(told.len(), 1, "{pattern}: {told:?}");
        assert!(told[0].contains(finding) && told[0].contains("allow-private-addresses: true"), "{told:?}");
        assert!(warnings(pattern, &format!("{more}, allow-private-addresses: true")).is_empty(), "{pattern}");
    }
    for pattern in ["https://*.example.com", "http://127.0.0.1:*/x", "https://10.0.0.5/*"] {
        assert!(warnings(pattern, "").is_empty(), "{pattern}");
    }
}

#[test]
fn subject_domains_across_a_public_suffix_are_refused_unless_the_entry_says_so() {
    let file = |section: &str, issuer: &str, rest: &str| {
        format!("{section}:\n  \"https://{issuer}\":\n    client-id: s\n    {rest}\n")
    };
    for (issuer, settings) in [
        ("login.a.co.uk", "type: username\n    subject-domain: victim.co.uk"),
        ("login.a.co.uk", "type: uri\n    subject-domain: https://victim.co.uk"),
        ("login.a.co.uk", "type: uri\n    subject-domain: https://Victim.CO.UK:8443/x"),
        ("login.a.co.uk", "type: username\n    subject-domain: Victim.Co.Uk"),
        ("login.a.co.uk", "type: username\n    subject-domain: co.uk"),
        ("login.x.a.kawasaki.jp", "type: username\n    subject-domain: x.b.kawasaki.jp"),
    ] {
        for (section, issuer) in [("oidc-issuers", issuer.to_owned()), ("meta-issuers", format!("*.{issuer}"))] {
            let text = file(section, &issuer, settings);
            let error = parse(&text).expect_err(&text);
            assert_eq!(super::super::refusals::mark(&error), (5, 21), "{error}");
            assert!(error.message.contains("share a public suffix"), "{error}");
            let told = parse(&text.replace("client-id: s", "client-id: s\n    trust-any-host: true")).unwrap();
            assert_eq!(told.warnings().len(), 1, "{text}");
        }
    }
    for settings in [
        "type: username\n    subject-domain: a.co.uk",
        "type: uri\n    subject-domain: https://users.a.co.uk",
        "type: username\n    subject-domain: login.a.co.uk",
    ] {
        assert!(parse(&file("oidc-issuers", "login.a.co.uk", settings)).unwrap().warnings().is_empty());
    }
    let tenants = file("oidc-issuers", "t1.github.io", "type: uri\n    subject-domain: https://victim.github.io");
    assert!(parse(&tenants).unwrap().warnings()[0].contains("different tenants of github.io"));
    // A pattern may speak for another domain altogether: its operator says so, as with Fulcio.
    let other = file("meta-issuers", "*.a.co.uk", "type: username\n    subject-domain: example.org");
    assert!(parse(&other).is_ok());
}

#[test]
fn two_hosts_have_one_holder_unless_a_public_suffix_is_all_that_they_share() {
    for (one, two, expected) in [
        ("accounts.example.com", "users.example.com", Holders::Owner),
        ("accounts.example.com", "example.com", Holders::Owner),
        ("accounts.example.co.uk", "Example.co.UK.", Holders::Owner),
        ("a.b.svc", "c.b.svc", Holders::Owner),
        ("a.cluster.local", "b.cluster.local", Holders::Owner),
        ("login.a.co.uk", "victim.co.uk", Holders::Anybody),
        ("login.a.co.uk", "co.uk", Holders::Anybody),
        ("co.uk", "a.co.uk", Holders::Anybody),
        ("co.uk", "co.uk", Holders::Owner),
        ("a.kawasaki.jp", "b.kawasaki.jp", Holders::Anybody),
        ("a.xn--55qx5d.cn", "b.xn--55qx5d.cn", Holders::Anybody),
        ("t1.github.io", "victim.github.io", Holders::Tenants("github.io".to_owned())),
        ("x.t1.github.io", "t1.github.io", Holders::Owner),
    ] {
        assert_eq!(of_both(one, two), expected, "{one} {two}");
    }
}
