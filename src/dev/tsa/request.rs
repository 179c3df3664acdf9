//! What the timestamp authority accepts: RFC 3161 requests, and the JSON that sigstore-js sends in their place.
//!
//! Owns the checks, in the order of sigstore's timestamp-authority. It is stricter than that one with versions, parameters and members that
//! RFC 3161 does not have (docs/adr/0071). Knows neither keys nor HTTP.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use der::Decode as _;
use der::asn1::{Int, Null, ObjectIdentifier, OctetString};
use num_bigint::BigInt;
use serde::Deserialize;
use serde_json::value::RawValue;
use spki::AlgorithmIdentifierOwned;

use super::messages::{FailureInfo, MessageImprint, TimeStampReq, V1};

/// The one policy, that of sigstore's timestamp-authority.
pub(super) const POLICY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.2");
/// The longest JSON request, in bytes: reading a decimal number costs the square of its length.
const MAX_JSON_BYTES: usize = 1024;

/// A request that has passed all checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TimestampRequest {
    /// As it was sent: RFC 3161 section 2.4.2 wants the same value in the answer.
    pub(super) imprint: MessageImprint,
    pub(super) nonce: Option<Int>,
    pub(super) signer_certificate: SignerCertificate,
}

/// Whether the answer contains the authority's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SignerCertificate {
    Included,
    LeftOut,
}

/// Why a request is refused. The client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("the request is not a TimeStampReq of RFC 3161 in DER")]
    Malformed,
    #[error("the request is not the JSON object of a timestamp request, in at most {MAX_JSON_BYTES} bytes")]
    Json,
    #[error("the request's version is not 1")]
    Version,
    #[error("the hash algorithm is not SHA-256, SHA-384 or SHA-512, without parameters")]
    Algorithm,
    #[error("the hash does not have the length of its algorithm")]
    Length,
    #[error("this authority has the policy 1.3.6.1.4.1.57264.2 only")]
    Policy,
    #[error("this authority knows no extension of requests")]
    Extension,
}

impl Refusal {
    pub(super) const fn failure_info(self) -> FailureInfo {
        match self {
            Self::Malformed | Self::Json | Self::Length => FailureInfo::BadDataFormat,
            Self::Version => FailureInfo::BadRequest,
            Self::Algorithm => FailureInfo::BadAlgorithm,
            Self::Policy => FailureInfo::UnacceptedPolicy,
            Self::Extension => FailureInfo::UnacceptedExtension,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    const ALL: [Self; 3] = [Self::Sha256, Self::Sha384, Self::Sha512];

    /// RFC 5754 section 2.
    const fn oid(self) -> ObjectIdentifier {
        match self {
            Self::Sha256 => ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1"),
            Self::Sha384 => ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2"),
            Self::Sha512 => ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3"),
        }
    }

    /// As JSON requests have it.
    const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    const fn bytes(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// With NULL or without parameters: RFC 5754 section 2 wants the second written and both read.
    fn of(algorithm: &AlgorithmIdentifierOwned) -> Option<Self> {
        let known = Self::ALL.into_iter().find(|hash| hash.oid() == algorithm.oid)?;
        algorithm.parameters.as_ref().is_none_or(der::Any::is_null).then_some(known)
    }
}

impl TimestampRequest {
    /// Reads an `application/timestamp-query`.
    pub(super) fn from_der(body: &[u8]) -> Result<Self, Refusal> {
        let request = TimeStampReq::from_der(body).map_err(|_| Refusal::Malformed)?;
        if request.version != V1 {
            return Err(Refusal::Version);
        }
        let hash = Hash::of(&request.message_imprint.hash_algorithm).ok_or(Refusal::Algorithm)?;
        if request.message_imprint.hashed_message.as_bytes().len() != hash.bytes() {
            return Err(Refusal::Length);
        }
        if request.req_policy.is_some_and(|policy| policy != POLICY) {
            return Err(Refusal::Policy);
        }
        if request.extensions.is_some_and(|extensions| !extensions.is_empty()) {
            return Err(Refusal::Extension);
        }
        let signer_certificate =
            if request.cert_req { SignerCertificate::Included } else { SignerCertificate::LeftOut };
        Ok(Self { imprint: request.message_imprint, nonce: request.nonce, signer_certificate })
    }

    /// Reads the JSON of sigstore's timestamp-authority. As with that one, the case of members' names does not matter, and those that it does
    /// not know are ignored.
    pub(super) fn from_json(body: &[u8]) -> Result<Self, Refusal> {
        if body.len() > MAX_JSON_BYTES {
            return Err(Refusal::Json);
        }
        let members: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(body).map_err(|_| Refusal::Json)?;
        let member = |name: &str| {
            let mut found = members.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
            found.next_back().map(|(_, value)| value.get()).filter(|value| *value != "null")
        };
        let name: String = typed(member("hashAlgorithm"))?.unwrap_or_default();
        let nonce = member("nonce").map(number).transpose()?;
        let certificates: bool = typed(member("certificates"))?.unwrap_or_default();
        let policy: String = typed(member("tsaPolicyOID"))?.unwrap_or_default();
        let encoded: String = typed(member("artifactHash"))?.unwrap_or_default();

        let hash = Hash::ALL.into_iter().find(|hash| hash.name().eq_ignore_ascii_case(&name));
        let hash = hash.ok_or(Refusal::Algorithm)?;
        let digest = STANDARD.decode(encoded).map_err(|_| Refusal::Json)?;
        if digest.len() != hash.bytes() {
            return Err(Refusal::Length);
        }
        if !policy.is_empty() && policy != POLICY.to_string() {
            return Err(Refusal::Policy);
        }
        let imprint = MessageImprint {
            hash_algorithm: AlgorithmIdentifierOwned { oid: hash.oid(), parameters: Some(Null.into()) },
            hashed_message: OctetString::new(digest).map_err(|_| Refusal::Length)?,
        };
        let signer_certificate = if certificates { SignerCertificate::Included } else { SignerCertificate::LeftOut };
        Ok(Self { imprint, nonce, signer_certificate })
    }
}

fn typed<'a, T: Deserialize<'a>>(json: Option<&'a str>) -> Result<Option<T>, Refusal> {
    json.map(serde_json::from_str).transpose().map_err(|_| Refusal::Json)
}

/// A JSON number that is an integer, of any size.
fn number(json: &str) -> Result<Int, Refusal> {
    let number: BigInt = json.parse().map_err(|_| Refusal::Json)?;
    Int::new(&number.to_signed_bytes_be()).map_err(|_| Refusal::Json)
}
