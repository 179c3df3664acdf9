use std::time::Duration;

use super::*;

const WHOLE: &str = "\
url: https://ca.example/
operator: Example
certificate-authorities:
- url: https://ca.example
  chain: old.pem
  end: 2026-01-01T00:00:00Z
ct-logs:
- url: https://ct.example/2026
  public-key: ct.pub
  start: 1970-01-01T00:00:10Z
rekor:
- {url: https://rekor.example, version: 2, public-key: rekor.pub}
- {url: https://old.example, version: 1, public-key: old.pub, purpose: verify}
- {url: https://rekor.example, version: 2, public-key: rekor.pub, origin: log.example}
rekor-selector: all
timestamp-authorities:
- {url: https://tsa.example/api/v1/timestamp, chain: tsa.pem}
timestamp-selector: 2
oidc:
- url: https://login.example
";

fn parse(text: &str) -> Result<TrustFile, ConfigError> {
    TrustFile::parse(Path::new("trust.yaml"), text.as_bytes())
}

#[test]
fn a_whole_file_is_read() {
    let file = parse(WHOLE).unwrap();
    assert_eq!((file.url.as_str(), file.operator.as_str()), ("https://ca.example", "Example"));
    assert!(file.authorities[0].service.end.is_some());
    assert_eq!(file.authorities[0].chain, Path::new("old.pem"));
    let start = SystemTime::UNIX_EPOCH + Duration::from_secs(10);
    assert_eq!(file.ct_logs[0].service.start, Some(start));
    let origin = |origin: &str| RekorApi::V2 { origin: origin.to_owned() };
    let apis: Vec<_> = file.rekor_logs.iter().map(|log| log.api.clone()).collect();
    assert_eq!(apis, [origin("rekor.example"), RekorApi::V1, origin("log.example")]);
    assert_eq!(file.rekor_logs[1].service.purpose, Some(Purpose::Verify));
    assert_eq!(file.rekor_selector, Selector::All);
    assert_eq!(file.timestamp_selector, Selector::Exactly(NonZeroU32::new(2).unwrap()));
    assert_eq!(file.timestamp_authorities[0].service.url, "https://tsa.example/api/v1/timestamp");
    assert_eq!(file.token_issuers[0].url, "https://login.example");
    let short = parse("url: https://ca.example:8443/x").unwrap();
    assert_eq!((short.operator.as_str(), short.rekor_selector), ("ca.example", Selector::Any));
}

#[test]
fn a_window_begins_where_the_file_says_or_where_the_certificates_do() {
    let file = parse(WHOLE).unwrap();
    let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    assert_eq!(file.ct_logs[0].service.window(at(5)), Ok(Window::since(at(10))));
    assert_eq!(file.token_issuers[0].window(at(5)), Ok(Window::since(at(5))));
    let ended = Service { end: Some(at(5)), start: None, ..file.token_issuers[0].clone() };
    assert_eq!(ended.window(at(5)), Err(EndBeforeStart));
}

#[test]
fn mistakes_are_told_with_their_place() {
    for (text, expected) in [
        ("operator: x", "trust.yaml:1:1"),
        ("operator: x", "url is missing"),
        ("url: https://ca.example\nrekr: []", "trust.yaml:2:1"),
        ("url: https://ca.example\nrekr: []", "did you mean \"rekor\"?"),
        ("url: ftp://ca.example", "trust.yaml:1:6"),
        ("url: https://user:pass@ca.example", "not an http or https URL"),
        ("url: https://ca.example\nrekor: {url: x}", "expected a list"),
        ("url: https://ca.example\nrekor:\n- url: https://r.example\n  public-key: k", "version is missing"),
        (
            "url: https://ca.example\nrekor:\n- {url: https://r.example, public-key: k, version: 3}",
            "not a version of Rekor",
        ),
        ("url: https://ca.example\nrekor:\n- {url: https://r.example, version: 2}", "public-key is missing"),
        (
            "url: https://ca.example\nrekor:\n- {url: https://r.example, public-key: k, version: 1, origin: x}",
            "a log of version 1 has no origin",
        ),
        ("url: https://ca.example\noidc:\n- {url: https://l.example, start: today}", "start is not a time of RFC 3339"),
        (
            "url: https://ca.example\noidc:\n- {url: https://l.example, start: 2026-01-02T00:00:00Z, end: 2026-01-02T00:00:00Z}",
            "the end is not after the start",
        ),
        (
            "url: https://ca.example\ntimestamp-authorities:\n- {url: https://t.example, chain: c, purpose: both}",
            "not a purpose",
        ),
        ("url: https://ca.example\nrekor-selector: 0", "trust.yaml:2:17"),
        ("url: https://ca.example\nurl: https://ca.example", "duplicate key"),
    ] {
        let error = parse(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}\n{error}");
    }
}

#[test]
fn the_example_is_read() {
    let text = include_bytes!("../../../config/trust.yaml");
    let file = TrustFile::parse(Path::new("config/trust.yaml"), text).unwrap();
    assert_eq!((file.rekor_logs.len(), file.timestamp_authorities.len(), file.token_issuers.len()), (1, 1, 1));
}
