use super::*;
use proptest::prelude::*;

/// What a message says, flat.
struct Fields {
    token: Option<String>,
    /// Content and proof.
    public_key: Option<(Vec<u8>, Vec<u8>)>,
    signing_request: Option<Vec<u8>>,
}

fn parse(body: &str) -> Result<Fields, Failure> {
    let message = CreateSigningCertificateRequest::parse(body.as_bytes())?;
    let token = message.credentials.and_then(|credentials| credentials.credentials);
    let token = token.map(|proto::credentials::Credentials::OidcIdentityToken(token)| token);
    let (public_key, signing_request) = match message.key {
        Some(Key::PublicKeyRequest(request)) => {
            let content = request.public_key.unwrap_or_default().content.into_bytes();
            (Some((content, request.proof_of_possession)), None)
        }
        Some(Key::CertificateSigningRequest(text)) => (None, Some(text)),
        None => (None, None),
    };
    Ok(Fields { token, public_key, signing_request })
}

#[test]
fn both_spellings_are_read() {
    for body in [
        r#"{"credentials":{"oidcIdentityToken":"t"},"publicKeyRequest":{"publicKey":{"algorithm":"ECDSA","content":"k"},"proofOfPossession":"cA=="}}"#,
        r#"{"credentials":{"oidc_identity_token":"t"},"public_key_request":{"public_key":{"algorithm":2,"content":"k"},"proof_of_possession":"cA"}}"#,
    ] {
        let fields = parse(body).unwrap();
        assert_eq!(fields.token.as_deref(), Some("t"));
        assert_eq!(fields.public_key, Some((b"k".to_vec(), b"p".to_vec())));
        assert_eq!(fields.signing_request, None);
    }
    assert_eq!(parse(r#"{"certificate_signing_request":"-_8"}"#).unwrap().signing_request, Some(vec![0xfb, 0xff]));
}

#[test]
fn null_and_nothing_are_absent() {
    for body in [
        "",
        "{}",
        r#"{"credentials":null,"publicKeyRequest":null,"certificateSigningRequest":null}"#,
        r#"{"credentials":{"oidcIdentityToken":null}}"#,
    ] {
        let fields = parse(body).unwrap();
        assert!(fields.token.is_none() && fields.public_key.is_none() && fields.signing_request.is_none(), "{body}");
    }
    let fields = parse(r#"{"publicKeyRequest":{"publicKey":null,"proofOfPossession":null}}"#).unwrap();
    assert_eq!(fields.public_key, Some((vec![], vec![])));
}

#[test]
fn unknown_members_and_enum_values_are_ignored() {
    let body =
        r#"{"new":{"deep":[1,{"a":null}]},"publicKeyRequest":{"publicKey":{"algorithm":"RSA","content":"k","x":1}}}"#;
    assert_eq!(parse(body).unwrap().public_key, Some((b"k".to_vec(), vec![])));
    for algorithm in ["\"\"", "7", "-1", "2.0", "null"] {
        assert!(
            parse(&format!(r#"{{"publicKeyRequest":{{"publicKey":{{"algorithm":{algorithm}}}}}}}"#)).is_ok(),
            "{algorithm}"
        );
    }
    for algorithm in ["true", "{}", "[]", "2.5", "99999999999"] {
        assert!(
            parse(&format!(r#"{{"publicKeyRequest":{{"publicKey":{{"algorithm":{algorithm}}}}}}}"#)).is_err(),
            "{algorithm}"
        );
    }
}

#[test]
fn wrong_types_and_duplicates_are_refused_without_showing_them() {
    for body in [
        "[]",
        "null",
        "1",
        "\"t\"",
        "{nope",
        "{",
        r#"{"credentials":[]}"#,
        r#"{"credentials":"secret"}"#,
        r#"{"credentials":{"oidcIdentityToken":7}}"#,
        r#"{"credentials":{},"credentials":{}}"#,
        r#"{"publicKeyRequest":{},"public_key_request":{}}"#,
        r#"{"publicKeyRequest":{"proofOfPossession":"secret*"}}"#,
        r#"{"certificateSigningRequest":["secret"]}"#,
        "{\"a\":\"\u{1}\"}",
    ] {
        let Err(error) = parse(body) else { panic!("{body}") };
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }
    assert!(CreateSigningCertificateRequest::parse(b"{\"a\":\"\xff\"}").is_err());
}

#[test]
fn depth_is_bounded_and_what_follows_is_ignored() {
    let nested = |depth| format!("{{\"x\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse(&nested(9_000)).is_ok());
    assert!(parse(&nested(10_001)).is_err());
    assert!(parse(&nested(1 << 20)).is_err());
    assert!(parse(&format!("{{\"x\":\"{}\\\"\"}}", "[".repeat(20_000))).is_ok(), "brackets in a string");
    assert!(parse("{} trailing").is_ok());
}

#[test]
fn what_is_too_long_stays_too_long_and_is_not_kept_whole() {
    let long = "ä".repeat(1 << 20);
    let body = format!(
        r#"{{"credentials":{{"oidcIdentityToken":"{long}"}},"publicKeyRequest":{{"publicKey":{{"content":"{long}"}}}}}}"#
    );
    let fields = parse(&body).unwrap();
    let (token, (content, _)) = (fields.token.unwrap(), fields.public_key.unwrap());
    assert!(token.len() > MAX_TOKEN_BYTES && token.len() <= MAX_TEXT);
    assert!(content.len() > crate::possession::MAX_KEY_BYTES && content.len() <= MAX_TEXT);
}

#[test]
fn base64_in_every_form() {
    for text in ["+/8=", "+/8", "-_8=", "-_8", "+/\n8=\r\n\n", "+/9="] {
        assert_eq!(decode(text), Some(vec![0xfb, 0xff]), "{text}");
    }
    for text in ["*", "+_8=", "A", " +/8=", "+/8=\n", "===="] {
        assert_eq!(decode(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn parsing_never_panics(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = CreateSigningCertificateRequest::parse(&body);
    }

    #[test]
    fn encoded_bytes_are_read_back(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(decode(&encode(&bytes)), Some(bytes));
    }
}
