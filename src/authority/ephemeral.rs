//! Owns certificate authorities that are made in memory, for trials, tests and development, and die with the process unless somebody keeps
//! the key.
//!
//! Refuses to know files.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use zeroize::Zeroizing;

use super::ca_profile::{self, CaDescription, CaIssuer, CaKey, MakingError};
use super::{Authority, AuthorityError};
use crate::certificate::chain::{ChainError, IssuingChain};
use crate::crypto::algorithm::SignatureAlgorithm;
use crate::signer::key_file::{GenerateError, generate};
use crate::signer::local::{KeyRejected, LocalSigner};

/// How long a CA made here is valid: ten years, leap days included.
const LIFETIME: Duration = Duration::from_hours(3652 * 24);

/// Why no CA could be made.
#[derive(Debug, thiserror::Error)]
pub enum EphemeralError {
    #[error(transparent)]
    Generate(#[from] GenerateError),
    #[error(transparent)]
    Key(#[from] KeyRejected),
    #[error("the CA certificate could not be made")]
    Certificate(#[from] MakingError),
    #[error("the new CA certificate is not accepted")]
    Chain(#[from] ChainError),
    #[error("the new CA key does not fit its certificate")]
    Authority(#[from] AuthorityError),
}

/// A self-signed P-384 root that signs leaf certificates itself, valid from `now` for ten years.
pub async fn root(now: SystemTime) -> Result<Authority, EphemeralError> {
    let key = new_key(SignatureAlgorithm::EcdsaP384Sha384)?;
    // One CA may stand below: Fulcio's ephemeral root says the same.
    let root = ca_profile::root(&description("sigmint ephemeral CA", now)?, &key).await?;
    authority(vec![root], key, now).await
}

/// A root, whose key is forgotten at once, and an issuing intermediate below it with keys of one kind.
pub async fn root_and_intermediate(
    algorithm: SignatureAlgorithm,
    now: SystemTime,
) -> Result<Authority, EphemeralError> {
    Ok(root_and_intermediate_with_key(algorithm, now).await?.0)
}

/// The same, and the issuing key as PEM (PKCS #8), for somebody who keeps it.
pub async fn root_and_intermediate_with_key(
    algorithm: SignatureAlgorithm,
    now: SystemTime,
) -> Result<(Authority, Zeroizing<String>), EphemeralError> {
    let (root_key, new) = (new_key(algorithm)?, generate(algorithm)?);
    let pem = new.to_pem(None)?;
    let key = ca_key(new.signer)?;
    let root = ca_profile::root(&description("sigmint development root", now)?, &root_key).await?;
    let issuer = CaIssuer { certificate: &root, key: &root_key };
    let intermediate =
        ca_profile::intermediate(&description("sigmint development CA", now)?, &key.spki_der, issuer).await?;
    Ok((authority(vec![intermediate, root], key, now).await?, pem))
}

async fn authority(chain: Vec<Vec<u8>>, key: CaKey, now: SystemTime) -> Result<Authority, EphemeralError> {
    Ok(Authority::new(IssuingChain::from_der(&chain, now)?, key.signer).await?)
}

fn new_key(algorithm: SignatureAlgorithm) -> Result<CaKey, EphemeralError> {
    ca_key(generate(algorithm)?.signer)
}

fn ca_key(signer: LocalSigner) -> Result<CaKey, EphemeralError> {
    Ok(CaKey { spki_der: signer.spki_der()?, signer: Arc::new(signer) })
}

fn description(common_name: &str, now: SystemTime) -> Result<CaDescription, EphemeralError> {
    let subject = ca_profile::subject(&format!("O=sigmint,CN={common_name}"))?;
    Ok(CaDescription { subject, not_before: now, lifetime: LIFETIME })
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::{root, root_and_intermediate};
    use crate::crypto::algorithm::SignatureAlgorithm;

    #[tokio::test]
    async fn the_root_alone_is_p384_and_signs() {
        let authority = root(SystemTime::now()).await.unwrap();
        assert_eq!(authority.algorithm(), SignatureAlgorithm::EcdsaP384Sha384);
        assert_eq!(authority.chain().len(), 1);
        assert_eq!(authority.chain().subject(), "O=sigmint, CN=sigmint ephemeral CA");
        let signature = authority.sign_bytes(b"tbs").await.unwrap();
        authority.chain().signature_check().verify(b"tbs", &signature).unwrap();
    }

    #[tokio::test]
    async fn the_development_chain_has_an_issuing_intermediate_of_the_kind_asked_for() {
        for algorithm in SignatureAlgorithm::ALL {
            let authority = root_and_intermediate(algorithm, SystemTime::now()).await.unwrap();
            assert_eq!((authority.algorithm(), authority.chain().len()), (algorithm, 2));
            assert_eq!(authority.chain().subject_key_identifier().len(), 20);
        }
    }
}
