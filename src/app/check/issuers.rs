//! The trusted issuers: the file, what in it is odd, and what each issuer answers.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::super::issuers as trusted;
use super::{Findings, Severity};
use crate::config::settings::Settings;
use crate::failure::with_sources;
use crate::identity::fetch::{ClusterFiles, Fetcher};
use crate::identity::issuers::{Issuer, IssuerAddress, Issuers};
use crate::identity::keys::{KeyError, Probed, probe};
use crate::identity::kind::{CiProvider, IdentityType, ValueTemplate};

const FILE: &str = "issuer file";
const ISSUERS: &str = "issuers";
/// How far an issuer's clock may be from ours without a word. Tokens have no leeway at their end.
const SKEW: Duration = Duration::from_secs(30);
/// Issuers that are asked at the same time.
const AT_A_TIME: usize = 8;
/// How many overlaps are told, and how many pairs of patterns are compared.
const MAX_OVERLAPS: usize = 20;
const MAX_PAIRS: usize = 20_000;
/// Claims that every token has that is accepted.
const ALWAYS_THERE: [&str; 3] = ["iss", "aud", "exp"];

/// Loads the file as a start does.
pub(super) fn look(settings: &Settings, found: &mut Findings<'_>) -> Option<Issuers> {
    let loaded = trusted::load(&settings.issuers, settings.issuer_rules);
    found.collect(FILE);
    match loaded {
        Ok(issuers) => {
            overlaps(&issuers, found);
            defaults(&issuers, found);
            found.add(Severity::Fine, FILE, format!("{} issuers and patterns are trusted", issuers.len()));
            Some(issuers)
        }
        Err(error) => {
            found.refuse(FILE, &error.to_string());
            None
        }
    }
}

/// Patterns that can match the same issuer: only the first one has a say.
fn overlaps(issuers: &Issuers, found: &mut Findings<'_>) {
    let patterns: Vec<_> = issuers.patterns().collect();
    let pairs = patterns
        .iter()
        .enumerate()
        .flat_map(|(at, first)| patterns.get(at + 1..).unwrap_or_default().iter().map(move |second| (*first, *second)));
    let both = pairs.take(MAX_PAIRS).filter_map(|(first, second)| Some((first, second, first.overlap(second)?)));
    for (first, second, example) in both.take(MAX_OVERLAPS) {
        let message = format!(
            "the patterns {} and {} overlap: {example} matches both, and is the former's",
            first.as_str(),
            second.as_str()
        );
        found.advise(Severity::Warning, FILE, message, "make the patterns exclude each other, or remove one");
    }
}

/// Defaults of templates that never have an effect.
fn defaults(issuers: &Issuers, found: &mut Findings<'_>) {
    let mut seen = BTreeSet::new();
    for issuer in issuers.iter() {
        let IdentityType::CiProvider(provider) = &issuer.identity else { continue };
        if seen.insert(provider.name.clone()) {
            defaults_of(provider, found);
        }
    }
}

fn defaults_of(provider: &CiProvider, found: &mut Findings<'_>) {
    let templates = provider.extensions.iter().map(|(_, template)| template);
    let asked: BTreeSet<&str> = templates
        .chain([&provider.subject_alternative_name])
        .flat_map(|template| match template {
            ValueTemplate::Key(key) => vec![key.as_str()],
            ValueTemplate::Template(template) => template.keys(),
        })
        .collect();
    let name = &provider.name;
    for key in provider.defaults.keys() {
        if ALWAYS_THERE.contains(&key.as_str()) {
            let message =
                format!("ci-issuer-metadata {name}: the default for {key:?} never counts: every token has that claim");
            found.advise(
                Severity::Warning,
                FILE,
                message,
                "remove it from default-template-values, or name it otherwise",
            );
        } else if !asked.contains(key.as_str()) {
            let message = format!("ci-issuer-metadata {name}: no template asks for {key:?}, which has a default");
            found.advise(
                Severity::Warning,
                FILE,
                message,
                "look at the spelling in the templates, or remove the default",
            );
        }
    }
}

/// Asks each issuer that the file names for its keys.
pub(super) async fn ask(issuers: &Issuers, found: &mut Findings<'_>) {
    let fetcher = match Fetcher::new() {
        Ok(fetcher) => Arc::new(fetcher),
        Err(error) => return found.refuse(ISSUERS, &with_sources(&error)),
    };
    let mut named: Vec<(String, Arc<Issuer>)> = issuers.iter().filter_map(named).collect();
    named.dedup_by(|one, other| one.0 == other.0);
    let patterns = issuers.patterns().count();
    let places = Arc::new(Semaphore::new(AT_A_TIME));
    let mut asking = JoinSet::new();
    for (url, issuer) in named {
        let (fetcher, places) = (Arc::clone(&fetcher), Arc::clone(&places));
        asking.spawn(async move {
            let _place = places.acquire().await;
            let answer = probe(&url, &issuer, &fetcher, &ClusterFiles::default()).await;
            (url, answer, SystemTime::now())
        });
    }
    let mut answers = Vec::new();
    while let Some(answer) = asking.join_next().await {
        match answer {
            Ok(answer) => answers.push(answer),
            Err(error) => found.refuse(ISSUERS, &with_sources(&error)),
        }
    }
    answers.sort_by(|one, other| one.0.cmp(&other.0));
    for (url, answer, now) in answers {
        judge(&url, answer, now, found);
    }
    if patterns > 0 {
        let message = format!("{patterns} patterns: which issuers match them is not known, so none is asked");
        found.add(Severity::Skipped, ISSUERS, message);
    }
}

fn named(issuer: &Arc<Issuer>) -> Option<(String, Arc<Issuer>)> {
    match &issuer.address {
        IssuerAddress::Url(url) => Some((url.clone(), Arc::clone(issuer))),
        IssuerAddress::Pattern(_) => None,
    }
}

fn judge(url: &str, answer: Result<Probed, KeyError>, now: SystemTime, found: &mut Findings<'_>) {
    let probed = match answer {
        Ok(probed) => probed,
        Err(error) => {
            let message =
                format!("{url}: its keys cannot be fetched, so its tokens are refused: {}", with_sources(&error));
            let hint = "see that this machine reaches the issuer and trusts its certificate (ca-cert); docs/issuers.md has more";
            return found.advise(Severity::Error, ISSUERS, message, hint);
        }
    };
    for (id, reason) in &probed.left_out {
        let key = id.as_deref().unwrap_or("without id");
        found.warn(ISSUERS, format!("{url}: the key {key:?} is not used: {reason}"));
    }
    let skew = probed.server_time.map(|time| match time.duration_since(now) {
        Ok(ahead) => (ahead, "ahead of"),
        Err(behind) => (behind.duration(), "behind"),
    });
    match skew {
        Some((skew, direction)) if skew > SKEW => {
            let message = format!("{url}: its clock is {} s {direction} this machine's", skew.as_secs());
            found.advise(
                Severity::Warning,
                ISSUERS,
                message,
                "let NTP keep both clocks: tokens would be expired or not valid yet",
            );
        }
        _ => {}
    }
    let clock = skew.map_or_else(
        || "it does not tell its time".to_owned(),
        |(skew, _)| format!("its clock is {} s off", skew.as_secs()),
    );
    found.add(Severity::Fine, ISSUERS, format!("{url}: {} keys; {clock}", probed.keys));
}
