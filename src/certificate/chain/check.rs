//! Owns the rules that a chain of CA certificates has to keep, one function a rule.
//!
//! Refuses to know where the chain comes from. The rules are those that verifiers apply to our leaf certificates later
//! (RFC 5280, section 6.1): better refused when the server starts than by every client afterwards.

use std::time::SystemTime;

use x509_parser::{
    certificate::X509Certificate,
    extensions::{ExtendedKeyUsage, ParsedExtension},
    x509::X509Version,
};

use super::find::Given;
use super::{ChainError, Moment, system_time};
use crate::crypto::signature_check::SignatureCheck;

const CRL_DISTRIBUTION_POINTS: &str = "2.5.29.31";

/// The extensions whose meaning is either checked here or left to the leaf's verifiers.
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

/// Extensions that restrict paths and are not understood here: a root that has one as critical means it (RFC 3779, RFC 3820,
/// RFC 8360).
const RESTRICTING: [&str; 5] = [
    "1.3.6.1.5.5.7.1.7",  // IP address blocks
    "1.3.6.1.5.5.7.1.8",  // autonomous system identifiers
    "1.3.6.1.5.5.7.1.14", // proxy certificate information
    "1.3.6.1.5.5.7.1.28", // IP address blocks, version 2
    "1.3.6.1.5.5.7.1.29", // autonomous system identifiers, version 2
];

/// Where a certificate is in its chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// Between the issuing CA and the anchor, or the issuing CA.
    Link,
    /// The last one, which is trusted for itself: nobody judges its own signature, version or exponent.
    Anchor,
}

