//! From the settings of `serve` and the trust file to what clients have to know.
//!
//! Owns which of both counts: the trust file says when what `serve` has was in use. The documents are [`crate::trust`]'s.

pub(crate) mod served;

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::authorities;
use crate::authority::AuthoritySet;
use crate::authority::chain_file::{ChainFileError, read_trusted_chain};
use crate::authority::rotation::OpeningError;
use crate::certificate::chain::IssuingChain;
use crate::config::document::ConfigError;
use crate::config::settings::{AuthoritySettings, LogsSettings};
use crate::config::trust_file::{AuthorityEntry, RekorEntry, Service, TrustFile};
use crate::failure::with_sources;
use crate::files::{self, FileError, MAX_FILE_BYTES};
use crate::trust::{
    CertificateAuthority, Chain, ChainProblem, CtLog, Deployment, EndBeforeStart, PublicKey, Purpose, RekorLog,
    TimestampAuthority, TokenIssuer, UnknownKeyKind, Window,
};

/// Why there is nothing to tell clients.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("{}", with_sources(.0.as_ref()))]
    Authority(OpeningError),
    #[error(transparent)]
    Chain(#[from] ChainFileError),
    #[error("{}: {problem}", path.display())]
    Key { path: PathBuf, problem: UnknownKeyKind },
    #[error("{}: {problem}", path.display())]
    Certificates { path: PathBuf, problem: String },
    #[error("the CA's chain cannot be published: {0}")]
    OwnChain(#[from] ChainProblem),
    #[error("{0}: clients need the log's key: set --ct-log-public-key-path")]
    LogWithoutKey(String),
    #[error(
        "{url}: {problem}: the service is in use since its certificates are valid, unless the trust file says more"
    )]
    Window { url: String, problem: EndBeforeStart },
}

/// Reads a trust file.
pub(crate) fn read_file(path: &Path) -> Result<TrustFile, TrustError> {
    Ok(TrustFile::parse(path, &files::read(path, MAX_FILE_BYTES)?)?)
}

/// Opens the CAs, and puts together what clients have to know.
pub(crate) async fn open(
    authority: AuthoritySettings,
    logs: Option<LogsSettings>,
    file: TrustFile,
) -> Result<Deployment, TrustError> {
    let set = authorities::open_once(authority).await.map_err(TrustError::Authority)?;
    let put_together = move || deployment(&set, logs, file, SystemTime::now());
    tokio::task::spawn_blocking(put_together).await.map_err(|error| TrustError::Authority(error.into()))?
}

/// The same, of chains that are open already. Reads the files that the trust file names.
pub(crate) fn deployment(
    set: &AuthoritySet,
    logs: Option<LogsSettings>,
    file: TrustFile,
    now: SystemTime,
) -> Result<Deployment, TrustError> {
    let (signing, chains) = (set.active.chains(), set.chains());
    let purpose = |chain: &IssuingChain| {
        let signs = signing.iter().any(|active| active.is_same(chain));
        if signs { Purpose::SignAndVerify } else { Purpose::Verify }
    };
    let own: Vec<(&IssuingChain, Purpose)> = chains.iter().map(|chain| (&**chain, purpose(chain))).collect();
    // What has no certificate and no start is in use since the first CA is: earlier than needed harms nobody.
    let earliest = own.iter().map(|(chain, _)| chain.not_before()).min().unwrap_or(now);
    Ok(Deployment {
        authorities: authorities(&own, &file, now)?,
        ct_logs: ct_logs(logs, &file, earliest)?,
        rekor_logs: file.rekor_logs.iter().map(|entry| rekor_log(entry, earliest)).collect::<Result<_, _>>()?,
        timestamp_authorities: file.timestamp_authorities.iter().map(timestamp_authority).collect::<Result<_, _>>()?,
        token_issuers: file
            .token_issuers
            .iter()
            .map(|issuer| token_issuer(issuer, earliest))
            .collect::<Result<_, _>>()?,
        operator: file.operator,
        rekor_selector: file.rekor_selector,
        timestamp_selector: file.timestamp_selector,
    })
}

