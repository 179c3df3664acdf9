use super::*;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm,
};
use rcgen::PublicKeyData as _;
use serde_json::{Value, json};

const TEXT: &[u8] = b"hello\n";

/// A key, its SubjectPublicKeyInfo, and a certificate for it.
struct Key {
    pair: rcgen::KeyPair,
    algorithm: &'static EcdsaSigningAlgorithm,
}

impl Key {
    fn new(of: &'static rcgen::SignatureAlgorithm, algorithm: &'static EcdsaSigningAlgorithm) -> Self {
        Self { pair: rcgen::KeyPair::generate_for(of).unwrap(), algorithm }
    }

    fn p256() -> Self {
        Self::new(&rcgen::PKCS_ECDSA_P256_SHA256, &ECDSA_P256_SHA256_ASN1_SIGNING)
    }

    fn spki(&self) -> Vec<u8> {
        self.pair.subject_public_key_info()
    }

    fn certificate(&self) -> Vec<u8> {
        rcgen::CertificateParams::default().self_signed(&self.pair).unwrap().der().to_vec()
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let pair = EcdsaKeyPair::from_pkcs8(self.algorithm, self.pair.serialized_der()).unwrap();
        pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
    }

    /// A request for what this key has signed.
    fn request(&self, hash: Hash, details: impl Into<Value>) -> Value {
        json!({"hashedRekordRequestV002": {
            "digest": STANDARD.encode(hashed(hash, TEXT).unwrap()),
            "signature": {
                "content": STANDARD.encode(self.sign(TEXT)),
                "verifier": {"publicKey": {"rawBytes": STANDARD.encode(self.spki())}, "keyDetails": details.into()},
            },
        }})
    }
}

fn judged(request: &Value) -> Result<Value, Refusal> {
    let body = body(serde_json::from_value(request.clone()).unwrap())?;
    let value: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(sorted(&value), body, "canonical");
    Ok(value)
}

/// JSON with its members in order and no space.
fn sorted(value: &Value) -> String {
    let Value::Object(members) = value else { return value.to_string() };
    let mut members: Vec<_> = members.iter().collect();
    members.sort_by_key(|(name, _)| *name);
    let members: Vec<_> = members.iter().map(|(name, value)| format!("{name:?}:{}", sorted(value))).collect();
    format!("{{{}}}", members.join(","))
}

#[test]
fn each_curve_is_logged_with_its_own_hash_and_no_other() {
    let p384 = Key::new(&rcgen::PKCS_ECDSA_P384_SHA384, &ECDSA_P384_SHA384_ASN1_SIGNING);
    let p521 = Key::new(&rcgen::PKCS_ECDSA_P521_SHA512, &ECDSA_P521_SHA512_ASN1_SIGNING);
    for (key, hash, details, algorithm) in [
        (&Key::p256(), Hash::Sha256, "PKIX_ECDSA_P256_SHA_256", "SHA2_256"),
        (&p384, Hash::Sha384, "PKIX_ECDSA_P384_SHA_384", "SHA2_384"),
        (&p521, Hash::Sha512, "PKIX_ECDSA_P521_SHA_512", "SHA2_512"),
    ] {
        let request = key.request(hash, details);
        let entry = judged(&request).unwrap();
        let asked = &request["hashedRekordRequestV002"];
        let expected = json!({"apiVersion": "0.0.2", "kind": "hashedrekord", "spec": {"hashedRekordV002": {
            "data": {"algorithm": algorithm, "digest": asked["digest"]}, "signature": asked["signature"],
        }}});
        assert_eq!(entry, expected);
    }
    // With the hash of another curve it is another pair, whatever the signature.
    let refused = judged(&p384.request(Hash::Sha256, "PKIX_ECDSA_P384_SHA_256"));
    assert_eq!(refused, Err(Refusal::Unverified(Unverified::Pair)));
}

#[test]
fn a_certificate_and_a_number_and_the_other_spelling_are_the_same_as_their_like() {
    let key = Key::p256();
    let mut request = key.request(Hash::Sha256, 5);
    assert_eq!(
        judged(&request).unwrap()["spec"]["hashedRekordV002"]["signature"]["verifier"]["keyDetails"],
        "PKIX_ECDSA_P256_SHA_256"
    );
    let certificate = STANDARD.encode(key.certificate());
    let verifier = json!({"x509_certificate": {"raw_bytes": certificate}, "key_details": 5});
    request["hashedRekordRequestV002"]["signature"]["verifier"] = verifier;
    let asked = json!({"hashed_rekord_request_v002": request["hashedRekordRequestV002"]});
    let logged = &judged(&asked).unwrap()["spec"]["hashedRekordV002"]["signature"]["verifier"];
    assert_eq!(logged["x509Certificate"]["rawBytes"], certificate);
}

