//! Owns the certificates of certificate authorities themselves: roots, intermediates and requests for them, in the
//! profile that `chain` demands and verifiers expect (RFC 5280, sections 4.1 and 4.2).
//!
//! Refuses to know where keys and files are, and clocks: a key comes in as a signer, the time as an argument.

use std::str::FromStr as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest;
use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use der::asn1::{BitString, OctetString};
use der::{Decode as _, Encode as _};
use pkcs8::{Document, EncodePublicKey};
use spki::{
    AlgorithmIdentifierOwned, DynSignatureAlgorithmIdentifier, SubjectPublicKeyInfoOwned, SubjectPublicKeyInfoRef,
};
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::builder::{self, Builder as _, CertificateBuilder};
use x509_cert::certificate::TbsCertificate;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectKeyIdentifier,
};
use x509_cert::ext::{Extension, ToExtension};
use x509_cert::name::Name;
use x509_cert::request::{CertReq, CertReqInfo};
use x509_cert::serial_number::SerialNumber;
use x509_cert::time::{Time, Validity};

use crate::crypto::algorithm::SignatureAlgorithm;
use crate::crypto::signature_check::{BadSignature, KeyError, SignatureCheck};
use crate::signer::{Signer, SignerError};

/// The length of a serial number: RFC 5280, section 4.1.2.2 allows 20 bytes.
const SERIAL_BYTES: usize = 20;
const CODE_SIGNING: der::asn1::ObjectIdentifier = der::asn1::ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.3");

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
    /// From when it is valid.
    pub not_before: SystemTime,
    /// How long it is valid.
    pub lifetime: Duration,
}

impl CaDescription {
    /// In whole seconds, as certificates have it.
    fn validity(&self) -> Result<Validity, MakingError> {
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
    /// A public key that no CA may have.
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
    Encoding(String),
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
    let profile = Profile {
        subject: description.subject.clone(),
        issuer: None,
        subject_key_identifier: key_identifier(&key.spki_der)?,
        authority_key_identifier: None,
        path_length: 1,
        code_signing: false,
    };
    certificate(profile, description, &key.spki_der, key).await
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
    let profile = Profile {
        subject: description.subject.clone(),
        issuer: Some(above.subject().clone()),
        subject_key_identifier: key_identifier(spki_der)?,
        authority_key_identifier: Some(authority_key_identifier),
        path_length: 0,
        code_signing: true,
    };
    certificate(profile, description, spki_der, issuer.key).await
}

/// Makes a PKCS #10 request (RFC 2986) for an intermediate, for a root that is elsewhere.
pub(crate) async fn request(subject: &Name, key: &CaKey) -> Result<Vec<u8>, MakingError> {
    let keyed = Keyed::new(key)?;
    let info = CertReqInfo {
        version: x509_cert::request::Version::V1,
        subject: subject.clone(),
        public_key: SubjectPublicKeyInfoOwned::from_der(&key.spki_der).map_err(encoding)?,
        attributes: der::asn1::SetOfVec::default(),
    };
    let signature = keyed.sign(&info.to_der().map_err(encoding)?).await?;
    CertReq { info, algorithm: keyed.algorithm()?, signature }.to_der().map_err(encoding)
}

async fn certificate(
    profile: Profile,
    description: &CaDescription,
    spki_der: &[u8],
    issuer_key: &CaKey,
) -> Result<Vec<u8>, MakingError> {
    SignatureCheck::from_spki_der(spki_der)?;
    let keyed = Keyed::new(issuer_key)?;
    let spki = SubjectPublicKeyInfoOwned::from_der(spki_der).map_err(encoding)?;
    let mut builder = CertificateBuilder::new(profile, serial()?, description.validity()?, spki).map_err(building)?;
    let tbs = builder.finalize(&keyed).map_err(building)?;
    let signature = keyed.sign(&tbs).await?;
    builder.assemble(signature, &keyed).map_err(building)?.to_der().map_err(encoding)
}

/// The names and extensions of a CA's certificate.
struct Profile {
    subject: Name,
    /// Nobody else for a root.
    issuer: Option<Name>,
    subject_key_identifier: Vec<u8>,
    authority_key_identifier: Option<Vec<u8>>,
    path_length: u8,
    code_signing: bool,
}

impl BuilderProfile for Profile {
    fn get_issuer(&self, subject: &Name) -> Name {
        self.issuer.clone().unwrap_or_else(|| subject.clone())
    }

    fn get_subject(&self) -> Name {
        self.subject.clone()
    }

