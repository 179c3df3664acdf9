//! Owns the reading of private key files: which PEM formats there are, and which key is in them.
//!
//! Refuses to know certificates and how keys sign. No error carries any part of a key or a password.

mod cosign;
mod encryption;
mod generate;
mod legacy;
mod pbes2;

use der::{
    Decode as _, Sequence,
    asn1::{AnyRef, BitStringRef, ObjectIdentifier, OctetStringRef},
};
use pkcs8::PrivateKeyInfoRef;
use secrecy::{ExposeSecret as _, SecretString};

use super::SignatureAlgorithm;
use super::local::LocalSigner;
use crate::crypto::curve::Curve;
use crate::crypto::oid;
use crate::crypto::pem::{self, Block, PemError};

pub(crate) use generate::{GenerateError, NewKey, generate};

/// Why a private key file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFileError {
    #[error(transparent)]
    Pem(#[from] PemError),
    #[error("the file contains no private key, but {0}")]
    NoKey(String),
    #[error("a PEM block `{label}` is not read: {advice}")]
    Label { label: String, advice: &'static str },
    #[error("the private key is encrypted and no password is configured")]
    PasswordMissing,
    #[error("the private key cannot be decrypted: the password is wrong or the file is damaged")]
    PasswordWrong,
    #[error(
        "the private key cannot be decrypted: the password ends in a line break, which is probably not part of it. Set it \
         without (`printf`, not `echo`, also in front of `base64`), or as a file, whose last line break does not count"
    )]
    PasswordLineBreak,
    #[error(
        "the private key cannot be decrypted: its password ends in a line break, which the configured one lacks (cosign takes it from a \
         pipe, as in `echo PASSWORD | cosign generate-key-pair`). Put the password into a file with its line break"
    )]
    PasswordLacksLineBreak,
    #[error("the private key is encrypted with {cipher}, which is not read: {advice}")]
    Cipher { cipher: String, advice: &'static str },
    #[error("the private key's encryption parameters are malformed")]
    Encryption,
    #[error("the private key's type {0} is not supported: use ECDSA P-256, P-384 or P-521, RSA, or Ed25519")]
    Type(String),
    #[error("the private key's elliptic curve {0} is not supported: use P-256, P-384 or P-521")]
    Curve(String),
    #[error("the private key is malformed, or an RSA key outside 2048 to 8192 bits")]
    Malformed,
}

/// A SEC 1 `ECPrivateKey` (RFC 5915, section 3).
#[derive(Sequence)]
pub(super) struct EcPrivateKey<'a> {
    pub version: u8,
    pub private_key: &'a OctetStringRef,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    pub parameters: Option<AnyRef<'a>>,
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT", optional = "true")]
    pub public_key: Option<BitStringRef<'a>>,
}

/// Reads the first private key of a PEM file: PKCS#8 plain or encrypted, SEC 1, PKCS#1, the latter two with the old
/// `Proc-Type: 4,ENCRYPTED` header, or cosign's. A password that the key does not need is ignored, and so are other blocks:
/// the `EC PARAMETERS` that `openssl ecparam` writes in front of the key, and the certificates of a combined file.
pub(crate) fn read(text: &[u8], password: Option<&SecretString>) -> Result<LocalSigner, KeyFileError> {
    let blocks = pem::parse(text);
    let Some(block) = blocks.iter().find(|block| block.is_private_key()) else {
        let labels: Vec<&str> = blocks.iter().map(|block| block.label.as_str()).take(3).collect();
        return Err(if labels.is_empty() {
            pem::no_block(text).into()
        } else {
            KeyFileError::NoKey(labels.join(", "))
        });
    };
    let password = password.map(|password| password.expose_secret().as_bytes());
    read_block(block, password).map_err(|error| match error {
        KeyFileError::PasswordWrong if password.is_some_and(ends_in_line_break) => KeyFileError::PasswordLineBreak,
        error => error,
    })
}

fn ends_in_line_break(password: &[u8]) -> bool {
    matches!(password.last(), Some(b'\n' | b'\r'))
}

