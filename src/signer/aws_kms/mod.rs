//! Owns keys in AWS KMS: their names, opening one, a signature of it, and what it decrypts.
//!
//! Refuses to know certificates, and to repeat a call: [`super::remote::RemoteSigner`] does. Credentials and region are
//! found the way every AWS program finds them (environment, profile, web identity, container, instance).

mod client;
mod error;
mod transport;
mod uri;

use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use aws_sdk_kms::Client;
use aws_sdk_kms::config::SharedCredentialsProvider;
use aws_sdk_kms::operation::get_public_key::GetPublicKeyOutput;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{KeyUsageType, MessageType, SigningAlgorithmSpec};
use tokio::time;
use url::Url;
use zeroize::Zeroizing;

use super::SignatureAlgorithm;
use super::remote::{Asking, OpenError, RemoteKey, RemotePublicKey, SigningRequest, digest_for};
use super::unfit::Unfit;
use crate::signer::aws_kms::error::Call;
use crate::signer::aws_kms::uri::KeyName;
use crate::signer::backend::{BackendError, KeyUri as _, TRIAL};

/// The longest that opening a key may take: finding credentials asks services that may not be there.
const OPENING: Duration = Duration::from_secs(30);
/// What KMS takes at most when it is sent a message, not its digest, in bytes.
const LONGEST_MESSAGE: usize = 4096;

/// What an operator may set beside the key's name.
#[derive(Clone, Debug)]
pub struct AwsKmsOptions {
    /// Where KMS is, unless the key's name says so. None: `AWS_ENDPOINT_URL_KMS`, `AWS_ENDPOINT_URL`, else the region's own.
    pub endpoint: Option<Url>,
    /// The region, unless the key's name is an ARN. None: `AWS_REGION`, the profile's, the instance's.
    pub region: Option<String>,
    /// Where credentials come from. None: the standard chain.
    pub credentials: Option<SharedCredentialsProvider>,
    /// A PEM file of certificates to trust besides the system's. None: `AWS_CA_BUNDLE`.
    pub ca_bundle: Option<PathBuf>,
    /// For one call; connecting may take half of it.
    pub timeout: Duration,
}

impl Default for AwsKmsOptions {
    fn default() -> Self {
        Self { endpoint: None, region: None, credentials: None, ca_bundle: None, timeout: Duration::from_secs(5) }
    }
}

/// A private key in AWS KMS.
#[derive(derive_more::Debug)]
#[debug("AwsKmsKey {{ id: {id:?}, arn: {arn:?}, .. }}")]
pub struct AwsKmsKey {
    client: Client,
    id: String,
    /// The ARN of the key itself, which an alias leads to.
    arn: String,
    public: RemotePublicKey,
    algorithm: SigningAlgorithmSpec,
}

/// Opens a key: finds credentials, fetches the public half and has the key sign once to see that it may.
///
/// The name is `awskms:///` and an ARN, an id or `alias/NAME`, or `awskms://HOST[:PORT]/` and one of these.
pub async fn open(name: &str, options: &AwsKmsOptions) -> Result<AwsKmsKey, OpenError> {
    let opening = async {
        let name = KeyName::read(name)?;
        let client = client::connect(&name, options).await?;
        let answer = client.get_public_key().key_id(&name.id).send().await;
        let answer = answer.map_err(|error| error::of(Call::GetPublicKey, &error))?;
        let key = AwsKmsKey::new(client, name.id, answer)?;
        // A disabled key still shows its public half, and the right to sign is another one than to read.
        let digest = digest_for(key.public.algorithm(), TRIAL);
        key.sign(&SigningRequest { message: TRIAL, digest: &digest }).await?;
        Ok(key)
    };
    within(OPENING, Box::pin(opening)).await.map_err(|failure| failure.of_key(name))
}

/// Has a symmetric key decrypt what it encrypted without an encryption context, as Tink does for keysets.
///
/// The name is as for [`open`], or in Tink's form: `aws-kms://` and an ARN.
pub async fn decrypt(name: &str, options: &AwsKmsOptions, ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let decrypting = async {
        let key = KeyName::read(name)?;
        let client = client::connect(&key, options).await?;
        let asking = client.decrypt().key_id(&key.id).ciphertext_blob(Blob::new(ciphertext)).send();
        let answer = asking.await.map_err(|error| error::of(Call::Decrypt, &error))?;
        let plaintext = answer.plaintext.ok_or_else(|| error::unusable("Decrypt: an answer without a plaintext"))?;
        Ok(Zeroizing::new(plaintext.into_inner()))
    };
    within(OPENING, Box::pin(decrypting)).await.map_err(|failure| failure.of_key(name))
}

