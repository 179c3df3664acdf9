//! The three kinds of entries that Rekor v1's clients of today propose: hashedrekord 0.0.1, dsse 0.0.1, intoto 0.0.2.
//!
//! Owns what is verified of each, the bytes that are logged (RFC 8785), and what the entry is found by.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde::Deserialize;
use serde_json::Value;

use super::super::signed::{Unverified, pae};
use super::verifier::PemVerifier;
use crate::crypto::algorithm::Hash;

/// The most digests of subjects that one entry is found by.
const MAX_KEYS: usize = 1000;
/// The most signatures of an envelope, and the most keys that they are tried with.
const MAX_SIGNERS: usize = 16;

/// What is logged.
pub(super) struct Entry {
    pub(super) body: String,
    pub(super) index_keys: Vec<String>,
}

/// Why nothing is logged. Told clients behind "error processing entry: ".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("the kind and version of the entry are not ones that this log takes")]
    Kind,
    #[error("the entry is malformed")]
    Malformed,
    #[error("invalid value for hash")]
    Hash,
    #[error("invalid public key or certificate")]
    Verifier,
    #[error("DSSE envelope must contain 1 or more signatures")]
    Unsigned,
    #[error("an envelope may have {MAX_SIGNERS} signatures and verifiers")]
    TooMany,
    #[error("verifying signature: {0}")]
    Unverified(#[from] Unverified),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Proposed {
    api_version: String,
    kind: String,
    spec: Value,
}

#[derive(Deserialize)]
struct HashedRekord {
    data: Data,
    signature: Signature,
}

#[derive(Deserialize)]
struct Data {
    hash: HashValue,
}

