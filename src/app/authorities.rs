//! From the settings of the CAs to authorities that are whole and tried.
//!
//! Owns which backend opens which kind of CA. Knows no listener and no issuer.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::authority::chain_file::{read_chain, read_trusted_chain};
use crate::authority::file::FileAuthority;
#[cfg(feature = "gcp")]
use crate::authority::google_ca::{GoogleCa, GoogleCaOptions};
use crate::authority::rotation::{Opened, OpeningError, Watch};
use crate::authority::{Authority, AuthoritySet, AuthoritySource, Rotation, ephemeral};
use crate::certificate::chain::IssuingChain;
use crate::config::authority_file::{AuthorityFile, Trusted};
use crate::config::settings::AuthoritySettings;
use crate::config::signer::{Pkcs11Chain, SignerSettings};
use crate::failure::with_sources;
use crate::files::{self, MAX_FILE_BYTES, SeenFile};
use crate::signer::pkcs11::{self, Pkcs11Key, Pkcs11Options};
use crate::signer::remote::{Bounds, RemoteKey, RemoteSigner};
use crate::signer::tink;

/// How often replaced CA files are looked for, besides being told of them.
const FILE_POLL: Duration = Duration::from_mins(1);

/// Opens the CA, or the CAs of a CA file, and keeps up with their files.
pub async fn open(settings: AuthoritySettings, watch: bool) -> Result<AuthoritySource, OpeningError> {
    if let AuthoritySettings::Flags(SignerSettings::Ephemeral) = settings {
        tracing::warn!("the CA's key is in memory and gone with this process: for trying out only");
        return Ok(AuthoritySource::Fixed(Arc::new(ephemeral::root(SystemTime::now()).await?)));
    }
    let watch = if watch { Watch::On { poll: FILE_POLL } } else { Watch::Off };
    let opener = Box::new(move || Box::pin(open_set(settings.clone())) as _);
    Ok(AuthoritySource::Rotating(Rotation::start(opener, watch).await?))
}

/// Opens the CA, or the CAs of a CA file, for one look.
pub async fn open_once(settings: AuthoritySettings) -> Result<AuthoritySet, OpeningError> {
    Ok(open_set(settings).await?.set)
}

/// Every CA that would be opened, the one that issues first; of a CA file, as it is now.
pub(super) fn signers(settings: &AuthoritySettings) -> Result<Vec<SignerSettings>, OpeningError> {
    let (path, password) = match settings {
        AuthoritySettings::Flags(active) => return Ok(vec![active.clone()]),
        AuthoritySettings::File { path, password } => (path, password.as_ref()),
    };
    let file = AuthorityFile::parse(path, &files::read(path, MAX_FILE_BYTES)?, password)?;
    let next = file.next.into_iter().filter_map(|next| match next {
        Trusted::Signer(settings) => Some(settings),
        Trusted::Chain(_) => None,
    });
    Ok(std::iter::once(file.active).chain(next).collect())
}

async fn open_set(settings: AuthoritySettings) -> Result<Opened, OpeningError> {
    let (file, files) = in_background(move || read_settings(settings)).await?;
    let active = Arc::new(open_authority(file.active).await?);
    let mut trusted = Vec::new();
    for next in file.next {
        trusted.push(Arc::new(match next {
            Trusted::Chain(path) => trusted_chain(path).await?,
            Trusted::Signer(settings) => chain_of_next(settings).await?,
        }));
    }
    for path in file.retired {
        trusted.push(Arc::new(trusted_chain(path).await?));
    }
    let set = AuthoritySet { active, trusted };
    for chain in set.chains() {
        for finding in chain.findings() {
            tracing::warn!(subject = chain.subject(), finding, "a CA's certificates are odd");
        }
    }
    Ok(Opened { set, files })
}

/// What is to be opened, and the files to keep an eye on, seen before they are used.
fn read_settings(settings: AuthoritySettings) -> Result<(AuthorityFile, Vec<SeenFile>), OpeningError> {
    let mut files = Vec::new();
    let file = match settings {
        AuthoritySettings::Flags(active) => AuthorityFile { active, next: Vec::new(), retired: Vec::new() },
        AuthoritySettings::File { path, password } => {
            files.push(SeenFile::now(&path));
            AuthorityFile::parse(&path, &files::read(&path, MAX_FILE_BYTES)?, password.as_ref())?
        }
    };
    files.extend(file.files().into_iter().map(SeenFile::now));
    super::key_files::warn_of_authorities(&file);
    Ok((file, files))
}

