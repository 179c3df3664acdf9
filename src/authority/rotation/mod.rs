//! Owns the authorities of the moment and their replacement while the server runs: one that issues, and the chains that
//! clients are told to trust besides its own.
//!
//! Refuses to know what an authority is made of: the caller that starts a rotation hands in how to open it. What is opened is
//! whole and tried before it is swapped in; a request that has taken the active authority keeps what it took.

use std::error::Error;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::Authority;
use crate::certificate::chain::IssuingChain;
use crate::failure::with_sources;
use crate::files::SeenFile;
use crate::files::watch::Changes;
use crate::panics::caught;

/// The authority that issues, and the chains of others: those that will, and those that did.
#[derive(Clone, Debug)]
pub struct AuthoritySet {
    pub active: Arc<Authority>,
    /// Are shown in the trust bundle besides the active one's.
    pub trusted: Vec<Arc<IssuingChain>>,
}

/// What was opened, and what it was read from.
#[derive(Debug)]
pub struct Opened {
    pub set: AuthoritySet,
    /// The files that, when they change, are a reason to open again, as they were just before they were used.
    pub files: Vec<SeenFile>,
}

/// Why authorities cannot be opened; the text has what to fix.
pub type OpeningError = Box<dyn Error + Send + Sync>;
/// The opening of authorities, which may ask services and devices.
pub type Opening = Pin<Box<dyn Future<Output = Result<Opened, OpeningError>> + Send>>;
/// Opens authorities, each time again.
pub type Opener = Box<dyn Fn() -> Opening + Send + Sync>;

/// Whether replaced files are noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// What was read at the start is served until somebody asks for more, see [`Rotation::reopen`].
    Off,
    /// Replaced files are read when the system reports a change, and looked at every `poll` in case it does not.
    On {
        /// The longest time until a change is noticed where the system reports none, such as on network file systems.
        poll: Duration,
    },
}

/// The authorities of the moment. Dropping it ends the watching.
#[derive(Debug)]
pub struct Rotation {
    current: Arc<ArcSwap<AuthoritySet>>,
    asked: Arc<Notify>,
    behind: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

/// What looking at the files led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Unchanged,
    Replaced,
    /// The new content is bad, and the old goes on being served; that was logged.
    Refused,
    /// It still is, for the same reason; that was not logged again.
    StillRefused,
}

/// Why the files are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    Change,
    /// Somebody asked: what the files name may have changed though they did not.
    Asked,
}

/// What the task knows between two looks.
struct Reloader {
    opener: Opener,
    current: Arc<ArcSwap<AuthoritySet>>,
    files: Vec<SeenFile>,
    complaint: Option<String>,
    behind: Arc<AtomicBool>,
}

impl AuthoritySet {
    /// The chains of all authorities, the active one's first, each once.
    pub fn chains(&self) -> Vec<Arc<IssuingChain>> {
        let mut chains: Vec<Arc<IssuingChain>> = Vec::new();
        for chain in self.active.chains().into_iter().chain(self.trusted.iter().cloned()) {
            if !chains.iter().any(|earlier| earlier.is_same(&chain)) {
                chains.push(chain);
            }
        }
        chains
    }
}

impl Rotation {
    /// Opens the authorities and keeps up with them. Needs a Tokio runtime.
    pub async fn start(opener: Opener, watch: Watch) -> Result<Self, OpeningError> {
        let reloader = Reloader::open(opener).await?;
        let (current, behind) = (Arc::clone(&reloader.current), Arc::clone(&reloader.behind));
        let asked = Arc::new(Notify::new());
        let task = tokio::spawn(reloader.keep_up(watch, Arc::clone(&asked)));
        Ok(Self { current, asked, behind, task })
    }

    /// Whether the files hold something newer that cannot be used.
    pub fn is_behind(&self) -> bool {
        self.behind.load(Ordering::Relaxed)
    }

    /// The authorities as of now. Take them once for each certificate: precertificate and certificate need the same.
    pub fn current(&self) -> Arc<AuthoritySet> {
        self.current.load_full()
    }

    /// Has everything opened again soon, whether or not a file changed.
    pub fn reopen(&self) {
        self.asked.notify_one();
    }
}

impl Drop for Rotation {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What the opener gives. A panic in a library below is a failure like others: at the start it is the last line, and later it must not end
/// the task, or no further file would be looked at.
async fn opened(opener: &Opener) -> Result<Opened, OpeningError> {
    caught(async { opener().await }).await.unwrap_or_else(|panic| Err(panic.into()))
}

impl Reloader {
    async fn open(opener: Opener) -> Result<Self, OpeningError> {
        let Opened { set, files } = opened(&opener).await?;
        let current = Arc::new(ArcSwap::from_pointee(set));
        Ok(Self { opener, current, files, complaint: None, behind: Arc::default() })
    }

    async fn keep_up(mut self, watch: Watch, asked: Arc<Notify>) {
        loop {
            let watched = self.paths();
            let changes = match watch {
                Watch::Off => None,
                Watch::On { poll } => {
                    Some(Changes::of(&watched.iter().map(PathBuf::as_path).collect::<Vec<&Path>>(), poll))
                }
            };
            while self.paths() == watched {
                let reason = tokio::select! {
                    () = changed(changes.as_ref()) => Reason::Change,
                    () = asked.notified() => Reason::Asked,
                };
                self.look(reason).await;
            }
        }
    }

    fn paths(&self) -> Vec<PathBuf> {
        self.files.iter().map(|file| file.path().to_owned()).collect()
    }

    /// Opens what the files hold and name, and swaps it in, if it is new and good.
    async fn look(&mut self, reason: Reason) -> Outcome {
        let outcome = self.try_replace(reason).await;
        self.behind.store(self.complaint.is_some(), Ordering::Relaxed);
        outcome
    }

    async fn try_replace(&mut self, reason: Reason) -> Outcome {
        if reason == Reason::Change && !self.have_changed().await {
            self.complaint = None;
            return Outcome::Unchanged;
        }
        match opened(&self.opener).await {
            Ok(opened) => {
                announce(&opened.set);
                self.files = opened.files;
                self.complaint = None;
                self.current.store(Arc::new(opened.set));
                Outcome::Replaced
            }
            Err(error) => self.refuse(error.as_ref()),
        }
    }

    async fn have_changed(&self) -> bool {
        let files = self.files.clone();
        // When in doubt, look: the worst that happens is that the same is opened again.
        tokio::task::spawn_blocking(move || files.iter().any(SeenFile::has_changed)).await.unwrap_or(true)
    }

    fn refuse(&mut self, error: &(dyn Error + 'static)) -> Outcome {
        let cause = with_sources(error);
        if self.complaint.as_ref() == Some(&cause) {
            return Outcome::StillRefused;
        }
        tracing::error!(cause, "the new certificate authority cannot be used, the old one stays in use");
        self.complaint = Some(cause);
        Outcome::Refused
    }
}

async fn changed(changes: Option<&Changes>) {
    match changes {
        Some(changes) => changes.next().await,
        None => std::future::pending().await,
    }
}

fn announce(set: &AuthoritySet) {
    let chain = set.active.chain();
    tracing::info!(
        subject = chain.subject(),
        not_after_unix = unix_seconds(chain.not_after()),
        trusted = set.chains().len(),
        "the certificate authority was replaced"
    );
}

fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests;
