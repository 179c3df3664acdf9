//! The to-be-signed certificate, encoded field by field in the profile's order; CA certificates (`authority::ca_profile`) are encoded with the same types.
//!
//! Owns the bytes. Every extension's place and criticality stands here once; `lint` reads them back with another decoder.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use der::asn1::{Any, AnyRef, Ia5String, ObjectIdentifier, OctetString, OctetStringRef, UintRef, Utf8StringRef};
use der::{DateTime, Decode, Encode, Sequence};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::AuthorityKeyIdentifier;
use x509_cert::ext::pkix::name::{GeneralName, OtherName};
use x509_cert::time::{Time, Validity};

use super::{CertificateRequest, ComposeError};
use crate::identity::extensions::{Encoding, OTHER_NAME};
use crate::identity::kinds::SubjectAlternativeName;

pub(crate) const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
pub(crate) const EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37");
pub(crate) const SUBJECT_KEY_IDENTIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.14");
pub(crate) const AUTHORITY_KEY_IDENTIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.35");
pub(super) const SUBJECT_ALTERNATIVE_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
pub(crate) const CODE_SIGNING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.3");
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
pub(crate) const V3: u8 = 2;

/// RFC 5280 section 4.1.2, of a leaf or a CA. What stands elsewhere already is taken as it stands there.
#[derive(Sequence)]
pub(crate) struct TbsCertificate<'a> {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    pub version: u8,
    pub serial_number: UintRef<'a>,
    pub signature: AnyRef<'a>,
    pub issuer: AnyRef<'a>,
    pub validity: Validity,
    pub subject: AnyRef<'a>,
    pub subject_public_key_info: AnyRef<'a>,
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT")]
    pub extensions: Vec<Extension>,
}

/// Encodes the TBSCertificate.
pub(super) fn tbs_certificate(request: &CertificateRequest<'_>) -> Result<Vec<u8>, ComposeError> {
    let (not_before, not_after) = validity(request)?;
    let tbs = TbsCertificate {
        version: V3,
        serial_number: UintRef::new(request.serial.as_bytes())?,
        signature: AnyRef::from_der(request.algorithm.algorithm_identifier_der())?,
        issuer: AnyRef::from_der(request.issuer.subject_der())?,
        validity: Validity::new(time(not_before)?, time(not_after)?),
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

/// In whole seconds; `UTCTime` until 2049 (RFC 5280 section 4.1.2.5).
pub(crate) fn time(time: SystemTime) -> der::Result<Time> {
    DateTime::from_unix_duration(time.duration_since(UNIX_EPOCH).unwrap_or_default()).map(Time::from)
}

fn extensions(request: &CertificateRequest<'_>) -> der::Result<Vec<Extension>> {
    let mut extensions = vec![
        extension(KEY_USAGE, true, DIGITAL_SIGNATURE.to_vec())?,
        extension(EXTENDED_KEY_USAGE, false, vec![CODE_SIGNING].to_der()?)?,
        subject_key_identifier(&request.admitted.key().public_key().key_identifier())?,
        authority_key_identifier(request.issuer.subject_key_identifier())?,
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

pub(crate) fn subject_key_identifier(identifier: &[u8]) -> der::Result<Extension> {
    extension(SUBJECT_KEY_IDENTIFIER, false, OctetStringRef::new(identifier)?.to_der()?)
}

pub(crate) fn authority_key_identifier(identifier: &[u8]) -> der::Result<Extension> {
    let key_identifier = Some(OctetString::new(identifier)?);
    let identifier = AuthorityKeyIdentifier { key_identifier, ..AuthorityKeyIdentifier::default() };
    extension(AUTHORITY_KEY_IDENTIFIER, false, identifier.to_der()?)
}

pub(crate) fn extension(extn_id: ObjectIdentifier, critical: bool, value: Vec<u8>) -> der::Result<Extension> {
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
    let name = match name {
        SubjectAlternativeName::Email(address) => GeneralName::Rfc822Name(Ia5String::new(address)?),
        SubjectAlternativeName::Uri(uri) => GeneralName::UniformResourceIdentifier(Ia5String::new(uri.as_str())?),
        SubjectAlternativeName::OtherName(text) => {
            let value = Any::encode_from(&Utf8StringRef::new(text)?)?;
            GeneralName::OtherName(OtherName { type_id: OTHER_NAME, value })
        }
    };
    vec![name].to_der()
}