#[test]
fn what_is_not_a_right_signature_is_not_logged() {
    let (key, other) = (Key::p256(), Key::p256());
    let changed = |member: &str, value: Value| {
        let mut request = key.request(Hash::Sha256, "PKIX_ECDSA_P256_SHA_256");
        *request.pointer_mut(&format!("/hashedRekordRequestV002{member}")).unwrap() = value;
        judged(&request)
    };
    let base64 = |bytes: &[u8]| Value::from(STANDARD.encode(bytes));
    let unverified = |why| Err(Refusal::Unverified(why));
    let verifier = "/signature/verifier";
    for (member, value, expected) in [
        ("/digest".to_owned(), base64(&[7; 32]), unverified(Unverified::Signature)),
        ("/digest".to_owned(), base64(&[7; 31]), unverified(Unverified::DigestLength)),
        ("/digest".to_owned(), Value::Null, Err(Refusal::Missing("digest"))),
        ("/signature".to_owned(), Value::Null, Err(Refusal::Missing("signature"))),
        ("/signature/content".to_owned(), base64(&other.sign(TEXT)), unverified(Unverified::Signature)),
        ("/signature/content".to_owned(), base64(&key.sign(b"other")), unverified(Unverified::Signature)),
        ("/signature/content".to_owned(), "".into(), Err(Refusal::Missing("signature content"))),
        (verifier.to_owned(), Value::Null, Err(Refusal::Missing("verifier"))),
        (format!("{verifier}/publicKey"), Value::Null, Err(Refusal::Missing("public key or certificate"))),
        (format!("{verifier}/publicKey"), json!({}), Err(Refusal::Missing("public key"))),
        (format!("{verifier}/publicKey/rawBytes"), base64(b"key"), unverified(Unverified::Key)),
        (
            format!("{verifier}/publicKey/rawBytes"),
            base64(&[&key.spki()[..], b"x"].concat()),
            unverified(Unverified::Key),
        ),
        (format!("{verifier}/publicKey/rawBytes"), base64(&other.spki()), unverified(Unverified::Signature)),
        (format!("{verifier}/keyDetails"), "PKIX_ECDSA_P384_SHA_384".into(), unverified(Unverified::Pair)),
        (format!("{verifier}/keyDetails"), "PKIX_ED25519".into(), Err(Refusal::KeyDetails)),
        (format!("{verifier}/keyDetails"), "NO_SUCH".into(), Err(Refusal::UnknownKeyDetails)),
        (format!("{verifier}/keyDetails"), 999.into(), Err(Refusal::KeyDetails)),
        (format!("{verifier}/keyDetails"), Value::Null, Err(Refusal::KeyDetails)),
        (
            verifier.to_owned(),
            json!({"x509Certificate": {"rawBytes": base64(b"certificate")}, "keyDetails": 5}),
            unverified(Unverified::Certificate),
        ),
        (
            verifier.to_owned(),
            json!({"x509Certificate": {"rawBytes": "AA=="}, "publicKey": {"rawBytes": "AA=="}, "keyDetails": 5}),
            Err(Refusal::TwoKeys),
        ),
    ] {
        assert_eq!(changed(&member, value.clone()), expected, "{member} {value}");
    }
    assert_eq!(judged(&json!({})), Err(Refusal::Type));
}

#[test]
fn requests_of_another_form_cannot_be_read() {
    for text in [
        r#"{"more": 1}"#,
        r#"{"hashedRekordRequestV002": {"more": 1}}"#,
        r#"{"hashedRekordRequestV002": {"digest": "*"}}"#,
        r#"{"hashedRekordRequestV002": {"digest": 7}}"#,
        r#"{"hashedRekordRequestV002": {}, "hashed_rekord_request_v002": {}}"#,
        "null",
        "",
    ] {
        assert!(serde_json::from_str::<CreateEntry>(text).is_err(), "{text}");
    }
}

#[test]
fn an_envelope_is_logged_as_the_digest_of_what_was_signed() {
    let key = Key::p256();
    let signed = pae("application/vnd.in-toto+json", b"{}");
    assert_eq!(signed, b"DSSEv1 28 application/vnd.in-toto+json 2 {}");
    let request = |signatures: &[Vec<u8>], payload: &str| {
        let signatures: Vec<Value> =
            signatures.iter().map(|sig| json!({"sig": STANDARD.encode(sig), "keyid": ""})).collect();
        let verifier =
            json!({"publicKey": {"rawBytes": STANDARD.encode(key.spki())}, "keyDetails": "PKIX_ECDSA_P256_SHA_256"});
        judged(&json!({"dsseRequestV002": {
            "envelope": {"payload": STANDARD.encode(payload), "payloadType": "application/vnd.in-toto+json", "signatures": signatures},
            "verifiers": [verifier],
        }}))
    };
    let signature = key.sign(&signed);
    let entry = request(std::slice::from_ref(&signature), "{}").unwrap();
    let data = &entry["spec"]["hashedRekordV002"]["data"];
    assert_eq!(data["digest"], STANDARD.encode(hashed(Hash::Sha256, &signed).unwrap()));
    assert_eq!(request(std::slice::from_ref(&signature), "{ }"), Err(Refusal::Unverified(Unverified::Signature)));
    assert_eq!(request(&[signature.clone(), signature], "{}"), Err(Refusal::Several));
    assert_eq!(request(&[], "{}"), Err(Refusal::Several));
}
