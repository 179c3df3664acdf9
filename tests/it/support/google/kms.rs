//! Cloud Key Management Service as far as sigmint asks it: key versions, public keys, signatures of digests, decryption.

use std::collections::BTreeMap;
use std::sync::Mutex;

use aws_lc_rs::digest::{Digest, SHA256, SHA384, SHA512};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256,
    RSA_PKCS1_SHA512,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{KeyPair, RsaKeySize};
use serde_json::{Value, json};

use super::{Answer, Request, error};

/// The key ring that all keys are in.
pub const RING: &str = "projects/test-project/locations/global/keyRings/ring";

/// How the service is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// A signature of something else, with a checksum that fits.
    Signature,
    /// The name of another version.
    Name,
    /// A checksum that does not fit what came.
    Checksum,
    /// No checksum.
    NoChecksum,
    /// It does not say that it compared the checksum that it was sent.
    Unverified,
}

/// The keys, by name.
#[derive(Default)]
pub struct Kms {
    keys: Mutex<BTreeMap<String, Vec<Version>>>,
    lie: Mutex<Option<Lie>>,
}

struct Version {
    enabled: bool,
    algorithm: &'static str,
    pair: Option<KeyPair>,
}

impl Version {
    fn new(algorithm: &'static str) -> Self {
        let rsa = |size| KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, size);
        let pair = match algorithm {
            "EC_SIGN_P256_SHA256" => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256),
            "EC_SIGN_P384_SHA384" => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384),
            "EC_SIGN_ED25519" => KeyPair::generate_for(&rcgen::PKCS_ED25519),
            "RSA_SIGN_PKCS1_3072_SHA256" => rsa(RsaKeySize::_3072),
            "RSA_SIGN_PKCS1_4096_SHA256" | "RSA_SIGN_PKCS1_4096_SHA512" => rsa(RsaKeySize::_4096),
            "RSA_SIGN_PKCS1_2048_SHA256" | "RSA_SIGN_PSS_2048_SHA256" => rsa(RsaKeySize::_2048),
            _ => return Self { enabled: true, algorithm, pair: None },
        };
        Self { enabled: true, algorithm, pair: Some(pair.unwrap()) }
    }

    fn state(&self) -> &'static str {
        if self.enabled { "ENABLED" } else { "DISABLED" }
    }

    /// Signs what the request has: a digest, or data for Ed25519.
    fn sign(&self, body: &Value, lie: Option<Lie>) -> Option<Vec<u8>> {
        let pkcs8 = self.pair.as_ref()?.serialized_der();
        let bytes = |value: &Value| {
            let mut bytes = STANDARD.decode(value.as_str()?).ok()?;
            if lie == Some(Lie::Signature) {
                bytes[0] ^= 1;
            }
            Some(bytes)
        };
        let digest = |name: &str, algorithm| Digest::import_less_safe(&bytes(&body["digest"][name])?, algorithm).ok();
        let ecdsa = |algorithm, digest| {
            EcdsaKeyPair::from_pkcs8(algorithm, pkcs8).unwrap().sign_digest(&digest).ok().map(|s| s.as_ref().to_vec())
        };
        let rsa = |encoding, digest| {
            let key = aws_lc_rs::rsa::KeyPair::from_pkcs8(pkcs8).unwrap();
            let mut signature = vec![0; key.public_modulus_len()];
            key.sign_digest(encoding, &digest, &mut signature).ok().map(|()| signature)
        };
        match self.algorithm {
            "EC_SIGN_P256_SHA256" => ecdsa(&ECDSA_P256_SHA256_ASN1_SIGNING, digest("sha256", &SHA256)?),
            "EC_SIGN_P384_SHA384" => ecdsa(&ECDSA_P384_SHA384_ASN1_SIGNING, digest("sha384", &SHA384)?),
            "EC_SIGN_ED25519" => {
                let key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).unwrap();
                Some(key.sign(&bytes(&body["data"])?).as_ref().to_vec())
            }
            "RSA_SIGN_PKCS1_4096_SHA512" => rsa(&RSA_PKCS1_SHA512, digest("sha512", &SHA512)?),
            _ => rsa(&RSA_PKCS1_SHA256, digest("sha256", &SHA256)?),
        }
    }
}

