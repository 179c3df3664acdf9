//! Our certificate authorities: whose signature makes a certificate ours.
//!
//! Owns their keys. Chains are not checked: a CA that expired may have signed what the log has.

use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::x509::AlgorithmIdentifier;

use super::logged::Sha256;
use crate::crypto::pem::{self, PemError};
use crate::crypto::sha256;
use crate::crypto::signature_check::{KeyError, SignatureCheck};

#[derive(Debug, Default)]
pub(crate) struct Authorities(Vec<Authority>);

#[derive(Debug)]
pub(super) struct Authority {
    name: String,
    key_hash: Sha256,
    check: SignatureCheck,
    /// Of the certificate.
    sha256: Sha256,
}

/// Why there are no authorities to compare with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthoritiesError {
    #[error(transparent)]
    Pem(#[from] PemError),
    /// Counted from 1.
    #[error("certificate {0} is malformed")]
    Malformed(usize),
    #[error("certificate {position} cannot be used: {cause}")]
    Key { position: usize, cause: KeyError },
    #[error("there is no CA certificate among them")]
    Empty,
}

impl Authorities {
    /// Every CA certificate of some PEM; leaf certificates beside them are passed over.
    pub(crate) fn from_pem(text: &[u8]) -> Result<Self, AuthoritiesError> {
        let mut authorities = Vec::new();
        for (index, der) in pem::certificates(text)?.ders.into_iter().enumerate() {
            let position = index + 1;
            let Ok(([], certificate)) = X509Certificate::from_der(&der) else {
                return Err(AuthoritiesError::Malformed(position));
            };
            if !certificate.is_ca() {
                continue;
            }
            let spki = certificate.public_key().raw;
            let check = SignatureCheck::of_issuer(spki).map_err(|cause| AuthoritiesError::Key { position, cause })?;
            let name = certificate.subject().to_string();
            authorities.push(Authority { name, key_hash: sha256(spki), check, sha256: sha256(&der) });
        }
        if authorities.is_empty() { Err(AuthoritiesError::Empty) } else { Ok(Self(authorities)) }
    }

    /// Adds those of another file.
    pub(crate) fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// The hashes of their keys, hexadecimal, each once and in order.
    pub(super) fn key_hashes(&self) -> Vec<String> {
        let mut hashes: Vec<String> = self.0.iter().map(|authority| hex::encode(authority.key_hash)).collect();
        hashes.sort_unstable();
        hashes.dedup();
        hashes
    }

    /// The one with this key (the issuer key hash of RFC 6962 section 3.2).
    pub(super) fn with_key(&self, key_hash: &Sha256) -> Option<&Authority> {
        self.0.iter().find(|authority| authority.key_hash == *key_hash)
    }

    /// The one that made a signature, whomever the certificate names as its issuer: a key may have certificates in other names.
    pub(super) fn signer_of(&self, message: &[u8], algorithm: &[u8], signature: &[u8]) -> Option<&Authority> {
        self.0.iter().find(|authority| authority.signed(message, algorithm, signature))
    }

    /// The one whose certificate this is.
    pub(super) fn with_certificate(&self, sha256: &Sha256) -> Option<&Authority> {
        self.0.iter().find(|authority| authority.sha256 == *sha256)
    }

    /// The SHA-256 of their certificates.
    pub(crate) fn certificate_hashes(&self) -> impl Iterator<Item = [u8; 32]> {
        self.0.iter().map(|authority| authority.sha256)
    }
}

impl Authority {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether this one made the signature. `algorithm` is a DER `AlgorithmIdentifier`.
    pub(super) fn signed(&self, message: &[u8], algorithm: &[u8], signature: &[u8]) -> bool {
        let Ok(([], algorithm)) = AlgorithmIdentifier::from_der(algorithm) else { return false };
        self.check.verify_link(&algorithm, message, signature).is_ok()
    }
}
