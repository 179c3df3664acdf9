//! Requests of Rekor v2: `CreateEntryRequest` of rekor-tiles in protobuf's JSON.
//!
//! Owns that form: member names in both spellings, bytes in both base64 alphabets, enums by name or number, nothing unknown.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::{Deserialize, Deserializer, de};

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateEntry {
    #[serde(rename = "hashedRekordRequestV002", alias = "hashed_rekord_request_v002")]
    pub(super) hashed_rekord: Option<HashedRekord>,
    #[serde(rename = "dsseRequestV002", alias = "dsse_request_v002")]
    pub(super) dsse: Option<Dsse>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HashedRekord {
    pub(super) digest: Option<Bytes>,
    pub(super) signature: Option<Signature>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Signature {
    pub(super) content: Option<Bytes>,
    pub(super) verifier: Option<Verifier>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Verifier {
    #[serde(alias = "public_key")]
    pub(super) public_key: Option<Raw>,
    #[serde(alias = "x509_certificate")]
    pub(super) x509_certificate: Option<Raw>,
    #[serde(alias = "key_details")]
    pub(super) key_details: Option<KeyDetails>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Raw {
    #[serde(alias = "raw_bytes")]
    pub(super) raw_bytes: Option<Bytes>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Dsse {
    pub(super) envelope: Option<Envelope>,
    #[serde(default)]
    pub(super) verifiers: Vec<Verifier>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Envelope {
    pub(super) payload: Option<Bytes>,
    #[serde(alias = "payload_type")]
    pub(super) payload_type: Option<String>,
    #[serde(default)]
    pub(super) signatures: Vec<DsseSignature>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DsseSignature {
    pub(super) sig: Option<Bytes>,
    #[serde(rename = "keyid")]
    _key_id: Option<String>,
}

/// `PublicKeyDetails`, as far as it matters which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum KeyDetails {
    Named(String),
    Numbered(i32),
}

impl<'de> Deserialize<'de> for KeyDetails {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Name(String),
            Number(i32),
        }
        Ok(match Either::deserialize(deserializer)? {
            Either::Name(name) => Self::Named(name),
            Either::Number(number) => Self::Numbered(number),
        })
    }
}

/// Bytes that were base64.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bytes(pub(super) Vec<u8>);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let engine = if text.contains(['-', '_']) { URL_SAFE } else { STANDARD };
        engine.decode(text).map(Self).map_err(|_| de::Error::custom("not base64"))
    }
}
