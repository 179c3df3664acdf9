//! The audit log of a running server: opened at the start, its head signed each minute, closed last.
//!
//! Owns the pace, and who is told of heads. What a record says is [`crate::audit`]'s.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use reqwest::Client;
use rustix::fs::OFlags;
use tokio::task::JoinHandle;
use tokio::time::{self, MissedTickBehavior};
use url::Url;

use crate::audit::head::{HeadError, HeadKey, SignedHead};
use crate::audit::{Audit, AuditOptions, AuditSetupError, ChainId, Position, Redaction, SHORTEST_KEY};
use crate::authority::AuthoritySource;
use crate::authority::file::{FileAuthorityError, read_key};
use crate::certificate::chain::IssuingChain;
use crate::config::audit::{AnchorLocation, AuditKey, AuditSettings};
use crate::crypto::signature_check::KeyError;
use crate::failure::with_sources;
use crate::files::{self, FileError, MAX_FILE_BYTES};
use crate::http::trust::{Protocols, Trust};
use crate::http::{self, Clients, SetupError};
use crate::issuance::Issuance;
use crate::signer::Signer;
use crate::signer::remote::{Bounds, OpenError, RemoteSigner};

/// How often the head is signed and tokens that did not verify are summed up.
const EVERY: Duration = Duration::from_mins(1);
/// How long an anchor may take.
pub(super) const ANCHOR: Duration = Duration::from_secs(10);

