//! Owns the certificates of certificate authorities themselves: roots, intermediates and requests for them, in the
//! profile that `chain` demands and verifiers expect (RFC 5280, sections 4.1 and 4.2).
//!
//! Refuses to know where keys and files are, and clocks: a key comes in as a signer, the time as an argument.

use std::str::FromStr as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use der::asn1::{AnyRef, BitString, ObjectIdentifier, UintRef};
use der::{Decode as _, Encode as _};
use spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage, KeyUsages, SubjectKeyIdentifier};
use x509_cert::name::Name;
use x509_cert::request::{CertReq, CertReqInfo};
use x509_cert::time::Validity;

use crate::certificate::assemble;
use crate::certificate::compose::{
    CODE_SIGNING, EXTENDED_KEY_USAGE, KEY_USAGE, TbsCertificate, V3, authority_key_identifier, extension,
    subject_key_identifier, time,
};
use crate::crypto::signature_check::{BadSignature, KeyError, SignatureCheck};
use crate::signer::{Signer, SignerError};

/// The length of a serial number: RFC 5280, section 4.1.2.2 allows 20 bytes.
const SERIAL_BYTES: usize = 20;
const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");

/// A key of a CA: one that signs, and its public half.
#[derive(Clone, Debug)]
pub(crate) struct CaKey {
    pub signer: Arc<dyn Signer>,
    /// The public half, DER `SubjectPublicKeyInfo`.
    pub spki_der: Vec<u8>,
}

/// What is to stand in a CA's certificate.
#[derive(Clone, Debug)]
pub(crate) struct CaDescription {
    /// The name, see [`subject`].
    pub subject: Name,
    pub not_before: SystemTime,
    pub lifetime: Duration,
}

impl CaDescription {
    /// In whole seconds, as certificates have it.
    fn validity(&self) -> der::Result<Validity> {
        Ok(Validity::new(time(self.not_before)?, time(self.not_before + self.lifetime)?))
    }
}

/// Who issues a CA's certificate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CaIssuer<'a> {
    /// Its certificate, DER.
    pub certificate: &'a [u8],
    pub key: &'a CaKey,
}

