//! Owns CA keys in Tink keysets (<https://developers.google.com/tink>): a file that a key management service has encrypted,
//! and the key in it that signs in this process.
//!
//! Refuses to know the services: decrypting comes in as a function.

mod messages;
mod private_key;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use prost::Message as _;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::local::LocalSigner;
use super::remote::OpenError;
use crate::text::peer_text::JsonFault;
use messages::{Keyset, Status};

/// The services that keysets are encrypted with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, derive_more::Display)]
pub enum KeysetService {
    /// AWS KMS: `aws-kms://ARN`.
    #[display("AWS KMS")]
    Aws,
    /// Google Cloud KMS: `gcp-kms://projects/../cryptoKeys/KEY`.
    #[display("Google Cloud KMS")]
    Gcp,
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum TinkError {
    #[error("{0}: a keyset's key is named gcp-kms://projects/P/locations/L/keyRings/R/cryptoKeys/K or aws-kms://ARN")]
    Resource(String),
    /// The file is not JSON, such as a keyset in Tink's binary format.
    #[error("the keyset is not JSON: write it with tinkey's `--out-format json`")]
    NotJson(#[source] JsonFault),
    #[error(
        "the keyset is not encrypted; its key is compromised: make a new one with `tinkey create-keyset --master-key-uri`"
    )]
    Cleartext,
    #[error("the file has no `encryptedKeyset`: it is not an encrypted Tink keyset")]
    NoKeyset,
    #[error("the keyset was not decrypted: {0}")]
    Service(#[from] OpenError),
    #[error("what the service decrypted is not a Tink keyset")]
    NotKeyset,
    #[error("the keyset has no key of its primary id {0}: choose one with `tinkey promote-key`")]
    NoPrimary(u32),
    #[error("the keyset's primary key {0} is not enabled: use `tinkey enable-key` or `tinkey promote-key`")]
    NotEnabled(u32),
    #[error("the keyset has more than one key of its primary id {0}")]
    SeveralPrimaries(u32),
    #[error(
        "the keyset's primary key is a {0}, which makes no signatures that certificates have: \
         use ECDSA P-256, P-384 or P-521, Ed25519, or RSA PKCS#1, as with `--key-template ECDSA_P384_SHA384`"
    )]
    KeyType(String),
    #[error("the keyset's primary key has version {0}, which is not supported")]
    Version(u32),
    #[error("the keyset's primary key lies on an unsupported curve")]
    Curve,
    #[error("the keyset's primary key is malformed, or an RSA key outside 2048 to 8192 bits")]
    Malformed,
    #[error("the public key in the keyset does not belong to the private key beside it")]
    Mismatch,
}

/// What tink-go's JSON writer writes. What else is in the file, the ids of the keys, is for people.
#[derive(Deserialize)]
struct EncryptedKeyset {
    #[serde(rename = "encryptedKeyset", alias = "encrypted_keyset")]
    encrypted: Option<String>,
    #[serde(default)]
    key: Option<serde::de::IgnoredAny>,
}

/// protobuf's JSON: padded or not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl KeysetService {
    /// The service that a key's name, `--tink-kms-resource`, is for.
    pub fn of(resource: &str) -> Result<Self, TinkError> {
        if resource.starts_with("aws-kms://") {
            Ok(Self::Aws)
        } else if resource.starts_with("gcp-kms://") {
            Ok(Self::Gcp)
        } else {
            Err(TinkError::Resource(resource.to_owned()))
        }
    }
}

/// Reads a keyset in Tink's JSON, has it decrypted, without associated data, and takes its primary key.
pub async fn open<F>(keyset: &[u8], decrypt: impl FnOnce(Vec<u8>) -> F) -> Result<LocalSigner, TinkError>
where
    F: Future<Output = Result<Zeroizing<Vec<u8>>, OpenError>>,
{
    let plaintext = decrypt(ciphertext(keyset)?).await?;
    let keyset = Keyset::decode(plaintext.as_slice()).map_err(|_| TinkError::NotKeyset)?;
    let data = primary(&keyset)?.data.as_ref().ok_or(TinkError::Malformed)?;
    private_key::read(data).await
}

fn ciphertext(keyset: &[u8]) -> Result<Vec<u8>, TinkError> {
    let read: EncryptedKeyset = serde_json::from_slice(keyset).map_err(|error| TinkError::NotJson(error.into()))?;
    if read.key.is_some() {
        return Err(TinkError::Cleartext);
    }
    let text = read.encrypted.filter(|text| !text.is_empty()).ok_or(TinkError::NoKeyset)?;
    // protobuf's JSON takes both alphabets.
    let text = text.replace('-', "+").replace('_', "/");
    BASE64.decode(text).map_err(|_| TinkError::NoKeyset)
}

fn primary(keyset: &Keyset) -> Result<&messages::Key, TinkError> {
    let id = keyset.primary_key_id;
    if keyset.keys.is_empty() {
        return Err(TinkError::NotKeyset);
    }
    let mut found = keyset.keys.iter().filter(|key| key.id == id);
    let key = found.next().ok_or(TinkError::NoPrimary(id))?;
    if found.next().is_some() {
        return Err(TinkError::SeveralPrimaries(id));
    }
    if key.status != Status::Enabled as i32 {
        return Err(TinkError::NotEnabled(id));
    }
    Ok(key)
}

#[cfg(test)]
mod tests;
