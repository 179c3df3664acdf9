use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use prost::Message as _;
use zeroize::Zeroizing;

use super::messages::{CurveType, EcdsaParams, EcdsaPrivateKey, EcdsaPublicKey, Key, KeyData, Keyset, Status};
use super::{KeysetService, TinkError, open};
use crate::crypto::algorithm::SignatureAlgorithm;
use crate::signer::Signer as _;
use crate::signer::local::LocalSigner;
use crate::signer::remote::{OpenError, RemoteError};

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../../../tests/fixtures/tink/", $name, ".json"))
    };
}

/// The key that stands for the service's in the fixtures.
fn service() -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[7; 32]).unwrap())
}

async fn decrypt(ciphertext: Vec<u8>) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let (nonce, rest) = ciphertext.split_at(NONCE_LEN);
    let (nonce, mut rest) = (Nonce::try_assume_unique_for_key(nonce).unwrap(), rest.to_vec());
    let length = service().open_in_place(nonce, Aad::empty(), &mut rest).map_err(|_| refused())?.len();
    rest.truncate(length);
    Ok(Zeroizing::new(rest))
}

fn refused() -> OpenError {
    let problem = RemoteError::Refused("InvalidCiphertextException".into());
    OpenError { key: "aws-kms://k".into(), problem, hint: "name the key that encrypted it".into() }
}

async fn read(keyset: &[u8]) -> Result<LocalSigner, TinkError> {
    open(keyset, decrypt).await
}

/// A keyset of this content as its file.
fn encrypted(keyset: &Keyset) -> String {
    let mut bytes = keyset.encode_to_vec();
    let nonce = [1; NONCE_LEN];
    let tag = service().seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut bytes);
    let bytes = [&nonce, bytes.as_slice(), tag.unwrap().as_ref()].concat();
    serde_json::json!({"encryptedKeyset": base64::Engine::encode(&super::BASE64, bytes)}).to_string()
}

fn keyset(type_url: &str, value: Vec<u8>) -> Keyset {
    let data = Some(KeyData { type_url: type_url.to_owned(), value });
    Keyset { primary_key_id: 5, keys: vec![Key { data, status: Status::Enabled as i32, id: 5 }] }
}

#[tokio::test]
async fn keysets_that_tink_wrote_sign_with_every_type_of_key() {
    for (keyset, algorithm) in [
        (&fixture!("ecdsa-p256")[..], SignatureAlgorithm::EcdsaP256Sha256),
        (fixture!("ecdsa-p384"), SignatureAlgorithm::EcdsaP384Sha384),
        // Tink's own hash is not the certificate's; its older templates have SHA-512 on P-384.
        (fixture!("ecdsa-p384-sha512"), SignatureAlgorithm::EcdsaP384Sha384),
        (fixture!("ecdsa-p521"), SignatureAlgorithm::EcdsaP521Sha512),
        (fixture!("ed25519"), SignatureAlgorithm::Ed25519),
        (fixture!("rsa-pkcs1-3072"), SignatureAlgorithm::RsaPkcs1Sha256),
        // Its primary key is the second of three, the first one is disabled.
        (fixture!("rotated"), SignatureAlgorithm::EcdsaP256Sha256),
    ] {
        assert_eq!(read(keyset).await.unwrap().algorithm(), algorithm);
    }
}

#[tokio::test]
async fn both_spellings_and_both_alphabets_of_protobuf_json_are_read() {
    let text = String::from_utf8(fixture!("ecdsa-p256").to_vec()).unwrap();
    let (begin, end) = text.split_once("\"encryptedKeyset\":\"").unwrap();
    let (value, end) = end.split_once('"').unwrap();
    let value = value.replace('+', "-").replace('/', "_");
    let other = format!("{begin}\"encrypted_keyset\":\"{}\"{end}", value.trim_end_matches('='));
    assert!(read(other.as_bytes()).await.is_ok());
}

#[tokio::test]
async fn a_keyset_without_a_usable_primary_key_is_refused() {
    let error = read(fixture!("no-primary")).await.unwrap_err();
    assert!(matches!(error, TinkError::NoPrimary(_)), "{error}");
    let error = read(fixture!("disabled-primary")).await.unwrap_err();
    assert!(matches!(error, TinkError::NotEnabled(_)), "{error}");
    assert!(error.to_string().contains("tinkey enable-key"));
    let error = read(fixture!("two-primaries")).await.unwrap_err();
    assert!(matches!(error, TinkError::SeveralPrimaries(_)), "{error}");
    let error = read(encrypted(&Keyset::default()).as_bytes()).await.unwrap_err();
    assert!(matches!(error, TinkError::NotKeyset), "{error}");
}

