use super::*;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use serde_json::json;

const TYPE: &str = "application/vnd.in-toto+json";
const STATEMENT: &[u8] = br#"{"subject": [{"digest": {"sha256": "ab", "sha512": "cd"}}]}"#;

struct Key(rcgen::KeyPair);

impl Key {
    fn new() -> Self {
        Self(rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap())
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, self.0.serialized_der()).unwrap();
        pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
    }

    fn certificate(&self) -> String {
        let mut parameters = rcgen::CertificateParams::default();
        let name = rcgen::SanType::Rfc822Name("Me@Example.com".try_into().unwrap());
        parameters.subject_alt_names = vec![name, rcgen::SanType::URI("https://example.com/a".try_into().unwrap())];
        parameters.self_signed(&self.0).unwrap().pem()
    }
}

fn b64(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

fn judged(kind: &str, version: &str, spec: &Value) -> Result<(Value, Vec<String>), Refusal> {
    let proposed = json!({"kind": kind, "apiVersion": version, "spec": spec});
    let entry = Entry::accept(proposed.to_string().as_bytes())?;
    let value: Value = serde_json::from_str(&entry.body).unwrap();
    assert_eq!((&value["kind"], &value["apiVersion"]), (&json!(kind), &json!(version)));
    assert_eq!(sorted(&value), entry.body, "canonical");
    Ok((value["spec"].clone(), entry.index_keys))
}

/// JSON with its members in order and no space.
fn sorted(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            let members: Vec<_> = members.iter().map(|(name, value)| format!("{name:?}:{}", sorted(value))).collect();
            format!("{{{}}}", members.join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(sorted).collect::<Vec<_>>().join(",")),
        other => other.to_string(),
    }
}

fn unverified<T>(why: Unverified) -> Result<T, Refusal> {
    Err(Refusal::Unverified(why))
}

#[test]
fn a_hashedrekord_has_its_certificate_in_one_form_and_is_found_by_names() {
    let key = Key::new();
    let (digest, signature, pem) = (sha256(b"hello"), b64(key.sign(b"hello")), key.certificate());
    // Other line ends and text around it are the client's, not the log's.
    let untidy = format!("text\n{}\n", pem.replace('\n', "\r\n"));
    let spec = |digest: &str, signature: &str, key: &str| {
        json!({"data": {"hash": {"algorithm": "sha256", "value": digest}},
            "signature": {"content": signature, "publicKey": {"content": b64(key)}, "format": "x509"}})
    };
    let (logged, keys) = judged("hashedrekord", "0.0.1", &spec(&digest, &signature, &untidy)).unwrap();
    let normal = crate::text::pem("CERTIFICATE", pem::parse(&pem).unwrap().contents());
    assert_eq!(logged["signature"], json!({"content": signature, "publicKey": {"content": b64(&normal)}}));
    assert_eq!(logged["data"], json!({"hash": {"algorithm": "sha256", "value": digest}}));
    let of_key = format!("sha256:{}", sha256(normal.as_bytes()));
    assert_eq!(keys, [&of_key, "me@example.com", "https://example.com/a", &format!("sha256:{digest}")]);

    let other = sha256(b"other");
    for (spec, expected) in [
        (spec(&other, &signature, &pem), Refusal::Unverified(Unverified::Signature)),
        (spec(&digest, &b64(key.sign(b"other")), &pem), Refusal::Unverified(Unverified::Signature)),
        (spec(&digest, &signature, &Key::new().certificate()), Refusal::Unverified(Unverified::Signature)),
        (spec(&digest[2..], &signature, &pem), Refusal::Unverified(Unverified::DigestLength)),
        (spec("hex", &signature, &pem), Refusal::Hash),
        (spec(&digest, "*", &pem), Refusal::Malformed),
        (spec(&digest, &signature, "no key"), Refusal::Verifier),
        (json!({}), Refusal::Malformed),
    ] {
        assert_eq!(judged("hashedrekord", "0.0.1", &spec), Err(expected), "{spec}");
    }
    for (kind, version) in [("hashedrekord", "0.0.2"), ("rekord", "0.0.1"), ("intoto", "0.0.1")] {
        assert_eq!(judged(kind, version, &json!({})), Err(Refusal::Kind));
    }
}

