//! The parts that need no network. How answers are judged is in `tests/it/ct/client.rs`, over real HTTP.

use super::*;

fn settings(url: &str) -> LogSettings {
    LogSettings { url: url.to_owned(), origin: None, public_key: None, tls_ca: None }
}

fn log(settings: LogSettings) -> Result<Log, LogSetupError> {
    let clock = || SystemTime::UNIX_EPOCH + Duration::from_micros(999_999);
    Log::new(settings, NonZeroUsize::MIN, clock, Duration::from_mins(1))
}

#[test]
fn the_prefix_keeps_its_path_and_names_the_log() {
    for (url, name, target) in [
        ("http://log.test:6962/2026", "log.test:6962/2026", "http://log.test:6962/2026/ct/v1/add-pre-chain"),
        ("https://log.test/a/b///", "log.test/a/b", "https://log.test/a/b/ct/v1/add-pre-chain"),
        ("https://log.test/a/ct/v1/", "log.test/a", "https://log.test/a/ct/v1/add-pre-chain"),
        ("https://log.test/a/ct/v1/add-chain", "log.test/a", "https://log.test/a/ct/v1/add-pre-chain"),
        ("https://log.test/a/add-chain", "log.test/a/add-chain", "https://log.test/a/add-chain/ct/v1/add-pre-chain"),
        ("https://log.test", "log.test", "https://log.test/ct/v1/add-pre-chain"),
    ] {
        let log = log(settings(url)).unwrap();
        assert_eq!(log.name(), name);
        let request = log.request(Endpoint::AddPreChain, Vec::new()).unwrap();
        assert_eq!(request.url().as_str(), target);
        assert!(request.headers().get(HOST).is_none());
    }
}

#[test]
fn what_is_no_log_is_refused_without_showing_a_password() {
    for url in
        ["", "log.test", "ftp://log.test", "http://log.test/?a=b", "http://log.test/#a", "http://u:secret@log.test"]
    {
        let message = log(settings(url)).unwrap_err().to_string();
        assert!(message.contains("is not a log") && !message.contains("secret"), "{message}");
    }
    let broken = LogSettings {
        tls_ca: Some(b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n".to_vec()),
        ..settings("https://log.test")
    };
    assert!(log(broken).unwrap_err().to_string().contains("log log.test: the TLS CA"));
    let empty = LogSettings { tls_ca: Some(b"no certificate".to_vec()), ..settings("https://log.test") };
    assert!(log(empty).unwrap_err().to_string().contains("log log.test: the TLS CA"));
    let origin = LogSettings { origin: Some("a\nb".to_owned()), ..settings("https://log.test") };
    assert!(log(origin).unwrap_err().to_string().contains("origin"));
}

#[test]
fn an_origin_becomes_the_host_header() {
    let log = log(LogSettings { origin: Some("ct.test".to_owned()), ..settings("http://10.0.0.1/log") }).unwrap();
    let request = log.request(Endpoint::AddChain, Vec::new()).unwrap();
    assert_eq!((request.url().path(), request.headers()[HOST].as_bytes()), ("/log/ct/v1/add-chain", &b"ct.test"[..]));
}

#[test]
fn the_body_is_the_chain_in_standard_base64() {
    assert_eq!(request_body(&[&[0xfb, 0xff], b"b"]), br#"{"chain":["+/8=","Yg=="]}"#);
}

#[test]
fn retry_after_is_seconds_or_a_date() {
    let at = |value: &str| {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_str(value).unwrap())]);
        retry_after(&headers, SystemTime::UNIX_EPOCH + Duration::from_secs(10))
    };
    assert_eq!(at("3"), Some(Duration::from_secs(3)));
    assert_eq!(at("Thu, 01 Jan 1970 00:00:17 GMT"), Some(Duration::from_secs(7)));
    assert_eq!(at("Thu, 01 Jan 1970 00:00:01 GMT"), Some(Duration::ZERO));
    assert_eq!(at("soon"), None);
    assert_eq!(at("-1"), None);
}

#[test]
fn waits_double_honour_the_log_and_have_bounds() {
    let log = log(settings("http://log.test")).unwrap();
    let within = |wait: Duration, least: Duration| wait >= least && wait <= least.mul_f64(1.25);
    assert!(within(log.wait(0, None), FIRST_WAIT));
    assert!(within(log.wait(3, None), FIRST_WAIT * 8));
    assert!(within(log.wait(0, Some(Duration::from_secs(2))), Duration::from_secs(2)));
    assert!(log.wait(0, Some(Duration::from_secs(2))) > Duration::from_secs(2), "with jitter");
    assert!(within(log.wait(0, Some(Duration::ZERO)), FIRST_WAIT), "never at once");
    assert_eq!(log.wait(u32::MAX, None), LONGEST_WAIT);
    assert_eq!(log.wait(0, Some(Duration::MAX)), LONGEST_WAIT);
}
