//! Owns keys in Azure Key Vault and Managed HSM: how one is opened, and how it is asked for a signature.
//!
//! Refuses to know when to ask again: [`super::remote`] does. Asks through Microsoft's library over our own HTTP client.

mod credential;
mod error;
mod public_key;
mod transport;
mod uri;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use azure_core::cloud::{CloudConfiguration, CustomConfiguration};
use azure_core::error::ErrorKind;
use azure_core::http::{ClientOptions, RequestContent, Response, RetryOptions, Transport};
use azure_security_keyvault_keys::models::{
    KeyClientGetKeyOptions, KeyClientSignOptions, SignParameters, SignatureAlgorithm as VaultAlgorithm,
};
use azure_security_keyvault_keys::{KeyClient, KeyClientOptions, ResourceExt as _};

use super::SignatureAlgorithm;
use super::remote::{Asking, OpenError, RemoteError, RemoteKey, RemotePublicKey, SigningRequest, ecdsa_der};

use crate::signer::azure_key_vault::error::{Problem, hint_for_key};
use crate::signer::azure_key_vault::uri::KeyName;
use crate::signer::backend::{BackendError, KeyUri as _};
pub use credential::AzureCredential;
use public_key::Hint;
use transport::VaultTransport;

/// What an operator may set; the default is what the environment says.
#[derive(Clone, Debug)]
pub struct AzureOptions {
    pub credential: AzureCredential,
    /// Where tokens come from: an `https` URL.
    pub authority_host: String,
    /// For a connection to come about.
    pub connect_timeout: Duration,
    /// For one answer, connecting included.
    pub timeout: Duration,
    /// Certificates (DER) trusted besides the system's.
    pub roots: Vec<Vec<u8>>,
    /// Hosts that are reached at another address than their name says: a private endpoint, or a test.
    pub addresses: Vec<(String, SocketAddr)>,
}

impl AzureOptions {
    /// Reads the variables that the official libraries read.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let of_cloud = match variable("AZURE_ENVIRONMENT").as_deref() {
            Some("AZUREUSGOVERNMENT" | "AZUREUSGOVERNMENTCLOUD") => "https://login.microsoftonline.us",
            Some("AZURECHINACLOUD") => "https://login.chinacloudapi.cn",
            _ => "https://login.microsoftonline.com",
        };
        let set = variable("AZURE_AUTHORITY_HOST").filter(|host| !host.is_empty());
        Self {
            credential: AzureCredential::from_environment(variable),
            authority_host: set.unwrap_or_else(|| of_cloud.to_owned()),
            connect_timeout: Duration::from_secs(2),
            timeout: Duration::from_secs(5),
            roots: Vec::new(),
            addresses: Vec::new(),
        }
    }
}

impl Default for AzureOptions {
    fn default() -> Self {
        Self::from_environment(super::cloud_env::variable)
    }
}

/// One version of a key in a vault.
#[derive(derive_more::Debug)]
#[debug("AzureKey {{ vault: {:?}, name: {name:?}, version: {version:?}, .. }}", client.endpoint().as_str())]
pub struct AzureKey {
    client: KeyClient,
    name: String,
    version: String,
    algorithm: VaultAlgorithm,
    public: RemotePublicKey,
}