#[derive(Deserialize)]
struct HashValue {
    algorithm: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Signature {
    content: String,
    public_key: Content,
}

#[derive(Deserialize)]
struct Content {
    content: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Dsse {
    proposed_content: ProposedContent,
}

#[derive(Deserialize)]
struct ProposedContent {
    /// JSON.
    envelope: String,
    verifiers: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<EnvelopeSignature>,
}

#[derive(Deserialize)]
struct EnvelopeSignature {
    sig: String,
}

#[derive(Deserialize)]
struct Intoto {
    content: IntotoContent,
}

#[derive(Deserialize)]
struct IntotoContent {
    envelope: IntotoEnvelope,
    hash: HashValue,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IntotoEnvelope {
    payload: String,
    payload_type: String,
    signatures: Vec<IntotoSignature>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IntotoSignature {
    #[serde(default)]
    keyid: String,
    public_key: String,
    sig: String,
}

impl Entry {
    /// Verifies a proposed entry.
    pub(super) fn accept(body: &[u8]) -> Result<Self, Refusal> {
        let proposed: Proposed = serde_json::from_slice(body).map_err(|_| Refusal::Malformed)?;
        match (proposed.kind.as_str(), proposed.api_version.as_str()) {
            ("hashedrekord", "0.0.1") => hashed_rekord(read(proposed.spec)?),
            ("dsse", "0.0.1") => dsse(read(proposed.spec)?),
            ("intoto", "0.0.2") => intoto(read(proposed.spec)?),
            _ => Err(Refusal::Kind),
        }
    }
}

fn read<T: serde::de::DeserializeOwned>(spec: Value) -> Result<T, Refusal> {
    serde_json::from_value(spec).map_err(|_| Refusal::Malformed)
}

fn hashed_rekord(spec: HashedRekord) -> Result<Entry, Refusal> {
    let HashValue { algorithm, value } = spec.data.hash;
    let hash = match algorithm.as_str() {
        "sha256" => Hash::Sha256,
        "sha384" => Hash::Sha384,
        "sha512" => Hash::Sha512,
        _ => return Err(Refusal::Hash),
    };
    let digest = hex::decode(&value).map_err(|_| Refusal::Hash)?;
    let verifier = verifier(&spec.signature.public_key.content)?;
    let signature = STANDARD.decode(&spec.signature.content).map_err(|_| Refusal::Malformed)?;
    verifier.signer.verify(hash, &digest, &signature)?;
    let (content, key) = (STANDARD.encode(signature), STANDARD.encode(&verifier.pem));
    let body = format!(
        r#"{{"apiVersion":"0.0.1","kind":"hashedrekord","spec":{{"data":{{"hash":{{"algorithm":"{algorithm}","value":"{value}"}}}},"signature":{{"content":"{content}","publicKey":{{"content":"{key}"}}}}}}}}"#
    );
    let of_data = format!("{algorithm}:{value}").to_lowercase();
    Ok(Entry { body, index_keys: [verifier.index_keys(), vec![of_data]].concat() })
}

fn dsse(spec: Dsse) -> Result<Entry, Refusal> {
    let text = spec.proposed_content.envelope;
    let envelope: Envelope = serde_json::from_str(&text).map_err(|_| Refusal::Malformed)?;
    if envelope.signatures.len().max(spec.proposed_content.verifiers.len()) > MAX_SIGNERS {
        return Err(Refusal::TooMany);
    }
    let payload = decoded(&envelope.payload)?;
    let verifiers: Vec<PemVerifier> =
        spec.proposed_content.verifiers.iter().map(|it| verifier(it)).collect::<Result<_, _>>()?;
    let signed = pae(&envelope.payload_type, &payload);
    let mut index_keys: Vec<String> = verifiers.iter().flat_map(PemVerifier::index_keys).collect();
    let mut signatures = Vec::new();
    for signature in envelope.signatures {
        let bytes = decoded(&signature.sig)?;
        let of_some = verifiers.iter().find(|verifier| verifier.signer.verify_message(&signed, &bytes).is_ok());
        let verifier = STANDARD.encode(&of_some.ok_or(Unverified::Signature)?.pem);
        signatures.push(format!(r#"{{"signature":"{}","verifier":"{verifier}"}}"#, signature.sig));
    }
    if signatures.is_empty() {
        return Err(Refusal::Unsigned);
    }
    signatures.sort_unstable();
    signatures.dedup();
    let (of_envelope, of_payload) = (sha256(text.as_bytes()), sha256(&payload));
    let body = format!(
        r#"{{"apiVersion":"0.0.1","kind":"dsse","spec":{{"envelopeHash":{{"algorithm":"sha256","value":"{of_envelope}"}},"payloadHash":{{"algorithm":"sha256","value":"{of_payload}"}},"signatures":[{}]}}}}"#,
        signatures.join(",")
    );
    index_keys.extend([format!("sha256:{of_payload}"), format!("sha256:{of_envelope}")]);
    index_keys.extend(subjects(&payload));
    Ok(Entry { body, index_keys })
}

/// Payload and signatures are base64 twice: once as the envelope has them, once more as this kind of entry has the envelope.
fn intoto(spec: Intoto) -> Result<Entry, Refusal> {
    let IntotoContent { envelope, hash } = spec.content;
    let is_digest = hash.value.len() == 64 && hash.value.bytes().all(|byte| byte.is_ascii_hexdigit());
    if hash.algorithm != "sha256" || !is_digest {
        return Err(Refusal::Hash);
    }
    if envelope.signatures.len() > MAX_SIGNERS {
        return Err(Refusal::TooMany);
    }
    let payload = twice(&envelope.payload)?;
    let signed = pae(&envelope.payload_type, &payload);
    let (mut index_keys, mut signatures) = (Vec::new(), Vec::new());
    for signature in &envelope.signatures {
        let verifier = verifier(&signature.public_key)?;
        verifier.signer.verify_message(&signed, &twice(&signature.sig)?)?;
        let key_id = match signature.keyid.as_str() {
            "" => String::new(),
            id => format!(r#""keyid":{},"#, Value::from(id)),
        };
        let (key, sig) = (&signature.public_key, &signature.sig);
        signatures.push(format!(r#"{{{key_id}"publicKey":"{key}","sig":"{sig}"}}"#));
        index_keys.extend(verifier.index_keys());
    }
    if signatures.is_empty() {
        return Err(Refusal::Unsigned);
    }
    let (kind, of_payload) = (Value::from(envelope.payload_type), sha256(&payload));
    let body = format!(
        r#"{{"apiVersion":"0.0.2","kind":"intoto","spec":{{"content":{{"envelope":{{"payloadType":{kind},"signatures":[{}]}},"hash":{{"algorithm":"sha256","value":"{}"}},"payloadHash":{{"algorithm":"sha256","value":"{of_payload}"}}}}}}}}"#,
        signatures.join(","),
        hash.value,
    );
    index_keys.push(format!("sha256:{of_payload}"));
    index_keys.extend(subjects(&payload));
    Ok(Entry { body, index_keys })
}

/// A key or certificate, PEM in base64.
fn verifier(content: &str) -> Result<PemVerifier, Refusal> {
    let pem = STANDARD.decode(content).map_err(|_| Refusal::Malformed)?;
    PemVerifier::parse(&pem).ok_or(Refusal::Verifier)
}

/// Either alphabet, as the envelopes' own library reads it.
fn decoded(text: &str) -> Result<Vec<u8>, Refusal> {
    STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text)).map_err(|_| Refusal::Malformed)
}

fn twice(text: &str) -> Result<Vec<u8>, Refusal> {
    let once = STANDARD.decode(text).map_err(|_| Refusal::Malformed)?;
    decoded(std::str::from_utf8(&once).map_err(|_| Refusal::Malformed)?)
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(crate::crypto::sha256(bytes))
}

/// The digests of what an in-toto statement is about.
fn subjects(payload: &[u8]) -> Vec<String> {
    #[derive(Deserialize)]
    struct Statement {
        subject: Vec<Subject>,
    }
    #[derive(Deserialize)]
    struct Subject {
        digest: std::collections::BTreeMap<String, String>,
    }
    let Ok(statement) = serde_json::from_slice::<Statement>(payload) else { return Vec::new() };
    let digests = statement.subject.into_iter().flat_map(|subject| subject.digest);
    digests.map(|(algorithm, value)| format!("{algorithm}:{value}")).take(MAX_KEYS).collect()
}

#[cfg(test)]
mod tests;
