//! From the bytes of certificates to a [`Report`].
//!
//! Owns reading X.509 that may be anybody's: whatever cannot be read is said so, nothing is believed. Knows no file and no terminal.

use std::time::SystemTime;

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{ExtendedKeyUsage, KeyUsage, ParsedExtension, X509Extension};
use x509_parser::prelude::FromDer as _;

use super::super::display::{moment, rfc3339, span};
use super::names;
use super::report::{
    CertificateKind, ChainEntry, OtherExtension, Report, SignedBy, Timestamp, TimestampList, TimestampSignature,
    TokenExtension, Validity, ValidityState, ValueForm,
};
use crate::certificate::alternative_name::{AlternativeName, utf8_string};
use crate::crypto::signature_check::SignatureCheck;
use crate::identity::extensions::{Encoding, ExtensionId};

/// The most certificates that are looked at.
pub(crate) const MAX_CERTIFICATES: usize = 20;

const POISON: &str = "1.3.6.1.4.1.11129.2.4.3";
const TIMESTAMPS: &str = "1.3.6.1.4.1.11129.2.4.2";
const TOKEN_ARC: &str = "1.3.6.1.4.1.57264.";

/// Why there is nothing to report.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InspectError {
    #[error("there is no certificate")]
    Empty,
    /// More than [`MAX_CERTIFICATES`].
    #[error("there are more than {MAX_CERTIFICATES} certificates")]
    TooMany,
    /// Counted from 1.
    #[error("certificate {0} is not a valid X.509 certificate in DER")]
    Malformed(usize),
}

/// Describes the first certificate, and the chain that it came with.
pub(crate) fn describe(certificates: &[Vec<u8>], now: SystemTime) -> Result<Report, InspectError> {
    if certificates.len() > MAX_CERTIFICATES {
        return Err(InspectError::TooMany);
    }
    let parsed = certificates.iter().enumerate().map(|(index, der)| match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        _ => Err(InspectError::Malformed(index + 1)),
    });
    let parsed = parsed.collect::<Result<Vec<_>, _>>()?;
    let first = parsed.first().ok_or(InspectError::Empty)?;
    let chain = parsed
        .iter()
        .enumerate()
        .map(|(index, certificate)| chain_entry(certificate, parsed.get(index + 1), now))
        .collect();
    let mut report = empty_report(first, chain, now);
    for extension in first.extensions() {
        add(&mut report, extension);
    }
    Ok(report)
}

fn empty_report(certificate: &X509Certificate<'_>, chain: Vec<ChainEntry>, now: SystemTime) -> Report {
    Report {
        kind: if certificate.is_ca() { CertificateKind::Authority } else { CertificateKind::Certificate },
        identity: Vec::new(),
        subject: certificate.subject().to_string(),
        token_issuer: None,
        extensions: Vec::new(),
        validity: validity(certificate, now),
        serial_number: hex::encode(certificate.raw_serial()),
        key: names::key(certificate.public_key()),
        issuer: certificate.issuer().to_string(),
        signature_algorithm: names::signature_algorithm(&certificate.signature_algorithm),
        key_usage: Vec::new(),
        extended_key_usage: Vec::new(),
        subject_key_identifier: None,
        authority_key_identifier: None,
        timestamps: None,
        other_extensions: Vec::new(),
        chain,
    }
}

