use azure_core::Error;
use azure_core::error::ErrorKind;
use azure_core::http::headers::Headers;
use azure_core::http::{RawResponse, StatusCode};

use super::{Problem, brief};

#[test]
fn a_refusal_names_the_clock_that_is_off() {
    let of = |date: &str| {
        let mut headers = Headers::new();
        headers.insert("date", date.to_owned());
        let body = r#"{"error": {"message": "token not yet valid"}}"#;
        let answer = RawResponse::from_bytes(StatusCode::Unauthorized, headers, body);
        let kind = ErrorKind::HttpResponse {
            status: StatusCode::Unauthorized,
            error_code: None,
            raw_response: Some(Box::new(answer)),
        };
        Problem::of(&Error::from(kind)).error.to_string()
    };
    let off = of("Sun, 06 Nov 1994 08:49:37 GMT");
    assert!(off.contains("this machine's clock is") && off.contains("token not yet valid"), "{off}");
    assert!(!of(&httpdate::fmt_http_date(std::time::SystemTime::now())).contains("clock"));
}

#[test]
fn a_services_text_becomes_one_short_line() {
    assert_eq!(brief("a\r\n  b\tc"), "a b c");
    assert_eq!(brief(&"x".repeat(1000)).len(), 400);
}