/// The chain of a CA that does not issue yet. Its signer is tried, and complained about if it fails: nobody waits for it today.
async fn chain_of_next(settings: SignerSettings) -> Result<IssuingChain, OpeningError> {
    let chain = settings.chain().map(Path::to_owned);
    match (open_authority(settings).await, chain) {
        (Ok(authority), _) => Ok(authority.chain().clone()),
        (Err(error), Some(path)) => {
            let chain = trusted_chain(path).await?;
            tracing::error!(
                subject = chain.subject(),
                cause = with_sources(error.as_ref()),
                "the next CA could not issue"
            );
            Ok(chain)
        }
        (Err(error), None) => Err(error),
    }
}

async fn open_authority(settings: SignerSettings) -> Result<Authority, OpeningError> {
    match settings {
        SignerSettings::File { certificate, key, password } => {
            let files = FileAuthority { cert_path: certificate, key_path: key, password };
            Ok(files.open(SystemTime::now()).await?)
        }
        SignerSettings::Ephemeral => Ok(ephemeral::root(SystemTime::now()).await?),
        SignerSettings::Kms { resource, chain, bounds } => {
            let key = super::keys::open(&resource).await?;
            let chain = issuing_chain(chain, key.public_key().spki_der()).await?;
            remote_authority(key, chain, bounds).await
        }
        SignerSettings::Pkcs11 { config, key_label, chain, bounds } => {
            let options = in_background(move || Ok(Pkcs11Options::from_config_file(&config, &key_label)?)).await?;
            let key = Arc::new(Pkcs11Key::open(&options).await?);
            let chain = match chain {
                Pkcs11Chain::File(path) => issuing_chain(path, key.public_key().spki_der()).await?,
                Pkcs11Chain::Token(id) => token_chain(&options, &id).await?,
            };
            remote_authority(key, chain, bounds).await
        }
        SignerSettings::Tink { resource, keyset, chain } => {
            let keyset = in_background(move || Ok(files::read(&keyset, MAX_FILE_BYTES)?)).await?;
            let signer = tink::open(&keyset, |ciphertext| super::keys::decrypt_keyset(resource, ciphertext)).await?;
            let chain = issuing_chain(chain, &signer.spki_der()?).await?;
            Ok(Authority::new(chain, Arc::new(signer)).await?)
        }
        #[cfg(feature = "gcp")]
        SignerSettings::Google { parent, bounds } => {
            let options = GoogleCaOptions { bounds, ..GoogleCaOptions::default() };
            let service = GoogleCa::open(&parent, &options).await?;
            Authority::managed(Arc::new(service)).ok_or_else(|| "the CA pool has no CA".into())
        }
        #[cfg(not(feature = "gcp"))]
        SignerSettings::Google { parent, .. } => Err(super::keys::not_built_in(&parent, "gcp").into()),
    }
}

async fn remote_authority(
    key: Arc<dyn RemoteKey>,
    chain: IssuingChain,
    bounds: Bounds,
) -> Result<Authority, OpeningError> {
    Ok(Authority::new(chain, Arc::new(RemoteSigner::new(key, bounds))).await?)
}

/// A token holds one certificate of the CA: a root that issues by itself.
async fn token_chain(options: &Pkcs11Options, id: &str) -> Result<IssuingChain, OpeningError> {
    let missing = || {
        let hint = "make one with `sigmint createca`, or name a file with the chain: --aws-hsm-root-ca-path";
        format!("the token has no certificate with the id {id:?} (--hsm-caroot-id)\n  hint: {hint}")
    };
    let certificate = pkcs11::certificate(options, id.as_bytes()).await?.ok_or_else(missing)?;
    Ok(IssuingChain::from_der(&[certificate], SystemTime::now())?)
}

async fn issuing_chain(path: PathBuf, key: &[u8]) -> Result<IssuingChain, OpeningError> {
    let key = key.to_vec();
    in_background(move || Ok(read_chain(&path, Some(&key), SystemTime::now())?)).await
}

async fn trusted_chain(path: PathBuf) -> Result<IssuingChain, OpeningError> {
    in_background(move || Ok(read_trusted_chain(&path, SystemTime::now())?)).await
}

/// Files may be on a slow disk or network.
async fn in_background<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, OpeningError> + Send + 'static,
) -> Result<T, OpeningError> {
    tokio::task::spawn_blocking(read).await?
}
