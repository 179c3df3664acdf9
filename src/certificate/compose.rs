//! The to-be-signed certificate, encoded field by field in the profile's order.
//!
//! Owns the bytes. Every extension's place and criticality stands here once; `lint` reads them back with another decoder.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use der::asn1::{
    AnyRef, ContextSpecific, GeneralizedTime, Ia5StringRef, ObjectIdentifier, OctetString, OctetStringRef, UintRef,
    UtcTime, Utf8StringRef,
};
use der::{Choice, Decode, Encode, Sequence, TagMode, TagNumber};

use super::{CertificateRequest, ComposeError};
use crate::identity::extensions::{Encoding, OTHER_NAME};
use crate::identity::kinds::SubjectAlternativeName;

pub(super) const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
pub(super) const EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37");
pub(super) const SUBJECT_KEY_IDENTIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.14");
pub(super) const AUTHORITY_KEY_IDENTIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.35");
pub(super) const SUBJECT_ALTERNATIVE_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
const CODE_SIGNING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.3");
/// The extension that makes a precertificate (RFC 6962 section 3.1).
pub const POISON: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.11129.2.4.3");
/// The extension with the logs' timestamps (RFC 6962 section 3.3).
pub const TIMESTAMPS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.11129.2.4.2");
/// DER NULL.
pub(super) const NULL: &[u8] = &[0x05, 0x00];
/// An empty RDNSequence.
const EMPTY_NAME: &[u8] = &[0x30, 0x00];
/// BIT STRING with the first bit set: digitalSignature (RFC 5280 section 4.2.1.3).
const DIGITAL_SIGNATURE: &[u8] = &[0x03, 0x02, 0x07, 0x80];
/// The version number of an X.509 v3 certificate.
const V3: u8 = 2;
/// The last second that UTCTime can hold under RFC 5280 section 4.1.2.5: the end of 2049.
const LAST_UTC_TIME: Duration = Duration::from_secs(2_524_607_999);

#[derive(Sequence)]
struct TbsCertificate<'a> {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    version: u8,
    serial_number: UintRef<'a>,
    signature: AnyRef<'a>,
    issuer: AnyRef<'a>,
    validity: Validity,
    subject: AnyRef<'a>,
    subject_public_key_info: AnyRef<'a>,
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT")]
    extensions: Vec<Extension>,
}

#[derive(Sequence)]
struct Validity {
    not_before: Time,
    not_after: Time,
}

#[derive(Clone, Copy, Choice)]
enum Time {
    #[asn1(type = "UTCTime")]
    Utc(UtcTime),
    #[asn1(type = "GeneralizedTime")]
    Generalized(GeneralizedTime),
}

#[derive(Sequence)]
struct Extension {
    extn_id: ObjectIdentifier,
    #[asn1(default = "Default::default")]
    critical: bool,
    extn_value: OctetString,
}

/// Encodes the TBSCertificate.
pub(super) fn tbs_certificate(request: &CertificateRequest<'_>) -> Result<Vec<u8>, ComposeError> {
    let (not_before, not_after) = validity(request)?;
    let tbs = TbsCertificate {
        version: V3,
        serial_number: UintRef::new(request.serial.as_bytes())?,
        signature: AnyRef::from_der(request.algorithm.algorithm_identifier_der())?,
        issuer: AnyRef::from_der(request.issuer.subject_der())?,
        validity: Validity { not_before: time(not_before)?, not_after: time(not_after)? },
        subject: AnyRef::from_der(EMPTY_NAME)?,
        subject_public_key_info: AnyRef::from_der(request.admitted.key().public_key().spki())?,
        extensions: extensions(request)?,
    };
    Ok(tbs.to_der()?)
}

