//! Owns the comparison of a certificate from CA Service with the to-be-signed certificate that we linted: what must be the same, what the
//! service may add, and nothing else.
//!
//! Refuses to know calls. Everything is compared byte for byte where it can be.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use x509_parser::certificate::{TbsCertificate, X509Certificate};
use x509_parser::der_parser::{Oid, oid};
use x509_parser::extensions::{ParsedExtension, X509Extension};
use x509_parser::prelude::FromDer as _;

use crate::certificate::MAX_BACKDATING;
use crate::certificate::chain::IssuingChain;

/// How far the service's clock may be from ours, and how long a call may take.
const TOLERANCE: Duration = Duration::from_mins(1);

const AUTHORITY_KEY_IDENTIFIER: Oid<'static> = oid!(2.5.29.35);
const BASIC_CONSTRAINTS: Oid<'static> = oid!(2.5.29.19);
/// Where the issuer's certificate is, and its revocation list: the service adds them if the pool publishes either.
const PUBLISHED: [Oid<'static>; 2] = [oid!(1.3.6.1.5.5.7.1.1), oid!(2.5.29.31)];
/// A BasicConstraints that says nothing: no CA.
const NO_CA: &[u8] = &[0x30, 0x00];

/// How a certificate differs from what was asked for. Never shown to a client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Deviation {
    /// No X.509 certificate of version 3.
    #[error("it cannot be read")]
    Malformed,
    #[error("its issuer is none of the pool's authorities")]
    Issuer,
    #[error("its signature is not its issuer's")]
    Signature,
    /// Zero, negative or longer than 20 bytes.
    #[error("its serial number is zero, negative or too long")]
    Serial,
    #[error("its subject is another")]
    Subject,
    #[error("its public key is another")]
    Key,
    #[error("it is a certificate authority")]
    CertificateAuthority,
    #[error("the extension {0} is missing")]
    Missing(String),
    #[error("the extension {0} is another")]
    Extension(String),
    #[error("the extension {0} was not asked for")]
    Added(String),
    #[error("an extension is a duplicate, or a unique identifier is there")]
    Form,
    #[error("it does not begin when it should: set the pool's backdating to 5 minutes at most")]
    NotBefore,
    #[error("it does not end when it should")]
    NotAfter,
    #[error("it is not within its issuer's validity")]
    IssuerValidity,
}

/// Checks a DER certificate against the TBSCertificate that was asked for, and says which of the chains issued it.
pub fn check_answer(
    wanted_tbs: &[u8],
    answer: &[u8],
    chains: &[Arc<IssuingChain>],
    now: SystemTime,
) -> Result<usize, Deviation> {
    let Ok(([], wanted)) = TbsCertificate::from_der(wanted_tbs) else { return Err(Deviation::Malformed) };
    let Ok(([], certificate)) = X509Certificate::from_der(answer) else { return Err(Deviation::Malformed) };
    let found = &certificate.tbs_certificate;
    let position = issuer(&certificate, chains)?;
    let chain = chains.get(position).ok_or(Deviation::Issuer)?;
    check_fields(&wanted, found)?;
    check_extensions(&wanted, found, chain)?;
    check_validity(&wanted, found, chain, now)?;
    Ok(position)
}

/// The chain whose first certificate issued this one. Two authorities of a pool may have the same name.
fn issuer(certificate: &X509Certificate<'_>, chains: &[Arc<IssuingChain>]) -> Result<usize, Deviation> {
    let found = &certificate.tbs_certificate;
    if certificate.signature_algorithm != found.signature {
        return Err(Deviation::Signature);
    }
    let signed_by = |chain: &IssuingChain| {
        let signature = &certificate.signature_value.data;
        chain.signature_check().verify_link(&found.signature, found.as_ref(), signature).is_ok()
    };
    let named = || chains.iter().enumerate().filter(|(_, chain)| chain.subject_der() == found.issuer.as_raw());
    match named().find(|(_, chain)| signed_by(chain)) {
        Some((position, _)) => Ok(position),
        None if named().next().is_none() => Err(Deviation::Issuer),
        None => Err(Deviation::Signature),
    }
}