/// Our own, with the windows that the trust file has for them, and those that only the trust file has.
fn authorities(
    own: &[(&IssuingChain, Purpose)],
    file: &TrustFile,
    now: SystemTime,
) -> Result<Vec<CertificateAuthority>, TrustError> {
    let mut listed = Vec::new();
    for AuthorityEntry { service, chain } in &file.authorities {
        listed.push((service, read_trusted_chain(chain, now)?));
    }
    let mut all = Vec::new();
    for (chain, purpose) in own {
        // Two with the same certificates are the same CA, in two periods.
        let mut entries = listed.iter().filter(|(_, other)| other.is_same(chain)).peekable();
        if entries.peek().is_none() {
            let window = Window::since(chain.not_before());
            all.push(certificate_authority(file.url.clone(), chain, window, *purpose)?);
        }
        for (service, _) in entries {
            let (window, purpose) = (window(service, chain.not_before())?, service.purpose.unwrap_or(*purpose));
            all.push(certificate_authority(service.url.clone(), chain, window, purpose)?);
        }
    }
    for (service, chain) in listed.iter().filter(|(_, chain)| !own.iter().any(|(other, _)| other.is_same(chain))) {
        let (window, purpose) = (window(service, chain.not_before())?, service.purpose.unwrap_or(Purpose::Verify));
        all.push(certificate_authority(service.url.clone(), chain, window, purpose)?);
    }
    Ok(all)
}

fn certificate_authority(
    url: String,
    chain: &IssuingChain,
    window: Window,
    purpose: Purpose,
) -> Result<CertificateAuthority, TrustError> {
    Ok(CertificateAuthority { url, chain: Chain::from_ders(chain.to_ders())?, window, purpose })
}

/// Those that `serve` asks, with the windows that the trust file has for them, and those that only the trust file has.
fn ct_logs(logs: Option<LogsSettings>, file: &TrustFile, earliest: SystemTime) -> Result<Vec<CtLog>, TrustError> {
    let mut all = Vec::new();
    for entry in &file.ct_logs {
        let key = public_key(&entry.public_key)?;
        all.push(CtLog { url: entry.service.url.clone(), key, window: window(&entry.service, earliest)? });
    }
    for location in logs.map(|logs| logs.logs).unwrap_or_default() {
        let path = location.public_key.ok_or_else(|| TrustError::LogWithoutKey(location.url.clone()))?;
        let key = public_key(&path)?;
        if !all.iter().any(|listed| listed.key == key) {
            all.push(CtLog { url: location.url, key, window: Window::since(earliest) });
        }
    }
    Ok(all)
}

fn rekor_log(entry: &RekorEntry, earliest: SystemTime) -> Result<RekorLog, TrustError> {
    Ok(RekorLog {
        url: entry.service.url.clone(),
        api: entry.api.clone(),
        key: public_key(&entry.public_key)?,
        window: window(&entry.service, earliest)?,
        purpose: entry.service.purpose.unwrap_or(Purpose::SignAndVerify),
    })
}

fn timestamp_authority(entry: &AuthorityEntry) -> Result<TimestampAuthority, TrustError> {
    let refused = |problem: String| TrustError::Certificates { path: entry.chain.clone(), problem };
    let found = Chain::timestamping_from_pem(&files::read(&entry.chain, MAX_FILE_BYTES)?);
    let (chain, not_before) = found.map_err(|problem| refused(problem.to_string()))?;
    Ok(TimestampAuthority {
        url: entry.service.url.clone(),
        chain,
        window: window(&entry.service, not_before)?,
        purpose: entry.service.purpose.unwrap_or(Purpose::SignAndVerify),
    })
}

fn token_issuer(issuer: &Service, earliest: SystemTime) -> Result<TokenIssuer, TrustError> {
    Ok(TokenIssuer { url: issuer.url.clone(), window: window(issuer, earliest)? })
}

fn window(service: &Service, start: SystemTime) -> Result<Window, TrustError> {
    service.window(start).map_err(|problem| TrustError::Window { url: service.url.clone(), problem })
}

fn public_key(path: &Path) -> Result<PublicKey, TrustError> {
    let text = files::read(path, MAX_FILE_BYTES)?;
    PublicKey::from_pem(&text).map_err(|problem| TrustError::Key { path: path.to_owned(), problem })
}