    fn build_extensions(
        &self,
        _: SubjectPublicKeyInfoRef<'_>,
        _: SubjectPublicKeyInfoRef<'_>,
        _: &TbsCertificate,
    ) -> builder::Result<Vec<Extension>> {
        let mut extensions = Vec::new();
        let subject = &self.subject;
        let usage = KeyUsage(KeyUsages::KeyCertSign | KeyUsages::CRLSign);
        extensions.push(usage.to_extension(subject, &extensions)?);
        if self.code_signing {
            extensions.push(ExtendedKeyUsage(vec![CODE_SIGNING]).to_extension(subject, &extensions)?);
        }
        let constraints = BasicConstraints { ca: true, path_len_constraint: Some(self.path_length) };
        extensions.push(constraints.to_extension(subject, &extensions)?);
        let identifier = SubjectKeyIdentifier(OctetString::new(self.subject_key_identifier.clone())?);
        extensions.push(identifier.to_extension(subject, &extensions)?);
        if let Some(identifier) = &self.authority_key_identifier {
            let key_identifier = Some(OctetString::new(identifier.clone())?);
            let identifier = AuthorityKeyIdentifier { key_identifier, ..AuthorityKeyIdentifier::default() };
            extensions.push(identifier.to_extension(subject, &extensions)?);
        }
        Ok(extensions)
    }
}

/// A key in the form that the builder asks for: it wants to know the key, not to sign with it.
struct Keyed<'a> {
    key: &'a CaKey,
    check: SignatureCheck,
}

/// The public half, for the builder.
#[derive(Clone)]
struct PublicHalf(Vec<u8>);

impl<'a> Keyed<'a> {
    fn new(key: &'a CaKey) -> Result<Self, MakingError> {
        Ok(Self { key, check: SignatureCheck::from_spki_der(&key.spki_der)? })
    }

    /// Signs, and makes sure that it did.
    async fn sign(&self, message: &[u8]) -> Result<BitString, MakingError> {
        let signature = self.key.signer.sign(message).await?;
        self.check.verify(message, &signature)?;
        BitString::from_bytes(&signature).map_err(encoding)
    }

    fn algorithm(&self) -> Result<AlgorithmIdentifierOwned, MakingError> {
        identifier(self.check.algorithm()).map_err(encoding)
    }
}

impl signature::Keypair for Keyed<'_> {
    type VerifyingKey = PublicHalf;

    fn verifying_key(&self) -> PublicHalf {
        PublicHalf(self.key.spki_der.clone())
    }
}

impl EncodePublicKey for PublicHalf {
    fn to_public_key_der(&self) -> spki::Result<Document> {
        Ok(Document::try_from(self.0.as_slice())?)
    }
}

impl DynSignatureAlgorithmIdentifier for Keyed<'_> {
    fn signature_algorithm_identifier(&self) -> spki::Result<AlgorithmIdentifierOwned> {
        Ok(identifier(self.check.algorithm())?)
    }
}

fn identifier(algorithm: SignatureAlgorithm) -> der::Result<AlgorithmIdentifierOwned> {
    AlgorithmIdentifierOwned::from_der(algorithm.algorithm_identifier_der())
}

/// SHA-1 of the public key's bits (RFC 5280, section 4.2.1.2, method 1), as leaf certificates have it too.
fn key_identifier(spki_der: &[u8]) -> Result<Vec<u8>, MakingError> {
    let spki = SubjectPublicKeyInfoOwned::from_der(spki_der).map_err(encoding)?;
    let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, spki.subject_public_key.raw_bytes());
    Ok(hash.as_ref().to_vec())
}

/// Random and positive, and always of full length: the highest bit is clear, the next one set.
fn serial() -> Result<SerialNumber, MakingError> {
    let mut bytes = [0; SERIAL_BYTES];
    SystemRandom::new().fill(&mut bytes).map_err(|_| MakingError::Random)?;
    if let Some(first) = bytes.first_mut() {
        *first = *first & 0x3f | 0x40;
    }
    SerialNumber::new(&bytes).map_err(encoding)
}

/// In whole seconds; `UTCTime` until 2049 (RFC 5280, section 4.1.2.5), which the builder sees to.
fn time(time: SystemTime) -> Result<Time, MakingError> {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let time = der::asn1::GeneralizedTime::from_unix_duration(Duration::from_secs(since.as_secs()));
    Ok(Time::GeneralTime(time.map_err(encoding)?))
}

fn encoding(error: der::Error) -> MakingError {
    MakingError::Encoding(error.to_string())
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn building(error: builder::Error) -> MakingError {
    MakingError::Encoding(error.to_string())
}

#[cfg(test)]
mod tests;
