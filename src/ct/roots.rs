//! The roots that a log takes, beside the chain that it will be given.
//!
//! Owns the reading of get-roots (RFC 6962, section 4.7) and the comparison. Knows neither HTTP nor what an operator is told.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use x509_parser::prelude::{FromDer as _, X509Certificate};

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
    let own: Vec<X509Certificate<'_>> = chain.iter().filter_map(|der| parsed(der)).collect();
    roots.iter().any(|root| chain.contains(root) || parsed(root).is_some_and(|root| is_of(&root, &own)))
}

fn parsed(der: &[u8]) -> Option<X509Certificate<'_>> {
    X509Certificate::from_der(der).ok().map(|(_, certificate)| certificate)
}

fn is_of(root: &X509Certificate<'_>, chain: &[X509Certificate<'_>]) -> bool {
    let name = root.subject().as_raw();
    let is_same_ca =
        |own: &X509Certificate<'_>| own.subject().as_raw() == name && own.public_key().raw == root.public_key().raw;
    // The issuer of a root is itself: another CA of its name is not.
    let is_issuer = |last: &X509Certificate<'_>| last.issuer().as_raw() == name && last.subject().as_raw() != name;
    chain.iter().any(is_same_ca) || chain.last().is_some_and(is_issuer)
}
