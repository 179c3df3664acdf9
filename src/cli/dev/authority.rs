//! The development CA: in a folder, if there is one, made at the first start there and used again at the next ones.
//!
//! Owns its one file, key first and chain behind it, so that it is never there by half. Knows no server.

use std::sync::Arc;
use std::time::SystemTime;

use zeroize::Zeroizing;

use super::super::error::CommandError;
use super::{failed, folder_error};
use crate::authority::Authority;
use crate::authority::ephemeral::root_and_intermediate_with_key;
use crate::certificate::chain::IssuingChain;
use crate::crypto::algorithm::SignatureAlgorithm;
use crate::crypto::pem;
use crate::dev::{Folder, Readers};
use crate::signer::key_file;

/// The issuing CA's key and chain.
const FILE: &str = "ca-key.pem";

/// The folder's CA, or a new one.
pub(super) async fn open(folder: Option<&Folder>) -> Result<Authority, CommandError> {
    let now = SystemTime::now();
    let kept = folder.map(|folder| folder.get(FILE)).transpose().map_err(|error| folder_error(&error))?.flatten();
    if let Some((folder, content)) = folder.zip(kept.map(Zeroizing::new)) {
        let damaged = |problem: String| folder_error(&folder.damaged(FILE, problem));
        return from_pem(&content, now).await.map_err(damaged);
    }
    let new = root_and_intermediate_with_key(SignatureAlgorithm::EcdsaP256Sha256, now).await;
    let (authority, key) = new.map_err(|error| failed(&error))?;
    if let Some(folder) = folder {
        let content = Zeroizing::new(format!("{}{}", key.as_str(), authority.chain().to_pem()));
        folder.put(FILE, content.as_bytes(), Readers::Owner).map_err(|error| folder_error(&error))?;
    }
    Ok(authority)
}

async fn from_pem(content: &[u8], now: SystemTime) -> Result<Authority, String> {
    let signer = key_file::read(content, None).map_err(|error| error.to_string())?;
    let certificates = pem::certificates(content).map_err(|error| error.to_string())?;
    let chain = IssuingChain::from_der(&certificates.ders, now).map_err(|error| error.to_string())?;
    Authority::new(chain, Arc::new(signer)).await.map_err(|error| error.to_string())
}

/// Whether a start with this folder has a CA already.
pub(super) fn is_kept(folder: &Folder) -> bool {
    folder.path().join(FILE).exists()
}
