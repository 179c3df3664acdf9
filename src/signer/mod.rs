//! Owns what a signing key is to the rest of the program: an algorithm, a place and one asynchronous operation.
//!
//! Refuses to know certificates and chains, and where a key comes from: each backend implements [`Signer`] in its own
//! file.

#[cfg(feature = "aws-kms")]
pub mod aws_kms;
#[cfg(feature = "azure")]
pub mod azure_key_vault;
pub(crate) mod backend;
#[cfg_attr(
    not(all(feature = "aws-kms", feature = "azure", feature = "gcp")),
    allow(dead_code, reason = "some of it is for one cloud only")
)]
pub(crate) mod cloud_env;
#[cfg(feature = "gcp")]
pub mod gcp_kms;
#[cfg(feature = "gcp")]
pub mod google;
pub(crate) mod key_file;
pub(crate) mod key_password;
pub mod local;
pub mod pkcs11;
pub mod remote;
pub mod tink;
pub mod unfit;
pub mod vault;

use crate::panics::Panicked;
use std::{fmt, future::Future, pin::Pin};

use super::crypto::algorithm::SignatureAlgorithm;
use super::signer::unfit::Unfit;

/// What a [`Signer`] is asked for: the future of one signature.
pub type Signing<'a> = Pin<Box<dyn Future<Output = Result<Vec<u8>, SignerError>> + Send + 'a>>;

/// A private key that can sign and cannot be read.
pub trait Signer: Send + Sync + fmt::Debug {
    fn algorithm(&self) -> SignatureAlgorithm;

    fn location(&self) -> KeyLocation;

    /// The longest message that can be signed, in bytes, where the backend is sent the message and not its hash.
    fn longest_message(&self) -> Option<usize> {
        None
    }

    /// Signs `message`, hashing it as [`Signer::algorithm`] says.
    ///
    /// The answer is the content of an X.509 `signatureValue`: for ECDSA the DER `Ecdsa-Sig-Value` (RFC 3279, section
    /// 2.2.3), for RSA and Ed25519 the bare bytes. A remote backend bounds its own calls in time and number.
    fn sign<'a>(&'a self, message: &'a [u8]) -> Signing<'a>;
}

/// Where a signing key lives, which decides how far its answers are believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyLocation {
    /// In this process: the cryptographic library has checked its own work.
    InProcess,
    /// In another process or device: every answer is verified before it is used.
    Remote,
}

/// Why there is no signature.
#[derive(Debug, thiserror::Error)]
pub enum SignerError {
    #[error("the signing backend is unavailable: {0}")]
    Unavailable(String),
    #[error("the signing backend refused: {0}")]
    Rejected(String),
    #[error("the signing backend answered with a signature that the CA certificate's key does not verify")]
    WrongSignature,
    /// The backend cannot sign this message, and signs others.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    #[error("signing ended in {0}")]
    Panicked(#[from] Panicked),
    #[error("signing in this process failed")]
    Library,
}
