use super::*;
use crate::api::messages::proto::create_signing_certificate_request::Key;
use crate::api::messages::proto::credentials::Credentials;
use crate::possession::KeyRequest;

fn token(sent: &str, metadata: &[&'static str]) -> String {
    let credentials = proto::Credentials { credentials: Some(Credentials::OidcIdentityToken(sent.to_owned())) };
    let message = proto::CreateSigningCertificateRequest { credentials: Some(credentials), key: None };
    let mut map = MetadataMap::new();
    for value in metadata {
        map.append(TOKEN_METADATA, tonic::metadata::MetadataValue::from_static(value));
    }
    messages::request(message, || metadata_token(&map).to_owned()).token
}

#[test]
fn the_token_is_the_messages_or_the_only_one_of_the_metadata() {
    assert_eq!(token("a", &["b"]), "a");
    assert_eq!(token("", &["b"]), "b");
    assert_eq!(token("", &["b", "c"]), "");
    assert_eq!(token("", &[]), "");
}

#[test]
fn nothing_to_certify_is_an_empty_key() {
    for key in [
        None,
        Some(Key::CertificateSigningRequest(vec![])),
        Some(Key::PublicKeyRequest(proto::PublicKeyRequest::default())),
    ] {
        let message = proto::CreateSigningCertificateRequest { credentials: None, key };
        let read = messages::request(message, String::new).key;
        assert!(read == KeyRequest::PublicKey { content: vec![], proof: vec![] });
    }
}
