//! Owns keys in Google Cloud Key Management Service: finding the version, its public half, signatures, and the decryption of Tink keysets.
//!
//! Refuses to know how Google is called ([`super::google`]) and whether a signature is right ([`crate::authority::Authority`] checks). Only that
//! nothing was damaged on the way, and that the key which answered is the one that was asked, is checked here.

mod answers;
mod error;
mod uri;

use serde_json::json;
use zeroize::Zeroizing;

use super::SignatureAlgorithm;
use super::google::json::{Checksum, base64};
use super::google::{CallError, GoogleApi, GoogleOptions};
use super::remote::{Asking, OpenError, RemoteError, RemoteKey, RemotePublicKey, SigningRequest};
use crate::crypto::algorithm::Hash;
use crate::crypto::pem;
use crate::signer::backend::{BackendError, KeyUri as _};
use crate::signer::gcp_kms::uri::{KeyName, key_of_tink};
use answers::{Decrypted, PublicKeyAnswer, Signed, Versions};

pub const ENDPOINT: &str = "https://cloudkms.googleapis.com";
/// Pages of key versions that are turned over in search of an enabled one.
const MAX_PAGES: usize = 20;
/// What the service takes at most when it is sent a message, not its digest, in bytes.
const LONGEST_MESSAGE: usize = 64 * 1024;

/// One version of a key, fixed when it was opened: a key that is rotated needs another certificate.
#[derive(Debug)]
pub struct GcpKmsKey {
    api: GoogleApi,
    version: String,
    public: RemotePublicKey,
}

/// Opens `gcpkms://projects/P/locations/L/keyRings/R/cryptoKeys/K`, with `/cryptoKeyVersions/N` (or `/versions/N`) behind it or else
/// the newest version that is enabled, as the service lists them.
pub async fn open(name: &str, options: &GoogleOptions) -> Result<GcpKmsKey, OpenError> {
    let key = KeyName::read(name).map_err(|error| error.of_key(name))?;
    let api = GoogleApi::new(options).map_err(|error| error.opening(name, |_| None))?;
    let version = match key.version() {
        Some(version) => version,
        None => newest_enabled(&api, name, &key).await?,
    };
    let answer: PublicKeyAnswer = api
        .get(&format!("{version}/publicKey"), &[])
        .await
        .map_err(|error| error.opening(name, |status| error::public_key(status, &key)))?;
    check_public_key(&version, &answer).map_err(|problem| unfit(name, problem))?;
    let public = public_key(&answer).map_err(|error| error.of_key(name))?;
    let algorithm = public.algorithm().name();
    tracing::info!(version = answer.name, algorithm, "a key in Cloud KMS is open");
    Ok(GcpKmsKey { api, version: answer.name, public })
}

/// The first of the list that Fulcio, too, asks for.
async fn newest_enabled(api: &GoogleApi, name: &str, key: &KeyName) -> Result<String, OpenError> {
    let mut page = String::new();
    for _ in 0..MAX_PAGES {
        let query = [("filter", "state=ENABLED"), ("orderBy", "name desc"), ("pageToken", page.as_str())];
        let answer: Versions = api
            .get(&format!("{}/cryptoKeyVersions", key.key()), &query)
            .await
            .map_err(|error| error.opening(name, |status| error::versions(status, key)))?;
        if let Some(first) = answer.crypto_key_versions.first() {
            let number = first.name.rsplit('/').next().unwrap_or_default();
            return key.with_version(number).ok_or_else(|| {
                unfit(name, RemoteError::Unusable("the list of versions has one without a number".into()))
            });
        }
        match answer.next_page_token.filter(|token| !token.is_empty()) {
            Some(token) => page = token,
            None => break,
        }
    }
    Err(BackendError::refused("the key has no version that is enabled", error::no_version(key)).of_key(name))
}

fn unfit(name: &str, problem: RemoteError) -> OpenError {
    let hint = "the service's answer cannot be trusted: try again, and see what stands between this machine and Google";
    BackendError { problem, hint: hint.to_owned() }.of_key(name)
}

/// That nothing was damaged, and that it is the key which was asked for. Google answers with a project's id where its number was asked.
fn check_public_key(asked: &str, answer: &PublicKeyAnswer) -> Result<(), RemoteError> {
    Checksum::check(answer.pem_crc32c, answer.pem.as_bytes(), "the public key")?;
    let below_project = |name: &'_ str| name.splitn(3, '/').nth(2).map(str::to_owned);
    if below_project(&answer.name).is_none() || below_project(&answer.name) != below_project(asked) {
        return Err(RemoteError::Unusable("the public key is another key's".into()));
    }
    Ok(())
}

