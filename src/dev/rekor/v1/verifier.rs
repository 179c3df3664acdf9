//! Keys and certificates as Rekor v1 is given them: PEM, written again in one form before they are logged.

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;

use super::super::signed::Signer;
use crate::crypto::{pem, sha256};
use crate::text;

/// The most certificates in a chain.
const MAX_CHAIN: usize = 8;

/// Who signed.
pub(super) struct PemVerifier {
    pub(super) signer: Signer,
    /// In the form that is logged.
    pub(super) pem: String,
    /// Addresses and names of the certificate.
    subjects: Vec<String>,
}

impl PemVerifier {
    /// Reads a public key, or a certificate with or without those above it.
    pub(super) fn parse(content: &[u8]) -> Option<Self> {
        let blocks = pem::parse(content);
        let first = blocks.first()?;
        if first.label == "PUBLIC KEY" {
            let der = first.data().ok()?;
            let pem = text::pem("PUBLIC KEY", der);
            return Some(Self { signer: Signer::Key(der.to_vec()), pem, subjects: Vec::new() });
        }
        if blocks.len() > MAX_CHAIN || blocks.iter().any(|block| block.label != "CERTIFICATE") {
            return None;
        }
        let ders: Vec<&[u8]> = blocks.iter().map(|block| Some(block.data().ok()?.as_slice())).collect::<Option<_>>()?;
        let pem = ders.iter().map(|der| text::pem("CERTIFICATE", der)).collect();
        let der = ders.first()?;
        Some(Self { signer: Signer::Certificate(der.to_vec()), pem, subjects: subjects(der)? })
    }

    /// What an entry of this signer is found by.
    pub(super) fn index_keys(&self) -> Vec<String> {
        let hash = format!("sha256:{}", hex::encode(sha256(self.pem.as_bytes())));
        std::iter::once(hash).chain(self.subjects.iter().cloned()).collect()
    }
}

fn subjects(der: &[u8]) -> Option<Vec<String>> {
    let ([], certificate) = X509Certificate::from_der(der).ok()? else { return None };
    let names = certificate.subject_alternative_name().ok()?;
    let names = names.iter().flat_map(|names| &names.value.general_names);
    Some(
        names
            .filter_map(|name| match name {
                GeneralName::RFC822Name(address) => Some(address.to_lowercase()),
                GeneralName::URI(uri) => Some((*uri).to_owned()),
                _ => None,
            })
            .collect(),
    )
}