fn read_block(block: &Block, password: Option<&[u8]>) -> Result<LocalSigner, KeyFileError> {
    if let Some(advice) = unread(block) {
        return Err(KeyFileError::Label { label: block.label.clone(), advice });
    }
    if cosign::is_encrypted(&block.label) {
        let der = cosign::decrypt(block.data()?, password.unwrap_or_default()).map_err(|error| match error {
            // With an empty password it might have been right: cosign allows that.
            KeyFileError::PasswordWrong if password.is_none_or(<[u8]>::is_empty) => KeyFileError::PasswordMissing,
            error => error,
        })?;
        return read_pkcs8(&der);
    }
    // An empty password is what a flag or variable that nobody set looks like.
    let password = password.filter(|password| !password.is_empty());
    if legacy::is_encrypted(block) {
        let password = password.ok_or(KeyFileError::PasswordMissing)?;
        let der = legacy::decrypt(block, password)?;
        check_decrypted(&der)?;
        return read_plain(&block.label, &der);
    }
    if block.label == "ENCRYPTED PRIVATE KEY" {
        let der = pbes2::decrypt(block.data()?, password)?;
        check_decrypted(&der)?;
        return read_pkcs8(&der);
    }
    read_plain(&block.label, block.data()?)
}

/// What to do with a format that is not read, if it is one.
fn unread(block: &Block) -> Option<&'static str> {
    match block.label.as_str() {
        "PRIVATE KEY" | "ENCRYPTED PRIVATE KEY" | "EC PRIVATE KEY" | "RSA PRIVATE KEY" => None,
        label if cosign::is_encrypted(label) => None,
        "OPENSSH PRIVATE KEY" if is_ed25519(block) => Some(
            "ssh-keygen cannot convert an Ed25519 key. Convert it with Python's cryptography: python3 -c \"import sys; from \
             cryptography.hazmat.primitives.serialization import *; \
             sys.stdout.write(load_ssh_private_key(sys.stdin.buffer.read(), None)\
             .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())\" < KEY > NEW-KEY",
        ),
        "OPENSSH PRIVATE KEY" => Some("convert a copy with `cp KEY NEW-KEY && ssh-keygen -p -m pem -f NEW-KEY`"),
        "DSA PRIVATE KEY" => Some("a CA cannot have a DSA key: use ECDSA P-256, P-384 or P-521, RSA, or Ed25519"),
        label if label.contains("TSS2") => Some("the key is in a TPM: use it through tpm2-pkcs11 and --ca pkcs11ca"),
        label if label.starts_with("PGP") => Some("it is a key of OpenPGP, which has no place in a certificate"),
        _ => Some("write it as PKCS #8 with the tool that made it, or `openssl pkcs8 -topk8` if that reads it"),
    }
}

/// The type of an OpenSSH key, which comes in clear even if it is encrypted.
fn is_ed25519(block: &Block) -> bool {
    const NAME: &[u8] = b"ssh-ed25519";
    block.data().is_ok_and(|data| data.windows(NAME.len()).any(|window| window == NAME))
}

fn read_plain(label: &str, der: &[u8]) -> Result<LocalSigner, KeyFileError> {
    match label {
        "PRIVATE KEY" => read_pkcs8(der),
        "EC PRIVATE KEY" => read_sec1(der),
        "RSA PRIVATE KEY" => LocalSigner::from_pkcs1(der).map_err(|_| KeyFileError::Malformed),
        _ => Err(KeyFileError::Malformed),
    }
}

/// The padding of a wrong decryption looks right once in 256 times, but what it pads is not a DER element then.
fn check_decrypted(der: &[u8]) -> Result<(), KeyFileError> {
    AnyRef::from_der(der).map(|_| ()).map_err(|_| KeyFileError::PasswordWrong)
}

fn read_pkcs8(der: &[u8]) -> Result<LocalSigner, KeyFileError> {
    let info = PrivateKeyInfoRef::try_from(der).map_err(|_| KeyFileError::Malformed)?;
    let algorithm = match info.algorithm.oid {
        oid::EC_PUBLIC_KEY => curve(info.algorithm.parameters.ok_or(KeyFileError::Malformed)?)?,
        oid::RSA_ENCRYPTION => SignatureAlgorithm::RsaPkcs1Sha256,
        oid::ED25519 => SignatureAlgorithm::Ed25519,
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
    let known = Curve::from_oid(oid).map(Curve::signature_algorithm);
    known.ok_or_else(|| KeyFileError::Curve(oid.to_string()))
}

#[cfg(test)]
mod tests;
