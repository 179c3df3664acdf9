//! The TUF repository of `sigmint dev`: trusted root and signing configuration for clients that take them by TUF only, or then need no file.
//!
//! Owns its key, its folder and its path below the issuer's address. The metadata are `crate::trust::tuf`'s.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::folder::{Folder, FolderError};
use super::kept_key;
use super::loopback::text;
use crate::crypto::algorithm::SignatureAlgorithm;
use crate::files::{self, MAX_FILE_BYTES};
use crate::signer::local::LocalSigner;
use crate::trust::tuf::{
    Lifetimes, NewRoles, Repository, RepositoryError, SIGNING_CONFIG_TARGET, Target, TufError, TufKey, TufSigner,
    initialize, publish,
};
use crate::trust::{self, TRUSTED_ROOT};

/// The key of all roles, in the folder.
const KEY_FILE: &str = "tuf-key.pem";
/// The repository in the folder, and below the issuer's address.
const NAME: &str = "tuf";
/// The repository until it is whole.
const UNFINISHED: &str = "tuf.new";
/// As long as the CA's certificate is valid: nobody renews it while a run lasts.
const LIFETIME: Duration = Duration::from_hours(10 * 365 * 24);
const LIFETIMES: Lifetimes = Lifetimes { root: LIFETIME, targets: LIFETIME, online: LIFETIME };

/// Why there is no repository.
#[derive(Debug, thiserror::Error)]
pub enum DevTufError {
    #[error("the TUF repository could not be signed")]
    Metadata(#[from] TufError),
    #[error("the TUF repository cannot be used")]
    Repository(#[from] RepositoryError),
    #[error("{} cannot be used", path.display())]
    Folder { path: PathBuf, source: io::Error },
}

/// Who signs the repository.
#[derive(Clone, Debug)]
pub struct DevTuf(TufSigner);

impl DevTuf {
    /// With the folder's key, or a new one.
    pub fn open(kept: Option<&Folder>) -> Result<Self, FolderError> {
        kept_key::open(kept, KEY_FILE, signer).map(Self)
    }

    /// Publishes what this run's clients have to know. The repository of an earlier run goes on, unless its key is gone: then clients need
    /// another root.
    pub async fn publish(
        &self,
        folder: &Folder,
        deployment: &trust::Deployment,
        now: SystemTime,
    ) -> Result<(), DevTufError> {
        let path = folder.path().join(NAME);
        if path.exists() {
            match self.add(&path, deployment, now).await {
                Err(DevTufError::Metadata(TufError::TooFewKeys { .. })) => remove(&path)?,
                outcome => return outcome,
            }
        }
        self.create(folder, &path, now).await?;
        self.add(&path, deployment, now).await
    }

    async fn add(&self, path: &Path, deployment: &trust::Deployment, now: SystemTime) -> Result<(), DevTufError> {
        let document = |name: &str, content| Target { name: name.to_owned(), content: format!("{content:#}\n").into() };
        let targets = [
            document(TRUSTED_ROOT, deployment.trusted_root()),
            document(SIGNING_CONFIG_TARGET, deployment.signing_config()),
        ];
        let repository = Repository::open(path)?;
        let writes = publish(&repository, &targets, std::slice::from_ref(&self.0), LIFETIMES, now).await?;
        Ok(repository.write(&writes)?)
    }

    /// Makes a repository without targets. It is there whole or not at all, also when the process is killed.
    async fn create(&self, folder: &Folder, path: &Path, now: SystemTime) -> Result<(), DevTufError> {
        let keys = vec![self.0.clone()];
        let roles = NewRoles { root: keys.clone(), targets: keys.clone(), online: keys, ..NewRoles::default() };
        let files = initialize(&roles, LIFETIMES, now).await?;
        let unfinished = folder.path().join(UNFINISHED);
        remove(&unfinished)?;
        Repository::create(&unfinished, &files)?;
        fs::rename(&unfinished, path).map_err(|source| DevTufError::Folder { path: unfinished, source })
    }
}

fn remove(path: &Path) -> Result<(), DevTufError> {
    match fs::remove_dir_all(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(DevTufError::Folder { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

fn signer(der: &[u8]) -> Option<TufSigner> {
    let signer = LocalSigner::from_pkcs8(SignatureAlgorithm::EcdsaP256Sha256, der).ok()?;
    let key = TufKey::from_spki_der(&signer.spki_der().ok()?).ok()?;
    Some(TufSigner { key, signer: Arc::new(signer) })
}

/// Serves the repository of this folder, which may come into being later.
pub(super) fn configure(service: &mut web::ServiceConfig, folder: &Path) {
    let repository = web::Data::new(folder.join(NAME));
    service.service(web::resource("/tuf/{file:.*}").app_data(repository).route(web::get().to(file)));
}

async fn file(request: HttpRequest, repository: web::Data<PathBuf>) -> HttpResponse {
    let name = request.match_info().get("file").filter(|name| name.split('/').all(is_plain));
    let content = name.and_then(|name| files::read(&repository.join(name), MAX_FILE_BYTES).ok());
    match content {
        Some(content) => HttpResponse::Ok().content_type("application/json").body(content.to_vec()),
        None => text(StatusCode::NOT_FOUND, "there is no such file in the TUF repository\n"),
    }
}

/// Whether it names something in a folder, and neither the folder itself nor another one.
fn is_plain(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    !name.is_empty() && !name.starts_with('.') && name.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_the_repository_have_names() {
        for name in ["root.json", "1.root.json", "targets"] {
            assert!(is_plain(name), "{name}");
        }
        for name in ["", ".", "..", ".sigmint-dev", "a b", "%2e%2e", "a\\b", "é"] {
            assert!(!is_plain(name), "{name}");
        }
    }
}
