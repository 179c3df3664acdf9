//! The Wycheproof vectors (github.com/C2SP/wycheproof) through the functions that verify signatures here: of tokens, of proofs of
//! possession, of CA certificates. `tests/e2e/wycheproof/get.sh` fetches them; nothing of them is in the repository.

use std::collections::BTreeSet;
use std::path::Path;

use crate::support::issuer::ALGORITHMS;
use serde_json::{Value, json};
use sigmint::crypto::signature_check::KeyError;
use sigmint::crypto::signature_check::SignatureCheck;
use sigmint::identity::keys::{KeyBudget, KeySet, SignatureCheck as TokenCheck};
use sigmint::identity::token::CompactJws;
use sigmint::possession::{KeyRequest, PermittedAlgorithms, PossessionError, PublicKey, PublicKeyError, prove};
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::AlgorithmIdentifier;

/// One vector with the key of its group.
struct Vector {
    /// File, number and comment, for messages.
    name: String,
    group: Value,
    test: Value,
}

impl Vector {
    /// Every vector of a file.
    fn all(file: &str) -> Vec<Self> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(".test-tools/wycheproof").join(file);
        let text = std::fs::read(&path).unwrap_or_else(|error| {
            panic!("{}: {error}; please run tests/e2e/wycheproof/get.sh, which fetches the vectors", path.display())
        });
        let document: Value = serde_json::from_slice(&text).unwrap();
        let mut vectors = Vec::new();
        for group in document["testGroups"].as_array().unwrap() {
            for test in group["tests"].as_array().unwrap() {
                let name = format!("{file} {}: {} {}", test["tcId"], test["comment"], test["flags"]);
                vectors.push(Self { name, group: group.clone(), test: test.clone() });
            }
        }
        assert_eq!(document["numberOfTests"], json!(vectors.len()), "{file}");
        vectors
    }

    fn is_valid(&self) -> bool {
        match self.test["result"].as_str().unwrap() {
            "valid" => true,
            // RSA's DigestInfo without NULL, which RFC 8017 leaves open: refused here, as by every verifier that compares encodings.
            "acceptable" => {
                assert_eq!(self.test["flags"], json!(["MissingNull"]), "{}", self.name);
                false
            }
            "invalid" => false,
            other => panic!("{}: {other}", self.name),
        }
    }

    fn bytes(&self, member: &str) -> Vec<u8> {
        from_hex(self.test[member].as_str().unwrap())
    }

    fn key(&self) -> Vec<u8> {
        from_hex(self.group["publicKeyDer"].as_str().unwrap())
    }

    /// RSA keys with an exponent other than 65537 are refused here before any signature is looked at.
    fn has_a_key_that_is_refused(&self) -> bool {
        let refused = self.group["publicKey"]["publicExponent"].as_str().is_some_and(|exponent| exponent != "010001");
        if refused {
            assert_eq!(SignatureCheck::from_spki_der(&self.key()).err(), Some(KeyError::RsaExponent), "{}", self.name);
            assert!(matches!(PublicKey::from_spki(&self.key()), Err(PublicKeyError::Insecure(_))), "{}", self.name);
        }
        refused
    }
}

fn from_hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// Asserts the expected result of every vector of the files; how many there were.
fn meets(files: &[&str], verifies: impl Fn(&Vector) -> Option<bool>) -> usize {
    let mut judged = 0;
    for vector in files.iter().flat_map(|file| Vector::all(file)).filter(|vector| !vector.has_a_key_that_is_refused()) {
        if let Some(accepted) = verifies(&vector) {
            assert_eq!(accepted, vector.is_valid(), "{}", vector.name);
            judged += 1;
        }
    }
    judged
}

/// A proof of possession over the vector's message; nothing for a message that is not a string, which no challenge can be.
fn proves(vector: &Vector) -> Option<bool> {
    let challenge = String::from_utf8(vector.bytes("msg")).ok()?;
    let request = KeyRequest::PublicKey { content: vector.key(), proof: vector.bytes("sig") };
    Some(match prove(&request, &challenge, &PermittedAlgorithms::default()) {
        Ok(_) => true,
        Err(PossessionError::Proof(_)) => false,
        Err(other) => panic!("{}: {other}", vector.name),
    })
}

/// What a CA's key signs: with the key's own algorithm.
fn authority_verifies(vector: &Vector) -> bool {
    let check = SignatureCheck::from_spki_der(&vector.key()).unwrap_or_else(|error| panic!("{}: {error}", vector.name));
    check.verify(&vector.bytes("msg"), &vector.bytes("sig")).is_ok()
}

/// What one CA certificate carries from the next: with the hash that its algorithm identifier names.
fn link_verifies(vector: &Vector) -> bool {
    let is_rsa = vector.group["type"] == "RsassaPkcs1Verify";
    // The last bytes of ecdsa-with-SHA* (RFC 5758) and of sha*WithRSAEncryption (RFC 8017).
    let (ecdsa, rsa) = match vector.group["sha"].as_str().unwrap() {
        "SHA-256" => (2, 0x0b),
        "SHA-384" => (3, 0x0c),
        "SHA-512" => (4, 0x0d),
        other => panic!("{}: {other}", vector.name),
    };
    let identifier = if is_rsa {
        vec![0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, rsa, 0x05, 0x00]
    } else {
        vec![0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, ecdsa]
    };
    let (_, identifier) = AlgorithmIdentifier::from_der(&identifier).unwrap();
    let check = SignatureCheck::from_spki_der(&vector.key()).unwrap();
    check.verify_link(&identifier, &vector.bytes("msg"), &vector.bytes("sig")).is_ok()
}

