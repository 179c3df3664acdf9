//! From a key's name to the backend that has it.
//!
//! Owns the schemes. Each backend reads the rest of the name.

use std::sync::Arc;

use crate::authority::SignatureAlgorithm;
use crate::authority::remote::{OpenError, RemoteError, RemoteKey};
use crate::authority::vault::{self, VaultOptions};

/// The kinds of names, for messages.
pub const SCHEMES: &str = "awskms:///ID, gcpkms://NAME, azurekms://VAULT/KEY, hashivault://KEY or pkcs11:URI";

/// Whether a key that is not there can be made.
#[must_use]
pub fn can_make(name: &str) -> bool {
    name.starts_with("pkcs11:")
}

/// Opens the key of this name, or makes it where that can be done.
///
/// # Errors
/// As [`open`].
pub async fn open_or_make(name: &str, _algorithm: SignatureAlgorithm) -> Result<Arc<dyn RemoteKey>, OpenError> {
    open(name).await
}

/// Opens the key of this name, such as `awskms:///alias/sigmint`.
///
/// # Errors
/// When there is no such scheme, or the backend cannot open the key; the text says what to mend.
pub async fn open(name: &str) -> Result<Arc<dyn RemoteKey>, OpenError> {
    let (scheme, _) = name.split_once(':').unwrap_or((name, ""));
    match scheme {
        "hashivault" | "openbao" => Ok(Arc::new(vault::open(name, &VaultOptions::default()).await?)),
        _ => Err(OpenError {
            key: name.to_owned(),
            problem: RemoteError::Refused(format!("{scheme:?} is no kind of key")),
            hint: format!("write {SCHEMES}"),
        }),
    }
}
