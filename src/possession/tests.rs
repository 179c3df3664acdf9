//! Proofs and signing requests: what proves possession, and what does not.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING,
    ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair,
};
use aws_lc_rs::{encoding::AsDer, encoding::PublicKeyX509Der, rsa, signature};
use der::Encode as _;

use super::*;

const CHALLENGE: &str = "dev@example.com";

struct EcKey(EcdsaKeyPair);

impl EcKey {
    fn new(algorithm: &'static EcdsaSigningAlgorithm) -> Self {
        Self(EcdsaKeyPair::generate(algorithm).unwrap())
    }

    fn spki(&self) -> Vec<u8> {
        AsDer::<PublicKeyX509Der<'_>>::as_der(self.0.public_key()).unwrap().as_ref().to_vec()
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
    }
}

fn prove_with(content: Vec<u8>, proof: Vec<u8>) -> Result<ProvenKey, PossessionError> {
    prove(&KeyRequest::PublicKey { content, proof }, CHALLENGE, &PermittedAlgorithms::default())
}

#[test]
fn ecdsa_keys_of_every_curve_prove_themselves() {
    let cases = [
        (&ECDSA_P256_SHA256_ASN1_SIGNING, KeyKind::P256),
        (&ECDSA_P384_SHA384_ASN1_SIGNING, KeyKind::P384),
        (&ECDSA_P521_SHA512_ASN1_SIGNING, KeyKind::P521),
        (&ECDSA_P256_SHA256_FIXED_SIGNING, KeyKind::P256),
        (&ECDSA_P384_SHA384_FIXED_SIGNING, KeyKind::P384),
        (&ECDSA_P521_SHA512_FIXED_SIGNING, KeyKind::P521),
    ];
    for (algorithm, kind) in cases {
        let key = EcKey::new(algorithm);
        let proven = prove_with(key.spki(), key.sign(CHALLENGE.as_bytes())).unwrap();
        assert_eq!((proven.public_key().kind(), proven.public_key().spki()), (kind, key.spki().as_slice()));
        assert_eq!(prove_with(key.spki(), key.sign(b"eve@example.com")), Err(PossessionError::Proof(kind)));
    }
}

#[test]
fn rsa_and_ed25519_keys_prove_themselves() {
    let key = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
    let spki = AsDer::<PublicKeyX509Der<'_>>::as_der(key.public_key()).unwrap().as_ref().to_vec();
    let sign = |padding: &'static dyn signature::RsaEncoding| {
        let mut proof = vec![0; key.public_modulus_len()];
        key.sign(padding, &SystemRandom::new(), CHALLENGE.as_bytes(), &mut proof).unwrap();
        proof
    };
    assert!(prove_with(spki.clone(), sign(&signature::RSA_PKCS1_SHA256)).is_ok());
    for padding in [&signature::RSA_PKCS1_SHA512 as &'static dyn signature::RsaEncoding, &signature::RSA_PSS_SHA256] {
        assert_eq!(prove_with(spki.clone(), sign(padding)), Err(PossessionError::Proof(KeyKind::Rsa2048)));
    }
    let pkcs1 = pem::encode(&pem::Pem::new("RSA PUBLIC KEY", key.public_key().as_ref()));
    let proven = prove_with(pkcs1.into_bytes(), sign(&signature::RSA_PKCS1_SHA256)).unwrap();
    assert_eq!(proven.public_key().spki(), spki, "PKCS #1 becomes a SubjectPublicKeyInfo");

    let key = Ed25519KeyPair::generate().unwrap();
    let spki = AsDer::<PublicKeyX509Der<'_>>::as_der(key.public_key()).unwrap().as_ref().to_vec();
    assert!(prove_with(spki.clone(), key.sign(CHALLENGE.as_bytes()).as_ref().to_vec()).is_ok());
    assert!(prove_with(spki, key.sign(b"x").as_ref().to_vec()).is_err());
}

#[test]
fn damaged_foreign_and_missing_proofs_are_refused() {
    let (key, other) = (EcKey::new(&ECDSA_P256_SHA256_ASN1_SIGNING), EcKey::new(&ECDSA_P256_SHA256_ASN1_SIGNING));
    let proof = key.sign(CHALLENGE.as_bytes());
    let zeros = vec![0x30, 0x06, 0x02, 0x01, 0x00, 0x02, 0x01, 0x00];
    let long = [proof.as_slice(), &[0]].concat();
    for bad in [vec![], proof[..proof.len() - 1].to_vec(), long, other.sign(CHALLENGE.as_bytes()), zeros, vec![0; 64]] {
        assert_eq!(prove_with(key.spki(), bad), Err(PossessionError::Proof(KeyKind::P256)));
    }
}

#[test]
fn a_pair_that_is_not_listed_is_refused_after_the_proof() {
    let key = EcKey::new(&ECDSA_P256_SHA256_ASN1_SIGNING);
    let only_p384: PermittedAlgorithms = "ecdsa-sha2-384-nistp384".parse().unwrap();
    let request = |proof| KeyRequest::PublicKey { content: key.spki(), proof };
    let refused = prove(&request(key.sign(CHALLENGE.as_bytes())), CHALLENGE, &only_p384);
    assert_eq!(refused, Err(PossessionError::NotPermitted { kind: KeyKind::P256, hash: Some(Hash::Sha256) }));
    assert_eq!(prove(&request(vec![]), CHALLENGE, &only_p384), Err(PossessionError::Proof(KeyKind::P256)));
}

