use super::*;

#[test]
fn an_issuer_url_is_http_with_a_host_and_nothing_behind_the_path() {
    for good in ["https://a.example", "https://a.example/", "http://127.0.0.1:8080/x", "https://kubernetes.default.svc"]
    {
        assert!(issuer_url(good).is_ok(), "{good}");
    }
    for bad in [
        "",
        "a.example",
        "https:a.example",
        "https://",
        "ftp://a.example",
        "file:///x",
        "https://a.example?x=1",
        "https://a.example#x",
        "https://u@a.example",
        "https://u:p@a.example",
        " https://a.example",
        "https://a.example\\x",
        "https://*.example",
        "https://a.example:99999",
    ] {
        assert!(issuer_url(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_pattern_is_such_a_url_with_stars_anywhere_but_in_the_scheme() {
    for good in ["https://*.a.example/*/*", "https://a.example", "http://127.0.0.1:*/x", "https://a.example/*/"] {
        assert!(meta_pattern(good).is_ok(), "{good}");
    }
    for bad in
        ["*", "*://a.example", "http*://a.example", "https://a.example/*?x", "https://*@a.example", "a.example/*"]
    {
        assert!(meta_pattern(bad).is_err(), "{bad}");
    }
}

#[test]
fn an_issuer_speaks_for_its_host_and_its_siblings() {
    let allowed = |issuer: &str, host: &str| may_speak_for(&Url::parse(issuer).unwrap(), host).is_ok();
    for (issuer, host, expected) in [
        ("https://accounts.example.com", "example.com", true),
        ("https://accounts.example.com", "users.example.com", true),
        ("https://accounts.example.com", "accounts.example.com", true),
        ("https://example.com", "Users.Example.com", true),
        ("https://localhost", "localhost", true),
        ("http://127.0.0.1:80", "127.0.0.1", true),
        ("https://accounts.example.com", "example.org", false),
        ("https://accounts.example.com", "notexample.com", false),
        ("https://accounts.example.com", "com", false),
        ("https://accounts.example.com", ".com", false),
        ("https://localhost", "example.localhost", false),
        ("http://10.0.0.1", "127.0.0.1", false),
    ] {
        assert_eq!(allowed(issuer, host), expected, "{issuer} {host}");
    }
}
