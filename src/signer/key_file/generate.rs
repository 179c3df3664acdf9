//! Owns new private keys and their PEM, encrypted or not.
//!
//! Refuses to know files: it makes text.

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use aws_lc_rs::rsa::{self, KeySize};
use aws_lc_rs::signature::{EcdsaKeyPair, Ed25519KeyPair};
use der::{Decode as _, Encode as _};
use pkcs8::pkcs5::pbes2;
use pkcs8::{EncryptedPrivateKeyInfoRef, PrivateKeyInfoRef};
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use crate::crypto::algorithm::SignatureAlgorithm;
use crate::signer::local::LocalSigner;
use crate::text;

/// How often PBKDF2 hashes: what OWASP recommends for HMAC-SHA-256 (600 000, 2023). A start waits a third of a second for it.
const ITERATIONS: u32 = 600_000;
const SALT_BYTES: usize = 16;
const IV_BYTES: usize = 16;

/// A key that did not exist before.
#[derive(derive_more::Debug)]
pub(crate) struct NewKey {
    pub signer: LocalSigner,
    /// A DER `PrivateKeyInfo`.
    #[debug("[REDACTED]")]
    der: Zeroizing<Vec<u8>>,
}

/// The library made no key, or could not encode it: not expected on a working system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a new private key could not be made")]
pub struct GenerateError;

/// Makes a private key. RSA gets 3072 bits: as strong as P-256 is (NIST SP 800-57, table 2).
pub(crate) fn generate(algorithm: SignatureAlgorithm) -> Result<NewKey, GenerateError> {
    let der = match algorithm.ecdsa_signing() {
        Some(signing) => {
            let key = EcdsaKeyPair::generate_pkcs8(signing, &SystemRandom::new()).map_err(|_| GenerateError)?;
            key.as_ref().to_vec()
        }
        None if algorithm == SignatureAlgorithm::Ed25519 => {
            let key = Ed25519KeyPair::generate().map_err(|_| GenerateError)?;
            key.to_pkcs8v1().map_err(|_| GenerateError)?.as_ref().to_vec()
        }
        None => {
            let key = rsa::KeyPair::generate(KeySize::Rsa3072).map_err(|_| GenerateError)?;
            let der: Pkcs8V1Der<'_> = key.as_der().map_err(|_| GenerateError)?;
            der.as_ref().to_vec()
        }
    };
    let der = Zeroizing::new(der);
    let signer = LocalSigner::from_pkcs8(algorithm, &der).map_err(|_| GenerateError)?;
    Ok(NewKey { signer, der })
}

impl NewKey {
    /// The key as PKCS #8 PEM: encrypted with PBES2 (PBKDF2 with HMAC-SHA-256, AES-256-CBC), which openssl and Fulcio read
    /// too, or bare without a password.
    pub(crate) fn to_pem(&self, password: Option<&SecretString>) -> Result<Zeroizing<String>, GenerateError> {
        let Some(password) = password else { return Ok(Zeroizing::new(text::pem("PRIVATE KEY", &self.der))) };
        let (mut salt, mut iv) = ([0; SALT_BYTES], [0; IV_BYTES]);
        let random = SystemRandom::new();
        random.fill(&mut salt).and_then(|()| random.fill(&mut iv)).map_err(|_| GenerateError)?;
        let parameters =
            pbes2::Parameters::generate_pbkdf2_sha256_aes256cbc(ITERATIONS, &salt, iv).map_err(|_| GenerateError)?;
        // A parse shows that what is encrypted is what will be decrypted.
        PrivateKeyInfoRef::from_der(&self.der).map_err(|_| GenerateError)?;
        let data = parameters.encrypt(password.expose_secret().as_bytes(), &self.der).map_err(|_| GenerateError)?;
        let encrypted_data = der::asn1::OctetStringRef::new(&data).map_err(|_| GenerateError)?;
        let encrypted = EncryptedPrivateKeyInfoRef { encryption_algorithm: parameters.into(), encrypted_data };
        let der = encrypted.to_der().map_err(|_| GenerateError)?;
        Ok(Zeroizing::new(text::pem("ENCRYPTED PRIVATE KEY", &der)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signer::Signer as _;
    use crate::signer::key_file::{KeyFileError, read};

    #[test]
    fn what_is_written_is_read_back_with_the_password_only() {
        let password = SecretString::from("correct horse");
        for algorithm in SignatureAlgorithm::ALL {
            let key = generate(algorithm).unwrap();
            let bare = read(key.to_pem(None).unwrap().as_bytes(), None).unwrap();
            assert_eq!((bare.algorithm(), bare.spki_der()), (algorithm, key.signer.spki_der()));
        }
        let key = generate(SignatureAlgorithm::EcdsaP384Sha384).unwrap();
        let text = key.to_pem(Some(&password)).unwrap();
        assert_eq!(read(text.as_bytes(), Some(&password)).unwrap().spki_der(), key.signer.spki_der());
        assert_eq!(read(text.as_bytes(), None).err(), Some(KeyFileError::PasswordMissing));
        assert_eq!(read(text.as_bytes(), Some(&"wrong".into())).err(), Some(KeyFileError::PasswordWrong));
        assert!(format!("{key:?}").contains("REDACTED"));
    }
}
