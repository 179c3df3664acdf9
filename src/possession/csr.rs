//! Certificate signing requests (RFC 2986): a key that proves itself.
//!
//! Owns reading them. Their subject, attributes and extensions are never looked at: the token says who asks.

use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::der_parser::oid;
use x509_parser::prelude::FromDer;

use super::public_key::{PublicKey, PublicKeyError};
use crate::crypto::algorithm::{Hash, hash_of};

/// The longest request that is looked at, in bytes.
pub const MAX_CSR_BYTES: usize = 64 * 1024;

/// A request, taken apart but not yet verified.
pub(super) struct SigningRequest {
    pub key: PublicKey,
    /// The hash its signature is over; nothing for a signature algorithm that is unknown or not one of the key's kind.
    pub hash: Option<Hash>,
    /// The DER that is signed.
    pub signed: Vec<u8>,
    pub signature: Vec<u8>,
    /// Whether the algorithm is one that could be verified if it were permitted (RSASSA-PSS).
    pub is_merely_not_permitted: bool,
}

/// Why a request cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CsrError {
    #[error("the certificate signing request cannot be read: {0}")]
    Malformed(&'static str),
    #[error("the certificate signing request's key is not accepted: {0}")]
    Insecure(&'static str),
}

pub(super) fn parse(text: &[u8]) -> Result<SigningRequest, CsrError> {
    if text.len() > MAX_CSR_BYTES {
        return Err(CsrError::Malformed("it is too long"));
    }
    let block = pem::parse(text).map_err(|_| CsrError::Malformed("it is not PEM"))?;
    if !matches!(block.tag(), "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST") {
        return Err(CsrError::Malformed("its PEM label is not CERTIFICATE REQUEST"));
    }
    let unreadable = CsrError::Malformed("it is not a CertificationRequest");
    let (rest, request) = X509CertificationRequest::from_der(block.contents()).map_err(|_| unreadable)?;
    if !rest.is_empty() || request.signature_value.unused_bits != 0 {
        return Err(unreadable);
    }
    let info = &request.certification_request_info;
    let key = PublicKey::from_spki(info.subject_pki.raw).map_err(|error| match error {
        PublicKeyError::Malformed(why) => CsrError::Malformed(why),
        PublicKeyError::UnknownAlgorithm => CsrError::Insecure("its algorithm is unknown"),
        PublicKeyError::Insecure(why) => CsrError::Insecure(why),
    })?;
    let algorithm = &request.signature_algorithm.algorithm;
    let hash = hash_of(key.kind().signature_algorithm(), algorithm);
    Ok(SigningRequest {
        key,
        hash,
        signed: info.raw.to_vec(),
        signature: request.signature_value.data.to_vec(),
        is_merely_not_permitted: *algorithm == oid!(1.2.840.113549.1.1.10),
    })
}
