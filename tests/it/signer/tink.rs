//! A CA whose key is in a Tink keyset: decrypted by a service over HTTP, then a server that issues with it.

use std::sync::Arc;
use std::time::SystemTime;

use crate::support::keyset_kms::{AWS_KEY, GCP_KEY};
use crate::support::remote::{RemoteScene, chain_for};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sigmint::authority::{Authority, AuthorityError};
use sigmint::certificate::chain::IssuingChain;
use sigmint::signer::local::LocalSigner;
use sigmint::signer::remote::{OpenError, RemoteError};
use sigmint::signer::tink::{KeysetService, TinkError, open};
use zeroize::Zeroizing;

/// Each keyset with the public half of its primary key, as tink-go exported it.
macro_rules! keyset {
    ($name:literal) => {
        (
            &include_bytes!(concat!("../../fixtures/tink/", $name, ".json"))[..],
            include_str!(concat!("../../fixtures/tink/", $name, ".pub.pem")),
        )
    };
}

/// Has a service over HTTP decrypt, in the protocol that the name is for.
async fn decrypt(url: &str, name: &str, ciphertext: Vec<u8>) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let ciphertext = STANDARD.encode(ciphertext);
    let client = reqwest::Client::new();
    let (request, member) = match KeysetService::of(name).unwrap() {
        KeysetService::Aws => {
            let body = json!({"KeyId": name.trim_start_matches("aws-kms://"), "CiphertextBlob": ciphertext});
            (client.post(url).header("X-Amz-Target", "TrentService.Decrypt").body(body.to_string()), "Plaintext")
        }
        KeysetService::Gcp => {
            let url = format!("{url}/v1/{}:decrypt", name.trim_start_matches("gcp-kms://"));
            (client.post(url).body(json!({"ciphertext": ciphertext}).to_string()), "plaintext")
        }
    };
    let answer: Value = serde_json::from_slice(&request.send().await.unwrap().bytes().await.unwrap()).unwrap();
    match answer[member].as_str() {
        Some(plaintext) => Ok(Zeroizing::new(STANDARD.decode(plaintext).unwrap())),
        None => Err(OpenError {
            key: name.to_owned(),
            problem: RemoteError::Refused(answer.to_string().into()),
            hint: "name the key that encrypted it".to_owned(),
        }),
    }
}

async fn signer(keyset: &[u8], name: &str) -> Result<LocalSigner, TinkError> {
    let url = crate::support::keyset_kms::start();
    open(keyset, |ciphertext| async move { decrypt(&url, name, ciphertext).await }).await
}

async fn authority(public_key: &str, signer: LocalSigner) -> Result<Authority, AuthorityError> {
    let spki = pem::parse(public_key).unwrap().into_contents();
    let chain = IssuingChain::from_der(&chain_for(&spki), SystemTime::now()).unwrap();
    Authority::new(chain, Arc::new(signer)).await
}

fn aws_name() -> String {
    format!("aws-kms://{AWS_KEY}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keyset_of_every_type_issues_for_sixty_four_clients() {
    for (keyset, public_key) in [
        keyset!("ecdsa-p256"),
        keyset!("ecdsa-p384"),
        keyset!("ecdsa-p384-sha512"),
        keyset!("ecdsa-p521"),
        keyset!("ed25519"),
        keyset!("rsa-pkcs1-3072"),
        keyset!("rotated"),
    ] {
        let authority = authority(public_key, signer(keyset, &aws_name()).await.unwrap()).await.unwrap();
        let scene = RemoteScene::of(authority).await;
        for reply in scene.ask_many().await {
            scene.verified_by_openssl(&reply);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_clouds_decrypt_and_another_key_of_theirs_does_not() {
    let (keyset, public_key) = keyset!("ecdsa-p384");
    for name in [aws_name(), format!("gcp-kms://{GCP_KEY}")] {
        assert!(authority(public_key, signer(keyset, &name).await.unwrap()).await.is_ok());
        let error = signer(keyset, &format!("{name}2")).await.unwrap_err();
        assert!(matches!(&error, TinkError::Service(_)), "{error}");
        assert!(error.to_string().ends_with("hint: name the key that encrypted it"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_of_another_key_makes_no_authority() {
    let ((keyset, _), (_, other)) = (keyset!("ecdsa-p256"), keyset!("rotated"));
    let mixed = authority(other, signer(keyset, &aws_name()).await.unwrap()).await;
    assert!(matches!(mixed, Err(AuthorityError::KeyMismatch)), "{mixed:?}");
}
