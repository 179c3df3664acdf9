//! Keys in the transit engine of HashiCorp Vault or OpenBao, which speak the same protocol.
//!
//! Owns what such a key is asked, how an answer becomes a signature, and what an operator has to fix when it cannot be used.
//! Refuses to know retries and how many calls go out at once: those are [`super::remote`]'s.

mod client;
mod error;
mod options;
mod tls;
mod token;
mod transit_key;
mod uri;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::SignatureAlgorithm;
use super::remote::{Asking, OpenError, RemoteError, RemoteKey, RemotePublicKey, SigningRequest};
use crate::crypto::algorithm::Hash;
use crate::signer::backend::{BackendError, KeyUri as _, TRIAL};
use crate::signer::vault::error::Place;
use crate::signer::vault::uri::Reference;
use client::{Client, Endpoint};
use transit_key::KeyData;

pub use options::VaultOptions;

/// One version of a key in a transit engine.
#[derive(Debug)]
pub struct VaultKey {
    client: Client,
    sign: Endpoint,
    version: u32,
    public: RemotePublicKey,
}

/// The body of a signing call. All of it is said each time, so that no default of a server's release matters.
#[derive(Serialize)]
struct SignBody {
    input: String,
    prehashed: bool,
    key_version: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature_algorithm: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    marshaling_algorithm: Option<&'static str>,
}

#[derive(Deserialize)]
struct SignData {
    signature: String,
}

/// What is known of the token itself.
#[derive(Deserialize)]
struct TokenData {
    /// Seconds that are left; 0 for a token without an end.
    ttl: u64,
}

/// Opens `hashivault://KEY`, `hashivault://KEY?version=N` or the same with `openbao://`: fetches the public key, and has the token
/// sign once. Without a version it is the latest one of now; a rotation in the engine changes nothing until the next opening.
///
/// Errors: [`OpenError`] with what to fix: a name or setting that is missing or wrong, a server that is sealed or out of reach, a policy that
/// does not allow it, a key that is not there or cannot sign.
pub async fn open(name: &str, options: &VaultOptions) -> Result<VaultKey, OpenError> {
    let opened = open_key(name, options).await;
    opened.map_err(|error| error.of_key(name))
}

async fn open_key(name: &str, options: &VaultOptions) -> Result<VaultKey, BackendError> {
    let reference = Reference::read(name)?;
    let settings = options.settings(super::cloud_env::variable)?;
    let client = Client::new(&settings).await?;
    let place = Place { mount: &settings.mount, key: &reference.key };

    let read = client.endpoint(&settings.mount, &["keys", &reference.key]);
    let data: KeyData = client.get(&read).await.map_err(|failure| error::reading(failure, place))?;
    let (version, public) = data.select(reference.version, place)?;

    let mut path = vec!["sign", &reference.key];
    path.extend(hash_name(public.algorithm()));
    let sign = client.endpoint(&settings.mount, &path);
    let key = VaultKey { client, sign, version, public };
    key.try_out().await.map_err(|failure| error::signing(failure, place, &path))?;
    key.report_token_expiry().await;
    tracing::info!(key = %reference.key, version, algorithm = %key.public.algorithm(), "signing with this version of a transit key");
    Ok(key)
}

impl VaultKey {
    /// The version of the transit key, the only one that this signs with.
    pub fn version(&self) -> u32 {
        self.version
    }

    async fn try_out(&self) -> Result<(), client::Failure> {
        let digest = super::remote::digest_for(self.public.algorithm(), TRIAL);
        let body = self.body(&SigningRequest { message: TRIAL, digest: &digest });
        self.client.post::<SignData>(&self.sign, &body).await.map(drop)
    }

    /// A token that nobody replaces stops the whole authority when it expires, maybe weeks after the start.
    async fn report_token_expiry(&self) {
        let endpoint = self.client.endpoint("auth/token", &["lookup-self"]);
        let token: TokenData = match self.client.get(&endpoint).await {
            Ok(token) => token,
            Err(failure) => {
                let error = RemoteError::from(failure).to_string();
                return tracing::debug!(error, "the Vault token's time to live is not known");
            }
        };
        match (token.ttl, self.client.token_is_fixed()) {
            (0, _) => {}
            (seconds, true) => tracing::warn!(
                seconds,
                "the Vault token expires and nothing replaces it: give VAULT_TOKEN_FILE instead, kept up to date by a Vault agent"
            ),
            (seconds, false) => tracing::info!(seconds, "the Vault token expires unless its file is kept up to date"),
        }
    }

    fn body(&self, request: &SigningRequest<'_>) -> SignBody {
        let algorithm = self.public.algorithm();
        let prehashed = algorithm != SignatureAlgorithm::Ed25519;
        let input = if prehashed { request.digest } else { request.message };
        let (is_rsa, is_ecdsa) = match algorithm {
            SignatureAlgorithm::RsaPkcs1Sha256 => (true, false),
            SignatureAlgorithm::Ed25519 => (false, false),
            _ => (false, true),
        };
        SignBody {
            input: STANDARD.encode(input),
            prehashed,
            key_version: self.version,
            signature_algorithm: is_rsa.then_some("pkcs1v15"),
            marshaling_algorithm: is_ecdsa.then_some("asn1"),
        }
    }

    async fn signature(&self, request: &SigningRequest<'_>) -> Result<Vec<u8>, RemoteError> {
        let data: SignData = self.client.post(&self.sign, &self.body(request)).await?;
        read_signature(&data.signature, self.version)
    }
}

impl RemoteKey for VaultKey {
    fn public_key(&self) -> &RemotePublicKey {
        &self.public
    }

    fn ask<'a>(&'a self, request: &'a SigningRequest<'a>) -> Asking<'a> {
        Box::pin(self.signature(request))
    }
}

/// The last part of the signing path. Ed25519 signs the message, and has none: policies are written for these paths.
fn hash_name(algorithm: SignatureAlgorithm) -> Option<&'static str> {
    match algorithm.hash() {
        Hash::Sha256 => Some("sha2-256"),
        Hash::Sha384 => Some("sha2-384"),
        Hash::Sha512 => Some("sha2-512"),
        Hash::None => None,
    }
}

/// Reads `vault:vVERSION:BASE64`.
fn read_signature(text: &str, version: u32) -> Result<Vec<u8>, RemoteError> {
    let unusable = |what: String| Err(RemoteError::Unusable(what.into()));
    let mut parts = text.splitn(3, ':');
    let (Some(_), Some(signed_with), Some(encoded)) = (parts.next(), parts.next(), parts.next()) else {
        return unusable("a signature that is not of the form vault:vVERSION:BASE64".to_owned());
    };
    let signed_with: Option<u32> = signed_with.strip_prefix('v').and_then(|number| number.parse().ok());
    if signed_with != Some(version) {
        return unusable(format!("asked for a signature by version {version}, and it says that it is another's"));
    }
    STANDARD.decode(encoded).or_else(|_| unusable("a signature that is not base64".to_owned()))
}

#[cfg(test)]
mod tests;
