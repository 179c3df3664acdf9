//! The P-256 keys of issuer and log: in a folder, if there is one, made at the first start there and used again at the next ones.
//!
//! Owns their files. Knows not what is signed.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use zeroize::Zeroizing;

use super::folder::{Folder, FolderError, Readers};
use crate::crypto::pem;
use crate::text;

/// A key in PKCS #8, DER.
type KeyDer = Zeroizing<Vec<u8>>;

/// A new key, which nobody keeps.
pub(super) fn new() -> Result<KeyDer, FolderError> {
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new());
    document.map(|document| Zeroizing::new(document.as_ref().to_vec())).map_err(|_| FolderError::Random)
}

/// The key of a folder's file, in the form that `read` gives it; made and put there if it is absent. Without a folder a new one.
pub(super) fn open<K>(
    folder: Option<&Folder>,
    name: &str,
    read: impl Fn(&[u8]) -> Option<K>,
) -> Result<K, FolderError> {
    let Some(folder) = folder else { return read(&new()?).ok_or(FolderError::Random) };
    if let Some(content) = folder.get(name)?.map(Zeroizing::new) {
        let block = pem::parse(&content).into_iter().find(pem::Block::is_private_key);
        let der = block.as_ref().and_then(|block| block.data().ok());
        return der.and_then(|der| read(der)).ok_or_else(|| folder.damaged(name, "it is not the PEM of a P-256 key"));
    }
    let der = new()?;
    folder.put(name, Zeroizing::new(text::pem("PRIVATE KEY", &der)).as_bytes(), Readers::Owner)?;
    read(&der).ok_or(FolderError::Random)
}