async fn within<T>(limit: Duration, opening: impl Future<Output = Result<T, BackendError>>) -> Result<T, BackendError> {
    let late = |_| Err(error::unreachable(format!("no answer within {} s", limit.as_secs())));
    time::timeout(limit, opening).await.unwrap_or_else(late)
}

impl AwsKmsKey {
    fn new(client: Client, id: String, answer: GetPublicKeyOutput) -> Result<Self, BackendError> {
        if answer.key_usage != Some(KeyUsageType::SignVerify) {
            let usage = answer.key_usage.as_ref().map_or("none", KeyUsageType::as_str);
            return Err(error::unfit_key(format!("the key's usage is {usage}, not SIGN_VERIFY")));
        }
        let incomplete = || error::unusable("GetPublicKey: an answer without a key");
        let spki_der = answer.public_key.ok_or_else(incomplete)?.into_inner();
        let arn = answer.key_id.ok_or_else(incomplete)?;
        let public = RemotePublicKey::from_spki_der(spki_der).map_err(|error| error::unfit_key(error.to_string()))?;
        let algorithm = algorithm_of(&public);
        if !answer.signing_algorithms.unwrap_or_default().contains(&algorithm) {
            return Err(error::unfit_key(format!("KMS does not offer {algorithm} for this key")));
        }
        Ok(Self { client, id, arn, public, algorithm })
    }

    async fn sign(&self, request: &SigningRequest<'_>) -> Result<Vec<u8>, BackendError> {
        let (message, kind) = match self.public.algorithm() {
            SignatureAlgorithm::Ed25519 => (request.message, MessageType::Raw),
            _ => (request.digest, MessageType::Digest),
        };
        Unfit::check_length(message.len(), Some(LONGEST_MESSAGE)).map_err(error::unfit)?;
        let asking = self.client.sign().key_id(&self.id).message(Blob::new(message)).message_type(kind);
        let answer = asking.signing_algorithm(self.algorithm.clone()).send().await;
        let answer = answer.map_err(|error| error::of(Call::Sign, &error))?;
        // An alias may have been moved since: its new key's signatures fit no certificate of ours.
        if let Some(signed_by) = answer.key_id.filter(|signed_by| *signed_by != self.arn) {
            let problem = format!("{} leads to {signed_by} now, and led to {} at start", self.id, self.arn);
            return Err(BackendError::refused(
                problem,
                "make the alias lead to the key of the chain again, or start again with its own chain",
            ));
        }
        answer.signature.map(Blob::into_inner).ok_or_else(|| error::unusable("Sign: an answer without a signature"))
    }
}

impl RemoteKey for AwsKmsKey {
    fn public_key(&self) -> &RemotePublicKey {
        &self.public
    }

    fn longest_message(&self) -> Option<usize> {
        (self.public.algorithm() == SignatureAlgorithm::Ed25519).then_some(LONGEST_MESSAGE)
    }

    fn ask<'a>(&'a self, request: &'a SigningRequest<'a>) -> Asking<'a> {
        Box::pin(async { self.sign(request).await.map_err(|failure| failure.problem) })
    }
}

fn algorithm_of(key: &RemotePublicKey) -> SigningAlgorithmSpec {
    match key.algorithm() {
        SignatureAlgorithm::EcdsaP256Sha256 => SigningAlgorithmSpec::EcdsaSha256,
        SignatureAlgorithm::EcdsaP384Sha384 => SigningAlgorithmSpec::EcdsaSha384,
        SignatureAlgorithm::EcdsaP521Sha512 => SigningAlgorithmSpec::EcdsaSha512,
        SignatureAlgorithm::RsaPkcs1Sha256 => SigningAlgorithmSpec::RsassaPkcs1V15Sha256,
        SignatureAlgorithm::Ed25519 => SigningAlgorithmSpec::Ed25519Sha512,
    }
}
