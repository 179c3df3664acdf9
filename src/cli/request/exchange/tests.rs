use super::*;

#[test]
fn both_forms_of_the_answer_hold_a_chain() {
    let chain_of = |form: &str| chain(&json!({form: {"chain": {"certificates": ["a\n", "b"]}}}));
    for form in ["signedCertificateEmbeddedSct", "signedCertificateDetachedSct"] {
        assert_eq!(chain_of(form), Some(vec!["a".to_owned(), "b".to_owned()]));
    }
    for odd in [json!({}), json!([]), json!({"signedCertificateEmbeddedSct": {"chain": {"certificates": []}}})] {
        assert_eq!(chain(&odd), None);
    }
    assert_eq!(chain(&json!({"signedCertificateDetachedSct": {"chain": {"certificates": ["a", 7]}}})), None);
}

#[test]
fn a_refusal_tells_message_reason_metadata_and_request_id() {
    let refusal = json!({"code": 3, "message": "There was an error\u{1b}[2J", "details": [
            {"reason": "TOKEN_AUDIENCE_MISMATCH", "metadata": {"expectedAudience": "sigstore"}}]});
    let text = refused(400, refusal.as_object().unwrap(), "0123").to_string();
    assert_eq!(
        text,
        "the server refused (HTTP 400): There was an error\\u{1b}[2J\n  reason: TOKEN_AUDIENCE_MISMATCH\n  \
             expectedAudience: sigstore\n  request id: 0123\nWhat to do: ask the issuer for a token with the expected audience"
    );
    assert!(refused(500, &Map::new(), "").to_string().contains("no reason given"));
}

#[test]
fn reasons_with_a_hint_exist() {
    use crate::failure::FailureKind;
    let known = FailureKind::ALL.iter().filter(|kind| what_to_do(kind.row().reason).is_some()).count();
    assert_eq!(known, 18);
}