fn public_key(answer: &PublicKeyAnswer) -> Result<RemotePublicKey, BackendError> {
    let Some(expected) = algorithm_of(&answer.algorithm) else {
        let problem = format!("the key signs with {}", answer.algorithm);
        return Err(BackendError::refused(problem, error::algorithm(&answer.algorithm)));
    };
    let unusable = |text: String| BackendError::unusable(text, error::algorithm(&answer.algorithm));
    let blocks = pem::parse(answer.pem.as_bytes());
    let [block] = blocks.as_slice() else { return Err(unusable("not one public key".to_owned())) };
    let data = block.data().map_err(|error| unusable(error.to_string()))?;
    let public = RemotePublicKey::from_spki_der(data.to_vec()).map_err(|error| unusable(error.to_string()))?;
    if public.algorithm() != expected {
        return Err(unusable(format!("{} with a key for {}", answer.algorithm, public.algorithm())));
    }
    Ok(public)
}

/// The algorithms whose signatures stand in certificates here, by Google's names.
fn algorithm_of(name: &str) -> Option<SignatureAlgorithm> {
    Some(match name {
        "EC_SIGN_P256_SHA256" => SignatureAlgorithm::EcdsaP256Sha256,
        "EC_SIGN_P384_SHA384" => SignatureAlgorithm::EcdsaP384Sha384,
        "EC_SIGN_ED25519" => SignatureAlgorithm::Ed25519,
        "RSA_SIGN_PKCS1_2048_SHA256" | "RSA_SIGN_PKCS1_3072_SHA256" | "RSA_SIGN_PKCS1_4096_SHA256" => {
            SignatureAlgorithm::RsaPkcs1Sha256
        }
        _ => return None,
    })
}

impl GcpKmsKey {
    /// The version that signs, as the service names it.
    pub fn version(&self) -> &str {
        &self.version
    }

    async fn sign(&self, request: &SigningRequest<'_>) -> Result<Vec<u8>, RemoteError> {
        let digest = |name: &str| {
            let (digest, sum) = (base64(request.digest), Checksum::of(request.digest));
            json!({"digest": {name: digest}, "digestCrc32c": sum})
        };
        let body = match self.public.algorithm().hash() {
            Hash::Sha256 => digest("sha256"),
            Hash::Sha384 => digest("sha384"),
            Hash::Sha512 => digest("sha512"),
            Hash::None => {
                json!({"data": base64(request.message), "dataCrc32c": Checksum::of(request.message)})
            }
        };
        let call = format!("{}:asymmetricSign", self.version);
        let answer: Signed = self.api.post(&call, &[], &body).await.map_err(|error| error.problem)?;
        let verified =
            if request.digest.is_empty() { answer.verified_data_crc32c } else { answer.verified_digest_crc32c };
        if !verified {
            return Err(RemoteError::Unreachable("the request was damaged on the way (CRC-32C)".into()));
        }
        if answer.name != self.version {
            return Err(RemoteError::Unusable("another key signed".into()));
        }
        Checksum::check(answer.signature_crc32c, &answer.signature.0, "the signature")?;
        Ok(answer.signature.0.to_vec())
    }
}

impl RemoteKey for GcpKmsKey {
    fn public_key(&self) -> &RemotePublicKey {
        &self.public
    }

    fn longest_message(&self) -> Option<usize> {
        (self.public.algorithm() == SignatureAlgorithm::Ed25519).then_some(LONGEST_MESSAGE)
    }

    fn ask<'a>(&'a self, request: &'a SigningRequest<'a>) -> Asking<'a> {
        Box::pin(self.sign(request))
    }
}

/// Decrypts with `gcp-kms://projects/P/locations/L/keyRings/R/cryptoKeys/K`, as Tink names the key of a keyset. No associated data.
pub async fn decrypt(name: &str, options: &GoogleOptions, ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let key = key_of_tink(name).map_err(|error| error.of_key(name))?;
    let opening = |error: CallError| error.opening(name, |status| error::decrypt(status, &key));
    let api = GoogleApi::new(options).map_err(opening)?;
    let body = json!({"ciphertext": base64(ciphertext), "ciphertextCrc32c": Checksum::of(ciphertext)});
    let answer: Decrypted = api.post(&format!("{}:decrypt", key.key()), &[], &body).await.map_err(opening)?;
    let plaintext = answer.plaintext.0;
    Checksum::check(answer.plaintext_crc32c, &plaintext, "the keyset").map_err(|problem| unfit(name, problem))?;
    Ok(plaintext)
}
