//! The timestamp authority's key and certificates: in the folder, if there is one, made at the first start there and used again at the
//! next ones.
//!
//! Owns its one file, key first and chain behind it, so that it is never there by half, and the profile of RFC 3161 section 2.3. Knows
//! neither requests nor HTTP.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use der::asn1::{AnyRef, ObjectIdentifier, UintRef};
use der::{Decode as _, Encode as _};
use x509_cert::ext::Extension;
use x509_cert::time::Validity;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;
use zeroize::Zeroizing;

use crate::authority::ca_profile::{self, CaDescription, CaKey, MakingError};
use crate::certificate::compose::{
    EXTENDED_KEY_USAGE, KEY_USAGE, TbsCertificate, V3, authority_key_identifier, extension, subject_key_identifier,
    time,
};
use crate::certificate::{Serial, assemble};
use crate::crypto::algorithm::SignatureAlgorithm;
use crate::crypto::pem;
use crate::crypto::signature_check::SignatureCheck;
use crate::crypto::spki::key_identifier;
use crate::dev::folder::{Folder, FolderError, Readers};
use crate::signer::Signer;
use crate::signer::key_file::{self, GenerateError, NewKey, generate};
use crate::text;

/// Key and chain in the folder.
const FILE: &str = "tsa-key.pem";
/// How long root and leaf are valid: as long as the development CA.
const LIFETIME: Duration = Duration::from_hours(3652 * 24);
const ALGORITHM: SignatureAlgorithm = SignatureAlgorithm::EcdsaP256Sha256;
const ROOT: &str = "O=sigmint,CN=sigmint development timestamping root";
const LEAF: &str = "O=sigmint,CN=sigmint development timestamping";
/// id-kp-timeStamping.
const TIME_STAMPING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.8");
/// BIT STRING with the first bit set: digitalSignature.
const DIGITAL_SIGNATURE: &[u8] = &[0x03, 0x02, 0x07, 0x80];

/// A key, and the chain of its certificate, which is fit for timestamps.
#[derive(Clone, Debug)]
pub(super) struct TimestampingChain {
    pub(super) signer: Arc<dyn Signer>,
    /// The leaf first, the root last, DER.
    pub(super) certificates: Vec<Vec<u8>>,
    pub(super) not_before: SystemTime,
    pub(super) not_after: SystemTime,
}

/// Why there is no such chain.
#[derive(Debug, thiserror::Error)]
pub enum TimestampingError {
    #[error("the folder has no usable key")]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Generate(#[from] GenerateError),
    #[error("the certificate could not be made")]
    Certificate(#[from] MakingError),
    #[error("the new certificate cannot be used: {0}")]
    Unfit(#[from] Unfit),
}

/// Why a chain is not fit for timestamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("it does not begin with a private key")]
    Key,
    #[error("two certificates are expected behind the key, the timestamping one and its root")]
    Count,
    #[error("certificate {0} is not a valid X.509 certificate")]
    Malformed(usize),
    #[error("the key is not that of the first certificate")]
    OtherKey,
    #[error("the first certificate is not for timestamps alone, by a critical extended key usage")]
    Purpose,
    #[error("the first certificate is a certificate authority's, or the second is not")]
    Authority,
    #[error("certificate {0} is not signed by the root")]
    Signature(usize),
    #[error("certificate {0} is not valid now")]
    Expired(usize),
}

impl TimestampingChain {
    /// The folder's, or a new one.
    pub(super) async fn open(folder: Option<&Folder>, now: SystemTime) -> Result<Self, TimestampingError> {
        if let Some(folder) = folder
            && let Some(content) = folder.get(FILE)?.map(Zeroizing::new)
        {
            return Ok(Self::read(&content, now).map_err(|unfit| folder.damaged(FILE, unfit.to_string()))?);
        }
        let (key, certificates) = new(now).await?;
        let mut content = key.to_pem(None)?;
        for der in &certificates {
            content.push_str(&text::pem("CERTIFICATE", der));
        }
        let chain = Self::read(content.as_bytes(), now)?;
        if let Some(folder) = folder {
            folder.put(FILE, content.as_bytes(), Readers::Owner)?;
        }
        Ok(chain)
    }