impl Kms {
    /// Adds an enabled version to a key, which is made if it is not there. Answers with the version's path.
    pub fn add(&self, key: &str, algorithm: &'static str) -> String {
        let path = format!("{RING}/cryptoKeys/{key}");
        let mut keys = self.keys.lock().unwrap();
        let versions = keys.entry(path.clone()).or_default();
        versions.push(Version::new(algorithm));
        format!("{path}/cryptoKeyVersions/{}", versions.len())
    }

    /// Disables or enables a version by its path.
    pub fn enable(&self, version: &str, enabled: bool) {
        let mut keys = self.keys.lock().unwrap();
        let (path, number) = version.split_once("/cryptoKeyVersions/").unwrap();
        keys.get_mut(path).unwrap()[number.parse::<usize>().unwrap() - 1].enabled = enabled;
    }

    /// From now on the service is wrong in this way, or right again.
    pub fn lie(&self, lie: Option<Lie>) {
        *self.lie.lock().unwrap() = lie;
    }

    pub fn answer(&self, request: &Request) -> Answer {
        let (path, verb) = request.path.split_once(':').unwrap_or((&request.path, ""));
        let (resource, end) = match path.split_once("/cryptoKeyVersions") {
            Some((key, end)) => (key, Some(end)),
            None => (path, None),
        };
        let keys = self.keys.lock().unwrap();
        let Some(versions) = keys.get(resource) else {
            return error(404, "NOT_FOUND", &format!("CryptoKey {resource} not found."));
        };
        match (request.method.as_str(), end, verb) {
            ("GET", Some(""), "") => list(resource, versions, request),
            ("POST", None, "decrypt") => self.decrypt(versions, request),
            (method, Some(end), verb) => {
                let (number, rest) = end.trim_start_matches('/').split_once('/').unwrap_or((&end[1..], ""));
                let name = format!("{resource}/cryptoKeyVersions/{number}");
                let found = number.parse::<usize>().ok().and_then(|number| versions.get(number.checked_sub(1)?));
                let Some(version) = found else {
                    return error(404, "NOT_FOUND", &format!("CryptoKeyVersion {name} not found."));
                };
                if version.pair.is_none() {
                    let text = format!("{name} is not a signing key, the purpose is: ENCRYPT_DECRYPT");
                    return error(400, "INVALID_ARGUMENT", &text);
                }
                if !version.enabled {
                    let text = format!("{name} is not enabled, current state is: DISABLED.");
                    return error(400, "FAILED_PRECONDITION", &text);
                }
                match (method, rest, verb) {
                    ("GET", "publicKey", "") => self.public_key(&name, version),
                    ("POST", "", "asymmetricSign") => self.sign(&name, version, request),
                    _ => error(404, "NOT_FOUND", "no such method"),
                }
            }
            _ => error(404, "NOT_FOUND", "no such method"),
        }
    }

    fn public_key(&self, name: &str, version: &Version) -> Answer {
        let pem = version.pair.as_ref().unwrap().public_key_pem();
        let mut answer = json!({
            "name": self.name(name), "algorithm": version.algorithm, "pem": pem, "protectionLevel": "SOFTWARE",
        });
        self.checksum(&mut answer, "pemCrc32c", pem.as_bytes());
        (200, answer)
    }

    fn sign(&self, name: &str, version: &Version, request: &Request) -> Answer {
        let (body, lie) = (request.json(), *self.lie.lock().unwrap());
        let ed25519 = version.algorithm == "EC_SIGN_ED25519";
        let (bytes, sum) = if ed25519 { (&body["data"], "dataCrc32c") } else { (&body["digest"], "digestCrc32c") };
        let text = bytes.as_str().or_else(|| bytes.as_object()?.values().next()?.as_str()).unwrap_or_default();
        if body[sum] != crc32c::text(&STANDARD.decode(text).unwrap()) {
            return error(400, "INVALID_ARGUMENT", "The checksum in the request does not match.");
        }
        let Some(signature) = version.sign(&body, lie) else {
            return error(400, "INVALID_ARGUMENT", "The digest does not fit the key's algorithm.");
        };
        let mut answer = json!({
            "name": self.name(name), "signature": STANDARD.encode(&signature), "protectionLevel": "SOFTWARE",
        });
        if lie != Some(Lie::Unverified) {
            answer[if ed25519 { "verifiedDataCrc32c" } else { "verifiedDigestCrc32c" }] = true.into();
        }
        self.checksum(&mut answer, "signatureCrc32c", &signature);
        (200, answer)
    }