/// Puts an extension where it belongs.
fn add(report: &mut Report, extension: &X509Extension<'_>) {
    let oid = extension.oid.to_id_string();
    if oid.starts_with(TOKEN_ARC) {
        let described = token_extension(oid, extension.value);
        if described.name == Some(ExtensionId::Issuer.yaml_name())
            || (described.name == Some(ExtensionId::IssuerV1.yaml_name()) && report.token_issuer.is_none())
        {
            report.token_issuer = Some(described.value.clone());
        }
        report.extensions.push(described);
        return;
    }
    match (oid.as_str(), extension.parsed_extension()) {
        (POISON, _) => report.kind = CertificateKind::Precertificate,
        (TIMESTAMPS, _) => report.timestamps = Some(timestamps(extension.value)),
        (_, ParsedExtension::SubjectAlternativeName(list)) => {
            report.identity.extend(list.general_names.iter().map(AlternativeName::of));
        }
        (_, ParsedExtension::SubjectKeyIdentifier(identifier)) => {
            report.subject_key_identifier = Some(hex::encode(identifier.0));
        }
        (_, ParsedExtension::AuthorityKeyIdentifier(identifier)) => {
            report.authority_key_identifier =
                identifier.key_identifier.as_ref().map(|identifier| hex::encode(identifier.0));
        }
        (_, ParsedExtension::KeyUsage(usage)) => report.key_usage.extend(key_usage(usage)),
        (_, ParsedExtension::ExtendedKeyUsage(usage)) => report.extended_key_usage.extend(extended_key_usage(usage)),
        (_, ParsedExtension::BasicConstraints(_)) => {}
        _ => report.other_extensions.push(OtherExtension { oid, critical: extension.critical }),
    }
}

fn token_extension(oid: String, value: &[u8]) -> TokenExtension {
    let known = ExtensionId::ALL.iter().find(|id| id.oid().to_string() == oid);
    let text = match known.map(|id| id.encoding()) {
        Some(Encoding::RawText) => std::str::from_utf8(value).ok(),
        Some(Encoding::Utf8String) => utf8_string(value),
        None => utf8_string(value)
            .or_else(|| std::str::from_utf8(value).ok().filter(|text| !text.chars().any(char::is_control))),
    };
    TokenExtension {
        title: known.map_or_else(|| oid.clone(), |id| id.title().to_owned()),
        name: known.map(|id| id.yaml_name()),
        value: text.map_or_else(|| hex::encode(value), str::to_owned),
        form: if text.is_some() { ValueForm::Text } else { ValueForm::Hex },
        oid,
    }
}

/// The list of RFC 6962 section 3.3 within its OCTET STRING, as far as it can be read.
fn timestamps(value: &[u8]) -> TimestampList {
    let mut entries = Vec::new();
    let well_formed = read_timestamps(value, &mut entries).is_some();
    TimestampList { entries, well_formed }
}

fn read_timestamps(value: &[u8], entries: &mut Vec<Timestamp>) -> Option<()> {
    let bytes: &der::asn1::OctetStringRef = der::Decode::from_der(value).ok()?;
    let mut rest = bytes.as_bytes();
    let mut list = vector(&mut rest)?;
    let mut complete = rest.is_empty();
    while !list.is_empty() {
        let mut entry = vector(&mut list)?;
        let _version = take(&mut entry, 1)?;
        let log_id = hex::encode(take(&mut entry, 32)?);
        let milliseconds = u64::from_be_bytes(take(&mut entry, 8)?.try_into().ok()?);
        let time = i64::try_from(milliseconds / 1000)
            .ok()
            .filter(|seconds| *seconds < MAX_SECONDS)
            .and_then(moment)
            .map(rfc3339);
        complete &= time.is_some();
        entries.push(Timestamp { log_id, time, signature: TimestampSignature::NotChecked });
    }
    complete.then_some(())
}

/// The end of the year 9999: later times have no RFC 3339 form.
const MAX_SECONDS: i64 = 253_402_300_800;

/// A vector of TLS with a length of two bytes (RFC 8446 section 3.4).
fn vector<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = u16::from_be_bytes(take(rest, 2)?.try_into().ok()?);
    take(rest, usize::from(length))
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (head, tail) = rest.split_at_checked(count)?;
    *rest = tail;
    Some(head)
}

fn key_usage(usage: &KeyUsage) -> impl Iterator<Item = String> {
    let words = [
        (usage.digital_signature(), "digital signature"),
        (usage.non_repudiation(), "non-repudiation"),
        (usage.key_encipherment(), "key encipherment"),
        (usage.data_encipherment(), "data encipherment"),
        (usage.key_agreement(), "key agreement"),
        (usage.key_cert_sign(), "certificate signing"),
        (usage.crl_sign(), "CRL signing"),
        (usage.encipher_only(), "encipher only"),
        (usage.decipher_only(), "decipher only"),
    ];
    words.into_iter().filter(|(set, _)| *set).map(|(_, word)| word.to_owned())
}

