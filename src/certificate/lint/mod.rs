//! Reads the to-be-signed bytes back and checks them against the profile, before any signer sees them.
//!
//! Owns the profile's rules as a reader would apply them, with another decoder than the one that wrote the bytes, so that a fault in
//! composing cannot hide itself. Knows what was asked for, not how it was written.

use std::time::{SystemTime, UNIX_EPOCH};

use x509_parser::certificate::TbsCertificate;
use x509_parser::extensions::{GeneralName, ParsedExtension, X509Extension};
use x509_parser::prelude::FromDer;
use x509_parser::time::ASN1Time;

use super::{CertificateRequest, Form, MAX_LIFETIME, MIN_LIFETIME, append, compose};
use crate::identity::extensions::{Encoding, ExtensionId, OTHER_NAME};
use crate::identity::kinds::SubjectAlternativeName;

/// A rule that the bytes break. Always our bug; the client is told nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LintError(&'static str);

impl LintError {
    /// Only the plain form can be extended.
    pub(super) const NOT_PLAIN: Self = Self("it carries a poison or timestamps already");
}

fn rule(holds: bool, broken: &'static str) -> Result<(), LintError> {
    if holds { Ok(()) } else { Err(LintError(broken)) }
}

pub(super) fn check(der: &[u8], expected: &CertificateRequest<'_>) -> Result<(), LintError> {
    let (rest, tbs) = TbsCertificate::from_der(der).map_err(|_| LintError("it is not a TBSCertificate"))?;
    rule(rest.is_empty(), "bytes follow the TBSCertificate")?;
    check_fields(&tbs, expected)?;
    check_validity(&tbs, expected)?;
    let mut extensions = tbs.extensions().iter();
    let mut next = |oid, critical| {
        let extension = extensions.next().ok_or(LintError("an extension is missing"))?;
        rule(
            is(extension, oid) && extension.critical == critical,
            "an extension is out of place or of the wrong criticality",
        )?;
        Ok(extension)
    };
    check_key_usage(next(compose::KEY_USAGE, true)?, next(compose::EXTENDED_KEY_USAGE, false)?)?;
    check_key_identifiers(
        next(compose::SUBJECT_KEY_IDENTIFIER, false)?,
        next(compose::AUTHORITY_KEY_IDENTIFIER, false)?,
        expected,
    )?;
    check_name(next(compose::SUBJECT_ALTERNATIVE_NAME, true)?, expected)?;
    check_fulcio_extensions(extensions.as_slice(), expected)
}

/// Checks that `der` is `plain`, which was checked before, with the one extension that the form asks for.
pub(super) fn check_extended(der: &[u8], plain: &[u8], form: Form) -> Result<(), LintError> {
    let (rest, tbs) = TbsCertificate::from_der(der).map_err(|_| LintError("it is not a TBSCertificate"))?;
    rule(rest.is_empty(), "bytes follow the TBSCertificate")?;
    rule(append::remove_last(der).is_ok_and(|without| without == plain), "it differs in more than its last extension")?;
    let last = tbs.extensions().last().ok_or(LintError("an extension is missing"))?;
    match form {
        Form::Plain => Err(LintError::NOT_PLAIN),
        Form::Precertificate => {
            rule(is(last, compose::POISON) && last.critical && last.value == compose::NULL, "the poison is wrong")
        }
        Form::Timestamped => {
            let ParsedExtension::SCT(timestamps) = last.parsed_extension() else {
                return Err(LintError("the timestamps cannot be read"));
            };
            rule(is(last, compose::TIMESTAMPS) && !last.critical && !timestamps.is_empty(), "the timestamps are wrong")
        }
    }
}

fn check_fields(tbs: &TbsCertificate<'_>, expected: &CertificateRequest<'_>) -> Result<(), LintError> {
    rule(tbs.version.0 == 2, "the version is not 3")?;
    let serial = tbs.raw_serial();
    rule(
        serial.len() <= 20 && serial.first().is_some_and(|first| first & 0x80 == 0),
        "the serial number is negative or too long",
    )?;
    rule(serial.iter().any(|byte| *byte != 0), "the serial number is zero")?;
    rule(tbs.issuer.as_raw() == expected.issuer.subject_der(), "the issuer is not the CA's subject, byte for byte")?;
    rule(tbs.subject.iter().next().is_none(), "the subject is not empty")?;
    rule(tbs.subject_pki.raw == expected.admitted.key().public_key().spki(), "the key is not the proven one")?;
    rule(tbs.issuer_uid.is_none() && tbs.subject_uid.is_none(), "a unique identifier is present")
}

fn check_validity(tbs: &TbsCertificate<'_>, expected: &CertificateRequest<'_>) -> Result<(), LintError> {
    let [not_before, not_after] =
        [tbs.validity.not_before, tbs.validity.not_after].map(|time: ASN1Time| time.timestamp());
    rule(not_before <= seconds(expected.now), "notBefore is ahead of the clock")?;
    let lifetime = u64::try_from(not_after - not_before).unwrap_or(0);
    rule((MIN_LIFETIME.as_secs()..=MAX_LIFETIME.as_secs()).contains(&lifetime), "the lifetime is out of bounds")?;
    rule(
        lifetime <= expected.admitted.lifetime(MAX_LIFETIME, MIN_LIFETIME).as_secs(),
        "it lives longer than the policy allows",
    )?;
    rule(not_before >= seconds(expected.issuer.not_before()), "it begins before the CA certificate")?;
    rule(not_after <= seconds(expected.issuer.not_after()), "it outlives the CA certificate")
}

