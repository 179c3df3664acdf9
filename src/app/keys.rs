//! From a key's name to the backend that has it.
//!
//! Owns the schemes. Each backend reads the rest of the name.

use std::sync::Arc;

use zeroize::Zeroizing;

use crate::crypto::KeyKind;
#[cfg(feature = "aws-kms")]
use crate::signer::aws_kms::{self, AwsKmsOptions};
#[cfg(feature = "azure")]
use crate::signer::azure_key_vault::{self, AzureOptions};
use crate::signer::backend::{self, BackendError};
#[cfg(feature = "azure")]
use crate::signer::cloud_env;
#[cfg(feature = "gcp")]
use crate::signer::gcp_kms;
#[cfg(feature = "gcp")]
use crate::signer::google::GoogleOptions;
use crate::signer::pkcs11::{self, Pkcs11Key, Pkcs11Options};
use crate::signer::remote::{OpenError, RemoteKey};
use crate::signer::tink::KeysetService;
use crate::signer::vault::{self, VaultOptions};

/// Opens the key of this name, such as `awskms:///alias/sigmint`.
pub(crate) async fn open(name: &str) -> Result<Arc<dyn RemoteKey>, OpenError> {
    let (scheme, _) = name.split_once(':').unwrap_or((name, ""));
    match scheme {
        #[cfg(feature = "aws-kms")]
        "awskms" => Ok(Arc::new(aws_kms::open(name, &AwsKmsOptions::default()).await?)),
        #[cfg(not(feature = "aws-kms"))]
        "awskms" => Err(not_built_in(name, "aws-kms")),
        #[cfg(feature = "gcp")]
        "gcpkms" => Ok(Arc::new(gcp_kms::open(name, &GoogleOptions::at(gcp_kms::ENDPOINT)).await?)),
        #[cfg(not(feature = "gcp"))]
        "gcpkms" => Err(not_built_in(name, "gcp")),
        #[cfg(feature = "azure")]
        "azurekms" => {
            let options = AzureOptions::from_environment(cloud_env::variable);
            Ok(Arc::new(azure_key_vault::open(name, &options).await?))
        }
        #[cfg(not(feature = "azure"))]
        "azurekms" => Err(not_built_in(name, "azure")),
        "hashivault" | "openbao" => Ok(Arc::new(vault::open(name, &VaultOptions::default()).await?)),
        "pkcs11" => Ok(Arc::new(Pkcs11Key::open(&token(name)?).await?)),
        _ => Err(refused(name, format!("{scheme:?} is not a kind of key"), format!("write {}", backend::forms()))),
    }
}

/// Whether a key that is not there can be made.
pub(crate) fn can_make(name: &str) -> bool {
    name.starts_with("pkcs11:")
}

/// Opens the key of a `pkcs11:` name, or makes it in the token if there is none.
pub(crate) async fn open_or_make(name: &str, kind: KeyKind) -> Result<Arc<dyn RemoteKey>, OpenError> {
    let options = token(name)?;
    if !pkcs11::has_key(&options).await? {
        let unnamed = || {
            let hint = "add object=NAME to the part before the question mark";
            refused("pkcs11:", "a new key needs a label".to_owned(), hint.to_owned())
        };
        let label = options.key.label.clone().ok_or_else(unnamed)?;
        let id = options.key.id.clone().unwrap_or_else(|| label.as_bytes().to_vec());
        pkcs11::generate_key_pair(&options, kind, &label, &id).await?;
    }
    Ok(Arc::new(Pkcs11Key::open(&options).await?))
}

fn token(name: &str) -> Result<Pkcs11Options, OpenError> {
    Pkcs11Options::from_uri(name).map_err(|error| {
        let hint = "write pkcs11:token=NAME;object=LABEL?module-path=/path/module.so&pin-source=file:/path/pin";
        // The name may hold a PIN.
        refused("pkcs11:", error.to_string(), hint.to_owned())
    })
}

/// Has the service of this name decrypt a Tink keyset.
pub(crate) async fn decrypt_keyset(resource: String, ciphertext: Vec<u8>) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let service = KeysetService::of(&resource)
        .map_err(|error| refused(&resource, error.to_string(), "see --tink-kms-resource".to_owned()))?;
    match service {
        #[cfg(feature = "aws-kms")]
        KeysetService::Aws => aws_kms::decrypt(&resource, &AwsKmsOptions::default(), &ciphertext).await,
        #[cfg(feature = "gcp")]
        KeysetService::Gcp => gcp_kms::decrypt(&resource, &GoogleOptions::at(gcp_kms::ENDPOINT), &ciphertext).await,
        #[cfg(not(all(feature = "aws-kms", feature = "gcp")))]
        other => {
            let _ = (other, ciphertext);
            Err(not_built_in(&resource, "aws-kms,gcp"))
        }
    }
}

fn refused(key: &str, problem: String, hint: String) -> OpenError {
    BackendError::refused(problem, hint).of_key(key)
}

#[allow(dead_code, reason = "not called when every feature is on")]
pub(super) fn not_built_in(key: &str, feature: &str) -> OpenError {
    refused(key, "this sigmint was built without it".to_owned(), format!("build with --features {feature}"))
}
