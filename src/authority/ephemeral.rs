//! Owns certificate authorities that live in memory and die with the process: for trials, tests and development.
//!
//! Refuses to know files. Nobody else can trust such an authority for longer than one run.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use aws_lc_rs::{
    digest,
    rand::{SecureRandom as _, SystemRandom},
};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod,
    KeyPair, KeyUsagePurpose, PublicKeyData as _, SerialNumber,
};
use x509_parser::{prelude::FromDer as _, x509::SubjectPublicKeyInfo};

use super::{
    Authority, AuthorityError,
    chain::{ChainError, IssuingChain},
    local::LocalSigner,
};

/// How long a CA made here is valid: ten years, leap days included.
const LIFETIME: Duration = Duration::from_hours(3652 * 24);
/// The length of a serial number: RFC 5280, section 4.1.2.2 allows 20 octets.
const SERIAL_OCTETS: usize = 20;

/// The kinds of key that a CA made here can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// ECDSA on P-256: the fastest to sign with.
    EcdsaP256,
    /// ECDSA on P-384: what the incumbent's ephemeral CA has.
    EcdsaP384,
    /// Ed25519.
    Ed25519,
}

/// Why no CA could be made.
#[derive(Debug, thiserror::Error)]
pub enum EphemeralError {
    /// The system gave no random bytes.
    #[error("the system's random number generator failed")]
    Random,
    /// The key or the certificate could not be made.
    #[error("the CA certificate could not be made")]
    Certificate(#[from] rcgen::Error),
    /// The new key could not be read back.
    #[error("the new CA key could not be used")]
    Key,
    /// The new certificate does not keep our own rules.
    #[error("the new CA certificate is not accepted")]
    Chain(#[from] ChainError),
    /// The new key and certificate do not fit together.
    #[error("the new CA key does not fit its certificate")]
    Authority(#[from] AuthorityError),
}

/// A self-signed P-384 root that signs leaf certificates itself, valid from `now` for ten years.
///
/// # Errors
/// [`EphemeralError`], none of which is expected on a working system.
pub async fn root(now: SystemTime) -> Result<Authority, EphemeralError> {
    let key = generate(KeyKind::EcdsaP384)?;
    // One CA may stand below: the incumbent's ephemeral root says the same.
    let root = ca_params("sigmint ephemeral CA", IsCa::Ca(BasicConstraints::Constrained(1)), &key, now)?;
    let certificate = root.self_signed(&key)?;
    authority(vec![certificate.der().to_vec()], &key, now).await
}

/// A root, whose key is forgotten at once, and an issuing intermediate below it with keys of one kind.
///
/// # Errors
/// [`EphemeralError`], none of which is expected on a working system.
pub async fn root_and_intermediate(kind: KeyKind, now: SystemTime) -> Result<Authority, EphemeralError> {
    let root_key = generate(kind)?;
    let root = ca_params("sigmint development root", IsCa::Ca(BasicConstraints::Constrained(1)), &root_key, now)?;
    let root_certificate = root.self_signed(&root_key)?;

    let key = generate(kind)?;
    let mut intermediate = ca_params("sigmint development CA", IsCa::Ca(BasicConstraints::Constrained(0)), &key, now)?;
    intermediate.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
    intermediate.use_authority_key_identifier_extension = true;
    let certificate = intermediate.signed_by(&key, &Issuer::from_params(&root, &root_key))?;
    authority(vec![certificate.der().to_vec(), root_certificate.der().to_vec()], &key, now).await
}

async fn authority(chain: Vec<Vec<u8>>, key: &KeyPair, now: SystemTime) -> Result<Authority, EphemeralError> {
    let chain = IssuingChain::from_der(chain, now)?;
    let signer = LocalSigner::from_pkcs8(chain.algorithm(), key.serialized_der()).map_err(|_| EphemeralError::Key)?;
    Ok(Authority::new(chain, Arc::new(signer)).await?)
}

fn generate(kind: KeyKind) -> Result<KeyPair, rcgen::Error> {
    KeyPair::generate_for(match kind {
        KeyKind::EcdsaP256 => &rcgen::PKCS_ECDSA_P256_SHA256,
        KeyKind::EcdsaP384 => &rcgen::PKCS_ECDSA_P384_SHA384,
        KeyKind::Ed25519 => &rcgen::PKCS_ED25519,
    })
}

fn ca_params(
    common_name: &str,
    is_ca: IsCa,
    key: &KeyPair,
    now: SystemTime,
) -> Result<CertificateParams, EphemeralError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "sigmint");
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.serial_number = Some(serial()?);
    params.not_before = now.into();
    params.not_after = (now + LIFETIME).into();
    params.is_ca = is_ca;
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.key_identifier_method = KeyIdMethod::PreSpecified(key_identifier(key)?);
    Ok(params)
}

/// SHA-1 of the public key's bits (RFC 5280, section 4.2.1.2, method 1), as leaf certificates have it too.
fn key_identifier(key: &KeyPair) -> Result<Vec<u8>, EphemeralError> {
    let spki = key.subject_public_key_info();
    let (_, parsed) = SubjectPublicKeyInfo::from_der(&spki).map_err(|_| EphemeralError::Key)?;
    let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &parsed.subject_public_key.data);
    Ok(hash.as_ref().to_vec())
}

/// Random and positive, and always of full length: the highest bit is clear, the next one set.
fn serial() -> Result<SerialNumber, EphemeralError> {
    let mut octets = [0; SERIAL_OCTETS];
    SystemRandom::new().fill(&mut octets).map_err(|_| EphemeralError::Random)?;
    if let Some(first) = octets.first_mut() {
        *first = *first & 0x3f | 0x40;
    }
    Ok(SerialNumber::from_slice(&octets))
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::{KeyKind, root, root_and_intermediate, serial};
    use crate::authority::signer::SignatureAlgorithm;

    #[tokio::test]
    async fn the_root_alone_is_p384_and_signs() {
        let authority = root(SystemTime::now()).await.unwrap();
        assert_eq!(authority.algorithm(), SignatureAlgorithm::EcdsaP384Sha384);
        assert_eq!(authority.chain().len(), 1);
        assert_eq!(authority.chain().subject(), "O=sigmint, CN=sigmint ephemeral CA");
        let signature = authority.sign_octets(b"tbs").await.unwrap();
        authority.chain().signature_check().verify(b"tbs", &signature).unwrap();
    }

    #[tokio::test]
    async fn the_development_chain_has_an_issuing_intermediate_of_the_kind_asked_for() {
        for (kind, algorithm) in [
            (KeyKind::EcdsaP256, SignatureAlgorithm::EcdsaP256Sha256),
            (KeyKind::EcdsaP384, SignatureAlgorithm::EcdsaP384Sha384),
            (KeyKind::Ed25519, SignatureAlgorithm::Ed25519),
        ] {
            let authority = root_and_intermediate(kind, SystemTime::now()).await.unwrap();
            assert_eq!((authority.algorithm(), authority.chain().len()), (algorithm, 2));
            assert_eq!(authority.chain().subject_key_identifier().len(), 20);
        }
    }

    #[test]
    fn serials_are_positive_of_full_length_and_different() {
        let (one, other) = (serial().unwrap().to_bytes(), serial().unwrap().to_bytes());
        assert_ne!(one, other);
        assert_eq!((one.len(), one[0] & 0xc0), (20, 0x40));
    }
}