/// `notBefore` is never ahead of the clock, and `notAfter` never behind the CA certificate's.
fn validity(request: &CertificateRequest<'_>) -> Result<(SystemTime, SystemTime), ComposeError> {
    let not_before = whole_seconds(request.now - request.validity.backdating);
    let not_after = not_before + request.lifetime();
    if not_before < request.issuer.not_before() {
        return Err(ComposeError::IssuerNotYetValid);
    }
    if not_after > request.issuer.not_after() {
        return Err(ComposeError::IssuerExpires);
    }
    Ok((not_before, not_after))
}

fn whole_seconds(time: SystemTime) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs())
}

fn time(time: SystemTime) -> der::Result<Time> {
    let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    if since_epoch <= LAST_UTC_TIME {
        UtcTime::from_unix_duration(since_epoch).map(Time::Utc)
    } else {
        GeneralizedTime::from_unix_duration(since_epoch).map(Time::Generalized)
    }
}

fn extensions(request: &CertificateRequest<'_>) -> der::Result<Vec<Extension>> {
    let authority_key_identifier = ContextSpecific {
        tag_number: TagNumber(0),
        tag_mode: TagMode::Implicit,
        value: OctetString::new(request.issuer.subject_key_identifier())?,
    };
    let mut extensions = vec![
        extension(KEY_USAGE, true, DIGITAL_SIGNATURE.to_vec())?,
        extension(EXTENDED_KEY_USAGE, false, vec![CODE_SIGNING].to_der()?)?,
        extension(
            SUBJECT_KEY_IDENTIFIER,
            false,
            OctetStringRef::new(&request.admitted.key().public_key().key_identifier())?.to_der()?,
        )?,
        extension(AUTHORITY_KEY_IDENTIFIER, false, vec![authority_key_identifier].to_der()?)?,
        extension(SUBJECT_ALTERNATIVE_NAME, true, general_names(request.admitted.principal().name())?)?,
    ];
    for (id, text) in request.admitted.principal().extensions() {
        let value = match id.encoding() {
            Encoding::RawText => text.as_bytes().to_vec(),
            Encoding::Utf8String => Utf8StringRef::new(text)?.to_der()?,
        };
        extensions.push(extension(id.oid(), false, value)?);
    }
    Ok(extensions)
}

fn extension(extn_id: ObjectIdentifier, critical: bool, value: Vec<u8>) -> der::Result<Extension> {
    Ok(Extension { extn_id, critical, extn_value: OctetString::new(value)? })
}

/// The extension that makes a precertificate unusable as a certificate (RFC 6962 section 3.1).
pub(super) fn poison() -> der::Result<Vec<u8>> {
    extension(POISON, true, NULL.to_vec())?.to_der()
}

/// The extension with the logs' timestamps (RFC 6962 section 3.3): the TLS list inside an OCTET STRING.
pub(super) fn timestamps(list: &[u8]) -> der::Result<Vec<u8>> {
    extension(TIMESTAMPS, false, OctetStringRef::new(list)?.to_der()?)?.to_der()
}

/// A GeneralNames of one name (RFC 5280 section 4.2.1.6).
fn general_names(name: &SubjectAlternativeName) -> der::Result<Vec<u8>> {
    match name {
        SubjectAlternativeName::Email(address) => {
            vec![tagged(1, TagMode::Implicit, Ia5StringRef::new(address)?)].to_der()
        }
        SubjectAlternativeName::Uri(uri) => {
            vec![tagged(6, TagMode::Implicit, Ia5StringRef::new(uri.as_str())?)].to_der()
        }
        SubjectAlternativeName::OtherName(text) => {
            let other = OtherName { type_id: OTHER_NAME, value: Utf8StringRef::new(text)? };
            vec![tagged(0, TagMode::Implicit, other)].to_der()
        }
    }
}

#[derive(Sequence)]
struct OtherName<'a> {
    type_id: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    value: Utf8StringRef<'a>,
}

fn tagged<T>(number: u32, tag_mode: TagMode, value: T) -> ContextSpecific<T> {
    ContextSpecific { tag_number: TagNumber(number), tag_mode, value }
}