fn seconds(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH).ok().and_then(|since| i64::try_from(since.as_secs()).ok()).unwrap_or(0)
}

fn check_key_usage(key_usage: &X509Extension<'_>, extended: &X509Extension<'_>) -> Result<(), LintError> {
    let ParsedExtension::KeyUsage(usage) = key_usage.parsed_extension() else {
        return Err(LintError("the key usage cannot be read"));
    };
    rule(usage.digital_signature() && usage.flags.is_power_of_two(), "the key usage is not digitalSignature alone")?;
    let ParsedExtension::ExtendedKeyUsage(usage) = extended.parsed_extension() else {
        return Err(LintError("the extended key usage cannot be read"));
    };
    let others = usage.any
        || usage.server_auth
        || usage.client_auth
        || usage.email_protection
        || usage.time_stamping
        || usage.ocsp_signing;
    rule(usage.code_signing && !others && usage.other.is_empty(), "the extended key usage is not codeSigning alone")
}

fn check_key_identifiers(
    subject: &X509Extension<'_>,
    authority: &X509Extension<'_>,
    expected: &CertificateRequest<'_>,
) -> Result<(), LintError> {
    let ParsedExtension::SubjectKeyIdentifier(subject) = subject.parsed_extension() else {
        return Err(LintError("the subject key identifier cannot be read"));
    };
    rule(
        subject.0 == expected.admitted.key().public_key().key_identifier(),
        "the subject key identifier is not the key's",
    )?;
    let ParsedExtension::AuthorityKeyIdentifier(authority) = authority.parsed_extension() else {
        return Err(LintError("the authority key identifier cannot be read"));
    };
    let identifier = authority.key_identifier.as_ref().map(|identifier| identifier.0);
    rule(identifier == Some(expected.issuer.subject_key_identifier()), "the authority key identifier is not the CA's")?;
    rule(
        authority.authority_cert_issuer.is_none() && authority.authority_cert_serial.is_none(),
        "the authority key identifier says more",
    )
}

fn check_name(extension: &X509Extension<'_>, expected: &CertificateRequest<'_>) -> Result<(), LintError> {
    let ParsedExtension::SubjectAlternativeName(names) = extension.parsed_extension() else {
        return Err(LintError("the subject alternative name cannot be read"));
    };
    let [name] = names.general_names.as_slice() else {
        return Err(LintError("there is not exactly one subject alternative name"));
    };
    let same = match (name, expected.admitted.principal().name()) {
        (GeneralName::RFC822Name(found), SubjectAlternativeName::Email(asked)) => is_name(found) && found == asked,
        (GeneralName::URI(found), SubjectAlternativeName::Uri(asked)) => is_name(found) && *found == asked.as_str(),
        (GeneralName::OtherName(oid, value), SubjectAlternativeName::OtherName(asked)) => {
            oid.as_bytes() == OTHER_NAME.as_bytes()
                && utf8_of_explicit(value) == Some(asked.as_str())
                && !asked.is_empty()
        }
        _ => false,
    };
    rule(same, "the subject alternative name is not the principal's")
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The text of a UTF8String, alone or inside an explicit context tag.
fn utf8_of_explicit(der: &[u8]) -> Option<&str> {
    let (rest, outer) = x509_parser::der_parser::parse_der(der).ok().filter(|(rest, _)| rest.is_empty())?;
    debug_assert!(rest.is_empty());
    match outer.header.tag().0 {
        12 => std::str::from_utf8(outer.as_slice().ok()?).ok(),
        _ => utf8_of_explicit(outer.as_slice().ok()?),
    }
}

fn check_fulcio_extensions(found: &[X509Extension<'_>], expected: &CertificateRequest<'_>) -> Result<(), LintError> {
    let asked = expected.admitted.principal().extensions();
    rule(found.len() == asked.len(), "there are more or fewer extensions than asked for")?;
    rule(
        asked.is_sorted_by(|(one, _), (next, _)| one < next),
        "the extensions are not in order, or one is a duplicate",
    )?;
    for (extension, (id, text)) in found.iter().zip(asked) {
        rule(is(extension, id.oid()) && !extension.critical, "an extension is out of place or critical")?;
        rule(!text.is_empty(), "an extension is empty")?;
        let value = match id.encoding() {
            Encoding::RawText => std::str::from_utf8(extension.value).ok(),
            Encoding::Utf8String => utf8_of_explicit(extension.value),
        };
        rule(value == Some(text.as_str()), "an extension's value is not the one asked for")?;
    }
    let text = |wanted| asked.iter().find(|(id, _)| *id == wanted).map(|(_, text)| text);
    rule(
        text(ExtensionId::Issuer).is_some() && text(ExtensionId::Issuer) == text(ExtensionId::IssuerV1),
        "the two issuers differ",
    )?;
    // An address names its owner without a subject (`email` tokens may have none).
    let is_address = matches!(expected.admitted.principal().name(), SubjectAlternativeName::Email(_));
    rule(is_address || text(ExtensionId::Subject).is_some(), "the token's subject is missing")
}

fn is(extension: &X509Extension<'_>, oid: der::asn1::ObjectIdentifier) -> bool {
    extension.oid.as_bytes() == oid.as_bytes()
}

#[cfg(test)]
mod tests;