/// Why there is no audit log.
#[derive(Debug, thiserror::Error)]
pub enum AuditOpenError {
    #[error("--audit-path: {0}")]
    Setup(#[from] AuditSetupError),
    #[error("--audit-redact-key: {0}")]
    RedactKey(FileError),
    #[error("--audit-redact-key: {} is shorter than {SHORTEST_KEY} bytes", .0.display())]
    ShortRedactKey(PathBuf),
    #[error("--audit-key: {0}")]
    KeyFile(#[from] FileAuthorityError),
    #[error("--audit-key: {0}")]
    Named(#[from] OpenError),
    #[error("--audit-key: {0}")]
    Key(#[from] KeyError),
    #[error("--audit-key: {0}")]
    Head(#[from] HeadError),
    #[error("--audit-key: the private key cannot be read")]
    Malformed,
    #[error("--audit-anchor: {0}")]
    Client(#[from] SetupError),
    #[error("the system has no randomness")]
    Randomness,
}

/// The log, and what keeps it.
pub(super) struct OpenAudit {
    pub(super) log: Audit,
    key: Option<HeadKey>,
    anchors: Vec<Anchor>,
}

/// Opens the log and the key of its heads.
pub(super) async fn open(
    settings: Option<AuditSettings>,
    authority: &AuthoritySource,
) -> Result<OpenAudit, AuditOpenError> {
    let Some(settings) = settings else {
        return Ok(OpenAudit { log: Audit::default(), key: None, anchors: Vec::new() });
    };
    warn_if_unsigned(&settings);
    let key = match settings.key {
        Some(key) => Some(open_key(key, &authority.all().chains()).await?),
        None => None,
    };
    let mut chain = [0; 8];
    aws_lc_rs::rand::fill(&mut chain).map_err(|_| AuditOpenError::Randomness)?;
    let chain = ChainId::new(chain);
    let log = Audit::open(AuditOptions {
        destination: settings.destination,
        claims: settings.claims,
        redaction: settings.redact_key.as_deref().map(redaction).transpose()?,
        sync: settings.sync,
        on_failure: settings.on_failure,
        samples: settings.samples,
        head_key: key.as_ref().map(HeadKey::spki_sha256),
        chain,
        clock: SystemTime::now,
    })?;
    tracing::info!(%chain, "decisions are recorded in the audit log");
    Ok(OpenAudit { log, key, anchors: open_anchors(settings.anchors)? })
}

pub(super) fn warn_if_unsigned(settings: &AuditSettings) {
    if settings.key.is_none() {
        tracing::warn!("the audit log's head is not signed (--audit-key): whoever can write it can rewrite it");
    }
}

/// Reads the key that addresses are hashed with.
pub(super) fn redaction(path: &Path) -> Result<Redaction, AuditOpenError> {
    let key = files::read(path, MAX_FILE_BYTES).map_err(AuditOpenError::RedactKey)?;
    Redaction::new(&key).ok_or_else(|| AuditOpenError::ShortRedactKey(path.to_owned()))
}

/// Opens the key that signs heads, if it is of none of these CAs, and has it sign one on trial.
pub(super) async fn open_key(key: AuditKey, authorities: &[Arc<IssuingChain>]) -> Result<HeadKey, AuditOpenError> {
    let (signer, spki): (Arc<dyn Signer>, _) = match key {
        AuditKey::Named(name) => {
            let key = super::keys::open(&name).await?;
            let spki = key.public_key().spki_der().to_vec();
            (Arc::new(RemoteSigner::new(key, Bounds::default())), spki)
        }
        AuditKey::File { path, password } => {
            // Deriving a key from a password is meant to be slow.
            let read = tokio::task::spawn_blocking(move || read_key(&path, password.as_ref())).await;
            let signer = read.map_err(|_| FileAuthorityError::Interrupted)??;
            let spki = signer.spki_der().map_err(|_| AuditOpenError::Malformed)?;
            (Arc::new(signer), spki)
        }
    };
    let key = HeadKey::new(signer, spki)?;
    refuse_key_of_ca(&key, authorities)?;
    key.sign(Position { chain: ChainId::new([0; 8]), count: 0, hash: [0; 32] }).await?;
    Ok(key)
}

/// Who has the CA's key could forge the log together with certificates.
fn refuse_key_of_ca(key: &HeadKey, authorities: &[Arc<IssuingChain>]) -> Result<(), HeadError> {
    let is_of_ca = authorities.iter().any(|chain| chain.spki_der() == key.spki_der());
    if is_of_ca { Err(HeadError::KeyOfCa) } else { Ok(()) }
}

/// Who is told of heads.
pub(super) enum Anchor {
    File(PathBuf),
    Url { url: Url, client: Client },
}

pub(super) fn open_anchors(locations: Vec<AnchorLocation>) -> Result<Vec<Anchor>, SetupError> {
    let tls = Trust::of_system().client_config(Protocols::Http)?;
    let open = |location| match location {
        AnchorLocation::File(path) => Ok(Anchor::File(path)),
        AnchorLocation::Url(url) => {
            let client = Clients::new(|| http::builder(tls.clone(), ANCHOR))?.to(&url).clone();
            Ok(Anchor::Url { url, client })
        }
    };
    locations.into_iter().map(open).collect()
}

impl Anchor {
    async fn tell(&self, line: Vec<u8>) -> Result<(), String> {
        match self {
            Self::File(path) => {
                let path = path.clone();
                let written = tokio::task::spawn_blocking(move || append(&path, &line));
                let written = time::timeout(ANCHOR, written).await.map_err(|_| "it took too long".to_owned())?;
                written.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
            }
            Self::Url { url, client } => {
                let request = client.post(url.clone()).header("Content-Type", "application/json").body(line);
                let answer = request.timeout(ANCHOR).send().await.map_err(|error| http::reason(error).to_string())?;
                if answer.status().is_success() { Ok(()) } else { Err(format!("status {}", answer.status().as_u16())) }
            }
        }
    }

    /// For the log, without what a URL may hold of secrets.
    pub(super) fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Url { url, .. } => url.host_str().unwrap_or_default().to_owned(),
        }
    }
}

fn append(path: &Path, line: &[u8]) -> io::Result<()> {
    // Opening a pipe would wait for its reader.
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).custom_flags(flags).open(path)?;
    file.write_all(line)?;
    file.sync_data()
}

/// Signs heads until the log is closed.
pub(super) struct Keeper {
    log: Audit,
    task: JoinHandle<()>,
    heads: Arc<Heads>,
}

struct Heads {
    log: Audit,
    key: Option<HeadKey>,
    anchors: Vec<Anchor>,
    issuance: Weak<Issuance>,
}

impl OpenAudit {
    /// Begins to keep the log.
    pub(super) fn keep(self, issuance: &Arc<Issuance>) -> Keeper {
        let heads = Arc::new(Heads {
            log: self.log.clone(),
            key: self.key,
            anchors: self.anchors,
            issuance: Arc::downgrade(issuance),
        });
        let task = tokio::spawn(keep(Arc::clone(&heads)));
        Keeper { log: self.log, task, heads }
    }
}

async fn keep(heads: Arc<Heads>) {
    let mut ticks = time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut failing, mut since) = (Failing::default(), SystemTime::now());
    loop {
        // The first tick is at once: a new chain's start is signed, and with it the end of the chain before.
        ticks.tick().await;
        heads.log.summarize(since);
        since = SystemTime::now();
        heads.sign(&mut failing).await;
    }
}

/// What was said to fail already.
#[derive(Default)]
struct Failing {
    head: bool,
    anchors: Vec<bool>,
}

impl Heads {
    async fn sign(&self, failing: &mut Failing) {
        let (Some(key), Some(position)) = (&self.key, self.log.unsigned_position()) else { return };
        match self.sign_with(key, position).await {
            Ok(head) => {
                failing.head = false;
                self.anchor(&head, failing).await;
            }
            Err(error) => {
                self.log.head_failed();
                if !std::mem::replace(&mut failing.head, true) {
                    tracing::error!(cause = error, "the audit log's head could not be signed");
                }
            }
        }
    }

    async fn sign_with(&self, key: &HeadKey, position: Position) -> Result<SignedHead, String> {
        if let Some(issuance) = self.issuance.upgrade() {
            // The CA may have changed since.
            refuse_key_of_ca(key, &issuance.authority.all().chains()).map_err(|error| error.to_string())?;
        }
        let head = key.sign(position).await.map_err(|error| with_sources(&error))?;
        self.log.head(&head).await.map_err(|error| error.to_string())?;
        Ok(head)
    }

    async fn anchor(&self, head: &SignedHead, failing: &mut Failing) {
        failing.anchors.resize(self.anchors.len(), false);
        for (anchor, failing) in self.anchors.iter().zip(&mut failing.anchors) {
            let told = anchor.tell(head.to_line(SystemTime::now())).await;
            if let Err(cause) = &told {
                self.log.anchor_failed();
                if !*failing {
                    tracing::error!(cause, anchor = anchor.name(), "an anchor did not take the audit log's head");
                }
            }
            *failing = told.is_err();
        }
    }
}

impl Keeper {
    /// The last records, and a head over them.
    pub(super) async fn close(self) {
        self.task.abort();
        let _ = self.task.await;
        self.log.summarize(SystemTime::now());
        self.log.end().await;
        self.heads.sign(&mut Failing::default()).await;
        let log = self.log;
        let closed = tokio::task::spawn_blocking(move || log.close()).await;
        if !closed.unwrap_or(false) {
            tracing::error!("the audit log's last records could not be written in time");
        }
    }
}