/// Checks a whole chain, whose links are verified, and returns the issuing CA's key. The most telling reason comes first.
pub(super) fn chain(chain: &[&Given<'_>], moment: Moment) -> Result<SignatureCheck, ChainError> {
    let first = chain.first().ok_or(ChainError::Empty)?;
    let now = moment.for_issuing(&first.certificate);
    let key = signing_key(chain)?;
    let mut below = 0;
    for (index, one) in chain.iter().enumerate() {
        let role = if index + 1 == chain.len() { Role::Anchor } else { Role::Link };
        let (position, certificate) = (one.position, &one.certificate);
        validity(position, certificate, now)?;
        let is_old_anchor = role == Role::Anchor && index > 0 && certificate.version() != X509Version::V3;
        if !is_old_anchor {
            basic_constraints(position, certificate, below)?;
        }
        key_usage(position, certificate)?;
        extended_key_usage(position, certificate)?;
        critical_extensions(position, certificate, role)?;
        // RFC 5280, section 4.2.1.9: self-issued certificates do not count, and neither does the leaf.
        below += usize::from(!self_issued(certificate));
    }
    issuing(chain)?;
    Ok(key)
}

/// Oddities of a sound chain that people should hear of.
pub(super) fn findings(chain: &[&Given<'_>]) -> Vec<String> {
    let mut findings = Vec::new();
    let (Some(first), Some(last)) = (chain.first(), chain.last()) else { return findings };
    if !self_issued(&last.certificate) {
        findings.push(format!(
            "the chain has no root: it ends with {}, issued by {}; what clients need above that they do not get from here",
            last.certificate.subject(),
            last.certificate.issuer()
        ));
        let by_word = usages(1, &first.certificate).ok().flatten().is_some_and(|usages| usages.code_signing);
        if chain.len() == 1 && !by_word {
            findings.push(
                "the issuing CA has no extended key usage codeSigning, which Fulcio demands below a root".to_owned(),
            );
        }
    }
    if !matches!(subject_key_identifier(1, &first.certificate), Ok(Some(_))) {
        findings.push(
            "the issuing CA's certificate has no subject key identifier: certificates name the SHA-1 of its key instead".to_owned(),
        );
    }
    for extension in last.certificate.iter_extensions().filter(|extension| extension.critical) {
        let oid = extension.oid.to_id_string();
        if !UNDERSTOOD.contains(&oid.as_str()) && oid != CRL_DISTRIBUTION_POINTS {
            findings.push(format!(
                "the root has the critical extension {oid}: cosign and other verifiers in Go may refuse it"
            ));
        }
    }
    findings
}

/// The content of a certificate's subject key identifier extension, unless it is missing or empty.
pub(super) fn subject_key_identifier(
    position: usize,
    certificate: &X509Certificate<'_>,
) -> Result<Option<Vec<u8>>, ChainError> {
    let oid = x509_parser::oid_registry::OID_X509_EXT_SUBJECT_KEY_IDENTIFIER;
    let extension = certificate.get_extension_unique(&oid).map_err(|_| ChainError::Malformed(position))?;
    match extension.map(x509_parser::extensions::X509Extension::parsed_extension) {
        None => Ok(None),
        Some(ParsedExtension::SubjectKeyIdentifier(identifier)) => {
            Ok(Some(identifier.0.to_vec()).filter(|identifier| !identifier.is_empty()))
        }
        Some(_) => Err(ChainError::Malformed(position)),
    }
}

/// The key that signs is as good as a client's must be; those above it were good enough to verify with.
fn signing_key(chain: &[&Given<'_>]) -> Result<SignatureCheck, ChainError> {
    let issuing = chain.first().ok_or(ChainError::Empty)?;
    SignatureCheck::from_spki_der(issuing.certificate.public_key().raw)
        .map_err(|cause| ChainError::Key { position: issuing.position, cause })
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

fn basic_constraints(position: usize, certificate: &X509Certificate<'_>, found: usize) -> Result<(), ChainError> {
    let extension = certificate.basic_constraints().map_err(|_| ChainError::Malformed(position))?;
    let constraints = extension.map(|extension| extension.value).filter(|constraints| constraints.ca);
    let constraints = constraints.ok_or(ChainError::NotCa(position))?;
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

/// Nobody has to understand what a root says of itself, unless it restricts what is below it.
fn critical_extensions(position: usize, certificate: &X509Certificate<'_>, role: Role) -> Result<(), ChainError> {
    let refused = |oid: &String| match role {
        Role::Link => !UNDERSTOOD.contains(&oid.as_str()),
        Role::Anchor => RESTRICTING.contains(&oid.as_str()),
    };
    let mut critical = certificate.iter_extensions().filter(|extension| extension.critical);
    match critical.find_map(|extension| Some(extension.oid.to_id_string()).filter(refused)) {
        Some(oid) => Err(ChainError::CriticalExtension { position, oid }),
        None => Ok(()),
    }
}

/// What the issuing CA needs besides: a name, and codeSigning by word if another one is above it.
fn issuing(chain: &[&Given<'_>]) -> Result<(), ChainError> {
    let issuer = chain.first().ok_or(ChainError::Empty)?;
    if issuer.certificate.subject().iter_attributes().next().is_none() {
        return Err(ChainError::EmptySubject);
    }
    let by_word = usages(issuer.position, &issuer.certificate)?.is_some_and(|usages| usages.code_signing);
    if chain.len() > 1 && !by_word { Err(ChainError::NoCodeSigning) } else { Ok(()) }
}

fn usages<'a>(
    position: usize,
    certificate: &'a X509Certificate<'_>,
) -> Result<Option<&'a ExtendedKeyUsage<'a>>, ChainError> {
    let extension = certificate.extended_key_usage().map_err(|_| ChainError::Malformed(position))?;
    Ok(extension.map(|extension| extension.value))
}

/// Whether it says that it issued itself.
pub(super) fn self_issued(certificate: &X509Certificate<'_>) -> bool {
    certificate.subject().as_raw() == certificate.issuer().as_raw()
}

/// Whether it says that it is a CA.
pub(super) fn is_ca(certificate: &X509Certificate<'_>) -> bool {
    certificate.basic_constraints().is_ok_and(|extension| extension.is_some_and(|extension| extension.value.ca))
}