fn csr(algorithm: &'static rcgen::SignatureAlgorithm) -> (Vec<u8>, Vec<u8>) {
    let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["evil.example".to_owned()]).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, "ignored");
    let request = params.serialize_request(&key).unwrap();
    (request.pem().unwrap().into_bytes(), request.der().to_vec())
}

fn prove_csr(text: Vec<u8>) -> Result<ProvenKey, PossessionError> {
    prove(&KeyRequest::SigningRequest(text), CHALLENGE, &PermittedAlgorithms::default())
}

#[test]
fn signing_requests_prove_themselves() {
    let cases = [
        (&rcgen::PKCS_ECDSA_P256_SHA256, KeyKind::P256),
        (&rcgen::PKCS_ECDSA_P384_SHA384, KeyKind::P384),
        (&rcgen::PKCS_ECDSA_P521_SHA512, KeyKind::P521),
        (&rcgen::PKCS_ED25519, KeyKind::Ed25519),
    ];
    for (algorithm, kind) in cases {
        assert_eq!(prove_csr(csr(algorithm).0).unwrap().public_key().kind(), kind);
    }
    let (mut text, der) = csr(&rcgen::PKCS_ECDSA_P256_SHA256);
    let renamed = pem::encode(&pem::Pem::new("NEW CERTIFICATE REQUEST", der));
    assert!(prove_csr(renamed.into_bytes()).is_ok());
    text.resize(64 * 1024, b'\n');
    assert!(prove_csr(text.clone()).is_ok());
    text.push(b'\n');
    assert_eq!(prove_csr(text), Err(CsrError::Malformed("it is too long").into()));
}

#[test]
fn requests_that_do_not_prove_themselves_are_refused() {
    let (_, der) = csr(&rcgen::PKCS_ECDSA_P256_SHA256);
    let again = |der: &[u8], label: &str| pem::encode(&pem::Pem::new(label, der)).into_bytes();
    let mut tampered = der.clone();
    let last = tampered.len() - 1;
    tampered[last] ^= 1;
    assert_eq!(prove_csr(again(&tampered, "CERTIFICATE REQUEST")), Err(PossessionError::Proof(KeyKind::P256)));
    for bad in [
        der.clone(),
        again(&der, "CERTIFICATE"),
        again(&der[..last], "CERTIFICATE REQUEST"),
        again(&[der.as_slice(), &[0]].concat(), "CERTIFICATE REQUEST"),
        b"xyz".to_vec(),
        Vec::new(),
    ] {
        assert!(matches!(prove_csr(bad), Err(PossessionError::Csr(CsrError::Malformed(_)))));
    }
}

/// The same request, said to be signed with another algorithm.
fn said_to_be(algorithm: &[u8], der: &[u8]) -> Vec<u8> {
    use x509_parser::prelude::{FromDer as _, X509CertificationRequest};
    let (_, request) = X509CertificationRequest::from_der(der).unwrap();
    let signature = der::asn1::BitStringRef::from_bytes(&request.signature_value.data).unwrap().to_der().unwrap();
    let parts = [request.certification_request_info.raw, algorithm, &signature].concat();
    let der = der::asn1::AnyRef::new(der::Tag::Sequence, &parts).unwrap().to_der().unwrap();
    pem::encode(&pem::Pem::new("CERTIFICATE REQUEST", der)).into_bytes()
}

#[test]
fn of_algorithms_that_are_not_verified_only_pss_is_merely_not_permitted() {
    let (_, der) = csr(&rcgen::PKCS_ECDSA_P256_SHA256);
    for (algorithm, expected) in [
        (&b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02"[..], Ok(KeyKind::P256)),
        (b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x09", Err(PossessionError::Proof(KeyKind::P256))),
        (
            b"\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a",
            Err(PossessionError::NotPermitted { kind: KeyKind::P256, hash: None }),
        ),
    ] {
        assert_eq!(prove_csr(said_to_be(algorithm, &der)).map(|proven| proven.public_key().kind()), expected);
    }
}

#[test]
fn an_ed25519_key_that_others_can_sign_for_is_insecure_and_a_bad_proof_is_named_first() {
    // The neutral element as key, and as signature with a zero: good for every message.
    let neutral = [&[1][..], &[0; 31]].concat();
    let spki = [&b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00"[..], &neutral].concat();
    let forged = [neutral.as_slice(), &[0; 32]].concat();
    let asked = |proof: Vec<u8>| {
        let request = KeyRequest::PublicKey { content: spki.clone(), proof };
        prove(&request, "anything", &PermittedAlgorithms::default()).map(drop)
    };
    assert!(matches!(asked(forged), Err(PossessionError::Key(PublicKeyError::Insecure(_)))));
    assert!(matches!(asked(vec![7; 64]), Err(PossessionError::Proof(KeyKind::Ed25519))));
}
