use super::*;
use proptest::prelude::*;

fn token(header: &str, payload: &str) -> String {
    format!("{}.{}.AAAA", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload))
}

const PAYLOAD: &str = r#"{"iss":"https://a.example"}"#;

#[test]
fn a_token_is_taken_apart() {
    let text = token(r#"{"alg":"ES256","kid":"k","typ":"JWT"}"#, PAYLOAD);
    let parsed = UnverifiedToken::parse(&format!(" {text}\n")).unwrap();
    assert_eq!(
        (parsed.issuer(), parsed.jws().key_id(), parsed.jws().algorithm()),
        ("https://a.example", Some("k"), TokenAlgorithm::ES256)
    );
    assert_eq!(format!("{}.{}", parsed.jws().signed_text(), parsed.jws().signature_text()), text);
    let shown = format!("{parsed:?}");
    assert!(shown.contains("ES256") && !shown.contains("a.example"), "{shown}");
}

#[test]
fn a_token_for_another_use_is_refused_and_an_unknown_type_is_not() {
    let parse = |typ: &str| UnverifiedToken::parse(&token(&format!(r#"{{"alg":"ES256","typ":{typ}}}"#), PAYLOAD));
    for typ in [r#""logout+jwt""#, r#""application/DPoP+jwt""#, r#""secevent\u002bjwt""#] {
        assert!(matches!(parse(typ), Err(TokenError::ForAnotherUse(_))), "{typ}");
    }
    for (typ, expected) in [
        ("null", TokenType::Jwt),
        (r#""jwt""#, TokenType::Jwt),
        (r#""at+jwt""#, TokenType::AccessToken),
        (r#""foo+jwt""#, TokenType::Unknown("foo+jwt".into())),
        ("7", TokenType::Unknown("".into())),
        (r#"["logout+jwt"]"#, TokenType::Unknown("".into())),
    ] {
        assert_eq!(parse(typ).unwrap().jws().token_type(), &expected, "{typ}");
    }
    let twice = token(r#"{"alg":"ES256","typ":"JWT","typ":"logout+jwt"}"#, PAYLOAD);
    assert!(matches!(UnverifiedToken::parse(&twice), Err(TokenError::Header(_))));
}

#[test]
fn an_empty_key_id_is_none() {
    let parsed = UnverifiedToken::parse(&token(r#"{"alg":"RS256","kid":""}"#, PAYLOAD)).unwrap();
    assert_eq!(parsed.jws().key_id(), None);
}

#[test]
fn algorithms_that_need_no_key_of_the_issuer_are_refused() {
    for alg in ["none", "None", "HS256", "HS384", "HS512", "rs256", "", "dir", "RSA-OAEP", "ES256K"] {
        let text = token(&format!(r#"{{"alg":"{alg}"}}"#), PAYLOAD);
        assert!(matches!(UnverifiedToken::parse(&text), Err(TokenError::Algorithm)), "{alg}");
    }
}

#[test]
fn each_algorithm_has_its_keys_and_lengths_of_signatures() {
    for (names, is_rsa, shortest, longest) in [
        (&["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"][..], true, 256, 512),
        (&["ES256", "EdDSA", "Ed25519"], false, 64, 64),
        (&["ES384"], false, 96, 96),
        (&["ES512"], false, 132, 132),
    ] {
        for name in names {
            let has_form = |length: usize| {
                let signature = format!(".{}", URL_SAFE_NO_PAD.encode(vec![7; length]));
                let text = token(&format!(r#"{{"alg":"{name}"}}"#), PAYLOAD).replace(".AAAA", &signature);
                CompactJws::parse(&text).unwrap().has_signature_form()
            };
            assert_eq!(
                [shortest - 1, shortest, longest, longest + 1].map(has_form),
                [false, true, true, false],
                "{name}"
            );
            let algorithm = TokenAlgorithm::from_name(name).unwrap();
            assert_eq!((format!("{algorithm:?}").as_str(), algorithm.is_rsa()), (*name, is_rsa));
        }
    }
}

#[test]
fn critical_extensions_are_refused_whatever_they_are() {
    for crit in ["[\"b64\"]", "[\"exp\"]", "[]", "null", "1"] {
        let text = token(&format!(r#"{{"alg":"RS256","crit":{crit},"b64":false}}"#), PAYLOAD);
        assert!(matches!(UnverifiedToken::parse(&text), Err(TokenError::Critical)), "{crit}");
    }
    let unencoded = token(r#"{"alg":"RS256","b64":false}"#, PAYLOAD);
    assert!(matches!(UnverifiedToken::parse(&unencoded), Err(TokenError::Critical)));
}

#[test]
fn odd_headers_are_refused() {
    for header in [
        "",
        "{}",
        "[]",
        r#"{"alg":1}"#,
        r#"{"alg":"RS256","kid":7}"#,
        r#"{"alg":"RS256","alg":"RS256"}"#,
        r#"{"alg":"RS256"}x"#,
    ] {
        assert!(matches!(UnverifiedToken::parse(&token(header, PAYLOAD)), Err(TokenError::Header(_))), "{header}");
    }
}

#[test]
fn odd_claims_are_refused() {
    let header = r#"{"alg":"RS256"}"#;
    for payload in ["", "[]", "null", r#"{"iss":"a","iss":"b"}"#] {
        assert!(matches!(UnverifiedToken::parse(&token(header, payload)), Err(TokenError::Claims(_))), "{payload}");
    }
    for payload in ["{}", r#"{"iss":""}"#, r#"{"iss":null}"#, r#"{"iss":["https://a.example"]}"#, r#"{"iss":1}"#] {
        assert!(matches!(UnverifiedToken::parse(&token(header, payload)), Err(TokenError::Issuer(_))), "{payload}");
    }
}

#[test]
fn other_numbers_of_parts_are_refused() {
    let good = token(r#"{"alg":"RS256"}"#, PAYLOAD);
    for text in ["garbage", "a.b", "..", ".", "a.b.c.d", &format!("{good}.AAAA"), &format!("{good}.A.A")] {
        assert!(UnverifiedToken::parse(text).is_err(), "{text}");
    }
    assert!(matches!(UnverifiedToken::parse(""), Err(TokenError::Absent)));
    assert!(matches!(UnverifiedToken::parse(" \n"), Err(TokenError::Absent)));
}

#[test]
fn padding_and_other_alphabets_are_refused() {
    let good = token(r#"{"alg":"RS256"}"#, PAYLOAD);
    let (header, rest) = good.split_once('.').unwrap();
    assert!(matches!(UnverifiedToken::parse(&format!("{header}=.{rest}")), Err(TokenError::NotBase64("header"))));
    assert!(matches!(UnverifiedToken::parse(&format!("{header}+.{rest}")), Err(TokenError::NotBase64("header"))));
}

#[test]
fn length_is_checked_before_anything_else() {
    let dots = ".".repeat(64 * 1024 + 1);
    assert!(matches!(UnverifiedToken::parse(&dots), Err(TokenError::TooLong)));
    assert!(matches!(UnverifiedToken::parse(&dots[1..]), Err(TokenError::NotThreeParts)));
}

proptest! {
    #[test]
    fn parsing_never_panics(text in ".*") {
        let _ = UnverifiedToken::parse(&text);
    }

    #[test]
    fn parsing_token_like_text_never_panics(header in ".*", payload in "\\{.*\\}", tail in "[A-Za-z0-9_.=-]*") {
        let _ = UnverifiedToken::parse(&format!("{}.{}.{tail}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload)));
    }

    #[test]
    fn what_parses_keeps_its_text(kid in "[a-z]{1,8}", sub in "[a-zA-Z0-9 ]*") {
        let text = token(&format!(r#"{{"alg":"RS256","kid":"{kid}"}}"#), &format!(r#"{{"iss":"i","sub":"{sub}"}}"#));
        let parsed = UnverifiedToken::parse(&text).unwrap();
        prop_assert_eq!(format!("{}.{}", parsed.jws().signed_text(), parsed.jws().signature_text()), text);
        prop_assert_eq!(parsed.jws().key_id(), Some(kid.as_str()));
        prop_assert_eq!(parsed.claims().text("sub"), Ok(sub.as_str()));
    }
}
