use super::*;

#[test]
fn each_answer_of_kms_is_of_the_right_kind() {
    for (code, status, expected) in [
        ("ThrottlingException", 400, "throttled: x"),
        ("LimitExceededException", 400, "throttled: x"),
        ("", 429, "throttled: x"),
        ("KMSInternalException", 500, "no answer: x"),
        ("DependencyTimeoutException", 503, "no answer: x"),
        ("KeyUnavailableException", 500, "no answer: x"),
        ("", 502, "no answer: x"),
        ("KMSInvalidStateException", 400, "refused: x"),
        ("DisabledException", 400, "refused: x"),
        ("AccessDeniedException", 400, "refused: x"),
        ("ExpiredTokenException", 400, "refused: x"),
        ("", 404, "refused: x"),
        ("", 200, "unusable answer: x"),
    ] {
        assert_eq!(kind_of(code, status)("x".into()).to_string(), expected, "{code} {status}");
    }
}

#[test]
fn a_signature_that_is_refused_for_its_time_is_told_from_one_with_another_key() {
    for (message, expected) in [
        ("Signature expired: 20260101T000000Z is now earlier than 20260101T010000Z", true),
        ("Signature not yet current: 20260101T010000Z is still later than 20260101T000000Z", true),
        ("The request signature we calculated does not match the signature you provided.", false),
    ] {
        assert_eq!(is_about_time(message), expected, "{message}");
    }
}

#[test]
fn what_aws_repeats_of_a_request_stays_out_of_our_texts() {
    let text = "The request signature does not match.\n\nThe Canonical String was 'x-amz-security-token:secret'";
    assert_eq!(one_line(text), "The request signature does not match.");
    assert_eq!(one_line(&"a".repeat(10_000)).len(), LONGEST_TEXT);
}
