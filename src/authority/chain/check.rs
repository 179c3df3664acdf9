//! Owns the rules that a chain of CA certificates has to keep, one function a rule.
//!
//! Refuses to know where the chain comes from. The rules are those that verifiers apply to our leaf certificates later
//! (RFC 5280, section 6.1): better refused when the server starts than by every client afterwards.

use std::time::SystemTime;

use x509_parser::{
    certificate::X509Certificate,
    extensions::{ExtendedKeyUsage, ParsedExtension},
};

use super::{ChainError, system_time};
use crate::authority::signature_check::SignatureCheck;

/// The extensions whose meaning is either checked here or left to whoever verifies the leaf.
const UNDERSTOOD: [&str; 11] = [
    "2.5.29.14", // subject key identifier
    "2.5.29.15", // key usage
    "2.5.29.17", // subject alternative name
    "2.5.29.19", // basic constraints
    "2.5.29.30", // name constraints
    "2.5.29.32", // certificate policies
    "2.5.29.33", // policy mappings
    "2.5.29.35", // authority key identifier
    "2.5.29.36", // policy constraints
    "2.5.29.37", // extended key usage
    "2.5.29.54", // inhibit any policy
];

/// Checks a whole chain and returns the issuing CA's key. The most telling reason comes first.
pub(super) fn chain(certificates: &[X509Certificate<'_>], now: SystemTime) -> Result<SignatureCheck, ChainError> {
    let keys = keys(certificates)?;
    order(certificates)?;
    links(certificates, &keys)?;
    for (index, certificate) in certificates.iter().enumerate() {
        let position = index + 1;
        validity(position, certificate, now)?;
        basic_constraints(position, certificate, certificates.get(..index).unwrap_or_default())?;
        key_usage(position, certificate)?;
        extended_key_usage(position, certificate)?;
        critical_extensions(position, certificate)?;
    }
    issuing(certificates)?;
    keys.into_iter().next().ok_or(ChainError::Empty)
}

/// The content of a certificate's subject key identifier extension, unless it is missing, empty or repeated.
pub(super) fn subject_key_identifier(certificate: &X509Certificate<'_>) -> Option<Vec<u8>> {
    let oid = x509_parser::oid_registry::OID_X509_EXT_SUBJECT_KEY_IDENTIFIER;
    match certificate.get_extension_unique(&oid).ok()??.parsed_extension() {
        ParsedExtension::SubjectKeyIdentifier(identifier) if !identifier.0.is_empty() => Some(identifier.0.to_vec()),
        _ => None,
    }
}

fn keys(certificates: &[X509Certificate<'_>]) -> Result<Vec<SignatureCheck>, ChainError> {
    let key = |(index, certificate): (usize, &X509Certificate<'_>)| {
        SignatureCheck::from_spki_der(certificate.public_key().raw)
            .map_err(|cause| ChainError::Key { position: index + 1, cause })
    };
    certificates.iter().enumerate().map(key).collect()
}

fn order(certificates: &[X509Certificate<'_>]) -> Result<(), ChainError> {
    for (index, (subject, issuer)) in certificates.iter().zip(certificates.iter().skip(1)).enumerate() {
        if subject.issuer().as_raw() != issuer.subject().as_raw() {
            return Err(ChainError::Order(index + 1));
        }
    }
    Ok(())
}

/// Each certificate is signed by the next one's key; the last by its own if it says that it issued itself.
fn links(certificates: &[X509Certificate<'_>], keys: &[SignatureCheck]) -> Result<(), ChainError> {
    for (index, certificate) in certificates.iter().enumerate() {
        let issuer_key = match keys.get(index + 1) {
            Some(key) => key,
            None if self_issued(certificate) => keys.get(index).ok_or(ChainError::Empty)?,
            None => continue,
        };
        // RFC 5280, section 4.1.1.2: the algorithm outside the signed part must repeat the one inside it.
        if certificate.signature_algorithm != certificate.tbs_certificate.signature {
            return Err(ChainError::Malformed(index + 1));
        }
        issuer_key
            .verify_link(
                &certificate.signature_algorithm,
                certificate.tbs_certificate.as_ref(),
                &certificate.signature_value.data,
            )
            .map_err(|cause| ChainError::Link { position: index + 1, cause })?;
    }
    Ok(())
}

fn validity(position: usize, certificate: &X509Certificate<'_>, now: SystemTime) -> Result<(), ChainError> {
    let validity = certificate.validity();
    if now > system_time(validity.not_after) {
        return Err(ChainError::Expired { position, not_after: validity.not_after.to_string() });
    }
    if now < system_time(validity.not_before) {
        return Err(ChainError::NotYetValid { position, not_before: validity.not_before.to_string() });
    }
    Ok(())
}

fn basic_constraints(
    position: usize,
    certificate: &X509Certificate<'_>,
    below: &[X509Certificate<'_>],
) -> Result<(), ChainError> {
    let extension = certificate.basic_constraints().map_err(|_| ChainError::Malformed(position))?;
    let constraints = extension.map(|extension| extension.value).filter(|constraints| constraints.ca);
    let constraints = constraints.ok_or(ChainError::NotCa(position))?;
    // RFC 5280, section 4.2.1.9: self-issued certificates do not count, and neither does the leaf.
    let found = below.iter().filter(|certificate| !self_issued(certificate)).count();
    match constraints.path_len_constraint {
        Some(allowed) if u32::try_from(found).is_ok_and(|found| found > allowed) => {
            Err(ChainError::PathLength { position, allowed, found })
        }
        _ => Ok(()),
    }
}

fn key_usage(position: usize, certificate: &X509Certificate<'_>) -> Result<(), ChainError> {
    let extension = certificate.key_usage().map_err(|_| ChainError::Malformed(position))?;
    match extension {
        Some(usage) if !usage.value.key_cert_sign() => Err(ChainError::KeyUsage(position)),
        _ => Ok(()),
    }
}

/// Verifiers take the extended key usages of a chain as nested: one that leaves out codeSigning forbids it below.
fn extended_key_usage(position: usize, certificate: &X509Certificate<'_>) -> Result<(), ChainError> {
    match usages(position, certificate)? {
        Some(usages) if !usages.code_signing && !usages.any => Err(ChainError::ExtendedKeyUsage(position)),
        _ => Ok(()),
    }
}

fn critical_extensions(position: usize, certificate: &X509Certificate<'_>) -> Result<(), ChainError> {
    let unknown = |oid: &String| !UNDERSTOOD.contains(&oid.as_str());
    let mut critical = certificate.iter_extensions().filter(|extension| extension.critical);
    match critical.find_map(|extension| Some(extension.oid.to_id_string()).filter(unknown)) {
        Some(oid) => Err(ChainError::CriticalExtension { position, oid }),
        None => Ok(()),
    }
}

/// What the issuing CA needs besides: a name, and codeSigning by word if it is not itself the root.
fn issuing(certificates: &[X509Certificate<'_>]) -> Result<(), ChainError> {
    let issuer = certificates.first().ok_or(ChainError::Empty)?;
    if issuer.subject().iter_attributes().next().is_none() {
        return Err(ChainError::EmptySubject);
    }
    let is_root = certificates.len() == 1 && self_issued(issuer);
    if !is_root && !usages(1, issuer)?.is_some_and(|usages| usages.code_signing) {
        return Err(ChainError::NoCodeSigning);
    }
    Ok(())
}

fn usages<'a>(
    position: usize,
    certificate: &'a X509Certificate<'_>,
) -> Result<Option<&'a ExtendedKeyUsage<'a>>, ChainError> {
    let extension = certificate.extended_key_usage().map_err(|_| ChainError::Malformed(position))?;
    Ok(extension.map(|extension| extension.value))
}

fn self_issued(certificate: &X509Certificate<'_>) -> bool {
    certificate.subject().as_raw() == certificate.issuer().as_raw()
}
