//! The signed certificate timestamp (RFC 6962, section 3.2) in its three encodings: a log's JSON answer, TLS, and the bytes
//! that the log signed.
//!
//! Owns what a timestamp looks like and keeps its extensions byte for byte: a static CT log puts the leaf index there. Refuses to
//! know keys, networks and clocks, and whether a timestamp is true.

use std::time::{Duration, SystemTime};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;

use super::tls::Reader;

/// The longest extensions taken from a log, in bytes. They go into every certificate; the only ones in use have 8.
pub(super) const MAX_EXTENSIONS: usize = 1024;
/// The longest signature taken from a log, in bytes: that of an RSA key of 8192 bits.
pub(super) const MAX_SIGNATURE: usize = 1024;

/// `Version.v1`.
const V1: u8 = 0;
/// `SignatureType.certificate_timestamp`.
const CERTIFICATE_TIMESTAMP: u8 = 0;
/// `LogEntryType.x509_entry`.
const X509_ENTRY: u16 = 0;
/// `LogEntryType.precert_entry`.
const PRECERT_ENTRY: u16 = 1;
/// The length prefix of a TLS `opaque<0..2^16-1>`, in bytes.
const PREFIX: usize = 2;

/// A log's identifier: the SHA-256 of its key's DER `SubjectPublicKeyInfo`. Shown in base64, as log lists do.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, derive_more::Debug, derive_more::Display)]
#[display("{}", STANDARD.encode(_0))]
#[debug("LogId({})", STANDARD.encode(_0))]
pub struct LogId(pub [u8; 32]);

/// What a log is asked to take in, and what its signature is over.
#[derive(Clone, Copy, Debug)]
pub enum LogEntry<'a> {
    /// A certificate, DER.
    X509(&'a [u8]),
    /// A certificate that is yet to be signed.
    Precertificate {
        /// The SHA-256 of the `SubjectPublicKeyInfo` of the CA that will sign the certificate.
        issuer_key_hash: [u8; 32],
        /// The DER `TBSCertificate` with neither the poison nor the SCT list extension.
        tbs: &'a [u8],
    },
}

/// A log's promise, version 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sct {
    log_id: LogId,
    timestamp: u64,
    extensions: Opaque16,
    signature: DigitallySigned,
}

/// A TLS 1.2 `DigitallySigned` (RFC 5246, section 4.7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigitallySigned {
    hash: u8,
    algorithm: u8,
    bytes: Opaque16,
}

/// Why bytes are not a timestamp, or timestamps make no list. No variant carries what was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SctError {
    #[error("the answer is not the JSON of a signed certificate timestamp")]
    Json,
    #[error("version {0} is not the one that is known, 0")]
    Version(u64),
    #[error("the log id is not 32 bytes in base64")]
    LogId,
    #[error("the extensions are not base64, or longer than {MAX_EXTENSIONS} bytes")]
    Extensions,
    #[error("the signature is not a DigitallySigned in base64, or longer than {MAX_SIGNATURE} bytes")]
    Signature,
    #[error("the timestamp's TLS encoding is malformed")]
    Tls,
    #[error("a list of timestamps cannot be empty")]
    EmptyList,
    #[error("too long for its TLS encoding")]
    TooLong,
}

/// The answer to add-chain and add-pre-chain (RFC 6962, section 4.1). Members that are not known are none of our business.
#[derive(Deserialize)]
struct AddChainAnswer {
    /// Version 1 is written 0, and what is 0 is left out by some.
    sct_version: Option<u64>,
    id: String,
    timestamp: u64,
    /// Some logs leave it out, or write null, rather than empty. If it should be there, the signature shows.
    extensions: Option<String>,
    signature: String,
}

