//! What the log takes in: a chain that ends at its root, with a code-signing certificate or precertificate in front.
//!
//! Owns the checks of RFC 6962 section 3.1 and the bytes of an entry, from the bytes alone: that the issuing side means the same shows
//! when its log client verifies the timestamp. Knows neither tree nor HTTP.

use sha2::{Digest as _, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::X509Extension;
use x509_parser::prelude::FromDer as _;

use crate::certificate::{POISON, logged_tbs};
use crate::crypto::signature_check::SignatureCheck;

/// The most certificates in a chain.
const MAX_CHAIN: usize = 8;
/// `LogEntryType`.
const X509_ENTRY: u16 = 0;
const PRECERT_ENTRY: u16 = 1;

/// Which of the two is submitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `add-chain`.
    Certificate,
    /// `add-pre-chain`.
    Precertificate,
}

/// Why a chain is not taken in. The submitter is told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("a chain has 1 to {MAX_CHAIN} certificates")]
    Length,
    /// Not DER of X.509; counted from 1.
    #[error("certificate {0} is not a valid X.509 certificate")]
    Malformed(usize),
    /// Not signed by the next one, or the last not by the root; counted from 1.
    #[error("certificate {0} is not signed by the one after it, or by the root of this log")]
    Unsigned(usize),
    /// One that signs others and must not; counted from 1.
    #[error("certificate {0} is not a certificate authority's")]
    NotAuthority(usize),
    #[error(
        "a precertificate, which has the critical poison extension, goes to add-pre-chain, a certificate to add-chain"
    )]
    Poison,
    #[error("the certificate is not for code signing")]
    Purpose,
    #[error("the chain is too long for an entry")]
    TooLong,
}

/// An accepted submission: what will be logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Submission {
    /// Which submissions are the same: the SHA-256 of the certificate as it was sent.
    pub(super) fingerprint: [u8; 32],
    /// `entry_type` and `signed_entry` of a `TimestampedEntry` (RFC 6962 section 3.4).
    pub(super) entry: Vec<u8>,
    /// The `extra_data` of get-entries (section 4.6).
    pub(super) extra_data: Vec<u8>,
}

impl Submission {
    /// Checks a chain of DER certificates.
    pub(super) fn accept(kind: Kind, chain: &[Vec<u8>], root: &[u8]) -> Result<Self, Refusal> {
        let (leaf, above) = match chain {
            [leaf, above @ ..] if chain.len() <= MAX_CHAIN => (leaf, above),
            _ => return Err(Refusal::Length),
        };
        let mut above: Vec<&[u8]> = above.iter().map(Vec::as_slice).collect();
        if above.last() != Some(&root) {
            above.push(root);
        }
        let issuer = verify(leaf, &above)?;
        let parsed = parse(leaf, 0)?;
        let has_poison = parsed.extensions().iter().any(|extension| is_poison(extension) && extension.critical);
        if has_poison != (kind == Kind::Precertificate) {
            return Err(Refusal::Poison);
        }
        let purpose = parsed.extended_key_usage().ok().flatten();
        if !purpose.is_some_and(|purpose| purpose.value.code_signing) {
            return Err(Refusal::Purpose);
        }
        let chain_bytes = vector_24(&above.iter().map(|der| vector_24(der)).collect::<Result<Vec<_>, _>>()?.concat())?;
        let (entry, extra_data) = match kind {
            Kind::Certificate => ([&X509_ENTRY.to_be_bytes()[..], &vector_24(leaf)?].concat(), chain_bytes),
            Kind::Precertificate => {
                let tbs = logged_tbs(parsed.tbs_certificate.as_ref()).map_err(|_| Refusal::Malformed(1))?;
                let entry =
                    [&PRECERT_ENTRY.to_be_bytes()[..], &Sha256::digest(&issuer)[..], &vector_24(&tbs)?].concat();
                (entry, [vector_24(leaf)?, chain_bytes].concat())
            }
        };
        Ok(Self { fingerprint: Sha256::digest(leaf).into(), entry, extra_data })
    }
}

/// Checks every signature from the leaf to the root; returns the SubjectPublicKeyInfo of who signed the leaf.
fn verify(leaf: &[u8], above: &[&[u8]]) -> Result<Vec<u8>, Refusal> {
    let mut signed = parse(leaf, 0)?;
    let mut direct_issuer = None;
    for (index, der) in above.iter().enumerate() {
        let issuer = parse(der, index + 1)?;
        if !issuer.is_ca() {
            return Err(Refusal::NotAuthority(index + 2));
        }
        let unsigned = Refusal::Unsigned(index + 1);
        let check = SignatureCheck::from_spki_der(issuer.public_key().raw).map_err(|_| unsigned.clone())?;
        let (message, signature) = (signed.tbs_certificate.as_ref(), signed.signature_value.data.as_ref());
        let is_signed = check.verify_link(&signed.signature_algorithm, message, signature).is_ok();
        if !is_signed || signed.issuer().as_raw() != issuer.subject().as_raw() {
            return Err(unsigned);
        }
        direct_issuer.get_or_insert_with(|| issuer.public_key().raw.to_vec());
        signed = issuer;
    }
    direct_issuer.ok_or(Refusal::Length)
}

fn parse(der: &[u8], index: usize) -> Result<X509Certificate<'_>, Refusal> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        _ => Err(Refusal::Malformed(index + 1)),
    }
}

fn is_poison(extension: &X509Extension<'_>) -> bool {
    extension.oid.as_bytes() == POISON.as_bytes()
}

/// A TLS vector with a length of three bytes.
fn vector_24(content: &[u8]) -> Result<Vec<u8>, Refusal> {
    let length = u32::try_from(content.len()).map_err(|_| Refusal::TooLong)?;
    let [0, prefix @ ..] = length.to_be_bytes() else { return Err(Refusal::TooLong) };
    Ok([&prefix[..], content].concat())
}
