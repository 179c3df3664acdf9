//! Owns the certificate authority whose chain and key are files.
//!
//! Refuses to know what makes a chain or a key good: `chain` and `key_file` judge that; and their replacement, which is
//! `rotation`'s.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use secrecy::{ExposeSecret as _, SecretString};

use super::chain_file::{ChainFileError, read_chain};
use super::{Authority, AuthorityError};
use crate::certificate::chain::IssuingChain;
use crate::files::{self, FileError, MAX_FILE_BYTES};
use crate::signer::key_file::{self, KeyFileError};
use crate::signer::key_password::KeyPassword;
use crate::signer::local::LocalSigner;

#[derive(Clone, Debug)]
pub struct FileAuthority {
    /// The PEM chain, the issuing CA first.
    pub cert_path: PathBuf,
    /// The PEM private key of the chain's first certificate.
    pub key_path: PathBuf,
    /// The key's password; none or an empty one if the key is not encrypted.
    pub password: Option<KeyPassword>,
}

/// Why the files make no authority.
#[derive(Debug, thiserror::Error)]
pub enum FileAuthorityError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Chain(#[from] ChainFileError),
    #[error("the private key in {} is refused", path.display())]
    Key { path: PathBuf, source: KeyFileError },
    #[error("{} and {} do not belong together", cert_path.display(), key_path.display())]
    Mismatch { cert_path: PathBuf, key_path: PathBuf, source: AuthorityError },
    #[error("reading the certificate authority's files was interrupted")]
    Interrupted,
}

impl FileAuthority {
    /// Reads the files and makes an authority of them. Needs a Tokio runtime.
    pub async fn open(self, now: SystemTime) -> Result<Authority, FileAuthorityError> {
        let (cert_path, key_path) = (self.cert_path.clone(), self.key_path.clone());
        // Reading waits for a disk, and deriving a key from a password is meant to be slow.
        let read = tokio::task::spawn_blocking(move || self.read(now)).await;
        let (chain, signer) = read.map_err(|_| FileAuthorityError::Interrupted)??;
        Authority::new(chain, Arc::new(signer)).await.map_err(|source| FileAuthorityError::Mismatch {
            cert_path,
            key_path,
            source,
        })
    }

    fn read(&self, now: SystemTime) -> Result<(IssuingChain, LocalSigner), FileAuthorityError> {
        let key = read_key(&self.key_path, self.password.as_ref());
        let public = key.as_ref().ok().and_then(|key| key.spki_der().ok());
        Ok((read_chain(&self.cert_path, public.as_deref(), now)?, key?))
    }
}

pub fn read_key(path: &Path, password: Option<&KeyPassword>) -> Result<LocalSigner, FileAuthorityError> {
    let text = files::read(path, MAX_FILE_BYTES)?;
    let refused = |source| FileAuthorityError::Key { path: path.to_owned(), source };
    let passwords = password.map(KeyPassword::candidates).transpose()?.unwrap_or_default();
    let Some((first, others)) = passwords.split_first() else {
        return key_file::read(&text, None).map_err(refused);
    };
    let read = key_file::read(&text, Some(first));
    let is_wrong = matches!(&read, Err(KeyFileError::PasswordWrong | KeyFileError::PasswordLineBreak));
    let by_another = || others.iter().find_map(|other| key_file::read(&text, Some(other)).ok());
    match is_wrong.then(by_another).flatten() {
        Some(signer) => Ok(signer),
        None if is_wrong && key_file::read(&text, Some(&with_line_break(first))).is_ok() => {
            Err(refused(KeyFileError::PasswordLacksLineBreak))
        }
        None => read.map_err(refused),
    }
}

fn with_line_break(password: &SecretString) -> SecretString {
    format!("{}\n", password.expose_secret()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = include_bytes!("../../tests/fixtures/keys/ec256.pbes2-aes128-sha256.pem");
    /// By cosign, with the password "piped" and a line break.
    const PIPED: &[u8] = include_bytes!("../../tests/fixtures/keys/cosign-piped.sigstore.pem");

    #[test]
    fn a_line_break_too_many_or_too_few_is_told_and_a_file_may_have_either() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, content: &[u8]| {
            let path = folder.path().join(format!("{name}.txt"));
            std::fs::write(&path, content).unwrap();
            path
        };
        let refusal = |key: &[u8], password: KeyPassword| match read_key(&put("key", key), Some(&password)) {
            Ok(_) => None,
            Err(FileAuthorityError::Key { source, .. }) => Some(source),
            Err(error) => panic!("{error}"),
        };
        let text = |text: &str| KeyPassword::Text(text.into());
        let file = |content: &str| KeyPassword::File(put(&hex::encode(content.as_bytes()), content.as_bytes()));
        for (key, password, expected) in [
            (KEY, text("parity-password"), None),
            (KEY, text("parity-password\n"), Some(KeyFileError::PasswordLineBreak)),
            (KEY, text("wrong"), Some(KeyFileError::PasswordWrong)),
            (KEY, file("parity-password"), None),
            (KEY, file("parity-password\r\n"), None),
            (KEY, file("parity-password\n\n"), Some(KeyFileError::PasswordLineBreak)),
            (KEY, file(""), Some(KeyFileError::PasswordMissing)),
            (PIPED, text("piped\n"), None),
            (PIPED, text("piped"), Some(KeyFileError::PasswordLacksLineBreak)),
            (PIPED, file("piped"), Some(KeyFileError::PasswordLacksLineBreak)),
            (PIPED, file("piped\n"), None),
        ] {
            assert_eq!(refusal(key, password.clone()), expected, "{password:?}");
        }
    }
}
