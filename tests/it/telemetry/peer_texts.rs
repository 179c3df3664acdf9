//! What issuers and strangers say, as far as it reaches an error: short and on one line, no matter who says it and where.

use crate::support::identities::{email_claims, email_file};
use crate::support::server::by_hand;
use crate::support::{Answer, FakeIssuer, Key, Kind, TestCa};
use serde_json::{Value, json};
use sigmint::audit::Transport;
use sigmint::failure::{Failure, FailureKind};
use sigmint::issuance::{Issuance, Request};
use sigmint::possession::KeyRequest;

const DISCOVERY: &str = "/.well-known/openid-configuration";
/// Longer than anything that is kept, with what a terminal, a line reader and a reader's eye would act on.
const PIECE: &str = "x\n2026-11-25T00:00:00Z  INFO issued a certificate\u{1b}[2J\u{202e}\u{0}é";
/// The most of one peer's text in a cause, and the longest cause.
const MOST: usize = 300;
const LONGEST: usize = 1000;

fn long() -> String {
    PIECE.repeat(500_000 / PIECE.len())
}

async fn refused(issuance: &Issuance, token: String) -> Failure {
    let key = Key::new(Kind::P256);
    let key = KeyRequest::PublicKey { content: key.spki_pem().into_bytes(), proof: vec![0; 64] };
    issuance
        .issue(Request { token, key, client: None, request_id: None, transport: Transport::Local })
        .await
        .unwrap_err()
}

fn assert_short(failure: &Failure, what: &str) {
    let cause = failure.cause();
    assert!(cause.len() <= LONGEST, "{what}: {} bytes", cause.len());
    assert!(!cause.chars().any(|character| character.is_control() || character == '\u{202e}'), "{what}: {cause}");
    let said = cause.matches("issued a certificate").count() * PIECE.len();
    assert!(said <= MOST, "{what}: {cause}");
    assert!(failure.message().len() < MOST, "{what}: {}", failure.message());
    assert!(failure.metadata().iter().all(|(_, value)| value.len() <= MOST && !value.contains('\n')), "{what}");
}

#[tokio::test]
async fn an_issuers_documents_are_not_repeated() {
    let issuer = FakeIssuer::start();
    let body = |status: u16, document: Value| Answer::Body(status, document.to_string().into_bytes());
    let text = |text: String| Answer::Body(200, text.into_bytes());
    let keys = format!("{}/keys", issuer.url);
    for (case, name, answer, told) in [
        ("issuer", "a", body(200, json!({"issuer": long(), "jwks_uri": keys})), "x<U+000A>2026-11-25"),
        (
            "jwks_uri",
            "b",
            body(200, json!({"issuer": issuer.issuer("b"), "jwks_uri": format!("https://{}", long())})),
            "URL",
        ),
        (
            "path",
            "c",
            body(
                200,
                json!({"issuer": issuer.issuer("c"), "jwks_uri": format!("https://other.test/{}", "A".repeat(3_000))}),
            ),
            "AAA",
        ),
        ("wrong type", "d", body(200, json!({"issuer": [long()]})), "another shape"),
        (
            "algorithms",
            "e",
            body(200, json!({"issuer": "e", "jwks_uri": "e", "id_token_signing_alg_values_supported": long()})),
            "another shape",
        ),
        ("unknown member", "f", text(format!("{{\"{}\": 1}}", "m".repeat(900_000))), "names the issuer \"\""),
        ("no JSON", "g", text(long()), "not well-formed JSON"),
        ("cut short", "h", text(format!("{{\"issuer\": \"{}", "s".repeat(900_000))), "ends too early"),
        ("status", "i", Answer::Body(500, long().into_bytes()), "answered 500"),
        ("redirect", "j", Answer::Redirect(format!("https://{}.test/", "r".repeat(60_000))), "redirect"),
    ] {
        issuer.answer(&format!("/{name}{DISCOVERY}"), answer);
        let issuance = by_hand(&email_file(&issuer.issuer(name)), &TestCa::new().await);
        let failure = refused(&issuance, issuer.token(&issuer.claims(name, &email_claims()))).await;
        assert_eq!(failure.kind(), FailureKind::IssuerUnavailable, "{case}: {failure:?}");
        assert_short(&failure, case);
        assert!(failure.cause().contains(told), "{case}: {}", failure.cause());
    }
}

#[tokio::test]
async fn an_issuers_key_set_is_not_repeated() {
    let issuer = FakeIssuer::start();
    let issuance = by_hand(&email_file(&issuer.issuer("email")), &TestCa::new().await);
    issuer.answer("/keys", Answer::Body(200, json!({"keys": long()}).to_string().into_bytes()));
    let failure = refused(&issuance, issuer.token(&issuer.claims("email", &email_claims()))).await;
    assert_short(&failure, "keys");
    assert!(failure.cause().contains("JSON of another shape than expected, at line 1"), "{}", failure.cause());
}

#[tokio::test]
async fn a_tokens_words_are_not_repeated() {
    let issuer = FakeIssuer::start();
    let meta = email_file(&issuer.issuer("*")).replace("oidc-issuers", "meta-issuers");
    let issuance = by_hand(&meta, &TestCa::new().await);
    let words = || PIECE.repeat(40_000 / PIECE.len());
    let header =
        |header: Value| issuer.token_of_text(&header.to_string(), &issuer.claims("x", &email_claims()).to_string());
    let es256 = r#"{"alg":"ES256"}"#;
    for (case, token, kind) in [
        (
            "iss",
            issuer.token(&issuer.claims("x", &json!({"iss": words().replace(char::is_control, "")}))),
            FailureKind::TokenIssuerUnknown,
        ),
        ("iss with line breaks", issuer.token(&issuer.claims("x", &json!({"iss": words()}))), FailureKind::TokenClaim),
        // Everybody can name it, and it would be kept: of a pattern it is none.
        (
            "long iss",
            issuer.token(&issuer.claims("x", &json!({"iss": issuer.issuer(&"i".repeat(40_000))}))),
            FailureKind::TokenIssuerUnknown,
        ),
        ("alg", header(json!({"alg": words()})), FailureKind::TokenAlgorithm),
        ("kid", header(json!({"alg": "ES256", "kid": [words()]})), FailureKind::TokenMalformed),
        ("header", issuer.token_of_text(&words(), "{}"), FailureKind::TokenMalformed),
        (
            "claims",
            issuer.token_of_text(es256, &format!("{{\"iss\": {}}}", json!(words()).to_string().trim_end_matches('"'))),
            FailureKind::TokenMalformed,
        ),
        ("no object", issuer.token_of_text(es256, &json!(words()).to_string()), FailureKind::TokenMalformed),
        (
            "member twice",
            issuer.token_of_text(es256, &format!("{{{0}: 1, {0}: 1}}", json!(words()))),
            FailureKind::TokenMalformed,
        ),
        ("aud", issuer.token(&issuer.claims("x", &json!({"aud": {words(): 1}}))), FailureKind::TokenClaim),
        ("exp", issuer.token(&issuer.claims("x", &json!({"exp": words()}))), FailureKind::TokenClaim),
    ] {
        let failure = refused(&issuance, token).await;
        assert_eq!(failure.kind(), kind, "{case}: {failure:?}");
        assert_short(&failure, case);
    }
    assert!(issuer.received().is_empty(), "nobody was asked");
}