#[tokio::test]
async fn keys_for_something_else_are_refused_with_what_to_use() {
    for (keyset, name) in [(&fixture!("rsa-pss-3072")[..], "RsaSsaPssPrivateKey"), (fixture!("aead"), "AesGcmKey")] {
        let error = read(keyset).await.unwrap_err();
        assert!(matches!(&error, TinkError::KeyType(found) if found == name), "{error}");
        assert!(error.to_string().contains("--key-template ECDSA_P384_SHA384"));
    }
}

#[tokio::test]
async fn a_public_key_of_another_key_is_refused() {
    let error = read(fixture!("mismatched")).await.unwrap_err();
    assert!(matches!(error, TinkError::Mismatch), "{error}");
}

#[tokio::test]
async fn what_is_no_encrypted_keyset_is_told_apart_and_nobody_is_asked_to_decrypt_it() {
    let never = |_| async { unreachable!("asked to decrypt") };
    let error = open(fixture!("cleartext"), never).await.unwrap_err();
    assert!(matches!(error, TinkError::Cleartext), "{error}");
    let error = open(b"\x12\x03\x08", never).await.unwrap_err();
    assert!(matches!(error, TinkError::NotJson(_)), "{error}");
    for text in ["{}", r#"{"encryptedKeyset":""}"#, r#"{"encryptedKeyset":"!"}"#] {
        let error = open(text.as_bytes(), never).await.unwrap_err();
        assert!(matches!(error, TinkError::NoKeyset), "{text}: {error}");
    }
}

#[tokio::test]
async fn what_the_service_says_is_passed_on_and_what_it_decrypts_is_checked() {
    let error = open(fixture!("ecdsa-p256"), |_| async { Err(refused()) }).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the keyset was not decrypted: aws-kms://k: refused: InvalidCiphertextException\n  hint: name the key that encrypted it"
    );
    let error = open(fixture!("ecdsa-p256"), |_| async { Ok(Zeroizing::new(b"hello".to_vec())) }).await.unwrap_err();
    assert!(matches!(error, TinkError::NotKeyset), "{error}");
}

#[tokio::test]
async fn malformed_keys_and_later_versions_are_refused() {
    let url = "type.googleapis.com/google.crypto.tink.EcdsaPrivateKey";
    let later = EcdsaPrivateKey { version: 1, public_key: None, value: Vec::new() }.encode_to_vec();
    let error = read(encrypted(&keyset(url, later)).as_bytes()).await.unwrap_err();
    assert!(matches!(error, TinkError::Version(1)), "{error}");
    let params = Some(EcdsaParams { curve: CurveType::Unknown as i32 });
    let public_key = Some(EcdsaPublicKey { params, x: vec![1], y: vec![1] });
    let curve = EcdsaPrivateKey { version: 0, public_key, value: vec![1] }.encode_to_vec();
    let error = read(encrypted(&keyset(url, curve)).as_bytes()).await.unwrap_err();
    assert!(matches!(error, TinkError::Curve), "{error}");
    for (url, value) in [(url, vec![]), (url, vec![0xff]), (&url.replace("Ecdsa", "Ed25519"), vec![])] {
        let error = read(encrypted(&keyset(url, value)).as_bytes()).await.unwrap_err();
        assert!(matches!(error, TinkError::Malformed), "{error}");
    }
    let error = read(encrypted(&keyset("example.com/K\ney", vec![])).as_bytes()).await.unwrap_err();
    assert!(error.to_string().contains("is a example.com/Key, which"), "{error}");
}

#[test]
fn key_material_is_not_printed() {
    let shown = format!("{:?}", keyset("url", b"secret".to_vec()));
    assert!(shown.contains("KeyData { .. }") && !shown.contains("115"), "{shown}");
}

#[test]
fn a_name_says_which_service_decrypts() {
    assert_eq!(KeysetService::of("aws-kms://arn:aws:kms:eu-west-1:1:key/2").unwrap(), KeysetService::Aws);
    assert_eq!(KeysetService::of("gcp-kms://projects/p").unwrap(), KeysetService::Gcp);
    for other in ["awskms:///alias/ca", "gcpkms://projects/p", "hcvault://v", ""] {
        assert!(matches!(KeysetService::of(other), Err(TinkError::Resource(_))), "{other}");
    }
}