const ECDSA: [&str; 3] =
    ["ecdsa_secp256r1_sha256_test.json", "ecdsa_secp384r1_sha384_test.json", "ecdsa_secp521r1_sha512_test.json"];
const RSA_SHA256: [&str; 3] = [
    "rsa_signature_2048_sha256_test.json",
    "rsa_signature_3072_sha256_test.json",
    "rsa_signature_4096_sha256_test.json",
];

#[test]
fn ecdsa_proofs_in_der() {
    assert!(meets(&ECDSA, proves) > 1400);
}

#[test]
fn ecdsa_proofs_side_by_side() {
    let files = [
        "ecdsa_secp256r1_sha256_p1363_test.json",
        "ecdsa_secp384r1_sha384_p1363_test.json",
        "ecdsa_secp521r1_sha512_p1363_test.json",
    ];
    assert!(meets(&files, proves) > 800);
}

#[test]
fn rsa_and_ed25519_proofs() {
    assert!(meets(&RSA_SHA256, proves) > 750);
    // Most messages of this set are not text; `signatures_of_certificate_authorities` has them all.
    assert!(meets(&["ed25519_test.json"], proves) > 20);
}

#[test]
fn signatures_of_certificate_authorities() {
    assert!(meets(&ECDSA, |vector| Some(authority_verifies(vector))) > 1400);
    assert!(meets(&RSA_SHA256, |vector| Some(authority_verifies(vector))) > 750);
    assert!(
        meets(&["rsa_signature_8192_sha256_test.json", "ed25519_test.json"], |vector| Some(authority_verifies(vector)))
            > 400
    );
}

#[test]
fn signatures_of_certificate_authorities_with_another_hash() {
    let ecdsa =
        ["ecdsa_secp256r1_sha512_test.json", "ecdsa_secp384r1_sha256_test.json", "ecdsa_secp384r1_sha512_test.json"];
    assert!(meets(&ecdsa, |vector| Some(link_verifies(vector))) > 1500);
    let rsa =
        [2048, 3072, 4096, 8192].map(|bits| [384, 512].map(|hash| format!("rsa_signature_{bits}_sha{hash}_test.json")));
    let rsa: Vec<&str> = rsa.iter().flatten().map(String::as_str).collect();
    assert!(meets(&rsa, |vector| Some(link_verifies(vector))) > 2000);
}

/// The token: compact, or the JSON serialization.
fn text_of(token: &Value) -> String {
    token.as_str().map_or_else(|| token.to_string(), str::to_owned)
}

/// Whether an issuer with the group's keys, who lists every algorithm, has signed the vector.
fn token_verifies(vector: &Vector) -> bool {
    let keys = [&vector.group["public"], &vector.group["private"]].into_iter().find(|keys| !keys.is_null()).unwrap();
    let set = if keys["keys"].is_array() { keys.clone() } else { json!({"keys": [keys]}) };
    let listed: Vec<String> = ALGORITHMS.iter().map(|name| (*name).to_owned()).collect();
    let text = text_of(&vector.test["jws"]);
    let (Ok(set), Ok(jws)) =
        (KeySet::parse(set.to_string().as_bytes(), Some(&listed), KeyBudget::NAMED), CompactJws::parse(&text))
    else {
        return false;
    };
    set.check(&jws) == TokenCheck::Good
}

/// Why we refuse what Wycheproof calls valid. A reason that nothing needs any more fails the test as well.
fn refused_on_purpose(vector: &Vector) -> Option<&'static str> {
    let key = [&vector.group["public"], &vector.group["private"]].into_iter().find(|keys| !keys.is_null()).unwrap();
    let first = if key["keys"].is_array() { &key["keys"][0] } else { key };
    if first["kty"] == "oct" {
        return Some("HMAC: anyone who could verify could sign as well, and an issuer's keys are public");
    }
    if first["alg"] == "ES521" {
        return Some("the JWK is of ES521, which is not a registered algorithm (RFC 7518 calls it ES512)");
    }
    if vector.test["comment"] == "Figure20" && first["alg"] == "PS256" {
        return Some(
            "the JWK is meant for PS256, the signature was made with PS384 (RFC 7520 section 4.2 has a JWK without alg)",
        );
    }
    None
}

#[test]
fn tokens_and_key_sets() {
    let (mut judged, mut reasons) = (0, BTreeSet::new());
    let files = ["json_web_signature_test.json", "json_web_key_test.json", "json_web_crypto_test.json"];
    let vectors = files.iter().flat_map(|file| Vector::all(file));
    for vector in vectors.filter(|vector| !vector.test["jws"].is_null()) {
        let accepted = token_verifies(&vector);
        judged += 1;
        if accepted != vector.is_valid() {
            let reason = refused_on_purpose(&vector).filter(|_| !accepted);
            reasons.insert(reason.unwrap_or_else(|| panic!("accepted: {accepted}, {}", vector.name)));
        }
    }
    assert!(judged > 450, "{judged}");
    assert_eq!(reasons.len(), 3, "{reasons:#?}");
}

#[test]
fn encrypted_tokens_are_not_even_read() {
    let files = ["json_web_encryption_test.json", "json_web_crypto_test.json"];
    let vectors = files.iter().flat_map(|file| Vector::all(file));
    let encrypted: Vec<Vector> = vectors.filter(|vector| !vector.test["jwe"].is_null()).collect();
    assert!(encrypted.len() > 150, "{}", encrypted.len());
    for vector in encrypted {
        assert!(CompactJws::parse(&text_of(&vector.test["jwe"])).is_err(), "{}", vector.name);
    }
}
