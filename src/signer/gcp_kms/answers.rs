//! Owns the answers of Cloud KMS (REST, version 1), as far as they are read.

use serde::Deserialize;

use crate::signer::google::json::{Bytes, Checksum};

/// `cryptoKeyVersions.list`
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Versions {
    pub(super) crypto_key_versions: Vec<Version>,
    pub(super) next_page_token: Option<String>,
}

/// `CryptoKeyVersion`
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Version {
    pub(super) name: String,
}

/// `PublicKey`
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PublicKeyAnswer {
    pub(super) name: String,
    pub(super) algorithm: String,
    pub(super) pem: String,
    pub(super) pem_crc32c: Option<Checksum>,
}

/// `AsymmetricSignResponse`
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Signed {
    pub(super) name: String,
    pub(super) signature: Bytes,
    pub(super) signature_crc32c: Option<Checksum>,
    pub(super) verified_digest_crc32c: bool,
    pub(super) verified_data_crc32c: bool,
}

/// `DecryptResponse`
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Decrypted {
    pub(super) plaintext: Bytes,
    pub(super) plaintext_crc32c: Option<Checksum>,
}
