use super::*;
use proptest::prelude::*;

fn encoded(text: &str) -> String {
    Uri::parse(text).unwrap().to_string()
}

#[test]
fn what_is_a_uri_stays_as_it_is() {
    for text in [
        "https://github.com/o/r/.github/workflows/b.yml@refs/tags/v2",
        "https://gitlab.com/g/p//.gitlab-ci.yml@refs/heads/main",
        "https://host",
        "https://host/",
        "https://Host:443/A",
        "https://u:p@host/",
        "urn:a:b",
        "spiffe://example.org/ns/x",
        "https://host/a%20b",
        "https://host/a!b'(c)*",
        "https://host/?q=a&b#frag",
        "http://[::1]:80/x",
        "https://host/a%2Fb",
    ] {
        assert_eq!(encoded(text), text);
    }
}

#[test]
fn what_is_not_encoded_is_encoded() {
    let cases = [
        (
            "https://kubernetes.io/namespaces/a b/serviceaccounts/x/y",
            "https://kubernetes.io/namespaces/a%20b/serviceaccounts/x/y",
        ),
        ("https://host/späß", "https://host/sp%C3%A4%C3%9F"),
        ("https://host/a b!", "https://host/a%20b%21"),
        ("https://host/<\"{|}\\^`>", "https://host/%3C%22%7B%7C%7D%5C%5E%60%3E"),
        ("https://host/?a b", "https://host/?a%20b"),
        ("HTTPS://host/", "https://host/"),
    ];
    for (text, expected) in cases {
        assert_eq!(encoded(text), expected);
    }
}

#[test]
fn what_is_no_absolute_uri_is_refused() {
    let cases = [
        ("", UriError::NoScheme),
        ("host/path", UriError::NoScheme),
        ("//host/path", UriError::NoScheme),
        ("1a://x", UriError::NoScheme),
        ("https:", UriError::Empty),
        ("https://", UriError::Empty),
        ("https://h/\n", UriError::ControlCharacter),
        ("https://h/%zz", UriError::PercentEncoding),
        ("https://h/%2", UriError::PercentEncoding),
        ("https://h:x/", UriError::Authority),
        ("https://a b/", UriError::Authority),
        ("https://u<@h/", UriError::Authority),
        ("https://h/?ü", UriError::NotAscii),
        ("https://ü.example/", UriError::NotAscii),
        ("https://[::1/", UriError::Authority),
        ("https://::1]/", UriError::Authority),
    ];
    for (text, expected) in cases {
        assert_eq!(Uri::parse(text), Err(expected), "{text}");
    }
}

#[test]
fn scheme_and_host_are_told() {
    let uri = Uri::parse("HTTPS://User@Accounts.Example.com:8443/x").unwrap();
    assert_eq!((uri.scheme(), uri.host()), ("https", "Accounts.Example.com"));
    assert_eq!(Uri::parse("http://[::1]:80/").unwrap().host(), "::1");
    assert_eq!(Uri::parse("urn:x").unwrap().host(), "");
}

#[test]
fn joining_cleans_the_path() {
    let join = |parts: &[&str]| Uri::join("https://github.com/", parts).unwrap().to_string();
    assert_eq!(join(&["o/r/.github/x.yml@refs/heads/m"]), "https://github.com/o/r/.github/x.yml@refs/heads/m");
    assert_eq!(join(&["o//r", "actions/runs", "1"]), "https://github.com/o/r/actions/runs/1");
    assert_eq!(join(&["o/../x/./y/"]), "https://github.com/x/y/");
    assert_eq!(Uri::join("https://host/a", &["."]), Err(UriError::Empty));
    assert_eq!(Uri::join("https://host/a", &["b/../../c"]), Err(UriError::LeavesBase));
    assert_eq!(join(&["a?b#c d"]), "https://github.com/a%3Fb%23c%20d");
}

proptest! {
    #[test]
    fn encoding_is_stable_and_ascii(text in "[a-z]{1,5}:(//)?\\PC*") {
        if let Ok(uri) = Uri::parse(&text) {
            prop_assert!(uri.as_str().is_ascii() && !uri.as_str().contains(' '), "{}", uri);
            let again = Uri::parse(uri.as_str());
            prop_assert_eq!(again.as_ref().map(Uri::as_str), Ok(uri.as_str()));
        }
    }

    #[test]
    fn parsing_never_panics(text in ".*") {
        let _ = Uri::parse(&text);
    }
}
