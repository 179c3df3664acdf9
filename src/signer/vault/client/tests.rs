use super::*;
use crate::text::peer_text::MAX_PEER_TEXT;

#[test]
fn what_the_server_says_comes_on_one_line_and_not_too_long() {
    for (body, expected) in [
        (r#"{"errors":["1 error occurred:\n\t* permission denied\n\n"]}"#, "1 error occurred: * permission denied"),
        (r#"{"errors":["one","two\u001b[31m"]}"#, "one; two [31m"),
        (r#"{"errors":[]}"#, "no reason given"),
        (r#"{"data":null}"#, "no reason given"),
        ("<html>a proxy's page</html>", "no reason given"),
        ("", "no reason given"),
    ] {
        assert_eq!(words(body.as_bytes()).as_str(), expected, "{body}");
    }
    let long = format!(r#"{{"errors":["{}"]}}"#, "é".repeat(10_000));
    assert!(words(long.as_bytes()).as_str().len() <= MAX_PEER_TEXT);
}

#[test]
fn every_status_is_told_apart_by_what_helps() {
    let kind = |status: u16, words: &str| of_status(StatusCode::from_u16(status).unwrap(), words.to_owned());
    for status in [301, 307, 408, 412, 500, 502, 503, 504] {
        assert!(matches!(kind(status, ""), RemoteError::Unreachable(_)), "{status}");
    }
    assert!(matches!(kind(429, ""), RemoteError::Throttled(_)));
    assert!(matches!(kind(413, ""), RemoteError::Unfit(_)));
    for status in [400, 401, 403, 404, 405] {
        assert!(matches!(kind(status, ""), RemoteError::Refused(_)), "{status}");
    }
    for words in ["* requested version for signing is higher than the latest", "* refusing to use soft-deleted key"] {
        assert!(matches!(kind(500, words), RemoteError::Refused(_)), "{words}");
    }
}