/// Opens `azurekms://VAULT/KEY[/VERSION]`, the vault as its host name. The version found is the one that signs from then
/// on, because the CA certificate is for one key.
pub async fn open(name: &str, options: &AzureOptions) -> Result<AzureKey, OpenError> {
    let failed = |problem, hint| BackendError { problem, hint }.of_key(name);
    let parsed = KeyName::read(name).map_err(|error| error.of_key(name))?;
    let client = connect(&parsed, options).map_err(|error| {
        let problem = Problem::of(&error);
        failed(problem.error, options.credential.hint())
    })?;
    let asked = KeyClientGetKeyOptions { key_version: parsed.version.clone(), ..KeyClientGetKeyOptions::default() };
    let answer = client.get_key(&parsed.key, Some(asked)).await.and_then(Response::into_model);
    let key = answer.map_err(|error| {
        let problem = Problem::of(&error);
        let hint = problem.hint(&parsed, options);
        failed(problem.error, hint)
    })?;
    let public = public_key::read(&key).map_err(|unfit| failed(unfit.problem, hint_for_key(unfit.hint, &parsed)))?;
    let found = || key.resource_id().ok().and_then(|id| id.version).filter(|version| uri::is_version(version));
    let version = parsed.version.clone().or_else(found);
    let (Some(version), Some(algorithm)) = (version, public_key::vault_algorithm(public.algorithm())) else {
        let problem = RemoteError::Unusable("the vault's answer does not name the key's version".into());
        return Err(failed(problem, hint_for_key(Hint::Report, &parsed)));
    };
    Ok(AzureKey { client, name: parsed.key, version, algorithm, public })
}

impl AzureKey {
    pub fn version(&self) -> &str {
        &self.version
    }

    async fn sign(&self, digest: &[u8]) -> Result<Vec<u8>, RemoteError> {
        let parameters = SignParameters { algorithm: Some(self.algorithm.clone()), value: Some(digest.to_vec()) };
        let body = RequestContent::try_from(parameters).map_err(|error| Problem::of(&error).error)?;
        let options =
            KeyClientSignOptions { key_version: Some(self.version.clone()), ..KeyClientSignOptions::default() };
        let answer = self.client.sign(&self.name, body, Some(options)).await;
        let result = answer.and_then(Response::into_model).map_err(|error| Problem::of(&error).error)?.result;
        let signature = result.ok_or_else(|| RemoteError::Unusable("the vault's answer has no signature".into()))?;
        match self.public.algorithm() {
            SignatureAlgorithm::RsaPkcs1Sha256 | SignatureAlgorithm::Ed25519 => Ok(signature),
            _ => ecdsa_der(&signature),
        }
    }
}

impl RemoteKey for AzureKey {
    fn public_key(&self) -> &RemotePublicKey {
        &self.public
    }

    fn ask<'a>(&'a self, request: &'a SigningRequest<'a>) -> Asking<'a> {
        Box::pin(self.sign(request.digest))
    }
}

fn connect(name: &KeyName, options: &AzureOptions) -> azure_core::Result<KeyClient> {
    let transport = VaultTransport::new(options)
        .map_err(|error| azure_core::Error::with_error(ErrorKind::Other, error, "TLS could not be set up"))?;
    let mut cloud = CustomConfiguration::default();
    cloud.authority_host.clone_from(&options.authority_host);
    let client_options = ClientOptions {
        // `RemoteSigner` asks again, within its bounds.
        retry: RetryOptions::none(),
        transport: Some(Transport::new(Arc::new(transport))),
        cloud: Some(Arc::new(CloudConfiguration::Custom(cloud))),
        ..ClientOptions::default()
    };
    let tokens = options.credential.tokens(client_options.clone())?;
    let options = KeyClientOptions { client_options, ..KeyClientOptions::default() };
    KeyClient::new(name.vault.as_str(), tokens, Some(options))
}

#[cfg(test)]
mod tests {
    use super::AzureOptions;

    #[test]
    fn the_authority_is_the_environments_or_the_clouds() {
        let host = |environment: &'static str, set: &'static str| {
            let variable = move |name: &str| match name {
                "AZURE_ENVIRONMENT" => Some(environment.to_owned()),
                "AZURE_AUTHORITY_HOST" => Some(set.to_owned()),
                _ => None,
            };
            AzureOptions::from_environment(variable).authority_host
        };
        assert_eq!(host("", ""), "https://login.microsoftonline.com");
        assert_eq!(host("AZUREUSGOVERNMENT", ""), "https://login.microsoftonline.us");
        assert_eq!(host("AZURECHINACLOUD", ""), "https://login.chinacloudapi.cn");
        assert_eq!(host("AZURECHINACLOUD", "https://login.example.com"), "https://login.example.com");
    }
}