/// Why a CA's certificate or request cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum MakingError {
    #[error("{0:?} is not a name: write it like \"O=Example,CN=Example code signing\"")]
    Subject(String),
    #[error("{0:?} has neither O nor CN: write it like \"O=Example,CN=Example code signing\"")]
    Incomplete(String),
    #[error("the system's random number generator failed")]
    Random,
    #[error("the key cannot be a CA's: {0}")]
    Key(#[from] KeyError),
    #[error("the issuer's certificate is malformed")]
    Issuer,
    #[error("the issuer's certificate ends before the new one would: make its lifetime shorter")]
    OutlivesIssuer,
    #[error("the key does not sign")]
    Signer(#[from] SignerError),
    #[error("the signature does not verify with the key's public half: the two do not belong together")]
    Mismatch(#[from] BadSignature),
    #[error("the certificate cannot be encoded: {0}")]
    Encoding(#[from] der::Error),
}

/// Reads a name as people write it: `O=Example,CN=Example root` (RFC 4514, but the first part comes first in the certificate).
pub(crate) fn subject(text: &str) -> Result<Name, MakingError> {
    let refused = || MakingError::Subject(text.to_owned());
    let parts = split_name(text);
    // RFC 4514 writes names backwards.
    let backwards = parts.iter().rev().map(|part| part.trim()).collect::<Vec<_>>().join(",");
    let name = Name::from_str(&backwards).map_err(|_| refused())?;
    if name.is_empty() { Err(refused()) } else { Ok(name) }
}

/// As [`subject`], always with an organization and a common name: sigstore-python refuses a trusted root without either. One that is not
/// given is the other one.
pub(crate) fn complete_subject(text: &str) -> Result<Name, MakingError> {
    let value = |names: [&str; 2]| {
        let mut parts = split_name(text).into_iter().filter_map(|part| part.trim().split_once('='));
        parts
            .find(|(name, _)| names.iter().any(|known| name.trim().eq_ignore_ascii_case(known)))
            .map(|(_, value)| value)
    };
    match (value(["O", "2.5.4.10"]), value(["CN", "2.5.4.3"])) {
        (Some(_), Some(_)) => subject(text),
        (None, Some(common_name)) => subject(&format!("O={common_name},{text}")),
        (Some(organization), None) => subject(&format!("{text},CN={organization}")),
        (None, None) => subject(text).and(Err(MakingError::Incomplete(text.to_owned()))),
    }
}

/// The parts of a name, at commas that are not escaped.
fn split_name(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut escaped) = (Vec::new(), 0, false);
    for (index, character) in text.char_indices() {
        if character == ',' && !escaped {
            parts.push(text.get(start..index).unwrap_or_default());
            start = index + 1;
        }
        escaped = character == '\\' && !escaped;
    }
    parts.push(text.get(start..).unwrap_or_default());
    parts
}

/// Makes a self-signed root, below which one CA may stand.
pub(crate) async fn root(description: &CaDescription, key: &CaKey) -> Result<Vec<u8>, MakingError> {
    certificate(description, None, &key.spki_der, key).await
}

/// Makes an intermediate for code signing, below which only leaf certificates may stand.
pub(crate) async fn intermediate(
    description: &CaDescription,
    spki_der: &[u8],
    issuer: CaIssuer<'_>,
) -> Result<Vec<u8>, MakingError> {
    let above = x509_cert::Certificate::from_der(issuer.certificate).map_err(|_| MakingError::Issuer)?;
    let above = above.tbs_certificate();
    if description.validity()?.not_after.to_unix_duration() > above.validity().not_after.to_unix_duration() {
        return Err(MakingError::OutlivesIssuer);
    }
    let stated = above.get_extension::<SubjectKeyIdentifier>().map_err(|_| MakingError::Issuer)?;
    let authority_key_identifier = match stated {
        Some((_, identifier)) => identifier.0.as_bytes().to_vec(),
        None => key_identifier(&issuer.key.spki_der)?,
    };
    let above = Above { subject: above.subject().to_der()?, key_identifier: authority_key_identifier };
    certificate(description, Some(above), spki_der, issuer.key).await
}

/// Makes a PKCS #10 request (RFC 2986) for an intermediate, for a root that is elsewhere.
pub(crate) async fn request(subject: &Name, key: &CaKey) -> Result<Vec<u8>, MakingError> {
    let check = SignatureCheck::from_spki_der(&key.spki_der)?;
    let info = CertReqInfo {
        version: x509_cert::request::Version::V1,
        subject: subject.clone(),
        public_key: SubjectPublicKeyInfoOwned::from_der(&key.spki_der)?,
        attributes: der::asn1::SetOfVec::default(),
    };
    let signature = BitString::from_bytes(&sign(key, &check, &info.to_der()?).await?)?;
    let algorithm = AlgorithmIdentifierOwned::from_der(check.algorithm().algorithm_identifier_der())?;
    Ok(CertReq { info, algorithm, signature }.to_der()?)
}

/// Who stands above a CA that is not a root.
struct Above {
    /// DER.
    subject: Vec<u8>,
    key_identifier: Vec<u8>,
}

async fn certificate(
    description: &CaDescription,
    above: Option<Above>,
    spki_der: &[u8],
    issuer_key: &CaKey,
) -> Result<Vec<u8>, MakingError> {
    SignatureCheck::from_spki_der(spki_der)?;
    let check = SignatureCheck::from_spki_der(&issuer_key.spki_der)?;
    let (algorithm, subject, serial) = (check.algorithm(), description.subject.to_der()?, serial()?);
    let tbs = TbsCertificate {
        version: V3,
        serial_number: UintRef::new(&serial)?,
        signature: AnyRef::from_der(algorithm.algorithm_identifier_der())?,
        issuer: AnyRef::from_der(above.as_ref().map_or(&subject, |above| &above.subject))?,
        validity: description.validity()?,
        subject: AnyRef::from_der(&subject)?,
        subject_public_key_info: AnyRef::from_der(spki_der)?,
        extensions: extensions(above.as_ref(), &key_identifier(spki_der)?)?,
    };
    let tbs = tbs.to_der()?;
    Ok(assemble(&tbs, algorithm, &sign(issuer_key, &check, &tbs).await?)?)
}

fn extensions(above: Option<&Above>, own_key_identifier: &[u8]) -> der::Result<Vec<Extension>> {
    let usage = KeyUsage(KeyUsages::KeyCertSign | KeyUsages::CRLSign);
    let path_length = u8::from(above.is_none());
    let constraints = BasicConstraints { ca: true, path_len_constraint: Some(path_length) };
    let mut extensions = vec![extension(KEY_USAGE, true, usage.to_der()?)?];
    if above.is_some() {
        extensions.push(extension(EXTENDED_KEY_USAGE, false, vec![CODE_SIGNING].to_der()?)?);
    }
    extensions.push(extension(BASIC_CONSTRAINTS, true, constraints.to_der()?)?);
    extensions.push(subject_key_identifier(own_key_identifier)?);
    if let Some(above) = above {
        extensions.push(authority_key_identifier(&above.key_identifier)?);
    }
    Ok(extensions)
}

/// Signs, and makes sure that it did.
async fn sign(key: &CaKey, check: &SignatureCheck, message: &[u8]) -> Result<Vec<u8>, MakingError> {
    let signature = key.signer.sign(message).await?;
    check.verify(message, &signature)?;
    Ok(signature)
}

/// SHA-1 of the public key's bits (RFC 5280, section 4.2.1.2, method 1), as leaf certificates have it too.
fn key_identifier(spki_der: &[u8]) -> Result<Vec<u8>, MakingError> {
    let spki = SubjectPublicKeyInfoOwned::from_der(spki_der)?;
    Ok(crate::crypto::spki::key_identifier(spki.subject_public_key.raw_bytes()))
}

/// Random and positive, and always of full length: the highest bit is clear, the next one set.
fn serial() -> Result<[u8; SERIAL_BYTES], MakingError> {
    let mut bytes = [0; SERIAL_BYTES];
    SystemRandom::new().fill(&mut bytes).map_err(|_| MakingError::Random)?;
    bytes[0] = bytes[0] & 0x3f | 0x40;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