    fn read(content: &[u8], now: SystemTime) -> Result<Self, Unfit> {
        let signer = key_file::read(content, None).map_err(|_| Unfit::Key)?;
        let certificates = pem::certificates(content).map_err(|_| Unfit::Count)?.ders;
        let [leaf, root] = certificates.as_slice() else { return Err(Unfit::Count) };
        let (leaf, root) = (parse(leaf, 1)?, parse(root, 2)?);
        let spki = signer.spki_der().map_err(|_| Unfit::Key)?;
        if signer.algorithm() != ALGORITHM || leaf.public_key().raw != spki {
            return Err(Unfit::OtherKey);
        }
        if !is_for_timestamps_alone(&leaf) {
            return Err(Unfit::Purpose);
        }
        if leaf.is_ca() || !root.is_ca() {
            return Err(Unfit::Authority);
        }
        let check = SignatureCheck::from_spki_der(root.public_key().raw).map_err(|_| Unfit::Signature(2))?;
        for (number, certificate) in [(1, &leaf), (2, &root)] {
            let (message, signature) =
                (certificate.tbs_certificate.as_ref(), certificate.signature_value.data.as_ref());
            let is_signed = check.verify_link(&certificate.signature_algorithm, message, signature).is_ok();
            if !is_signed || certificate.issuer().as_raw() != root.subject().as_raw() {
                return Err(Unfit::Signature(number));
            }
            let (not_before, not_after) = window(certificate);
            if now < not_before || now > not_after {
                return Err(Unfit::Expired(number));
            }
        }
        let (not_before, not_after) = window(&leaf);
        drop((leaf, root));
        Ok(Self { signer: Arc::new(signer), certificates, not_before, not_after })
    }
}

fn parse(der: &[u8], number: usize) -> Result<X509Certificate<'_>, Unfit> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        _ => Err(Unfit::Malformed(number)),
    }
}

/// Of the leaf: what its timestamps can be of.
fn window(certificate: &X509Certificate<'_>) -> (SystemTime, SystemTime) {
    let time = |timestamp: i64| SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(timestamp).unwrap_or(0));
    let validity = certificate.validity();
    (time(validity.not_before.timestamp()), time(validity.not_after.timestamp()))
}

/// RFC 3161 section 2.3.
fn is_for_timestamps_alone(leaf: &X509Certificate<'_>) -> bool {
    let only = || vec![TIME_STAMPING].to_der().ok();
    let mut usages =
        leaf.extensions().iter().filter(|extension| extension.oid.as_bytes() == EXTENDED_KEY_USAGE.as_bytes());
    let (first, second) = (usages.next(), usages.next());
    second.is_none() && first.is_some_and(|usage| usage.critical && only().is_some_and(|only| usage.value == only))
}

/// A root, whose key is forgotten at once, and a leaf below it: the shape of the public instance's.
async fn new(now: SystemTime) -> Result<(NewKey, Vec<Vec<u8>>), TimestampingError> {
    let (root_signer, leaf_key) = (generate(ALGORITHM)?.signer, generate(ALGORITHM)?);
    let spki_der = root_signer.spki_der().map_err(|_| GenerateError)?;
    let root_key = CaKey { spki_der, signer: Arc::new(root_signer) };
    let subject = ca_profile::subject(ROOT)?;
    let root = ca_profile::root(&CaDescription { subject, not_before: now, lifetime: LIFETIME }, &root_key).await?;
    let leaf_spki = leaf_key.signer.spki_der().map_err(|_| GenerateError)?;
    let tbs = leaf_tbs(&leaf_spki, &root_key.spki_der, now)?;
    let signature = root_key.signer.sign(&tbs).await.map_err(MakingError::Signer)?;
    let leaf = assemble(&tbs, ALGORITHM, &signature).map_err(MakingError::Encoding)?;
    Ok((leaf_key, vec![leaf, root]))
}

fn leaf_tbs(spki: &[u8], root_spki: &[u8], now: SystemTime) -> Result<Vec<u8>, MakingError> {
    let mut random = [0; Serial::LENGTH];
    SystemRandom::new().fill(&mut random).map_err(|_| MakingError::Random)?;
    let serial = Serial::from_random(random);
    let (issuer, subject) = (ca_profile::subject(ROOT)?.to_der()?, ca_profile::subject(LEAF)?.to_der()?);
    let tbs = TbsCertificate {
        version: V3,
        serial_number: UintRef::new(serial.as_bytes())?,
        signature: AnyRef::from_der(ALGORITHM.algorithm_identifier_der())?,
        issuer: AnyRef::from_der(&issuer)?,
        validity: Validity::new(time(now)?, time(now + LIFETIME)?),
        subject: AnyRef::from_der(&subject)?,
        subject_public_key_info: AnyRef::from_der(spki)?,
        extensions: leaf_extensions(spki, root_spki)?,
    };
    Ok(tbs.to_der()?)
}

fn leaf_extensions(spki: &[u8], root_spki: &[u8]) -> der::Result<Vec<Extension>> {
    let identifier = |spki: &[u8]| {
        let spki = spki::SubjectPublicKeyInfoRef::from_der(spki)?;
        Ok::<_, der::Error>(key_identifier(spki.subject_public_key.raw_bytes()))
    };
    Ok(vec![
        extension(KEY_USAGE, true, DIGITAL_SIGNATURE.to_vec())?,
        extension(EXTENDED_KEY_USAGE, true, vec![TIME_STAMPING].to_der()?)?,
        subject_key_identifier(&identifier(spki)?)?,
        authority_key_identifier(&identifier(root_spki)?)?,
    ])
}

#[cfg(test)]
mod tests;