#[test]
fn an_envelope_is_logged_by_its_hashes_when_each_signature_is_some_verifiers() {
    let (key, other) = (Key::new(), Key::new());
    let sign = |key: &Key| b64(key.sign(&pae(TYPE, STATEMENT)));
    let spec = |signatures: &[String], verifiers: &[String]| {
        let signatures: Vec<Value> = signatures.iter().map(|sig| json!({"sig": sig, "keyid": ""})).collect();
        let envelope = json!({"payload": b64(STATEMENT), "payloadType": TYPE, "signatures": signatures}).to_string();
        let verifiers: Vec<String> = verifiers.iter().map(b64).collect();
        (envelope.clone(), json!({"proposedContent": {"envelope": envelope, "verifiers": verifiers}}))
    };
    let (signatures, verifiers) = ([sign(&key), sign(&other)], [key.certificate(), other.0.public_key_pem()]);
    let (envelope, both) = spec(&signatures, &verifiers);
    let (logged, keys) = judged("dsse", "0.0.1", &both).unwrap();
    let digest = |bytes: &[u8]| json!({"algorithm": "sha256", "value": sha256(bytes)});
    assert_eq!(logged["envelopeHash"], digest(envelope.as_bytes()));
    assert_eq!(logged["payloadHash"], digest(STATEMENT));
    let mut expected = signatures.clone();
    expected.sort();
    let of_entry: Vec<&str> =
        logged["signatures"].as_array().unwrap().iter().map(|it| it["signature"].as_str().unwrap()).collect();
    assert_eq!(of_entry, expected);
    for name in ["me@example.com", "sha256:ab", "sha512:cd", &format!("sha256:{}", sha256(STATEMENT))] {
        assert!(keys.iter().any(|key| key == name), "{name}");
    }
    assert_eq!(judged("dsse", "0.0.1", &spec(&signatures, &verifiers[..1]).1), unverified(Unverified::Signature));
    assert_eq!(
        judged("dsse", "0.0.1", &spec(&[b64(key.sign(STATEMENT))], &verifiers).1),
        unverified(Unverified::Signature)
    );
    assert_eq!(judged("dsse", "0.0.1", &spec(&[], &verifiers).1), Err(Refusal::Unsigned));
    let many = vec![verifiers[0].clone(); MAX_SIGNERS + 1];
    assert_eq!(judged("dsse", "0.0.1", &spec(&signatures, &many).1), Err(Refusal::TooMany));
}

#[test]
fn an_intoto_entry_has_the_envelope_without_its_payload() {
    let key = Key::new();
    let signature = b64(key.sign(&pae(TYPE, STATEMENT)));
    let spec = |payload: &[u8], signature: &str, hash: &str| {
        let signature = json!({"sig": b64(signature), "publicKey": b64(key.certificate()), "keyid": "a\"b"});
        json!({"content": {
            "envelope": {"payload": b64(b64(payload)), "payloadType": TYPE, "signatures": [signature]},
            "hash": {"algorithm": "sha256", "value": hash}, "payloadHash": {"algorithm": "sha256", "value": "ignored"},
        }})
    };
    let hash = sha256(b"the envelope");
    let proposed = spec(STATEMENT, &signature, &hash);
    let (logged, keys) = judged("intoto", "0.0.2", &proposed).unwrap();
    let (envelope, content) = (&proposed["content"]["envelope"], &logged["content"]);
    assert_eq!(content["envelope"], json!({"payloadType": TYPE, "signatures": envelope["signatures"]}));
    assert_eq!(content["hash"], proposed["content"]["hash"]);
    assert_eq!(content["payloadHash"], json!({"algorithm": "sha256", "value": sha256(STATEMENT)}));
    assert!(keys.contains(&"sha256:ab".to_owned()) && keys.contains(&"me@example.com".to_owned()));
    assert_eq!(judged("intoto", "0.0.2", &spec(b"{}", &signature, &hash)), unverified(Unverified::Signature));
    assert_eq!(judged("intoto", "0.0.2", &spec(STATEMENT, &signature, "ab")), Err(Refusal::Hash));
}
