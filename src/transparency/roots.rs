//! The roots that a log takes, beside the chain that it will be given.
//!
//! Owns the reading of get-roots (RFC 6962, section 4.7) and the comparison. Knows neither HTTP nor what an operator is told.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// The answer to get-roots.
#[derive(Deserialize)]
struct Answer {
    certificates: Option<Vec<String>>,
}

/// The DER certificates of an answer to get-roots; what is not base64 is passed over.
pub(super) fn read(body: &[u8]) -> Result<Vec<Vec<u8>>, serde_json::Error> {
    let answer: Answer = serde_json::from_slice(body)?;
    Ok(answer.certificates.unwrap_or_default().iter().filter_map(|text| STANDARD.decode(text).ok()).collect())
}

/// Whether one of the roots is where the chain ends: one of its certificates, another certificate of the same CA, or the issuer of the
/// last one.
pub(super) fn lead_to(roots: &[Vec<u8>], chain: &[Vec<u8>]) -> bool {
    roots.iter().any(|root| chain.contains(root) || is_of(root, chain))
}

fn is_of(root: &[u8], chain: &[Vec<u8>]) -> bool {
    let Ok((_, root)) = X509Certificate::from_der(root) else { return false };
    let same_ca = |der: &Vec<u8>| {
        X509Certificate::from_der(der).is_ok_and(|(_, own)| {
            own.subject().as_raw() == root.subject().as_raw() && own.public_key().raw == root.public_key().raw
        })
    };
    let issued_last = |der: &Vec<u8>| {
        X509Certificate::from_der(der).is_ok_and(|(_, own)| own.issuer().as_raw() == root.subject().as_raw())
    };
    chain.iter().any(same_ca) || chain.last().is_some_and(issued_last)
}
