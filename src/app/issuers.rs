//! The trusted issuers while the server runs: loaded at the start, again at SIGHUP, and what changed is said.
//!
//! Owns when the issuer file is read and what the log says of it. What is in it is `config::issuer_file`'s business.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{self, MissedTickBehavior};

use super::block_lists::BlockListFile;
use super::policy_files::PolicyFiles;
use super::protections;
use crate::config::document::ConfigError;
use crate::config::issuer_file::IssuerRules;
use crate::config::issuers_location::IssuersLocation;
use crate::files::SeenFile;
use crate::identity::issuers::Issuers;
use crate::issuance::Issuance;
use crate::panics::caught_in;
use crate::telemetry::one_line;

/// How often the file is looked at, to say that it changed and is not loaded.
const LOOK: Duration = Duration::from_secs(30);
/// Names that one line has at most of each kind.
const NAMED: usize = 20;

/// Loads the issuers for the first time.
pub(super) fn load(location: &IssuersLocation, rules: IssuerRules) -> Result<Issuers, ConfigError> {
    let issuers = read(location, rules)?;
    let names = listed(issuers_by_address(&issuers).into_keys());
    match location {
        IssuersLocation::File(path) => {
            tracing::info!(file = %path.display(), issuers = issuers.len(), names, "trusting the issuers of the file");
        }
        IssuersLocation::Builtin => {
            tracing::warn!(names, "trusting the public Sigstore issuers, because --builtin-issuers says so");
        }
    }
    for refusal in issuers.refusals() {
        tracing::error!(refusal, "an entry of the issuer file cannot be used: tokens of its issuer are refused");
    }
    protections::warn_of_issuers(&issuers);
    Ok(issuers)
}

/// Reads the file without a word.
pub(super) fn read(location: &IssuersLocation, rules: IssuerRules) -> Result<Issuers, ConfigError> {
    match location {
        IssuersLocation::File(path) => Issuers::load(path, rules),
        IssuersLocation::Builtin => Ok(Issuers::builtin()),
    }
}

/// What SIGHUP loads again besides the issuer file and the CA.
pub(super) struct OnHangup {
    pub(super) block_lists: Vec<Arc<BlockListFile>>,
    pub(super) policy: Option<Arc<PolicyFiles>>,
}

/// SIGHUP loads the issuer file, the CA, the lists of who is blocked and the policy again. What is broken changes nothing.
pub(super) fn reload_on_hangup(issuance: &Arc<Issuance>, source: (IssuersLocation, IssuerRules), more: OnHangup) {
    let issuance = Arc::clone(issuance);
    let Ok(hangups) = signal(SignalKind::hangup()) else {
        tracing::warn!("SIGHUP cannot be listened for: the issuer file is loaded at the start only");
        return;
    };
    tokio::spawn(keep_up(issuance, source, more, hangups));
}

async fn keep_up(
    issuance: Arc<Issuance>,
    (location, rules): (IssuersLocation, IssuerRules),
    more: OnHangup,
    mut hangups: Signal,
) {
    let mut looks = time::interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut seen = look(&location).await;
    loop {
        tokio::select! {
            hangup = hangups.recv() => {
                if hangup.is_none() {
                    return;
                }
                issuance.authority.reopen();
                issuance.audit.reopen();
                seen = look(&location).await;
                reload(&issuance, &location, rules);
                for file in &more.block_lists {
                    file.reload(&issuance).await;
                }
                if let Some(files) = &more.policy {
                    files.reload(&issuance).await;
                }
            }
            _ = looks.tick() => {
                let now = look(&location).await;
                if now != seen {
                    if let IssuersLocation::File(path) = &location {
                        tracing::warn!(file = %path.display(), "the issuer file changed and is not loaded: SIGHUP loads it");
                    }
                    seen = now;
                }
            }
        }
    }
}

/// The file as it is now; nothing for the built-in issuers.
async fn look(location: &IssuersLocation) -> Option<SeenFile> {
    let IssuersLocation::File(path) = location else { return None };
    let path = path.clone();
    tokio::task::spawn_blocking(move || SeenFile::now(&path)).await.ok()
}

/// The last good file is better than a new one with an entry that cannot be used.
fn reload(issuance: &Arc<Issuance>, location: &IssuersLocation, rules: IssuerRules) {
    let loaded = caught_in(|| read(location, IssuerRules { strict: true, ..rules }));
    let loaded = loaded.map_err(|panic| panic.to_string()).and_then(|read| read.map_err(|error| error.to_string()));
    issuance.metrics.issuer_file_refused(loaded.is_err());
    match loaded {
        Ok(issuers) => {
            announce(location, &issuance.issuers.load(), &issuers);
            protections::warn_of_issuers(&issuers);
            let issuers = Arc::new(issuers);
            issuance.issuers.store(Arc::clone(&issuers));
            issuance.keys.keep(&issuers);
        }
        Err(error) => {
            tracing::error!(
                error = one_line(&error),
                "the issuer file was not loaded again; the issuers stay as they were"
            );
        }
    }
}

/// Says whom a reload trusts that was not trusted before, and the other way round.
fn announce(location: &IssuersLocation, before: &Issuers, after: &Issuers) {
    let (old, new) = (issuers_by_address(before), issuers_by_address(after));
    let added = listed(new.keys().filter(|address| !old.contains_key(*address)).cloned());
    let removed = listed(old.keys().filter(|address| !new.contains_key(*address)).cloned());
    let is_changed = |(address, settings): &(&String, &String)| old.get(*address).is_some_and(|was| was != *settings);
    let changed = listed(new.iter().filter(is_changed).map(|(address, _)| address.clone()));
    let file = match location {
        IssuersLocation::File(path) => path.as_path(),
        IssuersLocation::Builtin => Path::new("built-in issuers"),
    };
    tracing::info!(file = %file.display(), issuers = new.len(), added, removed, changed, "the issuer file was loaded again");
}

/// All that is known of each issuer, by its URL or pattern.
fn issuers_by_address(issuers: &Issuers) -> BTreeMap<String, String> {
    let mut by_address = BTreeMap::<String, String>::new();
    for issuer in issuers.iter() {
        let settings = by_address.entry(issuer.address.as_str().to_owned()).or_default();
        // A string takes whatever is written to it.
        let _ = writeln!(settings, "{issuer:?}");
    }
    by_address
}

/// The first names, and how many more there are.
pub(super) fn listed(names: impl Iterator<Item = String>) -> String {
    listed_up_to(NAMED, names)
}

/// The same, with this many names at most.
pub(super) fn listed_up_to(most: usize, names: impl Iterator<Item = String>) -> String {
    let mut names = names;
    let mut text = names.by_ref().take(most).collect::<Vec<_>>().join(", ");
    let more = names.count();
    if more > 0 {
        let _ = write!(text, " and {more} more");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_are_cut() {
        assert_eq!(listed(["a", "b"].map(str::to_owned).into_iter()), "a, b");
        let long = listed((0..30).map(|number| number.to_string()));
        assert!(long.ends_with("18, 19 and 10 more"), "{long}");
    }

    #[test]
    fn an_issuer_is_the_same_until_one_of_its_settings_changes() {
        let of = |text: &str| issuers_by_address(&Issuers::parse("x", text).unwrap());
        let one = "oidc-issuers:\n  https://a.example: {client-id: s, type: email}\n";
        assert_eq!(of(one), of(one));
        assert_ne!(of(one), of(&one.replace("client-id: s", "client-id: t")));
        assert_ne!(of(one), of(&one.replace('}', ", skip-email-verification: true}")));
    }
}
