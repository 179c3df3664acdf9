//! Tokens in the form of a JWE.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sigmint::failure::FailureKind;

use crate::support::adapters::{ask_all, assert_kind, good};
use crate::support::scene::Scene;

fn encrypted(header: &Value, key: &[u8], text: &[u8]) -> String {
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let header = part(header.to_string().as_bytes());
    format!("{header}.{}.{}.{}.{}", part(key), part(&[7; 12]), part(text), part(&[9; 16]))
}

async fn is_not_even_decrypted(cases: &[(&str, String)]) {
    let scene = Scene::new().await;
    for (case, token) in cases {
        scene.refuses(token, FailureKind::TokenMalformed, case).await;
    }
    assert_kind(&ask_all(&scene, &cases[0].1, &good(&scene.key)).await, FailureKind::TokenMalformed);
    assert!(scene.issuer.received().is_empty(), "somebody was asked");
    assert_eq!(scene.server.signer().calls(), 0);
    assert_eq!(scene.ask(&scene.token()).await.status, 200, "the server goes on");
}

/// go-jose unpacked a compressed JWE to whatever length it had. Here an encrypted token is refused by its number of parts, whatever `zip`
/// says: nothing is decrypted or unpacked.
#[tokio::test]
async fn cve_2024_28180_compressed_encrypted_tokens() {
    let header = |alg: &str| json!({"alg": alg, "enc": "A128CBC-HS256", "zip": "DEF", "kid": "first"});
    // Deflate's shortest form of a long run of zeros repeats this.
    let bomb = [[0xed, 0xc1, 0x01, 0x01, 0x00, 0x00, 0x00, 0x80].as_slice(), &vec![0x90; 30_000]].concat();
    is_not_even_decrypted(&[
        ("with a shared key", encrypted(&header("dir"), b"", &bomb)),
        ("with a wrapped key", encrypted(&header("RSA-OAEP"), &[5; 256], &bomb)),
        ("with an agreed key", encrypted(&header("ECDH-ES"), b"", &bomb)),
    ])
    .await;
}

/// go-jose panicked when a JWE named a key-wrapping algorithm and carried no wrapped key. Here the server refuses it and lives on.
#[tokio::test]
async fn cve_2026_34986_encrypted_tokens_without_the_wrapped_key() {
    let header = |alg: &str| json!({"alg": alg, "enc": "A128GCM", "epk": {"kty": "EC", "crv": "P-256"}, "p2c": 1});
    let algorithms = ["A128KW", "A256GCMKW", "ECDH-ES+A128KW", "PBES2-HS256+A128KW", "RSA1_5"];
    let cases: Vec<(&str, String)> =
        algorithms.into_iter().map(|alg| (alg, encrypted(&header(alg), b"", b"text"))).collect();
    is_not_even_decrypted(&cases).await;
    is_not_even_decrypted(&[("nothing but parts", "e30....".to_owned()), ("not even those", "....".to_owned())]).await;
}