impl Sct {
    /// Reads a log's answer to add-chain or add-pre-chain.
    pub fn from_add_chain_response(body: &[u8]) -> Result<Self, SctError> {
        let answer: AddChainAnswer = serde_json::from_slice(body).map_err(|_| SctError::Json)?;
        let version = answer.sct_version.unwrap_or(u64::from(V1));
        if version != u64::from(V1) {
            return Err(SctError::Version(version));
        }
        let id = STANDARD.decode(answer.id).map_err(|_| SctError::LogId)?;
        let log_id = LogId(id.try_into().map_err(|_| SctError::LogId)?);
        let extensions = STANDARD.decode(answer.extensions.unwrap_or_default()).map_err(|_| SctError::Extensions)?;
        let extensions = Opaque16::new(&extensions).ok_or(SctError::Extensions)?;
        let signature = STANDARD.decode(answer.signature).map_err(|_| SctError::Signature)?;
        let signature = DigitallySigned::from_tls(&signature).map_err(|_| SctError::Signature)?;
        Self { log_id, timestamp: answer.timestamp, extensions, signature }.within_limits()
    }

    /// Reads one timestamp's TLS encoding, all of it.
    pub fn from_tls(bytes: &[u8]) -> Result<Self, SctError> {
        let mut reader = Reader(bytes);
        let [version] = reader.array().ok_or(SctError::Tls)?;
        if version != V1 {
            return Err(SctError::Version(version.into()));
        }
        let log_id = LogId(reader.array().ok_or(SctError::Tls)?);
        let timestamp = u64::from_be_bytes(reader.array().ok_or(SctError::Tls)?);
        let extensions = Opaque16::read(&mut reader)?;
        let signature = DigitallySigned::from_tls(reader.0)?;
        Self { log_id, timestamp, extensions, signature }.within_limits()
    }

    fn within_limits(self) -> Result<Self, SctError> {
        if self.extensions().len() > MAX_EXTENSIONS {
            return Err(SctError::Extensions);
        }
        if self.signature.bytes().is_empty() || self.signature.bytes().len() > MAX_SIGNATURE {
            return Err(SctError::Signature);
        }
        Ok(self)
    }

    pub fn to_tls(&self) -> Vec<u8> {
        let mut bytes = vec![V1];
        bytes.extend_from_slice(&self.log_id.0);
        bytes.extend_from_slice(&self.timestamp.to_be_bytes());
        bytes.extend_from_slice(self.extensions.encoded());
        self.signature.append_to(&mut bytes);
        bytes
    }

    /// The log's answer as JSON, byte for byte as Fulcio prints it for clients: a detached timestamp.
    pub fn add_chain_response_json(&self) -> Vec<u8> {
        let mut signature = Vec::new();
        self.signature.append_to(&mut signature);
        let (extensions, signature) = (STANDARD.encode(self.extensions()), STANDARD.encode(signature));
        let (id, timestamp) = (self.log_id, self.timestamp);
        format!(
            r#"{{"sct_version":{V1},"id":"{id}","timestamp":{timestamp},"extensions":"{extensions}","signature":"{signature}"}}"#
        )
        .into_bytes()
    }

    /// What the log signed if this is its promise for `entry` (RFC 6962, section 3.2).
    pub fn signed_data(&self, entry: &LogEntry<'_>) -> Result<Vec<u8>, SctError> {
        let mut bytes = vec![V1, CERTIFICATE_TIMESTAMP];
        bytes.extend_from_slice(&self.timestamp.to_be_bytes());
        match entry {
            LogEntry::X509(certificate) => {
                bytes.extend_from_slice(&X509_ENTRY.to_be_bytes());
                append_opaque_24(&mut bytes, certificate)?;
            }
            LogEntry::Precertificate { issuer_key_hash, tbs } => {
                bytes.extend_from_slice(&PRECERT_ENTRY.to_be_bytes());
                bytes.extend_from_slice(issuer_key_hash);
                append_opaque_24(&mut bytes, tbs)?;
            }
        }
        bytes.extend_from_slice(self.extensions.encoded());
        Ok(bytes)
    }

    pub const fn log_id(&self) -> LogId {
        self.log_id
    }

    /// Milliseconds since 1970.
    pub const fn timestamp(&self) -> u64 {
        self.timestamp
    }