fn extended_key_usage(usage: &ExtendedKeyUsage<'_>) -> Vec<String> {
    let words = [
        (usage.any, "any extended use"),
        (usage.code_signing, "code signing"),
        (usage.server_auth, "TLS server"),
        (usage.client_auth, "TLS client"),
        (usage.email_protection, "e-mail protection"),
        (usage.time_stamping, "time stamping"),
        (usage.ocsp_signing, "OCSP signing"),
    ];
    let known = words.into_iter().filter(|(set, _)| *set).map(|(_, word)| word.to_owned());
    known.chain(usage.other.iter().map(x509_parser::der_parser::Oid::to_id_string)).collect()
}

fn validity(certificate: &X509Certificate<'_>, now: SystemTime) -> Validity {
    let (begin, end) = (certificate.validity().not_before.timestamp(), certificate.validity().not_after.timestamp());
    let (not_before, not_after) =
        (moment(begin).unwrap_or(SystemTime::UNIX_EPOCH), moment(end).unwrap_or(SystemTime::UNIX_EPOCH));
    let until = |later: SystemTime, earlier: SystemTime| span(later.duration_since(earlier).unwrap_or_default());
    let (state, summary) = if now < not_before {
        (ValidityState::NotYetValid, format!("not yet valid: begins in {}", until(not_before, now)))
    } else if now <= not_after {
        (ValidityState::Valid, format!("valid for another {}", until(not_after, now)))
    } else {
        (ValidityState::Expired, format!("expired {} ago", until(now, not_after)))
    };
    Validity {
        not_before: rfc3339(not_before),
        not_after: rfc3339(not_after),
        lifetime_seconds: end.saturating_sub(begin),
        lifetime: until(not_after, not_before),
        state,
        summary,
    }
}

fn chain_entry(certificate: &X509Certificate<'_>, next: Option<&X509Certificate<'_>>, now: SystemTime) -> ChainEntry {
    ChainEntry {
        subject: subject_or_name(certificate),
        is_authority: certificate.is_ca(),
        validity: validity(certificate, now),
        signed_by: signed_by(certificate, next),
    }
}

fn subject_or_name(certificate: &X509Certificate<'_>) -> String {
    let subject = certificate.subject().to_string();
    if !subject.is_empty() {
        return subject;
    }
    let names = certificate.extensions().iter().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::SubjectAlternativeName(list) => list.general_names.first().map(AlternativeName::of),
        _ => None,
    });
    names.map_or_else(|| "no name".to_owned(), |name| name.value)
}

fn signed_by(certificate: &X509Certificate<'_>, next: Option<&X509Certificate<'_>>) -> SignedBy {
    let is_self_issued = certificate.issuer().as_raw() == certificate.subject().as_raw();
    match next {
        None if is_self_issued => checked(certificate, certificate, SignedBy::Itself),
        None => SignedBy::Absent { issuer: certificate.issuer().to_string() },
        Some(next) if certificate.issuer().as_raw() != next.subject().as_raw() => SignedBy::Mismatch {
            problem: format!("it names the issuer {}, the next certificate is another's", certificate.issuer()),
        },
        Some(next) => checked(certificate, next, SignedBy::Next),
    }
}

fn checked(certificate: &X509Certificate<'_>, issuer: &X509Certificate<'_>, right: SignedBy) -> SignedBy {
    let check = SignatureCheck::of_issuer(issuer.public_key().raw)
        .map_err(|error| format!("the issuer's key cannot be used: {error}"));
    let outcome = check.and_then(|check| {
        let (message, signature) = (certificate.tbs_certificate.as_ref(), certificate.signature_value.data.as_ref());
        check.verify_link(&certificate.signature_algorithm, message, signature).map_err(|error| error.to_string())
    });
    match outcome {
        Ok(()) => right,
        Err(problem) => SignedBy::Mismatch { problem },
    }
}
