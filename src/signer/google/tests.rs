//! What Google's errors mean, and what of them may be seen.

use reqwest::StatusCode;

use super::super::remote::RemoteError;
use super::{CredentialsSource, GoogleApi, GoogleOptions, is_name_part, printable, refusal};

fn kind(http: u16, body: &str) -> &'static str {
    match refusal(StatusCode::from_u16(http).unwrap(), body.as_bytes(), None).problem {
        RemoteError::Unreachable(_) => "unreachable",
        RemoteError::Throttled(_) => "throttled",
        RemoteError::Refused(_) => "refused",
        RemoteError::Unusable(_) => "unusable",
        RemoteError::Unfit(_) => "unfit",
    }
}

#[test]
fn a_refusal_names_the_clock_that_is_off() {
    let said = |date: Option<&str>| refusal(StatusCode::UNAUTHORIZED, b"{}", date).problem.to_string();
    assert!(said(Some("Sun, 06 Nov 1994 08:49:37 GMT")).contains("this machine's clock is"));
    let now = httpdate::fmt_http_date(std::time::SystemTime::now());
    assert!(!said(Some(&now)).contains("clock") && !said(None).contains("clock"));
}

#[test]
fn the_word_decides_and_without_one_the_http_status() {
    let word = |status: &str| format!(r#"{{"error": {{"code": 1, "message": "m", "status": "{status}"}}}}"#);
    for (http, body, expected) in [
        (429, word("RESOURCE_EXHAUSTED"), "throttled"),
        (503, word("UNAVAILABLE"), "unreachable"),
        (500, word("INTERNAL"), "unreachable"),
        (504, word("DEADLINE_EXCEEDED"), "unreachable"),
        (403, word("PERMISSION_DENIED"), "refused"),
        (404, word("NOT_FOUND"), "refused"),
        (400, word("FAILED_PRECONDITION"), "refused"),
        (429, "<html>".to_owned(), "throttled"),
        (502, "<html>".to_owned(), "unreachable"),
        (403, "<html>".to_owned(), "refused"),
        (302, String::new(), "unusable"),
    ] {
        assert_eq!(kind(http, &body), expected, "{http} {body}");
    }
}

#[test]
fn no_address_no_line_break_and_no_novel_reaches_a_log() {
    assert_eq!(printable("no access\nfor svc@p.iam.gserviceaccount.com here"), "no access for <address> here");
    assert_eq!(printable(&"x".repeat(1000)).len(), 300);
}

#[test]
fn names_cannot_lead_elsewhere() {
    for good in ["p", "my-project", "example.com:project", "global", "a_B-3"] {
        assert!(is_name_part(good), "{good}");
    }
    for bad in ["", ".", "..", "a/b", "a?b", "a%2fb", "a b", "ä", &"x".repeat(129)] {
        assert!(!is_name_part(bad), "{bad}");
    }
}

#[tokio::test]
async fn a_token_never_goes_out_in_the_clear() {
    for endpoint in ["http://kms.example.com", "ftp://127.0.0.1", "cloudkms.googleapis.com"] {
        let options = GoogleOptions {
            credentials: CredentialsSource::File("/nonexistent".into()),
            ..GoogleOptions::at(endpoint)
        };
        let error = GoogleApi::new(&options).unwrap_err();
        assert_eq!(error.problem, RemoteError::Refused(format!("{endpoint} is not an https address").into()));
    }
}
