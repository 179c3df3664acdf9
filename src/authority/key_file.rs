//! Owns the reading of private key files: which PEM formats there are, and which key is in them.
//!
//! Refuses to know certificates and how keys sign. No error carries any part of a key or a password.

mod generate;
mod legacy;
mod pbes2;

use der::{
    Decode as _, Sequence,
    asn1::{AnyRef, BitStringRef, ObjectIdentifier, OctetStringRef},
};
use pkcs8::PrivateKeyInfoRef;
use secrecy::{ExposeSecret as _, SecretString};

use super::{
    local::LocalSigner,
    pem::{self, PemError},
    signer::SignatureAlgorithm,
};

pub use generate::{GenerateError, NewKey, generate};

const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const CURVES: [(ObjectIdentifier, SignatureAlgorithm); 3] = [
    (ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7"), SignatureAlgorithm::EcdsaP256Sha256),
    (ObjectIdentifier::new_unwrap("1.3.132.0.34"), SignatureAlgorithm::EcdsaP384Sha384),
    (ObjectIdentifier::new_unwrap("1.3.132.0.35"), SignatureAlgorithm::EcdsaP521Sha512),
];

/// Why a private key file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFileError {
    /// The text is no PEM.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// No PEM block with a private key.
    #[error("the file contains no private key")]
    NoKey,
    /// More than one private key: which one is meant is not for us to guess.
    #[error("the file contains more than one private key")]
    SeveralKeys,
    /// A PEM label that is no known private key format.
    #[error("a PEM block `{0}` is not supported: convert it with `openssl pkcs8 -topk8`")]
    Label(String),
    /// The key is encrypted and there is no password.
    #[error("the private key is encrypted and no password is configured")]
    PasswordMissing,
    /// The password does not decrypt the key.
    #[error("the private key cannot be decrypted: the password is wrong or the file is damaged")]
    PasswordWrong,
    /// An encryption that is not supported.
    #[error(
        "the private key is encrypted with {0}, which is not supported: re-encrypt it with `openssl pkcs8 -topk8 -v2 aes-256-cbc`"
    )]
    Cipher(String),
    /// The headers or parameters of the encryption make no sense.
    #[error("the private key's encryption parameters are malformed")]
    Encryption,
    /// A key type that is not supported.
    #[error("the private key's type {0} is not supported: use ECDSA P-256, P-384 or P-521, RSA, or Ed25519")]
    Type(String),
    /// An elliptic curve that is not supported.
    #[error("the private key's elliptic curve {0} is not supported: use P-256, P-384 or P-521")]
    Curve(String),
    /// The key is malformed, or too weak for the library to load.
    #[error("the private key is malformed, or an RSA key outside 2048 to 8192 bits")]
    Malformed,
}

/// A SEC 1 `ECPrivateKey` (RFC 5915, section 3).
#[derive(Sequence)]
struct EcPrivateKey<'a> {
    #[allow(dead_code, reason = "read to get past it")]
    version: u8,
    #[allow(dead_code, reason = "read to get past it; the library reads the key itself")]
    private_key: &'a OctetStringRef,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    parameters: Option<AnyRef<'a>>,
    #[allow(dead_code, reason = "read to get past it")]
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT", optional = "true")]
    public_key: Option<BitStringRef<'a>>,
}

/// Reads the one private key of a PEM text: PKCS#8 plain or encrypted, SEC 1, PKCS#1, or the latter two with the old
/// `Proc-Type: 4,ENCRYPTED` header. A password that the key does not need is ignored, and so is an `EC PARAMETERS`
/// block, which `openssl ecparam` writes in front of the key.
///
/// # Errors
/// [`KeyFileError`] with what an operator has to mend.
pub fn read(text: &[u8], password: Option<&SecretString>) -> Result<LocalSigner, KeyFileError> {
    let mut blocks = pem::parse(text)?;
    blocks.retain(|block| block.label != "EC PARAMETERS");
    let [block] = blocks.as_slice() else {
        return Err(if blocks.is_empty() { KeyFileError::NoKey } else { KeyFileError::SeveralKeys });
    };
    // An empty password is what a flag or variable that nobody set looks like.
    let password = password.map(|password| password.expose_secret().as_bytes()).filter(|bytes| !bytes.is_empty());
    if legacy::is_encrypted(block) {
        let password = password.ok_or(KeyFileError::PasswordMissing)?;
        let der = legacy::decrypt(block, password)?;
        check_decrypted(&der)?;
        return read_plain(&block.label, &der);
    }
    if block.label == "ENCRYPTED PRIVATE KEY" {
        let mut data = block.data.clone();
        let der = pbes2::decrypt(&mut data, password)?;
        check_decrypted(der)?;
        return read_pkcs8(der);
    }
    read_plain(&block.label, &block.data)
}

fn read_plain(label: &str, der: &[u8]) -> Result<LocalSigner, KeyFileError> {
    match label {
        "PRIVATE KEY" => read_pkcs8(der),
        "EC PRIVATE KEY" => read_sec1(der),
        "RSA PRIVATE KEY" => LocalSigner::from_pkcs1(der).map_err(|_| KeyFileError::Malformed),
        other => Err(KeyFileError::Label(other.to_owned())),
    }
}

/// The padding of a wrong decryption looks right once in 256 times, but what it pads is no DER element then.
fn check_decrypted(der: &[u8]) -> Result<(), KeyFileError> {
    AnyRef::from_der(der).map(|_| ()).map_err(|_| KeyFileError::PasswordWrong)
}

fn read_pkcs8(der: &[u8]) -> Result<LocalSigner, KeyFileError> {
    let info = PrivateKeyInfoRef::try_from(der).map_err(|_| KeyFileError::Malformed)?;
    let algorithm = match info.algorithm.oid {
        EC_PUBLIC_KEY => curve(info.algorithm.parameters.ok_or(KeyFileError::Malformed)?)?,
        RSA_ENCRYPTION => SignatureAlgorithm::RsaPkcs1Sha256,
        ED25519 => SignatureAlgorithm::Ed25519,
        other => return Err(KeyFileError::Type(other.to_string())),
    };
    LocalSigner::from_pkcs8(algorithm, der).map_err(|_| KeyFileError::Malformed)
}

fn read_sec1(der: &[u8]) -> Result<LocalSigner, KeyFileError> {
    let key = EcPrivateKey::from_der(der).map_err(|_| KeyFileError::Malformed)?;
    let algorithm = curve(key.parameters.ok_or(KeyFileError::Malformed)?)?;
    LocalSigner::from_sec1(algorithm, der).map_err(|_| KeyFileError::Malformed)
}

fn curve(parameters: AnyRef<'_>) -> Result<SignatureAlgorithm, KeyFileError> {
    let Ok(oid) = parameters.decode_as::<ObjectIdentifier>() else {
        return Err(KeyFileError::Curve("given by explicit parameters".to_owned()));
    };
    let known = CURVES.into_iter().find(|(curve, _)| *curve == oid);
    known.map(|(_, algorithm)| algorithm).ok_or_else(|| KeyFileError::Curve(oid.to_string()))
}

#[cfg(test)]
mod tests;