    /// "Encryption" of this fake is a word in front and every byte turned round.
    fn decrypt(&self, versions: &[Version], request: &Request) -> Answer {
        let body = request.json();
        let ciphertext = STANDARD.decode(body["ciphertext"].as_str().unwrap()).unwrap();
        if versions.iter().any(|version| version.pair.is_some()) {
            return error(400, "FAILED_PRECONDITION", "the purpose is: ASYMMETRIC_SIGN");
        }
        if body["ciphertextCrc32c"] != crc32c::text(&ciphertext) {
            return error(400, "INVALID_ARGUMENT", "The checksum in the request does not match.");
        }
        let Some(turned) = ciphertext.strip_prefix(b"encrypted:") else {
            return error(400, "INVALID_ARGUMENT", "Decryption failed: the ciphertext is invalid.");
        };
        let plaintext: Vec<u8> = turned.iter().map(|byte| !byte).collect();
        let mut answer = json!({"plaintext": STANDARD.encode(&plaintext), "usedPrimary": true});
        self.checksum(&mut answer, "plaintextCrc32c", &plaintext);
        (200, answer)
    }

    fn name(&self, name: &str) -> String {
        let lie = *self.lie.lock().unwrap() == Some(Lie::Name);
        if lie { format!("{name}9") } else { name.to_owned() }
    }

    fn checksum(&self, answer: &mut Value, name: &str, bytes: &[u8]) {
        answer[name] = match *self.lie.lock().unwrap() {
            Some(Lie::NoChecksum) => return,
            Some(Lie::Checksum) => crc32c::text(b"something else"),
            _ => crc32c::text(bytes),
        }
        .into();
    }
}

/// What the fake's `decrypt` decrypts.
pub fn encrypted(plaintext: &[u8]) -> Vec<u8> {
    b"encrypted:".iter().copied().chain(plaintext.iter().map(|byte| !byte)).collect()
}

/// Honours the filter and the order, and begins with an empty page, as the service may.
fn list(resource: &str, versions: &[Version], request: &Request) -> Answer {
    assert_eq!(request.query["orderBy"], "name desc");
    if request.query.get("pageToken").is_none_or(String::is_empty) {
        return (200, json!({"nextPageToken": "second", "totalSize": versions.len()}));
    }
    let wanted = |version: &Version| format!("state={}", version.state()) == request.query["filter"];
    let numbered = versions.iter().enumerate().rev().filter(|(_, version)| wanted(version));
    let found: Vec<Value> = numbered
        .map(|(index, version)| {
            let name = format!("{resource}/cryptoKeyVersions/{}", index + 1);
            json!({"name": name, "state": version.state(), "algorithm": version.algorithm})
        })
        .collect();
    (200, if found.is_empty() { json!({}) } else { json!({"cryptoKeyVersions": found}) })
}

/// The checksum by a table, not as sigmint computes it.
mod crc32c {
    pub fn text(bytes: &[u8]) -> String {
        let table: Vec<u32> = (0..256u32)
            .map(|index| (0..8).fold(index, |sum, _| if sum & 1 == 1 { 0x82f6_3b78 ^ (sum >> 1) } else { sum >> 1 }))
            .collect();
        let sum = bytes
            .iter()
            .fold(u32::MAX, |sum, byte| table[usize::try_from((sum ^ u32::from(*byte)) & 0xff).unwrap()] ^ (sum >> 8));
        (sum ^ u32::MAX).to_string()
    }
}
