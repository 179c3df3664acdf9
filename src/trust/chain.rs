//! A chain of certificates, with the name that clients show.
//!
//! That each certificate was issued by the next is checked where chains are read, not here.

use std::time::SystemTime;

use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

use crate::crypto::pem;

/// Certificates in DER, the one that issues first, the root last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    ders: Vec<Vec<u8>>,
    root: Vec<u8>,
    organization: String,
    common_name: String,
}

/// Why certificates are not a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainProblem {
    #[error("there is no certificate")]
    Empty,
    #[error("a certificate is not a valid X.509 certificate")]
    Malformed,
    #[error("a certificate was not issued by the next one: put them in order, the one that signs first, the root last")]
    Order,
    #[error("the first certificate is not for timestamps: it needs the extended key usage timeStamping")]
    NotTimestamping,
}

impl Chain {
    pub fn from_ders(ders: Vec<Vec<u8>>) -> Result<Self, ChainProblem> {
        let root = ders.last().ok_or(ChainProblem::Empty)?.clone();
        let (_, parsed) = X509Certificate::from_der(&root).map_err(|_| ChainProblem::Malformed)?;
        let subject = parsed.subject();
        let (organization, common_name) = (first(subject.iter_organization()), first(subject.iter_common_name()));
        // A root without either still has a name for people.
        let common_name = common_name.or_else(|| organization.is_none().then(|| readable(subject)));
        let (organization, common_name) = (organization.unwrap_or_default(), common_name.unwrap_or_default());
        Ok(Self { ders, root, organization, common_name })
    }

    /// Reads a timestamp authority's chain, its certificates in order: the one that signs first. Returns also since when it is valid.
    pub fn timestamping_from_pem(text: &[u8]) -> Result<(Self, SystemTime), ChainProblem> {
        let ders = pem::certificates(text).map_err(|_| ChainProblem::Empty)?.ders;
        let certificates = ders.iter().map(|der| X509Certificate::from_der(der).map(|(_, parsed)| parsed));
        let certificates = certificates.collect::<Result<Vec<_>, _>>().map_err(|_| ChainProblem::Malformed)?;
        if certificates.windows(2).any(|pair| matches!(pair, [one, next] if one.issuer() != next.subject())) {
            return Err(ChainProblem::Order);
        }
        let signer = certificates.first().ok_or(ChainProblem::Empty)?;
        let usage = signer.extended_key_usage().map_err(|_| ChainProblem::Malformed)?;
        if !usage.is_some_and(|usage| usage.value.time_stamping) {
            return Err(ChainProblem::NotTimestamping);
        }
        let start = certificates.iter().map(|certificate| certificate.validity().not_before.to_datetime()).max();
        let start = start.map_or(SystemTime::UNIX_EPOCH, SystemTime::from);
        Ok((Self::from_ders(ders.clone())?, start))
    }

    pub fn ders(&self) -> &[Vec<u8>] {
        &self.ders
    }

    /// The last certificate.
    pub fn root(&self) -> &[u8] {
        &self.root
    }

    /// What people call it: its root's common name, or else its organization.
    pub fn name(&self) -> &str {
        if self.common_name.is_empty() { &self.organization } else { &self.common_name }
    }

    /// The root's; empty if it has none: sigstore-python refuses a document that leaves the member out.
    pub(super) fn organization(&self) -> &str {
        &self.organization
    }

    /// As [`Self::organization`].
    pub(super) fn common_name(&self) -> &str {
        &self.common_name
    }
}

fn first<'a>(mut attributes: impl Iterator<Item = &'a AttributeTypeAndValue<'a>>) -> Option<String> {
    attributes.find_map(|attribute| attribute.as_str().ok().map(str::to_owned))
}

fn readable(subject: &X509Name<'_>) -> String {
    subject.to_string()
}