fn rule(holds: bool, broken: Deviation) -> Result<(), Deviation> {
    if holds { Ok(()) } else { Err(broken) }
}

fn check_fields(wanted: &TbsCertificate<'_>, found: &TbsCertificate<'_>) -> Result<(), Deviation> {
    rule(found.version == wanted.version, Deviation::Malformed)?;
    let serial = found.raw_serial();
    let positive = serial.first().is_some_and(|first| first & 0x80 == 0) && serial.iter().any(|byte| *byte != 0);
    rule(positive && serial.len() <= 20, Deviation::Serial)?;
    rule(found.subject.as_raw() == wanted.subject.as_raw(), Deviation::Subject)?;
    rule(found.subject_pki.raw == wanted.subject_pki.raw, Deviation::Key)?;
    rule(found.issuer_uid.is_none() && found.subject_uid.is_none(), Deviation::Form)
}

fn check_extensions(
    wanted: &TbsCertificate<'_>,
    found: &TbsCertificate<'_>,
    chain: &IssuingChain,
) -> Result<(), Deviation> {
    let mut seen = HashSet::new();
    rule(found.extensions().iter().all(|extension| seen.insert(&extension.oid)), Deviation::Form)?;
    let find = |oid: &Oid<'_>| found.extensions().iter().find(|extension| extension.oid == *oid);
    for asked in wanted.extensions() {
        let name = || asked.oid.to_id_string();
        let extension = find(&asked.oid).ok_or_else(|| Deviation::Missing(name()))?;
        // A pool has several authorities: the one that issued is named, not the one that was composed for.
        let same = if asked.oid == AUTHORITY_KEY_IDENTIFIER {
            names_authority(extension, chain)
        } else {
            extension.value == asked.value
        };
        rule(same && extension.critical == asked.critical, Deviation::Extension(name()))?;
    }
    let asked = |oid: &Oid<'_>| wanted.extensions().iter().any(|extension| extension.oid == *oid);
    found.extensions().iter().filter(|extension| !asked(&extension.oid)).try_for_each(check_added)
}

fn names_authority(extension: &X509Extension<'_>, chain: &IssuingChain) -> bool {
    let ParsedExtension::AuthorityKeyIdentifier(identifier) = extension.parsed_extension() else { return false };
    identifier.key_identifier.as_ref().is_some_and(|key| key.0 == chain.subject_key_identifier())
        && identifier.authority_cert_issuer.is_none()
        && identifier.authority_cert_serial.is_none()
}

/// What the service adds by itself.
fn check_added(extension: &X509Extension<'_>) -> Result<(), Deviation> {
    if extension.oid == BASIC_CONSTRAINTS {
        return rule(extension.value == NO_CA, Deviation::CertificateAuthority);
    }
    let published = PUBLISHED.contains(&extension.oid) && !extension.critical;
    rule(published, Deviation::Added(extension.oid.to_id_string()))
}

fn check_validity(
    wanted: &TbsCertificate<'_>,
    found: &TbsCertificate<'_>,
    chain: &IssuingChain,
    now: SystemTime,
) -> Result<(), Deviation> {
    let times = |tbs: &TbsCertificate<'_>| {
        [tbs.validity.not_before, tbs.validity.not_after]
            .map(|time| UNIX_EPOCH + Duration::from_secs(u64::try_from(time.timestamp()).unwrap_or(0)))
    };
    let ([begin, end], [_, wanted_end]) = (times(found), times(wanted));
    rule(begin <= now + TOLERANCE && begin + MAX_BACKDATING + TOLERANCE >= now, Deviation::NotBefore)?;
    rule(end > now && end <= wanted_end + TOLERANCE, Deviation::NotAfter)?;
    rule(begin >= chain.not_before() && end <= chain.not_after(), Deviation::IssuerValidity)
}
