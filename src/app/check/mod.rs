//! Whether a deployment would start and issue: for `sigmint config check`.
//!
//! Owns what is looked at and in which order. Everything is opened by the start's own functions, and what these log is a finding: neither
//! can say something else than `serve`. Without [`Network::Online`] nobody is asked; ports are bound for a moment.

mod audit;
mod authority;
mod issuers;
mod listeners;
mod logs;
mod policy;
mod trust;

use super::block_lists::{self, Announced};
use super::explain::Network;
use super::{key_files, protections};
use crate::config::settings::Settings;
use crate::failure::with_sources;
use crate::identity::issuers::Issuers;
use crate::limits::single_use::RedisStore;
use crate::telemetry::collected::CollectedLog;

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    Fine,
    /// Not looked at: the message says why.
    Skipped,
    /// It starts and issues, and should be looked at.
    Warning,
    /// It does not start, or some or all requests would fail.
    Error,
}

/// What was found of one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub severity: Severity,
    /// The part of the deployment.
    pub about: &'static str,
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// Whether the ports are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ports {
    /// They are bound and let go.
    Try,
    /// The server runs here and has them.
    InUse,
}

/// How a deployment is looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CheckOptions {
    pub network: Network,
    pub ports: Ports,
    /// Whether the settings say who signs; else the files about issuers and identities alone are judged.
    pub has_authority: bool,
}

/// The findings so far.
pub(super) struct Findings<'a> {
    all: Vec<Finding>,
    log: &'a CollectedLog,
    settings: &'a Settings,
}

/// Looks at everything that the settings name.
pub(crate) async fn check(settings: &Settings, options: CheckOptions, log: &CollectedLog) -> Vec<Finding> {
    let mut found = Findings { all: Vec::new(), log, settings };
    for oddity in &settings.oddities {
        found.warn("settings", oddity.clone());
    }
    let issuers = issuers::look(settings, &mut found);
    refusals(settings, &mut found);
    if options.has_authority {
        protections::report(settings);
        key_files::warn(settings);
        found.collect("settings");
        let authority = authority::look(settings, options.network, &mut found).await;
        logs::look(settings, authority.as_ref(), options.network, &mut found).await;
        trust::look(settings, authority.as_ref(), &mut found);
        stores(settings, options.network, &mut found).await;
        audit::look(settings, authority.as_ref(), options, &mut found).await;
        listeners::look(settings, options.ports, &mut found);
    } else {
        found.add(
            Severity::Skipped,
            "settings",
            "no CA is among the settings: issuer file, block lists and policy alone are judged".to_owned(),
        );
    }
    if let Some(issuers) = issuers {
        ask_issuers(&issuers, options.network, &mut found).await;
    }
    found.all
}

async fn ask_issuers(trusted: &Issuers, network: Network, found: &mut Findings<'_>) {
    match network {
        Network::Online => issuers::ask(trusted, found).await,
        Network::Offline => {
            found.add(Severity::Skipped, "issuers", "not asked for their keys (--online asks)".to_owned());
        }
    }
}

/// Who is refused: the block lists and the policy.
fn refusals(settings: &Settings, found: &mut Findings<'_>) {
    let checked = block_lists::check(settings, Announced::Yes);
    found.collect("block lists");
    match checked {
        Ok(()) => {
            let files: Vec<_> =
                block_lists::files(settings).into_iter().map(|(_, path)| path.display().to_string()).collect();
            if !files.is_empty() {
                found.add(Severity::Fine, "block lists", format!("{} can be used", files.join(", ")));
            }
        }
        Err(error) => found.refuse("block lists", &with_sources(&error)),
    }
    policy::look(settings, found);
}

/// The store of tokens' uses.
async fn stores(settings: &Settings, network: Network, found: &mut Findings<'_>) {
    let Some(options) = &settings.single_use.store else { return };
    let store = match RedisStore::new(options) {
        Ok(store) => store,
        Err(error) => return found.refuse("single use", &with_sources(&error)),
    };
    if network == Network::Offline {
        return found.add(Severity::Skipped, "single use", "the store is not asked (--online asks)".to_owned());
    }
    match store.ping().await {
        Ok(()) => found.add(Severity::Fine, "single use", "the store answers".to_owned()),
        Err(error) => found.refuse("single use", &format!("--single-use-store: {}", with_sources(&error))),
    }
}

impl Findings<'_> {
    fn add(&mut self, severity: Severity, about: &'static str, message: String) {
        self.all.push(Finding { severity, about, message, hint: None });
    }

    fn warn(&mut self, about: &'static str, message: String) {
        self.add(Severity::Warning, about, message);
    }

    fn advise(&mut self, severity: Severity, about: &'static str, message: String, hint: impl Into<String>) {
        self.all.push(Finding { severity, about, message, hint: Some(hint.into()) });
    }

    /// An error as the start would say it: with the settings that it is about, and its hint apart.
    fn refuse(&mut self, about: &'static str, cause: &str) {
        self.all.push(refused(about, &self.settings.effective.with_settings(cause)));
    }

    /// What the start's functions have logged since the last time.
    fn collect(&mut self, about: &'static str) {
        for event in self.log.take() {
            let severity = if event.is_error { Severity::Error } else { Severity::Warning };
            self.add(severity, about, event.text);
        }
    }
}

/// The finding of settings that cannot be read.
pub(crate) fn unreadable(message: &str) -> Finding {
    refused("settings", message)
}

/// An error with its hint apart.
fn refused(about: &'static str, cause: &str) -> Finding {
    let (message, hint) = cause.split_once("\n  hint: ").map_or((cause, None), |(message, hint)| (message, Some(hint)));
    Finding { severity: Severity::Error, about, message: message.to_owned(), hint: hint.map(str::to_owned) }
}

impl Severity {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Fine => "ok",
            Self::Skipped => "skipped",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}
