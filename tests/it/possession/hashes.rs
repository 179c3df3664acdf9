//! Signing requests over each hash with each kind of key that can have one. OpenSSL made them: `openssl req -new -subj /CN=x -sha384 -key K`
//! for P-256, P-384, P-521 and RSA-2048, each with sha256, sha384 and sha512.

use sigmint::crypto::KeyKind;
use sigmint::possession::{Hash, KeyRequest, PermittedAlgorithms, PossessionError, prove};

#[test]
fn every_hash_is_verified_before_the_list_decides() {
    let only_ed25519: PermittedAlgorithms = "ed25519".parse().unwrap();
    let ask = |der: &[u8]| {
        let text = pem::encode(&pem::Pem::new("CERTIFICATE REQUEST", der));
        prove(&KeyRequest::SigningRequest(text.into_bytes()), "", &only_ed25519).unwrap_err()
    };
    let kinds = [KeyKind::P256, KeyKind::P384, KeyKind::P521, KeyKind::Rsa2048];
    let pairs = kinds.map(|kind| [Hash::Sha256, Hash::Sha384, Hash::Sha512].map(|hash| (kind, hash)));
    let requests = pem::parse_many(include_str!("requests.pem")).unwrap();
    assert_eq!(requests.len(), 12);
    for ((kind, hash), request) in pairs.into_iter().flatten().zip(requests) {
        let mut der = request.into_contents();
        assert_eq!(ask(&der), PossessionError::NotPermitted { kind, hash: Some(hash) });
        *der.last_mut().unwrap() ^= 1;
        assert_eq!(ask(&der), PossessionError::Proof(kind));
    }
}