    /// [`Sct::timestamp`] as a time; nothing when it is too far off to be one.
    pub fn time(&self) -> Option<SystemTime> {
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(self.timestamp))
    }

    /// The `CtExtensions`, as the log sent them.
    pub fn extensions(&self) -> &[u8] {
        self.extensions.bytes()
    }

    pub const fn signature(&self) -> &DigitallySigned {
        &self.signature
    }
}

impl DigitallySigned {
    pub(super) fn from_tls(bytes: &[u8]) -> Result<Self, SctError> {
        let mut reader = Reader(bytes);
        let [hash, algorithm] = reader.array().ok_or(SctError::Tls)?;
        let bytes = Opaque16::read(&mut reader)?;
        if reader.0.is_empty() { Ok(Self { hash, algorithm, bytes }) } else { Err(SctError::Tls) }
    }

    fn append_to(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&[self.hash, self.algorithm]);
        bytes.extend_from_slice(self.bytes.encoded());
    }

    /// TLS `HashAlgorithm`: 4 is SHA-256.
    pub const fn hash(&self) -> u8 {
        self.hash
    }

    /// TLS `SignatureAlgorithm`: 1 is RSA PKCS#1 v1.5, 3 is ECDSA.
    pub const fn algorithm(&self) -> u8 {
        self.algorithm
    }

    /// The signature itself; of ECDSA the DER.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.bytes()
    }
}

/// The TLS encoding of a `SignedCertificateTimestampList` (RFC 6962, section 3.3). The extension's OCTET STRING goes around it.
pub fn serialize_list(scts: &[Sct]) -> Result<Vec<u8>, SctError> {
    if scts.is_empty() {
        return Err(SctError::EmptyList);
    }
    let mut items = Vec::new();
    for sct in scts {
        items.extend_from_slice(Opaque16::new(&sct.to_tls()).ok_or(SctError::TooLong)?.encoded());
    }
    Opaque16::new(&items).map(|list| list.0).ok_or(SctError::TooLong)
}

/// Reads a list that [`serialize_list`] may have written.
pub fn parse_list(bytes: &[u8]) -> Result<Vec<Sct>, SctError> {
    let mut outer = Reader(bytes);
    let mut items = Reader(outer.opaque_16().ok_or(SctError::Tls)?);
    if !outer.0.is_empty() {
        return Err(SctError::Tls);
    }
    let mut scts = Vec::new();
    while !items.0.is_empty() {
        scts.push(Sct::from_tls(items.opaque_16().ok_or(SctError::Tls)?)?);
    }
    if scts.is_empty() { Err(SctError::EmptyList) } else { Ok(scts) }
}

/// A TLS `opaque<0..2^16-1>`, kept with its length prefix so that encoding it cannot fail.
#[derive(Clone, PartialEq, Eq, derive_more::Debug)]
#[debug("{}", STANDARD.encode(self.bytes()))]
struct Opaque16(Vec<u8>);

impl Opaque16 {
    fn new(bytes: &[u8]) -> Option<Self> {
        let length = u16::try_from(bytes.len()).ok()?;
        Some(Self([&length.to_be_bytes(), bytes].concat()))
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, SctError> {
        reader.opaque_16().and_then(Self::new).ok_or(SctError::Tls)
    }

    fn bytes(&self) -> &[u8] {
        self.0.get(PREFIX..).unwrap_or_default()
    }

    fn encoded(&self) -> &[u8] {
        &self.0
    }
}

fn append_opaque_24(bytes: &mut Vec<u8>, content: &[u8]) -> Result<(), SctError> {
    let length = u32::try_from(content.len()).map_err(|_| SctError::TooLong)?;
    let [0, prefix @ ..] = length.to_be_bytes() else { return Err(SctError::TooLong) };
    bytes.extend_from_slice(&prefix);
    bytes.extend_from_slice(content);
    Ok(())
}

#[cfg(test)]
mod tests;
