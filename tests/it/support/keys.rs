//! Private keys of issuers and clients, made with aws-lc-rs: signatures, JWKs, PEM and signing requests of them.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, RsaEncoding};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{CertificateParams, KeyPair, PublicKeyData as _};
use serde_json::{Value, json};
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

/// The kinds of key that the tests use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    P256,
    P384,
    P521,
    Rsa2048,
    Rsa3072,
    Ed25519,
}

impl Kind {
    pub const ALL: [Self; 6] = [Self::P256, Self::P384, Self::P521, Self::Rsa2048, Self::Rsa3072, Self::Ed25519];
}

/// A private key.
pub struct Key {
    pub kind: Kind,
    pair: KeyPair,
}

impl Key {
    /// A new key; RSA 2048 is the throw-away one of `tests/fixtures/keys`, which saves a second.
    pub fn new(kind: Kind) -> Self {
        let pair = match kind {
            Kind::P256 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256),
            Kind::P384 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384),
            Kind::P521 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P521_SHA512),
            Kind::Ed25519 => KeyPair::generate_for(&rcgen::PKCS_ED25519),
            Kind::Rsa2048 => KeyPair::from_pem(include_str!("../../fixtures/keys/rsa2048.pkcs8.pem")),
            Kind::Rsa3072 => KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_3072),
        };
        Self { kind, pair: pair.unwrap() }
    }

    /// The throw-away P-256 key of `tests/fixtures/keys`, for tests that need the same one each time.
    pub fn fixed_p256() -> Self {
        Self { kind: Kind::P256, pair: KeyPair::from_pem(include_str!("../../fixtures/keys/ec256.pkcs8.pem")).unwrap() }
    }

    /// The throw-away Ed25519 key of `tests/fixtures/keys`.
    pub fn fixed_ed25519() -> Self {
        Self {
            kind: Kind::Ed25519,
            pair: KeyPair::from_pem(include_str!("../../fixtures/keys/ed25519.pkcs8.pem")).unwrap(),
        }
    }

    pub fn pair(&self) -> &KeyPair {
        &self.pair
    }

    pub fn pkcs8(&self) -> &[u8] {
        self.pair.serialized_der()
    }

    pub fn spki_der(&self) -> Vec<u8> {
        self.pair.subject_public_key_info()
    }

    pub fn spki_pem(&self) -> String {
        self.pair.public_key_pem()
    }

    /// A PKCS #10 request in PEM, with a subject that nobody must heed.
    pub fn signing_request(&self) -> String {
        let mut params = CertificateParams::new(vec!["attacker.example.com".to_owned()]).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, "somebody else");
        params.serialize_request(&self.pair).unwrap().pem().unwrap()
    }

    /// The proof of possession that clients make.
    pub fn prove(&self, challenge: &str) -> Vec<u8> {
        let message = challenge.as_bytes();
        match self.kind {
            Kind::P256 => self.ecdsa(&signature::ECDSA_P256_SHA256_ASN1_SIGNING, message),
            Kind::P384 => self.ecdsa(&signature::ECDSA_P384_SHA384_ASN1_SIGNING, message),
            Kind::P521 => self.ecdsa(&signature::ECDSA_P521_SHA512_ASN1_SIGNING, message),
            Kind::Rsa2048 | Kind::Rsa3072 => self.rsa(&signature::RSA_PKCS1_SHA256, message),
            Kind::Ed25519 => self.ed25519(message),
        }
    }

    /// A JWS signature (RFC 7518 section 3.1, RFC 8037).
    pub fn sign(&self, algorithm: &str, message: &[u8]) -> Vec<u8> {
        match algorithm {
            "RS256" => self.rsa(&signature::RSA_PKCS1_SHA256, message),
            "RS384" => self.rsa(&signature::RSA_PKCS1_SHA384, message),
            "RS512" => self.rsa(&signature::RSA_PKCS1_SHA512, message),
            "PS256" => self.rsa(&signature::RSA_PSS_SHA256, message),
            "PS384" => self.rsa(&signature::RSA_PSS_SHA384, message),
            "PS512" => self.rsa(&signature::RSA_PSS_SHA512, message),
            "ES256" => self.ecdsa(&signature::ECDSA_P256_SHA256_FIXED_SIGNING, message),
            "ES384" => self.ecdsa(&signature::ECDSA_P384_SHA384_FIXED_SIGNING, message),
            "ES512" => self.ecdsa(&signature::ECDSA_P521_SHA512_FIXED_SIGNING, message),
            "EdDSA" => self.ed25519(message),
            other => panic!("{other} is not an algorithm of these tests"),
        }
    }

    /// The algorithm that tokens of this key are signed with unless a test says otherwise.
    pub fn token_algorithm(&self) -> &'static str {
        match self.kind {
            Kind::P256 => "ES256",
            Kind::P384 => "ES384",
            Kind::P521 => "ES512",
            Kind::Rsa2048 | Kind::Rsa3072 => "RS256",
            Kind::Ed25519 => "EdDSA",
        }
    }

    /// The public key as a JWK without `kid`, `use` and `alg`.
    pub fn jwk(&self) -> Value {
        let spki = self.spki_der();
        let (_, spki) = SubjectPublicKeyInfo::from_der(&spki).unwrap();
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let without_zeros = |bytes: &'_ [u8]| text(&bytes[bytes.iter().take_while(|byte| **byte == 0).count()..]);
        match (self.kind, spki.parsed().unwrap()) {
            (_, PublicKey::RSA(key)) => {
                json!({"kty": "RSA", "n": without_zeros(key.modulus), "e": without_zeros(key.exponent)})
            }
            (Kind::Ed25519, _) => json!({"kty": "OKP", "crv": "Ed25519", "x": text(&spki.subject_public_key.data)}),
            (kind, PublicKey::EC(point)) => {
                let (x, y) = point.data()[1..].split_at((point.data().len() - 1) / 2);
                let curve = match kind {
                    Kind::P256 => "P-256",
                    Kind::P384 => "P-384",
                    _ => "P-521",
                };
                json!({"kty": "EC", "crv": curve, "x": text(x), "y": text(y)})
            }
            (kind, _) => panic!("{kind:?} has no JWK"),
        }
    }

    fn ecdsa(&self, algorithm: &'static EcdsaSigningAlgorithm, message: &[u8]) -> Vec<u8> {
        let key = EcdsaKeyPair::from_pkcs8(algorithm, self.pkcs8()).unwrap();
        key.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
    }

    fn rsa(&self, encoding: &'static dyn RsaEncoding, message: &[u8]) -> Vec<u8> {
        let key = rsa::KeyPair::from_pkcs8(self.pkcs8()).unwrap();
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(encoding, &SystemRandom::new(), message, &mut signature).unwrap();
        signature
    }

    fn ed25519(&self, message: &[u8]) -> Vec<u8> {
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(self.pkcs8()).unwrap().sign(message).as_ref().to_vec()
    }
}
